package rules

import "github.com/permledger/permledger/events"

// first is what version 1 of the rules knows: each type with its newest version then.
var first = map[events.Type]int{
	"catalogue.published":  1,
	"document.issued":      1,
	"grant.ended":          1,
	"key.registered":       1,
	"key.reported":         1,
	"key.revoked":          1,
	"key.rotated":          1,
	"key.succeeded":        1,
	"organization.opened":  1,
	"permission.granted":   2,
	"permission.revoked":   1,
	"permissions.recorded": 1,
	"permissions.set":      1,
	"role.assigned":        1,
	"role.created":         1,
	"role.deleted":         1,
	"role.revoked":         1,
	"role.updated":         1,
	"roles.set":            1,
	"rules.adopted":        1, // the way out of version 1
	"subject.added":        1,
	"subject.deactivated":  1,
}

// Newest gives the newest version of a type that the rules in force know, 0 where they do not know the type. Commands for
// the ledger are made in this version.
func (s *State) Newest(t events.Type) int {
	if s.opened != nil && s.opened.Rules == 1 {
		return first[t]
	}
	return events.Newest(t)
}

// Rules gives the version of the rules in force; 0 before the first event.
func (s *State) Rules() uint64 {
	if s.opened == nil {
		return 0
	}
	return s.opened.Rules
}
