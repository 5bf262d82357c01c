package access

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// subject is a subject over time. That it was added and deactivated counts whatever the occurred time.
type subject struct {
	now         atomic.Pointer[holding] // what it has at the head
	id          ulid.ULID
	key         string
	did         string // that it was added with, or its first credential
	number      uint32
	added       uint32
	deactivated uint32 // since when it is not active at the head; 0: it is
	kind        uint8  // of kinds
	imported    bool

	tied   []uint32 // lines that hold under more than their end at the head, ascending
	roles  []uint32 // lines
	direct []uint32 // lines of permissions that it was ever given without a role
	sets   map[uint32][]set
}

func (x *Index) addSubject(d *events.SubjectAdded, at uint64, imported bool) uint32 {
	n := x.subjects.add(subject{})
	u := x.subjects.at(n)
	u.number, u.id, u.key, u.kind = n, d.Subject, strings.Clone(d.Key), x.kindNumber(d.Kind)
	u.did, u.added, u.imported = strings.Clone(ownDID(d.DID, d.Credential)), uint32(at), imported
	x.publishHolding(u, nil, at)
	x.nameSubject(u)
	return n
}

// nameSubject lets a subject be found.
func (x *Index) nameSubject(u *subject) {
	x.subjectID.add(hashID(u.id), u.number)
	x.subjectKey.add(hash(u.key), u.number)
}

// ownDID gives what a subject was added with that is a DID; empty: nothing.
func ownDID(did, credential string) string {
	if did == "" && strings.HasPrefix(credential, "did:") {
		return credential
	}
	return did
}

// ErrNotFound says that there is no such role, subject or permission as of then. It comes as a [*NotFoundError].
var ErrNotFound = errors.New("not found")

// A NotFoundError says what was looked for.
type NotFoundError struct {
	Kind    string // role, subject or permission
	Name    string // as it was asked for
	Deleted uint64 // where the role was deleted; 0: it was not
}

func (e *NotFoundError) Error() string {
	if e.Deleted != 0 {
		return fmt.Sprintf("the %s %s was deleted at %d", e.Kind, e.Name, e.Deleted)
	}
	return fmt.Sprintf("there is no %s %q as of then", e.Kind, e.Name)
}

func (e *NotFoundError) Unwrap() error { return ErrNotFound }

// parseID reads an id as it is written, and nothing else: a key may look like one in another case.
func parseID(text string) (ulid.ULID, bool) {
	if len(text) != ulid.EncodedSize {
		return ulid.ULID{}, false
	}
	id, err := ulid.ParseStrict(text)
	if err != nil || id.String() != text {
		return ulid.ULID{}, false
	}
	return id, true
}

// findSubject gives the subject of an id or key; nil where there was none by then. The id goes first, so that nobody is
// taken for another by choosing its id as a key. It needs no lock.
func (x *Index) findSubject(name string, v view) *subject {
	if id, ok := parseID(name); ok {
		if u := x.subject(id); u != nil && uint64(u.added) <= v.position {
			return u
		}
	}
	n, ok := x.subjectKeyed(name)
	if !ok {
		return nil
	}
	if u := x.subjects.at(n); uint64(u.added) <= v.position {
		return u
	}
	return nil
}

func (x *Index) subjectKeyed(key string) (uint32, bool) {
	return x.subjectKey.find(hash(key), func(n uint32) bool { return x.subjects.at(n).key == key })
}

// findRole gives the role of an id, or the one that has the key in the view: where a filtered view has several, the one
// created last.
func (x *Index) findRole(name string, v view) (*role, error) {
	e := &NotFoundError{Kind: "role", Name: name}
	try := func(r *role) bool {
		if !x.counts(r.created, v) {
			return false
		}
		if r.deleted != 0 && x.counts(r.deleted, v) {
			e.Deleted = cmp.Or(e.Deleted, r.deleted)
			return false
		}
		return true
	}
	if id, ok := parseID(name); ok {
		if r := x.role(id); r != nil && x.counts(r.created, v) {
			if try(r) {
				return r, nil
			}
			return nil, e
		}
	}
	for _, n := range slices.Backward(x.roleKey[name]) {
		if r := x.roles.at(n); try(r) {
			return r, nil
		}
	}
	return nil, e
}

// SubjectView is a subject as of then.
type SubjectView struct {
	ID          ulid.ULID
	Key         string
	Kind        string
	DID         string // its own, else its first credential, else a urn:uuid of its id
	Owner       bool
	Imported    bool   // it was added by an import
	Added       uint64 // position
	Deactivated uint64 // position since which it is not active; 0: it is
	State       string // rules.StateActive and the others
	About       About
}

func (x *Index) subjectView(u *subject, v view) SubjectView {
	s := SubjectView{
		ID: u.id, Key: u.key, Kind: x.kinds[u.kind], DID: u.did, Owner: x.owns(u, v), Imported: u.imported, Added: uint64(u.added),
		About: x.aboutOf(u, v),
	}
	state, since := x.stateOf(u, v)
	s.State, s.Deactivated = states[state], since
	if s.DID == "" {
		s.DID = s.About.Credential
	}
	if s.DID == "" {
		s.DID = "urn:uuid:" + rules.UUID(u.id)
	}
	return s
}

// Subject gives the subject of a key or id as of then, deactivated ones too, or a [*NotFoundError].
func (x *Index) Subject(name string, a AsOf) (SubjectView, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(name, v)
	if u == nil {
		return SubjectView{}, &NotFoundError{Kind: "subject", Name: name}
	}
	return x.subjectView(u, v), nil
}

// Subjects gives all subjects as of then, deactivated ones too, by key.
func (x *Index) Subjects(a AsOf) []SubjectView {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var list []SubjectView
	for _, n := range x.byKey() {
		if u := x.subjects.at(n); uint64(u.added) <= v.position {
			list = append(list, x.subjectView(u, v))
		}
	}
	return list
}
