// Package rules decides. It holds the state that a ledger's events make, and answers three questions about it: may this
// be recorded (Decide), what is so once it is (Evolve), and who may do what (Check).
//
// The package is pure: no clock, no randomness, no input or output. The same state and the same command give the same
// event or the same refusal, on every machine and in every release, because a verifier decides each command of the log
// again and demands the recorded event back. Rules therefore have versions: the first entry names the version in force,
// and Decide goes by it for ever. Version 2 knows more types of events, and newer versions of types, than version 1 (see
// Newest), and more switches of a profile. What a ledger of version 1 cannot say decides nothing in it, so there is one
// set of rules for both.
//
// The ledger uses itself: whoever would create a role needs, in this same state, the permission to create roles. There
// is no second authorization system and no super-user flag. The owner, whom the first entry names, holds every
// permission.
package rules

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/wallet"
)

// Version is the newest version of the rules this release knows. It knows all before it, too.
const Version = 2

// State is what the events of one ledger, up to a position, make so. Evolve and what takes it back are for one goroutine
// at a time; all else only reads, and any number may read at once.
type State struct {
	head
	notes *notes // since Begin; nil: nobody may roll back

	evidence   map[events.Type]bool // types whose commands must be signed
	perms      *permissions
	catalogues map[string]*catalogue
	roles      map[ulid.ULID]*role // deleted ones too
	numbered   []*role             // the same, in the order of their creation, which gives their numbers
	roleKeys   map[string]ulid.ULID
	roleNames  map[string]int       // how many roles have the name
	managed    map[string]ulid.ULID // the one role of each way of assigning, but for the operator's
	tokens     map[string]*token    // by their CAIP-10 ids
	subjects   subjects
	extras     map[ulid.ULID]*extra        // of some subjects
	lapses     map[ulid.ULID]lapse         // of those that are invited, or were removed
	texts      map[events.Digest]ulid.ULID // whose display name, e-mail or login a commitment is of, former ones too
	further    map[ulid.ULID][]string      // credentials of a subject beside the first it had, sorted; revoked ones too
	keys       map[string]*key             // those that were replaced too: a key has one purpose for ever
	current    map[string]string

	checkpointKeys []string                      // all there ever were, in the order of their positions
	recorded       map[string]recordedCheckpoint // by organization; of the operator's ledger

	parts     map[events.Digest]part
	live      commands              // those whose time may still be decided on
	kept      commands              // imported and derived ones, for ever
	sources   map[string]time.Time  // of imports: the last occurred time
	ties      map[ulid.ULID]*tie    // by the grant
	resources map[string]*resource  // by path
	reviews   map[ulid.ULID]*review // that are not closed
	ending    map[ulid.ULID]*ending
	due       dueHeap

	decided atomic.Pointer[decided] // the last change of a set that was decided
}

type catalogue struct {
	title       string
	number      uint64
	position    uint64
	permissions []events.Permission
}

type role struct {
	id          ulid.ULID
	number      uint32
	key         string
	name        string
	description string
	labels      []events.Label
	set         *set
	created     uint64
	changed     uint64
	deleted     uint64 // position; 0: it is not
	holders     int    // subjects that hold it
	system      bool   // it can be neither changed nor deleted
	managed     string // how it is assigned; empty: by whoever may
}

// endID gives the id of the command that records the end of a grant.
func endID(grant ulid.ULID, until time.Time) ulid.ULID {
	return events.DerivedID((*events.GrantEnded)(nil).Type(), events.Derived{From: grant}, until)
}

type key struct {
	purpose string
	subject ulid.ULID
	since   uint64    // position
	revoked uint64    // position from which it signs nothing more; 0: it may
	until   time.Time // first instant at which it signs nothing more; zero: it may
}

// ended says whether a key has come to its own end.
func (k *key) ended(at time.Time) bool { return !k.until.IsZero() && !at.Before(k.until) }

type part struct {
	names []string
	at    time.Time
}

// New gives the state before the first event.
func New() *State {
	return &State{
		perms: newPermissions(), catalogues: map[string]*catalogue{},
		roles: map[ulid.ULID]*role{}, roleKeys: map[string]ulid.ULID{}, roleNames: map[string]int{},
		managed: map[string]ulid.ULID{}, tokens: map[string]*token{},
		keys: map[string]*key{}, current: map[string]string{}, parts: map[events.Digest]part{},
		sources: map[string]time.Time{}, ending: map[ulid.ULID]*ending{},
		recorded: map[string]recordedCheckpoint{},
		ties:     map[ulid.ULID]*tie{}, resources: map[string]*resource{}, reviews: map[ulid.ULID]*review{},
		evidence: map[events.Type]bool{},
		extras:   map[ulid.ULID]*extra{}, lapses: map[ulid.ULID]lapse{}, texts: map[events.Digest]ulid.ULID{}, further: map[ulid.ULID][]string{},
	}
}

