package rules

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// Demand refuses, in the words of Decide, to let a subject do an action that nothing records, as reading; nil: it may. A
// ledger that goes by older rules, which do not know the action, demands the broader one that they have.
func (s *State) Demand(subject ulid.ULID, action, resource string, at time.Time) *Refusal {
	return s.need(subject, s.asked(action), resource, at)
}

// Allowed lists the actions that [State.Demand] lets a subject do on the whole organization, in the order of their names.
func (s *State) Allowed(subject ulid.ULID, at time.Time) []string {
	all := Actions()
	allowed := make([]string, 0, len(all))
	for _, action := range all {
		if s.May(subject, s.asked(action), "", at) {
			allowed = append(allowed, action)
		}
	}
	return allowed
}

// asked gives the action that the ledger's rules ask about for one that is demanded.
func (s *State) asked(action string) string {
	if older := broader[action]; older != "" && !slices.Contains(ActionsOf(s.Rules()), action) {
		return older
	}
	return action
}
