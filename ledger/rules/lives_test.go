package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

const (
	cow     = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
	cowDID  = "did:pkh:eip155:137:" + cow
	someday = 7 * 24 * time.Hour
)

var keyed = func() events.Profile { p := ipaware; p.OneRolePerKey = true; return p }()

func livesRefusals() []refusal {
	return []refusal{
		{name: "added/auth of another kind", profile: plain, when: addWith("k", func(d *events.SubjectAdded) { d.Auth = events.AuthWallet }),
			then: rules.Refusal{Code: rules.Invalid, Reason: `A subject of the kind human does not prove itself by "wallet"`,
				Hint: "Say email or api-key or signature or oidc", Nearest: []string{"email", "api-key", "signature", "oidc"}}},
		{name: "added/address in another spelling", profile: plain, when: addKind("0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826", events.KindWallet),
			then: hinted(rules.Invalid, "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826 is spelled "+cow, "EIP-55 says which letters are capitals")},
		{name: "added/address with a wrong letter", profile: plain, when: addKind("0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", events.KindWallet),
			then: because(rules.Invalid, "not an Ethereum address: 0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826 has a wrong checksum, EIP-55 writes "+cow+"; compare it with where it comes from")},
		{name: "added/a human that is assigned", profile: plain, when: addWith("k", func(d *events.SubjectAdded) { d.Holder = id("owner") }),
			then: because(rules.Invalid, "Only an API key is assigned to a member, not a subject of the kind human")},
		{name: "added/an API key without a role", profile: keyed, when: apiKey("k"),
			then: hinted(rules.Invalid, "An API key has exactly one role, not 0", "Use set, which puts a role in the place of the one it has")},
		{name: "added/an API key of two roles", profile: keyed, given: given(create("r1", "ledger:import"), create("r2", "ledger:import")), when: apiKey("k", "r1", "r2"),
			then: hinted(rules.Invalid, "An API key has exactly one role, not 2", "Use set, which puts a role in the place of the one it has")},
		{name: "assigned/a second role of an API key", profile: keyed, given: given(create("r1", "ledger:import"), create("r2", "ledger:import"), apiKey("k", "r1")), when: assign("k", "r2"),
			then: hinted(rules.Invalid, "An API key has exactly one role, not 2", "Use set, which puts a role in the place of the one it has")},
		{name: "revoked/the role of an API key", profile: keyed, given: given(create("r1", "ledger:import"), apiKey("k", "r1")), when: revokeRole("k", "r1"),
			then: hinted(rules.Invalid, "An API key has exactly one role, not 0", "Use set, which puts a role in the place of the one it has")},
		{name: "added/roles that the actor does not hold", profile: plain, given: given(create("r", "a"), staffed("ann", "ledger:subject.add", "ledger:role.assign")),
			when: addWith("bob", func(d *events.SubjectAdded) { d.Roles = ids("r") }).by("ann"),
			then: rules.Refusal{Code: rules.Escalation, Reason: "Cannot give a: you do not hold it on the whole organization yourself", Permission: "a"}},
		{name: "added/roles that the actor may not assign", profile: plain, given: given(create("r", "a"), staffed("ann", "ledger:subject.add", "a")),
			when: addWith("bob", func(d *events.SubjectAdded) { d.Roles = ids("r") }).by("ann"), then: lacks("ledger:role.assign")},

		{name: "invited/key in use", profile: plain, given: given(add("ann")), when: invite("ann"), then: because(rules.Taken, `Somebody has the key "ann" already`)},
		{name: "invited/for too long", profile: plain, when: invite("ann").but(func(c *events.Command) {
			c.Data.(*events.SubjectInvited).Until = start.Add(31*24*time.Hour + 2*time.Second)
		}), then: because(rules.Invalid, "The invitation would end at 2026-02-01T00:00:02Z, and none lasts longer than 30 days")},
		{name: "invited/an API key", profile: plain, when: invite("k").but(func(c *events.Command) { c.Data.(*events.SubjectInvited).Kind = events.KindAPIKey }),
			then: because(rules.Invalid, "A subject of the kind api-key is added, not invited")},
		{name: "invited/acts", profile: plain, given: given(invite("ann")), when: create("r", "a").by("ann").signedWith(did("code of ann")),
			then: because(rules.NotProven, "The code of an invitation signs that who was invited joins, and nothing else")},
		{name: "invited/for somebody else", profile: plain, given: given(invite("ann"), invite("bob")), when: joinBy("bob", "code of ann", "bob"),
			then: because(rules.NotProven, "The code of an invitation signs that who was invited joins, and nothing else")},
		{name: "invited/gets a credential", profile: plain, given: given(invite("ann")), when: register("ann", events.PurposeCredential, "ann"),
			then: because(rules.Inactive, "ann is invited and has not joined yet")},
		{name: "joined/without a code", profile: plain, given: given(add("ann")), when: joinBy("ann", "ann", "ann2"),
			then: because(rules.NotProven, "Who was invited joins with the code of the invitation")},
		{name: "joined/twice", profile: plain, given: given(invite("ann"), join("ann")), when: joinBy("ann", "code of ann", "ann2"),
			then: hinted(rules.Inactive, "The invitation was used, withdrawn or replaced at 3", "Ask whoever invited you for another")},
		{name: "joined/after the end", profile: plain, given: given(invite("ann")), when: join("ann").after(someday),
			then: hinted(rules.Inactive, "The invitation ended at 2026-01-08T00:00:00Z", "Ask whoever invited you for another")},
		{name: "joined/withdrawn", profile: plain, given: given(invite("ann"), removeSubject("ann")), when: join("ann"),
			then: hinted(rules.Inactive, "The invitation was used, withdrawn or replaced at 3", "Ask whoever invited you for another")},
		{name: "joined/a code that was replaced", profile: plain, given: given(invite("ann"), inviteBy("ann", "another")), when: join("ann"),
			then: hinted(rules.Inactive, "The invitation was used, withdrawn or replaced at 3", "Ask whoever invited you for another")},
		{name: "joined/a login of another way", profile: plain, given: given(invite("ann").but(func(c *events.Command) { c.Data.(*events.SubjectInvited).Auth = events.AuthSignature })),
			when: join("ann").but(func(c *events.Command) { c.Data.(*events.SubjectJoined).Login = events.Digest{1} }),
			then: because(rules.Invalid, "The subject proves itself by signature, and has no login")},

		{name: "reactivated/who is active", profile: plain, given: given(add("ann")), when: reactivate("ann"), then: because(rules.NoChange, "ann is active")},
		{name: "reactivated/who was removed", profile: plain, given: given(add("ann"), removeSubject("ann")), when: reactivate("ann"),
			then: hinted(rules.Inactive, "ann was removed at 3", "Invite it again")},
		{name: "reactivated/who holds more", profile: plain, given: given(staffed("ann", "ledger:subject.reactivate"), add("bob"), grant("bob", "a"), deactivate("bob")), when: reactivate("bob").by("ann"),
			then: rules.Refusal{Code: rules.Escalation, Reason: "Cannot give a: you do not hold it on the whole organization yourself", Permission: "a"}},
		{name: "removed/the owner", profile: plain, when: removeSubject("owner"), then: hinted(rules.InUse, "The owner cannot be removed", "Make somebody else the owner first")},
		{name: "removed/twice", profile: plain, given: given(add("ann"), removeSubject("ann")), when: removeSubject("ann"), then: because(rules.NoChange, "ann was removed at 3")},
		{name: "removed/then given something", profile: plain, given: given(add("ann"), removeSubject("ann")), when: grant("ann", "a"), then: because(rules.Inactive, "ann was removed at 3")},
		{name: "removed/then acts", profile: plain, given: given(add("ann"), removeSubject("ann")), when: create("r", "a").by("ann"),
			then: because(rules.NotProven, did("ann")+" is no key of this ledger, or is one no more")},
		{name: "updated/nothing", profile: plain, given: given(add("ann")), when: updateSubject("ann", func(*events.SubjectUpdated) {}), then: because(rules.NoChange, "ann is said to be so already")},
		{name: "updated/assigned to an API key", profile: plain, given: given(apiKey("k"), apiKey("k2")), when: updateSubject("k", func(d *events.SubjectUpdated) { d.Holder = id("k2") }),
			then: because(rules.Invalid, "An API key is assigned to a member, and k2 is of the kind api-key")},
		{name: "linked/twice", profile: plain, given: given(add("ann"), link("ann", cow)), when: link("ann", cow), then: because(rules.NoChange, "ann is linked with "+cow+" already")},
		{name: "linked/in another spelling", profile: plain, given: given(add("ann")), when: link("ann", "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826"),
			then: hinted(rules.Invalid, "0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826 is spelled "+cow, "EIP-55 says which letters are capitals")},
		{name: "unlinked/what is not", profile: plain, given: given(add("ann")), when: unlink("ann", cow), then: because(rules.NotFound, "ann is not linked with "+cow)},
		{name: "erased/nobody", profile: plain, when: erase("ann", events.Digest{1}), then: because(rules.NotFound, "There is no subject "+id("ann").String())},
		{name: "erased/another's e-mail", profile: plain, given: given(add("ann"), addWith("bob", func(d *events.SubjectAdded) { d.Email = events.Digest{2} })),
			when: erase("ann", events.Digest{1}, events.Digest{2}),
			then: hinted(rules.Invalid, "The text 02"+strings.Repeat("0", 62)+" is another subject's, not one of ann", "Name its own subject")},
		{name: "erased/another's former login", profile: plain, given: given(add("ann"), add("bob"), changeLogin("bob", "bob", events.Digest{3}).by("bob"), changeLogin("bob", "bob", events.Digest{4}).by("bob")),
			when: erase("ann", events.Digest{3}),
			then: hinted(rules.Invalid, "The text 03"+strings.Repeat("0", 62)+" is another subject's, not one of ann", "Name its own subject")},
		{name: "login/of another's key", profile: plain, given: given(add("ann")), when: changeLogin("ann", "owner", events.Digest{1}).by("ann"),
			then: because(rules.NotFound, did("owner")+" is no credential of ann, or is one no more")},
		{name: "rotated/an invitation", profile: plain, given: given(invite("ann")), when: rotate("code of ann", "x"), then: hinted(rules.Invalid, "An invitation is not replaced by another key", "Invite again")},
		{name: "revoked/an invitation", profile: plain, given: given(invite("ann")), when: revokeKey("code of ann"), then: hinted(rules.InUse, "An invitation is withdrawn, not revoked", "Remove who was invited")},
		{name: "rotated/an API key that is assigned to another", profile: plain, given: given(add("ann"), add("bob"), apiKey("k"), updateSubject("k", func(d *events.SubjectUpdated) { d.Holder = id("bob") })),
			when: rotate("k", "k2").by("ann"), then: lacks("ledger:key.rotate")},
	}
}

