package rules

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// States of a subject. Only an active one can act, and no check of another is answered with yes.
const (
	StateActive      = "active"
	StateInvited     = "invited"
	StateDeactivated = "deactivated"
	StateRemoved     = "removed"
)

// A lapse says of a subject that is not active that it is not deactivated but something else: most subjects have none.
type lapse struct {
	removed    bool
	invitation string    // else: the did:key of its invitation
	until      time.Time // the first instant at which that does not work
}

// An extra is what is said of a subject beyond what all have: most subjects have none. It never changes: another one
// takes its place.
type extra struct {
	auth       string
	reference  string
	holder     ulid.ULID
	properties []events.Property
	links      []string // sorted
	login      login
}

// A login is how a subject opens a credential of its own.
type login struct {
	credential string
	commitment events.Digest // zero: there is none
}

func (x *extra) empty() bool {
	return x.auth == "" && x.reference == "" && x.holder == ulidZero && len(x.properties) == 0 && len(x.links) == 0 && x.login == login{}
}

// extra gives what is said of a subject, to be changed and kept with setExtra.
func (s *State) extra(of ulid.ULID) extra {
	if x := s.extras[of]; x != nil {
		return *x
	}
	return extra{}
}

func (s *State) setExtra(of ulid.ULID, x extra) {
	if !x.empty() {
		put(s.notes, s.extras, of, &x)
	} else if s.extras[of] != nil {
		drop(s.notes, s.extras, of)
	}
}

// own notes whose private texts some commitments are of: whoever was first to name one.
func (s *State) own(of ulid.ULID, texts ...events.Digest) {
	for _, t := range texts {
		if _, known := s.texts[t]; !known && t != (events.Digest{}) {
			put(s.notes, s.texts, t, of)
		}
	}
}

// stateOf says in which state a subject is.
func (s *State) stateOf(u *subject) string {
	if u.deactivated == 0 {
		return StateActive
	}
	l, ok := s.lapses[u.id]
	switch {
	case !ok:
		return StateDeactivated
	case l.removed:
		return StateRemoved
	}
	return StateInvited
}

// acts says whether a subject may do anything: it is active and, where it is an API key that is assigned to a member, that
// member is too.
func (s *State) acts(u *subject) bool {
	if u.deactivated != 0 {
		return false
	}
	if u.kind != events.KindAPIKey {
		return true
	}
	x := s.extras[u.id]
	if x == nil || x.holder == ulidZero {
		return true
	}
	h := s.subjects.get(x.holder)
	return h != nil && h.deactivated == 0
}

// Acts says whether a subject may do anything now: it is active and, where it is an API key of a member, that member is too.
func (s *State) Acts(subject ulid.ULID) bool {
	u := s.subjects.get(subject)
	return u != nil && s.acts(u)
}

// keysOf gives the API keys that are assigned to a member, in the order of their ids.
func (s *State) keysOf(holder ulid.ULID) (keys []*subject) {
	for id, x := range s.extras {
		if x.holder == holder {
			keys = append(keys, s.subjects.get(id))
		}
	}
	slices.SortFunc(keys, func(a, b *subject) int { return a.id.Compare(b.id) })
	return keys
}

// inactive says why a subject that is not active can do nothing.
func (s *State) inactive(u *subject) *Refusal {
	switch s.stateOf(u) {
	case StateInvited:
		return refuse(Inactive, "%s is invited and has not joined yet", u.key)
	case StateRemoved:
		return refuse(Inactive, "%s was removed at %d", u.key, u.deactivated)
	}
	return refuse(Inactive, "%s is deactivated since %d", u.key, u.deactivated)
}

// credentialsOf gives the did:keys that a subject signs, or signed, commands with.
func (s *State) credentialsOf(u *subject) []string {
	var all []string
	if u.credential != "" {
		all = append(all, u.credential)
	}
	return append(all, s.further[u.id]...)
}

// addCredential makes a key known as a subject's. The first one stands with the subject itself.
func (s *State) addCredential(of ulid.ULID, did string) {
	put(s.notes, s.keys, did, &key{purpose: events.PurposeCredential, subject: of, since: s.position})
	s.addFurther(of, did)
}

// addFurther notes a credential of a subject that is not its first.
func (s *State) addFurther(of ulid.ULID, did string) {
	if u := s.subjects.get(of); u == nil || u.credential == did {
		return
	}
	list := slices.Clone(s.further[of])
	i, _ := slices.BinarySearch(list, did)
	put(s.notes, s.further, of, slices.Insert(list, i, did))
}

// revokeKey lets a key sign nothing from a position on.
func (s *State) revokeKey(did string, at uint64) {
	if k := s.keys[did]; k != nil && k.revoked == 0 {
		keep(s.notes, k)
		k.revoked = at
	}
}

// About is what is said of a subject beyond what [Subject] says. Its lists must not be changed.
type About struct {
	Auth       string // how it proves itself; empty: in any way
	Reference  string
	Holder     ulid.ULID // the member that an API key is assigned to; zero: none
	Properties []events.Property
	Links      []string // wallets and DIDs that it is shown with
}

// About gives what is said of a subject.
func (s *State) About(subject ulid.ULID) About {
	x := s.extra(subject)
	return About{x.auth, x.reference, x.holder, x.properties, x.links}
}

// Property gives what is said of a subject by a name; false: nothing is.
func (s *State) Property(subject ulid.ULID, name string) (string, bool) {
	x := s.extras[subject]
	if x == nil {
		return "", false
	}
	for _, p := range x.properties {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Login gives the commitment to the login of a subject and the did:key that it opens; false: it has none.
func (s *State) Login(subject ulid.ULID) (commitment events.Digest, credential string, ok bool) {
	x := s.extra(subject)
	return x.login.commitment, x.login.credential, x.login != login{}
}

// Invitation is an invitation that nobody has used, whether or not it has ended.
type Invitation struct {
	Subject ulid.ULID
	Until   time.Time // the first instant at which it does not work
}

// Invitation gives the invitation whose code has a did:key; false: it was used or withdrawn, or there never was one.
func (s *State) Invitation(did string) (Invitation, bool) {
	k := s.keys[did]
	if k == nil || k.revoked != 0 || k.purpose != events.PurposeInvitation {
		return Invitation{}, false
	}
	return Invitation{k.subject, s.lapses[k.subject].until}, true
}

// InvitedUntil gives when the invitation of a subject ends that has not joined; false: it is not invited.
func (s *State) InvitedUntil(subject ulid.ULID) (time.Time, bool) {
	l, ok := s.lapses[subject]
	return l.until, ok && !l.removed
}
