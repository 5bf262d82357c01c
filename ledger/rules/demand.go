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