// From the invitation to the end: each state says what can be done, and what cannot.
func TestLives(t *testing.T) {
	w := open(t, plain, create("r", "a"), add("bob"))
	state := func(want string, may bool) {
		t.Helper()
		u, _ := w.s.Subject(id("ann"))
		if u.State != want || (u.Deactivated == 0) != may {
			t.Errorf("ann is %s since %d; want %s", u.State, u.Deactivated, want)
		}
		if got := w.check("ann", "a", ""); got != may {
			t.Errorf("ann, %s, may: %v", want, got)
		}
	}
	w.do(invite("ann", "r"))
	state(rules.StateInvited, false)
	if in, ok := w.s.Invitation(did("code of ann")); !ok || in.Subject != id("ann") || in.Until != w.s.Time().Add(someday-time.Second) {
		t.Errorf("the invitation: %v %v", in, ok)
	}
	w.do(grant("ann", "b")) // what it will have
	w.do(join("ann"))
	state(rules.StateActive, true)
	if _, ok := w.s.Invitation(did("code of ann")); ok {
		t.Error("the code still works")
	}
	w.do(issue("subject/"+id("bob").String()), give("ann", "ledger:role.create"), create("by ann").by("ann"))
	w.do(deactivate("ann"))
	state(rules.StateDeactivated, false)
	w.do(reactivate("ann"))
	state(rules.StateActive, true)
	e := w.do(removeSubject("ann"))
	state(rules.StateRemoved, false)
	if d := e.Data.(*events.SubjectRemoved); d.Grants != 3 || cmp.Diff(d.Roles, ids("of ann", "r")) != "" {
		t.Errorf("removed with %+v", d)
	}
	if got := w.s.Held(id("ann"), w.s.Time()); len(got) != 0 {
		t.Errorf("removed, ann holds %v", got)
	}
	// Again, with another code: nothing of before comes back, the key neither.
	w.do(inviteBy("ann", "second", "r"), joinBy("ann", "second", "ann2"))
	state(rules.StateActive, true)
	if got := w.s.Held(id("ann"), w.s.Time()); len(got) != 1 {
		t.Errorf("invited again, ann holds %v", got)
	}
	if r := w.refused(create("x").by("ann")); r.Code != rules.NotProven {
		t.Errorf("the key of before: %v", &r)
	}
	if who, ok := w.s.KeyOwner(did("ann2")); !ok || who != id("ann") {
		t.Error("the new key is not ann's")
	}
}

