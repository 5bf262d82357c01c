// Package history finds what happened to a role, a subject or a permission, or what somebody did, and says it in a few
// words. The index keeps positions only, some bytes an entry; the words are made from the entry itself, by [Describe].
package history

import (
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

// Index is a projection. Apply is for one goroutine; the other methods are for any.
type Index struct {
	mu          sync.RWMutex
	times       []int64                 // milliseconds, by position - 1
	types       []uint8                 // index in known, by position - 1
	known       []events.Type           // types of the entries so far
	things      map[ulid.ULID]positions // by role or subject: both are ULIDs, and none is the other
	permissions map[string]positions
	actors      map[ulid.ULID]positions
	taken       positions // of what took something away
	parts       map[events.Digest]part
}

// positions are ascending. Four bytes each will do: an index of so many entries that they do not fits in no memory.
type positions []uint32

func (l positions) add(at uint32) positions {
	if n := len(l); n > 0 && l[n-1] == at {
		return l
	}
	return append(l, at)
}

type part struct {
	names []string
	at    int64 // milliseconds
}

// New gives the index before the first entry.
func New() *Index {
	return &Index{
		things: map[ulid.ULID]positions{}, permissions: map[string]positions{}, actors: map[ulid.ULID]positions{},
		parts: map[events.Digest]part{},
	}
}

// Apply implements projections.Projection.
func (x *Index) Apply(en *chain.Entry, _ *rules.State) {
	e := en.Event
	x.mu.Lock()
	defer x.mu.Unlock()
	x.times = append(x.times, e.Time.UnixMilli())
	x.types = append(x.types, x.typeNumber(e.Data.Type()))
	at := uint32(e.Sequence)
	x.actors[e.Actor] = x.actors[e.Actor].add(at)
	if takes(e.Data) {
		x.taken = x.taken.add(at)
	}
	for _, id := range things(e.Data) {
		x.things[id] = x.things[id].add(at)
	}
	if d, ok := e.Data.(*events.PermissionsRecorded); ok {
		x.parts[d.Part] = part{d.Permissions, e.Time.UnixMilli()}
	}
	names, parts := named(e.Data)
	for _, digest := range parts {
		names = append(names, x.parts[digest].names...)
	}
	for _, name := range names {
		x.permissions[name] = x.permissions[name].add(at)
	}
	if at%4096 == 0 {
		for digest, p := range x.parts { // no later event can name those
			if e.Time.UnixMilli()-p.at > partKept {
				delete(x.parts, digest)
			}
		}
	}
}

// partKept is how long parts are kept, in milliseconds: the rules let nobody use one that is older than a day.
const partKept = 2 * 24 * int64(time.Hour/time.Millisecond)

func (x *Index) typeNumber(t events.Type) uint8 {
	i := slices.Index(x.known, t)
	if i < 0 {
		i = len(x.known)
		x.known = append(x.known, t)
	}
	return uint8(i)
}

// things gives the roles and subjects that an event is about.
func things(d events.Data) []ulid.ULID {
	switch d := d.(type) {
	case *events.OrganizationOpened:
		return []ulid.ULID{d.Owner.Subject}
	case *events.SubjectAdded:
		return first(d.Subject, append([]ulid.ULID{d.Holder}, d.Roles...), d.DefaultRole)
	case *events.SubjectDeactivated:
		return []ulid.ULID{d.Subject}
	case *events.SubjectErased:
		return []ulid.ULID{d.Subject}
	case *events.SubjectInvited:
		return first(d.Subject, d.Roles, d.DefaultRole)
	case *events.SubjectJoined:
		return []ulid.ULID{d.Subject}
	case *events.SubjectLinked:
		return []ulid.ULID{d.Subject}
	case *events.SubjectReactivated:
		return []ulid.ULID{d.Subject}
	case *events.SubjectRemoved:
		return append([]ulid.ULID{d.Subject}, d.Roles...)
	case *events.SubjectUnlinked:
		return []ulid.ULID{d.Subject}
	case *events.SubjectUpdated:
		return first(d.Subject, nil, d.Holder)
	case *events.LoginChanged:
		return []ulid.ULID{d.Subject}
	case *events.RoleCreated:
		return []ulid.ULID{d.Role}
	case *events.RoleUpdated:
		return []ulid.ULID{d.Role}
	case *events.RoleDeleted:
		return []ulid.ULID{d.Role}
	case *events.RoleAssigned:
		return []ulid.ULID{d.Role, d.Subject}
	case *events.RoleDelegated:
		return []ulid.ULID{d.Role, d.Subject}
	case *events.AccessAssigned:
		return []ulid.ULID{d.Subject}
	case *events.AccessDelegated:
		return []ulid.ULID{d.Subject}
	case *events.AccessUnassigned:
		return []ulid.ULID{d.Subject}
	case *events.RoleRevoked:
		return []ulid.ULID{d.Role, d.Subject}
	case *events.RolesSet:
		return slices.Concat([]ulid.ULID{d.Subject}, d.Added, d.Removed)
	case *events.PermissionGranted:
		return []ulid.ULID{d.Subject}
	case *events.PermissionRevoked:
		return []ulid.ULID{d.Subject}
	case *events.PermissionsSet:
		return []ulid.ULID{d.Subject}
	case *events.GrantEnded:
		if d.Permission != "" {
			return []ulid.ULID{d.Subject}
		}
		return []ulid.ULID{d.Role, d.Subject}
	case *events.RoleReviewed:
		return []ulid.ULID{d.Role}
	case *events.ReviewStarted:
		return reviewed(d.Review, d.Scope)
	case *events.ReviewDecided:
		if d.Permission != "" {
			return []ulid.ULID{d.Review, d.Subject}
		}
		return []ulid.ULID{d.Review, d.Subject, d.Role}
	case *events.ReviewClosed:
		return reviewed(d.Review, d.Scope)
	case *events.OwnershipTransferred:
		return owners(d.To, d.From, d.Role)
	case *events.OwnershipRecovered:
		return owners(d.To, d.From, d.Role)
	case *events.RecoveryStarted:
		return []ulid.ULID{d.To, d.From}
	case *events.RecoveryStopped:
		return []ulid.ULID{d.To}
	case *events.RoleDefaulted:
		if d.Former != (ulid.ULID{}) && d.Former != d.Role {
			return []ulid.ULID{d.Role, d.Former}
		}
		return []ulid.ULID{d.Role}
	case *events.DocumentIssued:
		_, id, _ := rules.Thing(d.Thing)
		return []ulid.ULID{id}
	case *events.KeyRegistered:
		if d.Subject != (ulid.ULID{}) {
			return []ulid.ULID{d.Subject}
		}
	case events.TokenData:
		return wallets(d)
	}
	return nil
}

// reviewed gives a review, and the role or subject that it is of.
func reviewed(review ulid.ULID, scope string) []ulid.ULID {
	if _, id, one := rules.Thing(scope); one {
		return []ulid.ULID{review, id}
	}
	return []ulid.ULID{review}
}

// first gives a subject with what else an event names, but for what it does not.
func first(subject ulid.ULID, others []ulid.ULID, last ulid.ULID) []ulid.ULID {
	return slices.DeleteFunc(append(append([]ulid.ULID{subject}, others...), last), func(id ulid.ULID) bool { return id == ulid.ULID{} })
}

// owners gives whom a change of the owner is about, and the role that goes with it.
func owners(to, from, role ulid.ULID) []ulid.ULID {
	if role == (ulid.ULID{}) {
		return []ulid.ULID{to, from}
	}
	return []ulid.ULID{to, from, role}
}

// named gives the permissions that an event names, and the parts that name more. The result may be appended to. A
// permissions.set that does not list what changed counts for all that it sets.
func named(d events.Data) ([]string, []events.Digest) {
	switch d := d.(type) {
	case *events.CataloguePublished:
		names := make([]string, 0, len(d.Permissions)+len(d.Retired))
		for _, p := range d.Permissions {
			names = append(names, rules.Qualified(d.Catalogue, p.Name))
		}
		for _, name := range d.Retired {
			names = append(names, rules.Qualified(d.Catalogue, name))
		}
		return names, nil
	case *events.RoleCreated:
		return slices.Concat(d.Permissions, d.Included), d.Parts
	case *events.RoleUpdated:
		return slices.Concat(d.Add, d.Included, d.Remove), slices.Concat(d.AddParts, d.RemoveParts)
	case *events.PermissionGranted:
		return []string{d.Permission}, nil
	case *events.PermissionRevoked:
		return []string{d.Permission}, nil
	case *events.PermissionsSet:
		if d.Added == nil && d.Removed == nil {
			return slices.Clone(d.Permissions), d.Parts
		}
		return slices.Concat(d.Added, d.Removed), nil
	case *events.ReviewDecided:
		if d.Permission != "" {
			return []string{d.Permission}, nil
		}
	case *events.GrantEnded:
		if d.Permission != "" {
			return []string{d.Permission}, nil
		}
	case *events.TokenActed:
		return []string{d.Permission}, nil
	}
	return nil, nil
}

// Query says which entries are wanted: those that fit all that is said. The zero Query wants all.
type Query struct {
	Role       ulid.ULID
	Subject    ulid.ULID
	Permission string // canonical name
	Actor      ulid.ULID
	Actors     []ulid.ULID // any of them; none: all
	Except     []ulid.ULID // none of these as actor
	Types      []events.Type
	Taking     bool   // only what took something away
	From, To   uint64 // positions, both included; To 0: to the end
	Since      time.Time
	Before     time.Time
	Newest     bool // first
	Limit      int  // 0: all
}

// Find gives the positions of the entries wanted, oldest first unless the query says otherwise, and whether there are
// more than its limit.
func (x *Index) Find(q Query) (found []uint64, more bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.find(q)
}

// bounds gives the first and the last position that a query looks at.
func (x *Index) bounds(q Query) (from, to uint64) {
	from, to = max(q.From, 1), uint64(len(x.times))
	if q.To > 0 {
		to = min(to, q.To)
	}
	return from, to
}

func (x *Index) find(q Query) (found []uint64, more bool) {
	var lists []positions
	var zero ulid.ULID
	for _, id := range []ulid.ULID{q.Role, q.Subject} {
		if id != zero {
			lists = append(lists, x.things[id])
		}
	}
	if q.Permission != "" {
		lists = append(lists, x.permissions[q.Permission])
	}
	if q.Actor != zero {
		lists = append(lists, x.actors[q.Actor])
	}
	if len(q.Actors) > 0 {
		lists = append(lists, x.ofActors(q.Actors))
	}
	if q.Taking {
		lists = append(lists, x.taken)
	}
	var except []positions
	for _, id := range q.Except {
		except = append(except, x.actors[id])
	}
	slices.SortFunc(lists, func(a, b positions) int { return len(a) - len(b) })
	from, to := x.bounds(q)
	fits := func(at uint64) bool {
		switch t := time.UnixMilli(x.times[at-1]); {
		case len(q.Types) > 0 && !slices.Contains(q.Types, x.known[x.types[at-1]]),
			!q.Since.IsZero() && t.Before(q.Since), !q.Before.IsZero() && !t.Before(q.Before):
			return false
		}
		in := func(l positions) bool { return has(l, at) }
		if slices.ContainsFunc(except, in) {
			return false
		}
		for _, l := range lists {
			if !in(l) {
				return false
			}
		}
		return true
	}
	take := func(at uint64) bool {
		if at < from || at > to || !fits(at) {
			return true
		}
		if q.Limit > 0 && len(found) == q.Limit {
			more = true
			return false
		}
		found = append(found, at)
		return true
	}
	if len(lists) > 0 {
		each(len(lists[0]), q.Newest, func(i int) bool { return take(uint64(lists[0][i])) })
	} else if to >= from {
		each(int(to-from)+1, q.Newest, func(i int) bool { return take(from + uint64(i)) })
	}
	return found, more
}

func has(l positions, at uint64) bool {
	_, in := slices.BinarySearch(l, uint32(at))
	return in
}

// ofActors gives what any of them did, ascending.
func (x *Index) ofActors(ids []ulid.ULID) positions {
	var all positions
	for _, id := range ids {
		all = append(all, x.actors[id]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func each(n int, backwards bool, f func(int) bool) {
	for i := range n {
		if backwards {
			i = n - 1 - i
		}
		if !f(i) {
			return
		}
	}
}

// Acts gives, for each actor, the types of what it recorded from one position to another, both included, and the last
// position of each.
func (x *Index) Acts(from, to uint64) map[ulid.ULID]map[events.Type]uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	acts := map[ulid.ULID]map[events.Type]uint64{}
	for actor, list := range x.actors {
		first, _ := slices.BinarySearch(list, uint32(max(from, 1)))
		for _, at := range list[first:] {
			if uint64(at) > to {
				break
			}
			if acts[actor] == nil {
				acts[actor] = map[events.Type]uint64{}
			}
			acts[actor][x.known[x.types[at-1]]] = uint64(at)
		}
	}
	return acts
}
