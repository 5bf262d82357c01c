package rules_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func authRefusals() []refusal {
	noKey := func(key string) rules.Refusal {
		return because(rules.NotProven, did(key)+" is no key of this ledger, or is one no more")
	}
	notOf := func(key, subject string) rules.Refusal {
		return because(rules.NotProven, did(key)+" is not a credential of "+id(subject).String())
	}
	notTheNode := because(rules.NotProven, "Only the ledger's own actor, with its event key, acts as the node")
	due := because(rules.NotPermitted, "The node only records what is due, and its own keys")
	asNode := func(c *events.Command) { c.Auth = events.Auth{Method: events.MethodNode, Credential: did("event")} }
	rootOnly := because(rules.NotProven, "This takes the ledger's root key, in the owner's name")
	all := rules.Actions()
	for i, a := range all {
		all[i] = rules.Qualified(rules.Own, a)
	}
	return []refusal{
		{name: "auth/unknown key", profile: plain, when: add("ann").signedWith(did("nobody")), then: noKey("nobody")},
		{name: "auth/actor without key", profile: plain, when: add("ann").by("bob"), then: noKey("bob")},
		{name: "auth/revoked key", profile: plain, given: given(staffed("ann", all...), revokeKey("ann")),
			when: add("bob").by("ann"), then: noKey("ann")},
		{name: "auth/replaced key", profile: plain, given: given(staffed("ann", all...), rotate("ann", "ann2")),
			when: add("bob").by("ann"), then: noKey("ann")},
		{name: "auth/key of somebody else", profile: plain, given: given(add("ann"), add("bob")),
			when: add("joe").signedWith(did("ann")), then: notOf("ann", "owner")},
		{name: "auth/document key", profile: plain, when: add("joe").signedWith(did("document")), then: notOf("document", "owner")},
		{name: "auth/event key as credential", profile: plain, when: add("joe").signedWith(did("event")), then: notOf("event", "owner")},
		{name: "auth/root key for what it is not for", profile: plain, when: add("joe").signedWith(did("root")), then: notOf("root", "owner")},
		{name: "auth/key of no subject, actor zero", profile: plain,
			when: add("joe").signedWith(did("root")).but(func(c *events.Command) { c.Actor = [16]byte{} }),
			then: because(rules.NotProven, did("root")+" is not a credential of 00000000000000000000000000")},
		{name: "auth/deactivated", profile: plain, given: given(staffed("ann", all...), deactivate("ann")),
			when: add("joe").by("ann"), then: because(rules.Inactive, "ann is deactivated")},
		{name: "auth/unknown method", profile: plain, when: add("joe").but(func(c *events.Command) { c.Auth.Method = "password" }),
			then: because(rules.NotProven, `Version 2 of the rules knows no method "password" of authentication`)},

		{name: "node/somebody else", profile: plain, when: register("event2", events.PurposeEvent, "").but(asNode), then: notTheNode},
		{name: "node/with a credential", profile: plain, given: given(add("ann")),
			when: register("event2", events.PurposeEvent, "").by("node").signedWith(did("ann")), then: notTheNode},
		{name: "node/with the document key", profile: plain,
			when: register("event2", events.PurposeEvent, "").by("node").signedWith(did("document")), then: notTheNode},
		{name: "node/with a replaced event key", profile: plain, given: given(rotate("event", "event2").by("node")),
			when: register("event3", events.PurposeEvent, "").by("node"), then: noKey("event")},
		{name: "node/adds a subject", profile: plain, when: add("ann").by("node"), then: due},
		{name: "node/creates a role", profile: plain, when: create("r", "a").by("node"), then: due},
		{name: "node/succeeds a key", profile: plain,
			when: step{actor: "node", data: &events.KeySucceeded{Lost: did("event"), Key: did("event2")}}, then: due},
		{name: "node/revokes a key", profile: plain, given: given(register("event2", events.PurposeEvent, "")),
			when: revokeKey("event2").by("node"), then: due},
		{name: "node/registers a credential", profile: plain, given: given(add("ann")),
			when: register("ann2", events.PurposeCredential, "ann").by("node"),
			then: because(rules.NotPermitted, "The node registers event keys only")},
		{name: "node/rotates another event key", profile: plain, given: given(register("event2", events.PurposeEvent, "")),
			when: rotate("event2", "event3").by("node"),
			then: because(rules.NotPermitted, "The node rotates the key it signs with only")},
		{name: "node/rotates the root key", profile: plain, when: rotate("root", "root2").by("node"),
			then: because(rules.NotPermitted, "The node rotates the key it signs with only")},
		{name: "node/imports", profile: plain,
			when: register("event2", events.PurposeEvent, "").by("node").imported(record("old", "1", 0)), then: lacks("ledger:import")},

		{name: "root/succeeded with a credential", profile: plain, when: succeed("event", "event2").signedWith(did("owner")), then: rootOnly},
		{name: "root/succeeded with the document key", profile: plain, when: succeed("event", "event2").signedWith(did("document")), then: rootOnly},
		{name: "root/not in the owner's name", profile: plain, given: given(staffed("ann", all...)),
			when: succeed("event", "event2").by("ann"), then: rootOnly},
		{name: "root/rotates itself, not in the owner's name", profile: plain, given: given(staffed("ann", all...)),
			when: rotate("root", "root2").by("ann").signedWith(did("root")), then: rootOnly},
		{name: "root/a root key that was replaced", profile: plain, given: given(rotate("root", "root2").signedWith(did("root"))),
			when: succeed("event", "event2"), then: noKey("root")},
	}
}