// What is said of a subject, and that what was said stays where nothing else is.
func TestAbout(t *testing.T) {
	w := open(t, plain, add("ann"), addWith("bob", func(d *events.SubjectAdded) {
		d.Auth, d.Reference, d.Properties = events.AuthEmail, "crm 7", []events.Property{{Name: "country", Value: "LU"}}
	}), apiKey("k"))
	ref := ""
	w.do(updateSubject("k", func(d *events.SubjectUpdated) { d.Holder = id("bob") }), link("bob", cowDID), link("bob", cow), unlink("bob", cowDID),
		updateSubject("bob", func(d *events.SubjectUpdated) { d.Reference = &ref }), changeLogin("bob", "bob", events.Digest{7}).by("bob"))
	want := rules.About{Auth: events.AuthEmail, Properties: []events.Property{{Name: "country", Value: "LU"}}, Links: []string{cow}}
	if diff := cmp.Diff(want, w.s.About(id("bob"))); diff != "" {
		t.Errorf("bob (-want +got):\n%s", diff)
	}
	if v, ok := w.s.Property(id("bob"), "country"); v != "LU" || !ok {
		t.Errorf("bob's country: %q %v", v, ok)
	}
	if c, of, ok := w.s.Login(id("bob")); c != (events.Digest{7}) || of != did("bob") || !ok {
		t.Errorf("bob's login: %x %s %v", c, of, ok)
	}
	if h := w.s.About(id("k")).Holder; h != id("bob") {
		t.Errorf("k is assigned to %s", h)
	}
	// Whoever it is assigned to puts another secret into it, and nobody else without the permission.
	w.do(rotate("k", "k2").by("bob"), register("k3", events.PurposeCredential, "k").by("bob"))
	if who, ok := w.s.KeyOwner(did("k3")); !ok || who != id("k") {
		t.Error("the secret is not the key's")
	}
}