// Position gives the last position that the state has taken in.
func (s *State) Position() uint64 { return s.position }

// Time gives the time of the last event.
func (s *State) Time() time.Time { return s.time }

// Source gives the ledger's name: host and organization.
func (s *State) Source() string { return s.source }

// Owner gives the subject that holds every permission now; zero before the first event.
func (s *State) Owner() ulid.ULID { return s.owner }

// Recovery is an announced new owner in the place of a lost one.
type Recovery struct {
	To       ulid.ULID
	Position uint64    // of the announcement
	Due      time.Time // the first instant at which the owner can be replaced
}

// Recovery gives the recovery that is under way, if one is.
func (s *State) Recovery() (Recovery, bool) {
	if s.recovery == nil {
		return Recovery{}, false
	}
	return Recovery{s.recovery.to, s.recovery.position, s.recovery.due}, true
}

// DefaultRole gives the role that everybody gets who is added; zero: none.
func (s *State) DefaultRole() ulid.ULID { return s.defaultRole }

// Managed gives the role that is assigned in a way of its own (see events.ManagedOwner); zero: there is none, or there may
// be several, as of the operator's.
func (s *State) Managed(tag string) ulid.ULID { return s.managed[tag] }

// Opened gives what the first event says, with the name, the rules and the switches as later events left them; nil before
// it. It is never changed.
func (s *State) Opened() *events.OrganizationOpened { return s.opened }

// Key gives the key that now serves a purpose for the whole ledger; empty for credentials.
func (s *State) Key(purpose string) string { return s.current[purpose] }

// Key is a key of the ledger, or a credential, also one that signs nothing more.
type Key struct {
	DID     string
	Purpose string
	Subject ulid.ULID // of a credential; zero: none
	Since   uint64    // position of the entry that made it known
	Revoked uint64    // position from which it signs nothing more; 0: it may
	Beside  bool      // it was replaced, and still signs beside the key in use; only checkpoint keys do
	Until   time.Time // first instant at which a credential signs nothing more; zero: it has no end
}

// Keys gives all keys there ever were, by purpose, then subject, then did:key.
func (s *State) Keys() []Key {
	keys := make([]Key, 0, len(s.keys))
	for did, k := range s.keys {
		keys = append(keys, Key{did, k.purpose, k.subject, k.since, k.revoked, s.overlap != nil && s.overlap.did == did, k.until})
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Purpose, b.Purpose), a.Subject.Compare(b.Subject), cmp.Compare(a.DID, b.DID))
	})
	return keys
}

// Documents says how many entries carry a document, the last one included.
func (s *State) Documents() uint64 { return s.documents }

// DID gives the organization's DID: the one it named, else that of its document key.
func (s *State) DID() string {
	if s.opened != nil && s.opened.DID != "" {
		return s.opened.DID
	}
	return s.current[events.PurposeDocument]
}

// Role is a role as it is.
type Role struct {
	ID          ulid.ULID
	Key         string
	Name        string
	Description string
	Labels      []events.Label
	Count       int
	Set         events.Digest
	Holders     int
	Created     uint64 // position
	Changed     uint64 // position of the last change
	Deleted     uint64 // position; 0: it is not
	System      bool   // it can be neither changed nor deleted
	Managed     string // how it is assigned; empty: by whoever may
}

// Role gives the role of an id, deleted ones too.
func (s *State) Role(id ulid.ULID) (Role, bool) {
	r, ok := s.roles[id]
	if !ok {
		return Role{}, false
	}
	count, digest := r.set.count, events.Digest{}
	if r.managed == events.ManagedOwner {
		all := s.everything()
		count, digest = len(all), events.SetDigest(all)
	} else {
		digest = r.set.digest(s.perms)
	}
	return Role{
		r.id, r.key, r.name, r.description, r.labels, count, digest, r.holders, r.created, r.changed, r.deleted, r.system, r.managed,
	}, true
}

// RoleByKey gives the id of the role that has the key now.
func (s *State) RoleByKey(key string) (ulid.ULID, bool) {
	id, ok := s.roleKeys[key]
	return id, ok
}

// RolePermissions gives the names of the permissions in a role, sorted.
func (s *State) RolePermissions(id ulid.ULID) []string {
	r, ok := s.roles[id]
	switch {
	case !ok:
		return nil
	case r.managed == events.ManagedOwner:
		return s.everything()
	}
	return r.set.names(s.perms)
}

// Subject is a subject as it is.
type Subject struct {
	ID          ulid.ULID
	Key         string
	Kind        string
	DID         string // of the subject: its own, else its credential, else a urn:uuid of its id
	Added       uint64
	Deactivated uint64 // position since which it is not active; 0: it is
	State       string // see StateActive and the others
}