// What the node may do, and nobody else needs to.
func TestNode(t *testing.T) {
	w := open(t, plain, add("ann"))
	w.do(register("event2", events.PurposeEvent, "").by("node"))
	if e := w.do(rotate("event", "event3").by("node")); e.Data.(*events.KeyRotated).Purpose != events.PurposeEvent {
		t.Errorf("rotated: %+v", e.Data)
	}
	w.do(grant("ann", "a").until(start.Add(time.Hour)))
	w.do(ended(int(w.s.Position())).after(time.Hour).signedWith(did("event2")))
	if _, due := w.s.NextEnd(); due {
		t.Error("something is still to end")
	}
}

// Evidence is demanded of people, never of the node; version 1 knows no other way for people than to sign. It may be
// demanded for types that a later release brings.
func TestEvidence(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	w.do(openingBut(func(d *events.OrganizationOpened, _ *events.Command) {
		d.Evidence = []string{"key.registered", "role.painted", "subject.added"}
	}))
	w.do(add("ann"), register("event2", events.PurposeEvent, "").by("node"), register("ann2", events.PurposeCredential, "ann"))
}

// Who proved who it is, whatever else is wrong with what it asks.
func TestAuthentic(t *testing.T) {
	asNode := func(c *events.Command) { c.Auth = events.Auth{Method: events.MethodNode, Credential: did("event")} }
	w := open(t, plain, add("ann"), add("bob"), deactivate("bob"), add("eve"), revokeKey("eve"))
	for _, c := range []struct {
		name string
		st   step
		want bool
	}{
		{"the owner", add("joe"), true},
		{"who may not", add("joe").by("ann"), true},
		{"what is so already", add("ann"), true},
		{"opened again", opening(plain), true},
		{"a stale id", aged(add("joe").by("ann"), 48*time.Hour), true},
		{"the node, of its own key", register("event2", events.PurposeEvent, "").by("node"), true},
		{"the root key", succeed("event", "event2"), true},
		{"nobody", add("joe").by("nobody"), false},
		{"no credential", add("joe").but(func(c *events.Command) { c.Auth = events.Auth{} }), false},
		{"the key of another", add("joe").by("ann").signedWith(did("owner")), false},
		{"the document key", add("joe").signedWith(did("document")), false},
		{"the root key for what it is not for", add("joe").signedWith(did("root")), false},
		{"who is deactivated", add("joe").by("bob"), false},
		{"a revoked key", add("joe").by("eve"), false},
		{"the node, of a role", create("r").by("node"), false},
		{"somebody as the node", register("event2", events.PurposeEvent, "").by("ann").but(asNode), false},
	} {
		command, at := w.command(c.st)
		if got := w.s.Authentic(command, at); got != c.want {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
	// Of every type of event, before the first one, and by rules that nobody here knows.
	later := &world{reporter: t, s: rules.New()}
	later.do(opening(plain))
	later.s = rules.New()
	first := *later.events[0]
	later.prev = ""
	first.Data.(*events.OrganizationOpened).Rules = 3
	later.take(first)
	for typ := range events.Types() {
		d, _ := events.New(typ)
		for _, actor := range []string{"owner", "node"} {
			command, at := w.command(step{data: d, actor: actor})
			if rules.New().Authentic(command, at) || later.s.Authentic(command, at) {
				t.Errorf("%s by the %s is authentic where nothing is known", typ, actor)
			}
			w.s.Authentic(command, at)
		}
	}
}