// An API key acts while the member that it is assigned to is active. It does not act again when a member that was removed
// comes back.
func TestKeyActsWhileItsHolderDoes(t *testing.T) {
	w := open(t, plain, create("r", "a", "ledger:role.create"), staffed("adm", "ledger:api-key.update", "ledger:subject.reactivate"), add("ann"), add("bob"),
		apiKey("k", "r"), updateSubject("k", func(d *events.SubjectUpdated) { d.Holder = id("ann") }))
	acts := func(want bool, when string) {
		t.Helper()
		if got := w.check("k", "a", ""); got != want {
			t.Errorf("%s, the key may: %v", when, got)
		}
		if _, got := w.s.KeyOwner(did("k")); got != want {
			t.Errorf("%s, the key is somebody's: %v", when, got)
		}
	}
	acts(true, "assigned")
	w.do(deactivate("ann"))
	acts(false, "its holder deactivated")
	if r := w.refused(create("x", "a").by("k")); r.Code != rules.Inactive || r.Reason != "k is an API key of ann, who is deactivated" {
		t.Errorf("the key of a deactivated member signs: %v", &r)
	}
	unassign := updateSubject("k", func(d *events.SubjectUpdated) { d.Unassigned = true })
	for _, st := range []step{unassign.by("adm"), reactivate("ann").by("adm")} { // either would let it act, with more than adm has
		if r := w.refused(st); r.Code != rules.Escalation {
			t.Errorf("%s lets the key act: %v", st.data.Type(), &r)
		}
	}
	prev, before := w.prev, w.events
	w.s.Begin()
	w.do(reactivate("ann"))
	acts(true, "its holder active again")
	w.s.Rollback()
	acts(false, "that taken back")
	w.prev, w.events = prev, before
	w.do(removeSubject("ann"))
	acts(false, "its holder removed")
	w.do(inviteBy("ann", "second"), joinBy("ann", "second", "ann2"))
	acts(false, "its holder back")
	if u, _ := w.s.Subject(id("k")); u.State != rules.StateDeactivated {
		t.Errorf("the key of a removed member is %s", u.State)
	}
	w.do(updateSubject("k", func(d *events.SubjectUpdated) { d.Holder = id("bob") }), reactivate("k"))
	acts(true, "another's")
}