// Subject gives the subject of an id.
func (s *State) Subject(id ulid.ULID) (Subject, bool) {
	u := s.subjects.get(id)
	if u == nil {
		return Subject{}, false
	}
	return Subject{u.id, u.key, u.kind, DIDOf(u.id, u.did, u.credential), u.added, u.deactivated, s.stateOf(u)}, true
}

// DIDOf gives what stands for a subject where a DID has to: its own, else its credential, if that is one, else a urn:uuid of
// its id.
func DIDOf(id ulid.ULID, did, credential string) string {
	switch {
	case did != "":
		return did
	case strings.HasPrefix(credential, "did:"):
		return credential
	}
	return "urn:uuid:" + UUID(id)
}

// SubjectByKey gives the id of the subject that has the key.
func (s *State) SubjectByKey(key string) (ulid.ULID, bool) {
	if u := s.subjects.withKey(key); u != nil {
		return u.id, true
	}
	return ulid.ULID{}, false
}

// Held is one thing that a subject holds, and the event that gave it.
type Held struct {
	Grant      ulid.ULID
	Role       ulid.ULID // zero where it is a permission
	Permission string
	Scope      string
	Until      time.Time // zero: no end
	Condition  string    // empty: none
	By         ulid.ULID // who passed it on; zero: nobody did
}

// Held gives what a subject was given and still has at the instant, roles first, in a fixed order.
func (s *State) Held(subject ulid.ULID, at time.Time) []Held {
	if u := s.subjects.get(subject); u != nil {
		return s.held(u, at, false)
	}
	return nil
}

// held gives what a subject was given and still has; dead is whether also what was passed on by somebody who lost it.
func (s *State) held(u *subject, at time.Time, dead bool) (held []Held) {
	for i := range u.grants {
		if g := &u.grants[i]; g.holds(at) && (dead || s.alive(g, at)) {
			role, permission := s.names(g.what)
			t := s.tied(g)
			held = append(held, Held{g.id, role, permission, g.scope, g.end(), t.condition.String(), t.by})
		}
	}
	slices.SortFunc(held, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Permission, b.Permission), a.Role.Compare(b.Role), cmp.Compare(a.Scope, b.Scope))
	})
	return held
}

// names gives the id of a role or the name of a permission.
func (s *State) names(w what) (role ulid.ULID, permission string) {
	if w.role() {
		return s.numbered[w.number()].id, ""
	}
	return ulid.ULID{}, s.perms.names[w.number()]
}

// UUID gives the text form of a ULID as a UUID: both are 128 bits.
func UUID(id ulid.ULID) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 36)
	for i, v := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, digits[v>>4], digits[v&15])
	}
	return string(b)
}

// KeyEnds gives the first instant at which a key signs nothing any more because it was made so; zero: there is none.
func (s *State) KeyEnds(did string) time.Time {
	if k, ok := s.keys[did]; ok {
		return k.until
	}
	return time.Time{}
}

// KeyOwner gives the active subject that may sign commands with a key: not an API key whose holder is not active. Whether the
// key has ended by now is for [State.KeyEnds] to say.
func (s *State) KeyOwner(did string) (ulid.ULID, bool) {
	k, ok := s.keys[did]
	if !ok || k.revoked != 0 || k.purpose != events.PurposeCredential || !s.acts(s.subjects.get(k.subject)) {
		return ulid.ULID{}, false
	}
	return k.subject, true
}

// WalletOwner gives the active subject that is a wallet: what signs for it is its key in the organization.
func (s *State) WalletOwner(credential string) (ulid.ULID, bool) {
	u := s.subjects.withKey(credential)
	if u == nil || u.kind != events.KindWallet || u.deactivated != 0 || !wallet.IsID(credential) {
		return ulid.ULID{}, false
	}
	return u.id, true
}

// Permission gives the canonical name of a permission that somebody named with or without its catalogue. It says
// nothing where no catalogue has it or, without a catalogue, several have; near names are then worth showing.
func (s *State) Permission(name string) (canonical string, alternatives []string) {
	canonical, alternatives = s.Named(name)
	if canonical == "" && len(alternatives) == 0 {
		alternatives = Nearest(name, slices.Values(s.perms.names))
	}
	return canonical, alternatives
}

// Named is [State.Permission] without near names: alternatives are those of several catalogues.
func (s *State) Named(name string) (canonical string, alternatives []string) {
	if s.known(name) {
		return name, nil
	}
	for c := range s.catalogues {
		if q := Qualified(c, name); s.known(q) {
			alternatives = append(alternatives, q)
		}
	}
	slices.Sort(alternatives)
	if len(alternatives) == 1 {
		return alternatives[0], nil
	}
	return "", alternatives
}

func (s *State) known(name string) bool {
	_, ok := s.perms.lookup(name)
	return ok
}
