package rules_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// delayed is a profile in which a lost owner can be replaced after an hour.
var delayed = events.Profile{Name: "ipaware", UniqueNames: true, RecoveryDelay: 3600}

func ownerRefusals() []refusal {
	lost := given(add("ann"), add("bob"))
	fixed := events.Profile{Name: "tokeny", FixedRoles: true}
	late := hinted(rules.Invalid, "System roles are made while an organization is opened, before anybody is added to it", "Make a role that is not of the system")
	one := hinted(rules.InUse, "One bosses per organization", "Transfer the ownership")
	onlyOperator := hinted(rules.NotPermitted, "Only the operator of the ledger assigns and revokes desk", "Ask whoever runs the ledger")
	bosses := given(system("bosses", events.ManagedOwner), system("desk", events.ManagedOperator, "ledger:roles.read"),
		system("agents", events.ManagedTokenAgent, "ledger:roles.read"), staffed("ann", "ledger:role.assign", "ledger:role.set", "ledger:role.revoke"))
	return []refusal{
		{name: "system/after somebody was added", profile: ipaware, given: given(add("ann")), when: system("r", "", "ledger:roles.read"), then: late},
		{name: "system/by somebody else", profile: ipaware, given: given(staffed("ann", "ledger:role.create")), when: system("r", "", "ledger:role.create").by("ann"),
			then: because(rules.NotPermitted, "Only the owner makes a system role")},
		{name: "system/two owners' roles", profile: ipaware, given: given(system("a", events.ManagedOwner)), when: system("b", events.ManagedOwner),
			then: because(rules.Taken, "There is a role managed by owner already")},
		{name: "system/the owner's with permissions", profile: ipaware, when: system("a", events.ManagedOwner, "ledger:roles.read"),
			then: hinted(rules.Invalid, "The owner's role gives every permission", "Name none")},
		{name: "system/managed by nobody known", profile: ipaware, when: system("a", "moon", "ledger:roles.read"),
			then: because(rules.Invalid, `No role is managed by "moon"`)},
		{name: "system/fixed roles", profile: fixed, when: create("r", "ledger:roles.read"),
			then: hinted(rules.Invalid, "In an organization of profile tokeny, the roles are fixed", "Use one of the roles there are")},
		{name: "system/I7", profile: ipaware, given: given(system("r", "", "ledger:roles.read")), when: addTo("r", "ledger:role.create"),
			then: hinted(rules.NotPermitted, "r is a system role", "System roles cannot be edited")},
		{name: "system/I8", profile: ipaware, given: given(system("r", "", "ledger:roles.read")), when: remove("r"),
			then: hinted(rules.NotPermitted, "r is a system role", "System roles cannot be deleted")},

		{name: "managed/I11", profile: ipaware, given: bosses, when: assign("ann", "bosses"), then: one},
		{name: "managed/I13", profile: ipaware, given: bosses, when: revokeRole("owner", "bosses").by("ann"), then: one},
		{name: "managed/I13 with others", profile: ipaware, given: bosses, when: setRoles("owner").by("ann"), then: one},
		{name: "managed/by the owner", profile: ipaware, given: bosses, when: assign("ann", "desk"), then: onlyOperator},
		{name: "managed/set by the owner", profile: ipaware, given: bosses, when: setRoles("ann", "desk"), then: onlyOperator},
		{name: "managed/with a token", profile: ipaware, given: bosses, when: assign("ann", "agents"),
			then: hinted(rules.Invalid, "agents is assigned with a token", "Deploy or transfer the token, or change its agents or investors")},
		{name: "managed/the operator's word for another", profile: ipaware, given: given(bosses, create("own", "ledger:roles.read")), when: assign("ann", "own").byOperator(),
			then: because(rules.NotPermitted, "The operator of the ledger assigns only the roles that are the operator's to assign")},
		{name: "operator/adds somebody", profile: ipaware, when: add("ann").byOperator(), then: because(rules.NotPermitted, "The ledger's operator does not record subject.added")},

		{name: "transfer/I18", profile: ipaware, given: lost, when: transfer("ann").by("ann"),
			then: hinted(rules.NotPermitted, "Only the owner transfers the ownership", "Ask the organization's owner")},
		{name: "transfer/to the owner", profile: ipaware, when: transfer("owner"), then: because(rules.NoChange, "owner is the owner already")},
		{name: "transfer/to nobody", profile: ipaware, when: transfer("ann"), then: because(rules.NotFound, "There is no subject "+id("ann").String())},
		{name: "transfer/to one who is gone", profile: ipaware, given: given(lost, deactivate("ann")), when: transfer("ann"),
			then: because(rules.Inactive, "ann is deactivated since 4")},
		{name: "transfer/to a wallet", profile: ipaware, given: given(addKind("wal", events.KindWallet)), when: transfer("wal"),
			then: because(rules.Invalid, "An owner is no wallet")},
		{name: "transfer/to one without a key", profile: ipaware, given: given(lost, revokeKey("ann").by("ann")), when: transfer("ann"),
			then: hinted(rules.Invalid, "ann has no key to sign with", "Register a key of its own first")},

		{name: "recovery/by the owner", profile: delayed, given: lost, when: recoverTo("ann").by("owner").signedWith(did("owner")),
			then: because(rules.NotPermitted, "Only the operator of the ledger recovers a lost owner")},
		{name: "recovery/with another key", profile: delayed, given: lost, when: recoverTo("ann").signedWith(did("root")),
			then: because(rules.NotProven, "The ledger's operator acts with the operator key")},
		{name: "recovery/that nobody may", profile: ipaware, given: lost, when: recoverTo("ann"),
			then: because(rules.Invalid, "The organization's first entry leaves nobody a way to recover a lost owner")},
		{name: "recovery/without a reason", profile: delayed, given: lost, when: recoverTo("ann").but(func(c *events.Command) { c.Reason = events.Digest{} }),
			then: hinted(rules.Invalid, "A recovery says why", "Give a reason")},
		{name: "recovery/twice", profile: delayed, given: given(lost, recoverTo("ann")), when: recoverTo("bob"),
			then: hinted(rules.InUse, "A recovery is under way since 4, due at 2026-01-01T01:00:03Z", "Stop it first")},
		{name: "recovery/too early", profile: delayed, given: given(lost, recoverTo("ann")), when: recovered("ann").after(time.Hour - 2*time.Second),
			then: hinted(rules.Invalid, "The owner can stop the recovery until 2026-01-01T01:00:03Z", "Wait until then")},
		{name: "recovery/of another", profile: delayed, given: given(lost, recoverTo("ann")), when: recovered("bob").after(time.Hour),
			then: because(rules.NotFound, "No recovery in favour of bob is under way")},
		{name: "recovery/stopped", profile: delayed, given: given(lost, recoverTo("ann"), stopRecovery("ann")), when: recovered("ann").after(time.Hour),
			then: because(rules.NotFound, "No recovery in favour of ann is under way")},
		{name: "recovery/stopped by a transfer", profile: delayed, given: given(lost, recoverTo("ann"), transfer("bob")), when: recovered("ann").after(time.Hour),
			then: because(rules.NotFound, "No recovery in favour of ann is under way")},
		{name: "recovery/stopped by somebody", profile: delayed, given: given(lost, recoverTo("ann")), when: stopRecovery("ann").by("bob"),
			then: because(rules.NotPermitted, "Only the owner, or the operator who started it, stops a recovery")},
		{name: "recovery/of one who is gone", profile: delayed, given: given(lost, recoverTo("ann"), deactivate("ann")), when: recovered("ann").after(time.Hour),
			then: because(rules.Inactive, "ann is deactivated since 5")},

		{name: "name/as it is", profile: ipaware, when: nameOrganization("Acme"), then: because(rules.NoChange, "The organization is called so already")},
		{name: "name/of another", profile: ipaware, when: step{data: &events.OrganizationUpdated{Organization: "other", Name: "Other"}},
			then: because(rules.Invalid, "The organization is acme, for ever")},
		{name: "default/where there are none", profile: ipaware, given: given(create("r", "ledger:roles.read")), when: defaulted("r"),
			then: because(rules.Invalid, "In an organization of profile ipaware, nobody gets a role by being added")},
		{name: "default/again", profile: guardian, given: given(create("r"), defaulted("r")), when: defaulted("r"), then: because(rules.NoChange, "It is so already")},
		{name: "default/none where there is none", profile: guardian, given: given(create("r")), when: noDefault("r"), then: because(rules.NoChange, "It is so already")},
		{name: "adopt/as it is", profile: ipaware, when: adopt(events.Profile{}), then: because(rules.NoChange, "The ledger goes by version 2 of the rules already")},
	}
}