// What somebody made or passed on before it was removed does not let it, or others, in when it comes back.
func TestRemovedLosesWhatItMade(t *testing.T) {
	w := open(t, plain, publish("shop", perm("all", access(events.ReachAll)), perm("assigned", access(events.ReachAssigned)), perm("use", need(events.NeedAccess))),
		create("maker", "shop:use", "ledger:resource.register"), create("wide", "shop:all", "shop:use", "ledger:access.delegate"), create("narrow", "shop:assigned", "shop:use"),
		add("ann"), add("bob"), assign("ann", "maker"), assign("ann", "wide"), assign("bob", "narrow"),
		registered("policy/1").by("ann"), registered("policy/2"), delegateAccess("bob", "policy/2").by("ann"))
	if !w.check("ann", "shop:use", "policy/1") || !w.check("bob", "shop:use", "policy/2") {
		t.Fatal("they have no access")
	}
	w.do(removeSubject("ann"))
	if w.check("ann", "shop:use", "policy/1") || w.check("bob", "shop:use", "policy/2") {
		t.Error("removed, ann gives access")
	}
	w.do(inviteBy("ann", "second", "maker"), joinBy("ann", "second", "ann2"))
	if w.check("ann", "shop:use", "policy/1") {
		t.Error("ann reaches what she had made")
	}
	w.do(assign("ann", "wide"))
	if w.check("bob", "shop:use", "policy/2") {
		t.Error("what ann had passed on is back")
	}
}

// Whose a private text is, is known after a snapshot too, and whoever names it later does not make it its own.
func TestTextsAreTheirOwners(t *testing.T) {
	w := open(t, plain, add("ann"), addWith("bob", func(d *events.SubjectAdded) { d.DisplayName = events.Digest{2} }),
		updateSubject("ann", func(d *events.SubjectUpdated) { d.DisplayName = events.Digest{2} }))
	s, err := rules.ReadSnapshot(w.s.AppendSnapshot(nil))
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	if r := w.refused(erase("ann", events.Digest{2})); r.Code != rules.Invalid {
		t.Errorf("bob's name is erased as ann's: %v", &r)
	}
	w.do(erase("bob", events.Digest{2}), erase("ann", events.Digest{9})) // its own, and what may be a reason
}

// Who is removed loses what it was assigned to, too, and does not find it again when it comes back.
func TestRemovedFromResources(t *testing.T) {
	w := open(t, plain, publish("shop", perm("read", func(p *events.Permission) { p.Access = "assigned" }),
		perm("use", func(p *events.Permission) { p.Needs = []string{events.NeedAccess} })), add("ann"), registered("policy/1"), assignTo("ann", "policy/1"),
		create("r", "shop:read", "shop:use"), assign("ann", "r"))
	if !w.check("ann", "shop:use", "policy/1") {
		t.Fatal("ann may not use what it is assigned to")
	}
	w.do(removeSubject("ann"), inviteBy("ann", "second", "r"), joinBy("ann", "second", "ann2"))
	if w.check("ann", "shop:use", "policy/1") {
		t.Error("ann, who was removed, is assigned still")
	}
	w.do(assignTo("ann", "policy/1"))
	if !w.check("ann", "shop:use", "policy/1") {
		t.Error("ann cannot be assigned again")
	}
}
