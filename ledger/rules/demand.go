package rules

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// Demand refuses, in the words of Decide, to let a subject do an action that nothing records, as reading; nil: it may. A
// ledger that goes by older rules, which do not know the action, demands the broader one that they have.
func (s *State) Demand(subject ulid.ULID, action, resource string, at time.Time) *Refusal {
	if older := broader[action]; older != "" && !slices.Contains(ActionsOf(s.Rules()), action) {
		action = older
	}
	return s.need(subject, action, resource, at)
}

// Allowed lists the actions that [State.Demand] lets a subject do on the whole organization, in the order of their names.
func (s *State) Allowed(subject ulid.ULID, at time.Time) []string {
	known := ActionsOf(s.Rules())
	allowed := make([]string, 0, len(known))
	for _, action := range Actions() {
		asked := action
		if older := broader[action]; older != "" && !slices.Contains(known, action) {
			asked = older
		}
		if s.May(subject, asked, "", at) {
			allowed = append(allowed, action)
		}
	}
	return allowed
}
