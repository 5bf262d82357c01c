package api_test

import (
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// Given somebody with a role and an API key with another, when its removal, its coming back and its becoming the owner are rehearsed,
// then who gains and loses what is told: of it, of its API keys, and of who was the owner.
func TestSimulateLivesOfMembers(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	for _, in := range []wire.Intent{
		{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"a.read"}},
		{Kind: wire.CreateRole, Role: "batch", Permissions: []string{"b.read"}},
		{Kind: wire.AddSubject, Subject: "bob", SubjectKind: events.KindHuman, SubjectKey: did("acme/bob"), Roles: []string{"desk"}},
		{Kind: wire.AddSubject, Subject: "bobs", SubjectKind: events.KindAPIKey, Holder: "bob", Roles: []string{"batch"}},
		{Kind: wire.AddSubject, Subject: "eve", SubjectKind: events.KindHuman, Roles: []string{"desk"}},
	} {
		w.do("acme", in)
	}
	of := func(in wire.Intent) (gains, losses string) {
		t.Helper()
		r, err := w.Simulate(t.Context(), "acme", wire.Rehearsal{Intents: []wire.Intent{in}})
		if err != nil || r.Steps[0].Refusal != nil {
			t.Fatalf("%s: %+v, %v", in.Kind, r.Steps, err)
		}
		say := func(list []wire.Effective) (text string) {
			for _, e := range list {
				text += e.Subject + " " + e.Permission + "; "
			}
			return text
		}
		return say(r.Gains), say(r.Losses)
	}
	const both = "bob a.read; bobs b.read; "
	for _, kind := range []string{wire.RemoveSubject, wire.DeactivateSubject} {
		if gains, losses := of(wire.Intent{Kind: kind, Subject: "bob"}); gains != "" || losses != both {
			t.Errorf("%s: gains %q, losses %q", kind, gains, losses)
		}
	}
	if gains, losses := of(wire.Intent{Kind: wire.TransferOwnership, Subject: "bob"}); gains != "bob *; " || losses != "bob a.read; owner *; " && losses != "owner *; " {
		t.Errorf("another owner: gains %q, losses %q", gains, losses)
	}
	if gains, losses := of(wire.Intent{Kind: wire.UpdateSubject, Subject: "bobs", Unassigned: true}); gains != "" || losses != "" {
		t.Errorf("a key that is assigned to nobody: gains %q, losses %q", gains, losses)
	}
	w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "bob"})
	if gains, losses := of(wire.Intent{Kind: wire.ReactivateSubject, Subject: "bob"}); gains != both || losses != "" {
		t.Errorf("coming back: gains %q, losses %q", gains, losses)
	}
	if gains, losses := of(wire.Intent{Kind: wire.UpdateSubject, Subject: "bobs", Unassigned: true}); gains != "bobs b.read; " || losses != "" {
		t.Errorf("a key of who is deactivated, assigned to nobody: gains %q, losses %q", gains, losses)
	}
}
