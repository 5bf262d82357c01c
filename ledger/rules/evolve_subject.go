package rules

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

func (s *State) addSubject(e *events.Event, d *events.SubjectAdded) {
	s.subjects.add(s.notes, subject{id: d.Subject, key: d.Key, kind: d.Kind, did: d.DID, credential: d.Credential, added: e.Sequence})
	if d.Credential != "" {
		put(s.notes, s.keys, d.Credential, &key{purpose: events.PurposeCredential, subject: d.Subject, since: e.Sequence})
	}
	s.setExtra(d.Subject, extra{auth: d.Auth, reference: d.Reference, holder: d.Holder, properties: d.Properties})
	s.own(d.Subject, d.DisplayName, d.Email)
	s.giveFirst(e, d.Subject, d.Roles, d.DefaultRole)
}

// giveFirst gives a subject the roles that it begins with.
func (s *State) giveFirst(e *events.Event, to ulid.ULID, roles []ulid.ULID, byDefault ulid.ULID) {
	for _, id := range roles {
		s.giveRole(e, to, id, "", time.Time{}, nil)
	}
	if byDefault != ulidZero {
		s.giveRole(e, to, byDefault, "", time.Time{}, nil)
	}
}

// inviteSubject invites somebody new, or again.
func (s *State) inviteSubject(e *events.Event, d *events.SubjectInvited) {
	u := s.subjects.get(d.Subject)
	if u == nil {
		u = s.subjects.add(s.notes, subject{id: d.Subject, key: d.Key, kind: d.Kind, added: e.Sequence})
	}
	keep(s.notes, &u.deactivated)
	u.deactivated = e.Sequence
	s.revokeKey(s.lapses[u.id].invitation, e.Sequence)
	put(s.notes, s.keys, d.Invitation, &key{purpose: events.PurposeInvitation, subject: u.id, since: e.Sequence})
	put(s.notes, s.lapses, u.id, lapse{invitation: d.Invitation, until: d.Until})
	x := s.extra(u.id)
	x.auth, x.reference, x.properties = d.Auth, d.Reference, d.Properties
	s.setExtra(u.id, x)
	s.own(u.id, d.DisplayName, d.Email)
	s.giveFirst(e, u.id, d.Roles, d.DefaultRole)
}

func (s *State) joinSubject(e *events.Event, d *events.SubjectJoined) {
	u := s.subjects.get(d.Subject)
	s.revokeKey(s.lapses[u.id].invitation, e.Sequence)
	drop(s.notes, s.lapses, u.id)
	keep(s.notes, &u.deactivated)
	u.deactivated = 0
	if u.credential == "" {
		keep(s.notes, &u.credential)
		u.credential = d.Credential
	}
	s.addCredential(u.id, d.Credential)
	s.setLogin(d.Subject, d.Credential, d.Login)
}

func (s *State) setLogin(of ulid.ULID, credential string, commitment events.Digest) {
	x := s.extra(of)
	if x.login = (login{}); commitment != (events.Digest{}) {
		x.login = login{credential, commitment}
	}
	s.setExtra(of, x)
	s.own(of, commitment)
}

// removeSubject takes all that a subject has: what it holds and is assigned to, the access that rests on its own, that it
// made a resource, its keys, and what API keys do for it. It keeps its name, and what is said of it but its login.
func (s *State) removeSubject(e *events.Event, d *events.SubjectRemoved) {
	u := s.subjects.get(d.Subject)
	for len(u.grants) > 0 {
		g := u.grants[len(u.grants)-1]
		s.take(u, g.what, g.scope)
	}
	for _, r := range s.resources {
		for to, a := range r.assigned {
			if to == u.id || a.by == u.id && !a.keep {
				drop(s.notes, r.assigned, to)
			}
		}
		if r.creator == u.id {
			keep(s.notes, r)
			r.creator, r.changed = ulidZero, e.Sequence
		}
	}
	for _, k := range s.keysOf(u.id) {
		if k.deactivated == 0 { // whoever is invited again does not find them at work
			keep(s.notes, &k.deactivated)
			k.deactivated = e.Sequence
		}
	}
	s.revokeKey(s.lapses[u.id].invitation, e.Sequence)
	for _, did := range s.credentialsOf(u) {
		s.revokeKey(did, e.Sequence)
	}
	put(s.notes, s.lapses, u.id, lapse{removed: true})
	keep(s.notes, &u.deactivated)
	u.deactivated = e.Sequence
	s.setLogin(u.id, "", events.Digest{})
}

func (s *State) updateSubject(d *events.SubjectUpdated) {
	s.own(d.Subject, d.DisplayName, d.Email)
	x := s.extra(d.Subject)
	if d.Holder != ulidZero || d.Unassigned {
		x.holder = d.Holder
	}
	if d.Properties != nil {
		x.properties = d.Properties
	}
	if d.Reference != nil {
		x.reference = *d.Reference
	}
	s.setExtra(d.Subject, x)
}

func (s *State) linkSubject(of ulid.ULID, to string, linked bool) {
	x := s.extra(of)
	i, _ := slices.BinarySearch(x.links, to)
	x.links = slices.Clone(x.links)
	if linked {
		x.links = slices.Insert(x.links, i, to)
	} else {
		x.links = slices.Delete(x.links, i, i+1)
	}
	s.setExtra(of, x)
}
