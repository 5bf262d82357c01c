package rules_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

func keyRefusals() []refusal {
	taken := func(key string) rules.Refusal {
		return because(rules.Taken, "The key "+did(key)+" is, or was, of this ledger: a key has one purpose for ever")
	}
	gone := func(key string) rules.Refusal {
		return because(rules.NotFound, did(key)+" is no key of this ledger, or is one no more")
	}
	noneBeside := func(purpose string) rules.Refusal {
		return because(rules.Invalid, `A key for "`+purpose+`" is rotated, not registered beside the one there is`)
	}
	itself := func(purpose string) rules.Refusal {
		return because(rules.NotProven, purpose+" key is replaced with its own signature")
	}
	ofOwner := func(verb string) rules.Refusal {
		return because(rules.NotPermitted, "Only the owner "+verb+" a credential of the owner")
	}
	more := because(rules.Escalation, "Cannot give a: you do not hold it on x/1 yourself")
	more.Permission = "a"
	hour := start.Add(time.Hour)
	longer := because(rules.Escalation, "Cannot give a on x/1 beyond 2026-01-01T01:00:00Z: you hold it until then yourself")
	longer.Permission = "a"
	ownerOnly := func(purpose string) rules.Refusal {
		return because(rules.NotPermitted, "Only the owner replaces the ledger's "+purpose+" key")
	}
	noSuccessor := because(rules.NotProven, "A lost event key is succeeded with the root key's signature")
	serves := hinted(rules.InUse, "The event key in use cannot be revoked", "Rotate it")
	credential := events.PurposeCredential
	admin := staffed("ann", "ledger:key.register", "ledger:key.revoke", "ledger:key.rotate")
	return []refusal{
		{name: "key/registered for nobody", profile: plain, when: register("k", credential, "bob"),
			then: because(rules.NotFound, "There is no subject "+id("bob").String())},
		{name: "key/registered without a subject", profile: plain, when: register("k", credential, ""),
			then: because(rules.NotFound, "There is no subject 00000000000000000000000000")},
		{name: "key/registered for the node", profile: plain, when: register("k", credential, "node"),
			then: because(rules.NotFound, "There is no subject "+id("node").String())},
		{name: "key/registered for who is deactivated", profile: plain, given: given(add("bob"), deactivate("bob")),
			when: register("k", credential, "bob"), then: because(rules.Inactive, "bob is deactivated since 3")},
		{name: "key/registered for the owner", profile: plain, given: given(admin),
			when: register("k", credential, "owner").by("ann"), then: ofOwner("registers")},
		{name: "key/registered for who holds more", profile: plain, given: given(admin, add("bob"), grant("bob", "a").on("x/1")),
			when: register("k", credential, "bob").by("ann"), then: more},
		{name: "key/registered for who holds a role with more", profile: plain, given: given(admin, add("bob"), create("r", "a"), assign("bob", "r").on("x/1")),
			when: register("k", credential, "bob").by("ann"), then: more},
		{name: "rotate/of who holds more", profile: plain, given: given(admin, add("bob"), grant("bob", "a").on("x/1")),
			when: rotate("bob", "k").by("ann"), then: more},
		{name: "key/registered for who holds it for longer", profile: plain, given: given(admin, add("bob"), grant("bob", "a").on("x/1"), grant("ann", "a").until(hour)),
			when: register("k", credential, "bob").by("ann"), then: longer},
		{name: "key/registered for who holds it as long", profile: plain,
			given: given(admin, add("bob"), grant("bob", "a").on("x/1").until(hour), grant("ann", "a").until(hour)),
			when:  register("k", credential, "bob").by("ann"), then: longer},
		{name: "rotate/of who holds it for longer", profile: plain, given: given(admin, add("bob"), grant("bob", "a").on("x/1"), grant("ann", "a").until(hour)),
			when: rotate("bob", "k").by("ann"), then: longer},
		{name: "key/event key by an administrator", profile: plain, given: given(admin), when: register("k", events.PurposeEvent, "").by("ann"),
			then: because(rules.NotPermitted, "Only the owner, or the ledger's own actor, registers an event key")},
		{name: "rotate/event key by an administrator", profile: plain, given: given(admin), when: rotate("event", "k").by("ann"), then: ownerOnly("event")},
		{name: "rotate/document key by an administrator", profile: plain, given: given(admin), when: rotate("document", "k").by("ann"), then: ownerOnly("document")},
		{name: "revoke/of the owner", profile: plain, given: given(admin, register("o2", credential, "owner")),
			when: revokeKey("o2").by("ann"), then: ofOwner("revokes")},
		{name: "key/event key of a subject", profile: plain, given: given(add("bob")), when: register("k", events.PurposeEvent, "bob"),
			then: because(rules.Invalid, "An event key is no subject's")},
		{name: "key/second document key", profile: plain, when: register("k", events.PurposeDocument, ""), then: noneBeside("document")},
		{name: "key/second root key", profile: plain, when: register("k", events.PurposeRoot, ""), then: noneBeside("root")},
		{name: "key/second operator key", profile: plain, when: register("k", events.PurposeOperator, ""), then: noneBeside("operator")},
		{name: "key/of no purpose", profile: plain, when: register("k", "fun", ""), then: noneBeside("fun")},
		{name: "key/event key as credential", profile: plain, given: given(add("bob")), when: register("event", credential, "bob"), then: taken("event")},
		{name: "key/credential of somebody else", profile: plain, given: given(add("bob")), when: register("owner", credential, "bob"), then: taken("owner")},
		{name: "key/credential as event key", profile: plain, given: given(add("bob")), when: register("bob", events.PurposeEvent, ""), then: taken("bob")},
		{name: "key/registered twice", profile: plain, given: given(add("bob"), register("k", credential, "bob")),
			when: register("k", credential, "bob"), then: taken("k")},
		{name: "key/revoked once", profile: plain, given: given(add("bob"), revokeKey("bob")), when: register("bob", credential, "bob"), then: taken("bob")},
		{name: "key/replaced once", profile: plain, given: given(rotate("event", "event2")), when: register("event", events.PurposeEvent, ""), then: taken("event")},
		{name: "key/of a new subject", profile: plain, when: step{data: &events.SubjectAdded{Subject: id("bob"), Key: "bob", Kind: events.KindHuman, Credential: did("operator")}},
			then: taken("operator")},

		{name: "rotate/unknown", profile: plain, when: rotate("nobody", "k"), then: gone("nobody")},
		{name: "rotate/replaced before", profile: plain, given: given(rotate("document", "document2")), when: rotate("document", "document3"), then: gone("document")},
		{name: "rotate/by itself", profile: plain, when: rotate("document", "document"), then: taken("document")},
		{name: "rotate/by one of another purpose", profile: plain, when: rotate("document", "event"), then: taken("event")},
		{name: "rotate/event key by a used one", profile: plain, when: rotate("event", "document").by("node"), then: taken("document")},
		{name: "rotate/root with a credential", profile: plain, when: rotate("root", "root2"), then: itself("A root")},
		{name: "rotate/operator with a credential", profile: plain, when: rotate("operator", "operator2"), then: itself("An operator")},
		{name: "rotate/operator with the root key", profile: plain, when: rotate("operator", "operator2").signedWith(did("root")),
			then: because(rules.NotProven, did("root")+" is not a credential of "+id("owner").String())},
		{name: "rotate/root with the operator key", profile: plain, when: rotate("root", "root2").signedWith(did("operator")),
			then: because(rules.NotProven, did("operator")+" is not a credential of "+id("owner").String())},
		{name: "rotate/of the owner", profile: plain, given: given(admin), when: rotate("owner", "k").by("ann"), then: ofOwner("replaces")},
		{name: "rotate/own one, deactivated", profile: plain, given: given(add("bob"), deactivate("bob")), when: rotate("bob", "bob2").by("bob"),
			then: because(rules.Inactive, "bob is deactivated")},
		{name: "rotate/of somebody else with it", profile: plain, given: given(add("bob")), when: rotate("bob", "bob2").signedWith(did("bob")),
			then: because(rules.NotProven, did("bob")+" is not a credential of "+id("owner").String())},

		{name: "succeed/with the operator key", profile: plain, when: succeed("event", "event2").signedWith(did("operator")), then: noSuccessor},
		{name: "succeed/unknown", profile: plain, when: succeed("nobody", "event2"), then: gone("nobody")},
		{name: "succeed/replaced before", profile: plain, given: given(rotate("event", "event2")), when: succeed("event", "event3"), then: gone("event")},
		{name: "succeed/document key", profile: plain, when: succeed("document", "event2"), then: because(rules.Invalid, did("document")+" signs no entries")},
		{name: "succeed/credential", profile: plain, when: succeed("owner", "event2"), then: because(rules.Invalid, did("owner")+" signs no entries")},
		{name: "succeed/by a used key", profile: plain, when: succeed("event", "document"), then: taken("document")},

		{name: "revoke/unknown", profile: plain, when: revokeKey("nobody"), then: gone("nobody")},
		{name: "revoke/twice", profile: plain, given: given(add("bob"), revokeKey("bob")), when: revokeKey("bob"), then: gone("bob")},
		{name: "revoke/owner's last credential", profile: plain, when: revokeKey("owner"),
			then: hinted(rules.InUse, "The owner's last credential cannot be revoked", "Rotate it")},
		{name: "revoke/owner's last of two", profile: plain, given: given(register("o2", credential, "owner"), revokeKey("owner").signedWith(did("o2"))),
			when: revokeKey("o2").signedWith(did("o2")), then: hinted(rules.InUse, "The owner's last credential cannot be revoked", "Rotate it")},
		{name: "revoke/last event key", profile: plain, when: revokeKey("event"), then: serves},
		{name: "revoke/event key that serves", profile: plain, given: given(register("event2", events.PurposeEvent, "")), when: revokeKey("event"), then: serves},
		{name: "revoke/event key that came in its place", profile: plain, given: given(register("event2", events.PurposeEvent, ""), succeed("event", "event3")),
			when: revokeKey("event3"), then: serves},
		{name: "revoke/document key", profile: plain, when: revokeKey("document"), then: because(rules.InUse, "A document key is rotated, not revoked")},
		{name: "revoke/root key", profile: plain, when: revokeKey("root"), then: because(rules.InUse, "A root key is rotated, not revoked")},
		{name: "revoke/operator key", profile: plain, when: revokeKey("operator"), then: because(rules.InUse, "An operator key is rotated, not revoked")},
		{name: "revoke/of somebody else without permission", profile: plain, given: given(add("ann"), add("bob")), when: revokeKey("bob").by("ann"),
			then: lacks("ledger:key.revoke")},

		{name: "report/unknown", profile: plain, when: report("nobody", 1), then: because(rules.NotFound, did("nobody")+" is no key of this ledger")},
		{name: "report/from nowhere", profile: plain, when: report("event", 0), then: because(rules.Invalid, "There is no position 0 yet")},
		{name: "report/from the next", profile: plain, given: given(add("bob")), when: report("event", 3), then: because(rules.Invalid, "There is no position 3 yet")},
	}
}