// Given a ledger of version 1 of the rules, when its owner adopts version 2 with its switches, then it knows what came with
// it from there on, and the switches of the first entry stay.
func TestAdopt(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	w.do(opening1(events.Profile{Name: "ipaware", UniqueNames: true}), add("ann"), create("own", "ledger:roles.read"))
	want := hinted(rules.Invalid, "Version 1 of the rules, by which this ledger goes, knows no version 1 of ownership.transferred", "Adopt newer rules first")
	if diff := cmp.Diff(want, w.refused(transfer("ann").but(func(c *events.Command) { c.Version = 1 }))); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(because(rules.NotPermitted, "Only the owner adopts newer rules"), w.refused(adopt(delayed).by("ann"))); diff != "" {
		t.Errorf("by another (-want +got):\n%s", diff)
	}
	if w.check("owner", "ledger:role.default", "") {
		t.Error("an action of version 2 is known to version 1")
	}
	e := w.do(adopt(events.Profile{RecoveryDelay: 3600, DefaultRoles: true}))
	if d := e.Data.(*events.RulesAdopted); d.From != 1 {
		t.Errorf("from version %d", d.From)
	}
	profile := events.Profile{Name: "ipaware", UniqueNames: true, RecoveryDelay: 3600, DefaultRoles: true}
	if o := w.s.Opened(); o.Rules != 2 || o.Profile != profile || o.Operator != id("platform") {
		t.Errorf("the ledger says %+v", o)
	}
	if !w.check("owner", "ledger:role.default", "") {
		t.Error("an action of version 2 is not known after it was adopted")
	}
	// System roles can be made now, until somebody is added, and the creator has the owner's.
	w.do(system("bosses", events.ManagedOwner), defaulted("own"), add("bob"))
	if r, _ := w.s.Role(id("bosses")); r.Holders != 1 || !r.System {
		t.Errorf("the owner's role is %+v", r)
	}
	if r := w.refused(system("late", "", "ledger:roles.read")); r.Code != rules.Invalid {
		t.Errorf("afterwards: %v", &r)
	}
	w.do(transfer("ann"))
	if w.s.Owner() != id("ann") || w.check("owner", "ledger:import", "") || !w.check("ann", "ledger:import", "") {
		t.Error("ann is not the owner")
	}
	// What a verifier decides again are the rules in force at each position.
	s := rules.New()
	for _, e := range w.events {
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		legitimate(t, s, e, b)
		rules.Evolve(s, e)
	}
}

// Given the role that every owner has, then it gives what becomes known later, too.
func TestOwnersRole(t *testing.T) {
	w := open(t, ipaware, system("bosses", events.ManagedOwner), publish("shop", perm("x")))
	before, _ := w.s.Role(id("bosses"))
	w.do(publish("bank", perm("y"), perm("z")))
	after, _ := w.s.Role(id("bosses"))
	if after.Count != before.Count+2 || after.Set != events.SetDigest(w.s.RolePermissions(id("bosses"))) {
		t.Errorf("before it had %d permissions, then %d", before.Count, after.Count)
	}
}

// Whoever may delete a role may take it from its holders first, where roles are withdrawn, and nowhere else.
func TestWithdrawing(t *testing.T) {
	for _, c := range []struct {
		profile events.Profile
		allowed bool
	}{{guardian, true}, {plain, false}} {
		w := open(t, c.profile, create("r"), add("bob"), assign("bob", "r"), staffed("ann", "ledger:role.delete"))
		st := revokeRole("bob", "r").by("ann")
		if c.allowed {
			w.do(st, remove("r").by("ann"))
		} else if diff := cmp.Diff(lacks("ledger:role.revoke"), w.refused(st)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.profile.Name, diff)
		}
	}
}
