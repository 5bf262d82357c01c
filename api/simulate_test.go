package api_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// Given a desk whose role is on a scope with bob, when changes are simulated, then who would gain and lose what is told,
// later changes build on earlier ones, refused ones say why, and nothing is recorded.
func TestSimulateChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	before, err := w.Organization(t.Context(), "acme", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Simulate(t.Context(), "acme", wire.Rehearsal{Intents: []wire.Intent{
		{Kind: wire.AddSubject, Subject: "test", SubjectKind: "human"},
		{Kind: wire.AssignRole, Role: "desk", Subject: "test"},
		{Kind: wire.AssignRole, Role: "desks", Subject: "test"},
		{Kind: wire.UpdateRole, Role: "desk", Remove: []string{"read"}},
		{Kind: wire.UpdateRole, Role: "desk", Remove: []string{"read"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	wantGains := []wire.Effective{{Subject: "test", Permission: "write"}}
	if !slices.Equal(got.Gains, wantGains) {
		t.Errorf("gains %+v; want %+v", got.Gains, wantGains)
	}
	wantLosses := []wire.Effective{{Subject: "bob", Permission: "read", Scope: "assets/1"}}
	if !slices.Equal(got.Losses, wantLosses) {
		t.Errorf("losses %+v; want %+v", got.Losses, wantLosses)
	}
	var codes []string
	for _, s := range got.Steps {
		code := s.Type
		if s.Refusal != nil {
			code = s.Refusal.Code()
		}
		codes = append(codes, code)
	}
	if want := []string{"subject.added", "role.assigned", "not-found", "role.updated", "no-change"}; !slices.Equal(codes, want) {
		t.Errorf("steps %v; want %v", codes, want)
	}
	after, err := w.Organization(t.Context(), "acme", client.Read{})
	if err != nil || after.AsOf.Seq != before.AsOf.Seq || got.AsOf.Seq != before.AsOf.Seq {
		t.Errorf("the ledger went from %d to %d, %v", before.AsOf.Seq, after.AsOf.Seq, err)
	}
	if _, err := w.Subject(t.Context(), "acme", "test", client.Read{}); client.CodeOf(err) != "not-found" {
		t.Errorf("test is there: %v", err)
	}
	// then the state takes commands as ever, decided as if nothing had been tried
	w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "desk", Remove: []string{"read"}})

	// Given bob, who may nothing of the ledger's own, when the same is simulated in his name, then each step is refused.
	got, err = w.Simulate(t.Context(), "acme", wire.Rehearsal{As: "bob", Intents: []wire.Intent{{Kind: wire.DeactivateSubject, Subject: "bob"}}})
	if err != nil || got.Steps[0].Refusal == nil || got.Steps[0].Refusal.Code() != "not-permitted" {
		t.Errorf("%+v, %v; want not-permitted", got, err)
	}
}