// What may be done with keys, by whom, and which keys serve afterwards.
func TestKeys(t *testing.T) {
	credential := events.PurposeCredential
	admin := staffed("ann", "ledger:key.register", "ledger:key.report", "ledger:key.revoke", "ledger:key.rotate")
	type serving struct{ purpose, key string }
	for _, c := range []struct {
		name   string
		given  []any
		when   step
		serves serving           // a key of the ledger
		owns   map[string]string // credential to subject; empty: nobody
	}{
		{"a second credential", given(add("bob")), register("bob2", credential, "bob"), serving{}, map[string]string{"bob": "bob", "bob2": "bob"}},
		{"a second credential of the owner", nil, register("o2", credential, "owner"), serving{}, map[string]string{"owner": "owner", "o2": "owner"}},
		{"registered by an administrator", given(admin, add("bob")), register("bob2", credential, "bob").by("ann"), serving{}, map[string]string{"bob2": "bob"}},
		{"a second event key", nil, register("event2", events.PurposeEvent, ""), serving{events.PurposeEvent, "event"}, map[string]string{"event2": ""}},
		{"rotated by an administrator", given(admin, add("bob")), rotate("bob", "bob2").by("ann"), serving{}, map[string]string{"bob": "", "bob2": "bob"}},
		{"rotated by itself", given(add("bob")), rotate("bob", "bob2").by("bob"), serving{}, map[string]string{"bob": "", "bob2": "bob"}},
		{"the owner's only credential", nil, rotate("owner", "o2"), serving{}, map[string]string{"owner": "", "o2": "owner"}},
		{"the owner's, with another of its own", given(register("o2", credential, "owner")), rotate("owner", "o3").signedWith(did("o2")),
			serving{}, map[string]string{"owner": "", "o2": "owner", "o3": "owner"}},
		{"the document key", nil, rotate("document", "document2"), serving{events.PurposeDocument, "document2"}, nil},
		{"the event key, by the owner", nil, rotate("event", "event2"), serving{events.PurposeEvent, "event2"}, nil},
		{"a second event key, by the owner", given(register("event2", events.PurposeEvent, "")), rotate("event2", "event3"),
			serving{events.PurposeEvent, "event"}, nil},
		{"the root key", nil, rotate("root", "root2").signedWith(did("root")), serving{events.PurposeRoot, "root2"}, nil},
		{"the root key once more", given(rotate("root", "root2").signedWith(did("root"))), rotate("root2", "root3").signedWith(did("root2")),
			serving{events.PurposeRoot, "root3"}, nil},
		{"the operator key", nil, rotate("operator", "operator2").signedWith(did("operator")), serving{events.PurposeOperator, "operator2"}, nil},
		{"a lost event key", nil, succeed("event", "event2"), serving{events.PurposeEvent, "event2"}, map[string]string{"event2": ""}},
		{"a lost event key, with a new root key", given(rotate("root", "root2").signedWith(did("root"))),
			succeed("event", "event2").signedWith(did("root2")), serving{events.PurposeEvent, "event2"}, nil},
		{"revoked by its owner", given(add("bob")), revokeKey("bob").by("bob"), serving{}, map[string]string{"bob": ""}},
		{"revoked by an administrator", given(admin, add("bob")), revokeKey("bob").by("ann"), serving{}, map[string]string{"bob": ""}},
		{"one of the owner's two", given(register("o2", credential, "owner")), revokeKey("o2"), serving{}, map[string]string{"owner": "owner", "o2": ""}},
		{"one of two event keys", given(register("event2", events.PurposeEvent, "")), revokeKey("event2"), serving{events.PurposeEvent, "event"}, nil},
		{"reported", given(add("bob")), report("bob", 2), serving{}, map[string]string{"bob": "bob"}},
		{"reported after it was revoked", given(add("bob"), revokeKey("bob")), report("bob", 1), serving{}, map[string]string{"bob": ""}},
		{"of who is deactivated", given(add("bob")), deactivate("bob"), serving{}, map[string]string{"bob": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, plain, c.given...)
			w.do(c.when)
			if got := w.s.Key(c.serves.purpose); c.serves.key != "" && got != did(c.serves.key) {
				t.Errorf("Key(%s) = %s; want that of %s, %s", c.serves.purpose, got, c.serves.key, did(c.serves.key))
			}
			for key, want := range c.owns {
				owner, ok := w.s.KeyOwner(did(key))
				if ok != (want != "") || ok && owner != id(want) {
					t.Errorf("KeyOwner(%s) = %s, %v; want %q", key, owner, ok, want)
				}
			}
		})
	}
}

// A credential that came in another's place is as good, and stays its subject's.
func TestRotatedCredentialActs(t *testing.T) {
	w := open(t, plain, staffed("ann", "ledger:subject.add"), rotate("ann", "ann2"))
	w.do(add("bob").by("ann").signedWith(did("ann2")))
	if u, _ := w.s.Subject(id("ann")); u.DID != did("ann") {
		t.Errorf("the subject's DID became %s; it is named by the first credential, %s", u.DID, did("ann"))
	}
	w.do(rotate("ann2", "ann3"))
	w.do(add("joe").by("ann").signedWith(did("ann3")))
}

// A report has no effect on what is so.
func TestReportChangesNothing(t *testing.T) {
	w := open(t, plain, staffed("ann", "ledger:subject.add"))
	w.do(report("ann", 2))
	w.do(add("bob").by("ann"))
}
