package rules_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/rules"
)

// Whoever picks entries of a ledger of his own can pick any, in any order. Nothing that Ready lets through may break Evolve
// or a check.
func TestReadyKeepsEvolveWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, ids := rules.New(), map[[16]byte]bool{}
		first := eventtest.Event(eventtest.Kind{Type: "organization.opened", Version: events.Newest("organization.opened")}).Draw(t, "first")
		first.Sequence, first.Source = 1, "test.example/acme"
		first.Data.(*events.OrganizationOpened).Rules = rules.Version
		took := []*events.Event{first}
		if err := s.Ready(first); err != nil {
			t.Fatal(err)
		}
		rules.Evolve(s, first)
		ids[first.ID] = true
		for i := range rapid.IntRange(1, 40).Draw(t, "entries") {
			e := eventtest.AnyEvent().Draw(t, "event")
			e.Sequence, e.Source, e.Prev = uint64(i+2), first.Source, ""
			if ids[e.ID] {
				continue
			}
			if err := s.Ready(e); err != nil {
				if !errors.Is(err, rules.ErrGap) && !errors.Is(err, rules.ErrGivesNothing) {
					t.Fatalf("%s is refused for another reason: %v", e.Data.Type(), err)
				}
				continue
			}
			ids[e.ID] = true
			rules.Evolve(s, e)
			took = append(took, e)
		}
		for _, e := range took {
			switch d := e.Data.(type) {
			case *events.RoleAssigned:
				for _, p := range s.RolePermissions(d.Role) {
					s.Check(d.Subject, p, d.Scope, e.Time)
				}
			case *events.PermissionGranted:
				s.Check(d.Subject, d.Permission, d.Scope, e.Time)
			case *events.AccessAssigned:
				s.Check(d.Subject, "ledger:role.create", d.Resource, e.Time)
			}
		}
	})
}

// Every type is judged: one that is forgotten would be taken for one that gives nothing.
func TestReadyKnowsWhatGivesNothing(t *testing.T) {
	nothing := map[events.Type]bool{}
	s := rules.New()
	first := &events.Event{Sequence: 1, Source: "test.example/acme", Data: &events.OrganizationOpened{Rules: rules.Version}}
	rules.Evolve(s, first)
	for k := range events.Types() {
		d, _ := events.New(k)
		if err := s.Ready(&events.Event{Sequence: 2, Source: first.Source, Data: d}); errors.Is(err, rules.ErrGivesNothing) {
			nothing[k] = true
		}
	}
	want := []events.Type{
		"access.unassigned", "agent.removed", "checkpoints.recorded", "document.issued", "grant.ended", "investor.disqualified", "key.reported", "key.revoked",
		"login.changed", "organization.opened", "organization.updated", "permission.revoked", "recovery.started", "recovery.stopped", "resource.removed",
		"review.closed", "review.decided", "review.started", "role.defaulted", "role.deleted", "role.reviewed", "role.revoked", "subject.deactivated",
		"subject.erased", "subject.linked", "subject.removed", "subject.unlinked", "token.acted", "wallet.blocked",
	}
	for _, k := range want {
		if events.Newest(k) > 0 && !nothing[k] {
			t.Errorf("%s can make nothing allowed, and Ready takes it", k)
		}
		delete(nothing, k)
	}
	for k := range nothing {
		t.Errorf("%s is refused as giving nothing: say so here, or what it builds upon in Ready", k)
	}
}
