package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// Upcoming is what will end by itself: what was given, and invitations that nobody has used.
type Upcoming struct {
	Grants      []UpcomingEnd // the next to end first
	Invitations []Invitation  // the next to lapse first
}

// UpcomingEnd is something that was given and ends.
type UpcomingEnd struct {
	Subject    ulid.ULID
	Role       ulid.ULID // zero where it is a permission
	Permission string    // empty where it is a role
	Scope      string
	Position   uint64    // of the entry that gave it
	Until      time.Time // the first instant at which it does not hold
}

// Upcoming gives what holds at an instant and will not at a later one. What was given anew in the meantime is not there: it
// has another end.
func (s *State) Upcoming(at, before time.Time) (all Upcoming) {
	for _, x := range s.due {
		if x.until <= at.UnixMilli() || x.until > before.UnixMilli() {
			continue
		}
		u := s.subjects.get(x.subject)
		if u == nil || u.deactivated != 0 || !slices.ContainsFunc(u.grants, func(g grant) bool { return g.id == x.id && g.same(&x.grant) }) {
			continue
		}
		role, permission := s.names(x.what)
		all.Grants = append(all.Grants, UpcomingEnd{x.subject, role, permission, x.scope, x.position, x.end()})
	}
	for id, l := range s.lapses {
		if !l.removed && l.until.After(at) && !l.until.After(before) {
			all.Invitations = append(all.Invitations, Invitation{id, l.until})
		}
	}
	slices.SortFunc(all.Grants, func(a, b UpcomingEnd) int {
		return cmp.Or(a.Until.Compare(b.Until), a.Subject.Compare(b.Subject), cmp.Compare(a.Position, b.Position), cmp.Compare(a.Permission, b.Permission))
	})
	slices.SortFunc(all.Invitations, func(a, b Invitation) int { return cmp.Or(a.Until.Compare(b.Until), a.Subject.Compare(b.Subject)) })
	return all
}

// APIKeys gives what API keys that are active sign with now.
func (s *State) APIKeys() (all []Key) {
	for did, k := range s.keys {
		if k.purpose != events.PurposeCredential || k.revoked != 0 {
			continue
		}
		if u := s.subjects.get(k.subject); u != nil && u.kind == events.KindAPIKey && u.deactivated == 0 {
			all = append(all, Key{DID: did, Purpose: k.purpose, Subject: k.subject, Since: k.since, Until: k.until})
		}
	}
	slices.SortFunc(all, func(a, b Key) int { return cmp.Or(a.Subject.Compare(b.Subject), cmp.Compare(a.DID, b.DID)) })
	return all
}
