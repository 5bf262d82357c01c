package access

import (
	"slices"
	"sort"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// role is a role over time.
type role struct {
	number  uint32
	id      ulid.ULID
	key     string
	created uint64
	deleted uint64   // 0: it is not
	touched []uint64 // positions of all events about it

	name        []said[string]
	description []said[string]
	labels      []said[[]events.Label]

	now     bits                // its permissions at the head
	changes map[uint32][]inRole // by permission, each in the order of the log
	lines   []*line             // of the subjects that ever had it
}

// said is what an entry says that something is from then on.
type said[T any] struct {
	position uint64
	value    T
}

// inRole is a change of one permission in a role: twice the position, and 1 where the permission was put in.
type inRole uint64

func putIn(position uint64) inRole    { return inRole(position<<1 | 1) }
func takenOut(position uint64) inRole { return inRole(position << 1) }
func (c inRole) position() uint64     { return uint64(c >> 1) }
func (c inRole) in() bool             { return c&1 != 0 }

func (x *Index) createRole(d *events.RoleCreated, at uint64) {
	r := &role{number: uint32(len(x.roles)), id: d.Role, key: strings.Clone(d.Key), created: at, touched: []uint64{at}}
	r.name = []said[string]{{at, strings.Clone(d.Name)}}
	r.description = []said[string]{{at, strings.Clone(d.Description)}}
	r.labels = []said[[]events.Label]{{at, d.Labels}}
	numbers := x.resolve(d.Permissions, d.Parts, d.Included)
	r.changes = make(map[uint32][]inRole, len(numbers))
	x.roles = append(x.roles, r)
	x.roleID[r.id] = r.number
	x.roleKey[r.key] = append(x.roleKey[r.key], r.number)
	x.put(r, numbers, at)
}

func (x *Index) updateRole(d *events.RoleUpdated, at uint64) {
	r := x.role(d.Role)
	if r == nil {
		return
	}
	r.touched = append(r.touched, at)
	if d.Name != nil {
		r.name = append(r.name, said[string]{at, strings.Clone(*d.Name)})
	}
	if d.Description != nil {
		r.description = append(r.description, said[string]{at, strings.Clone(*d.Description)})
	}
	if d.Labels != nil {
		r.labels = append(r.labels, said[[]events.Label]{at, d.Labels})
	}
	x.put(r, x.resolve(d.Add, d.AddParts, d.Included), at)
	for _, n := range x.resolve(d.Remove, d.RemoveParts, nil) {
		r.now.clear(n)
		r.changes[n] = append(r.changes[n], takenOut(at))
	}
}

func (x *Index) put(r *role, numbers []uint32, at uint64) {
	// In a view without the role's creation the event has no effect, so it makes no name known there either.
	occurred := max(x.entries[at-1].occurred, x.entries[r.created-1].occurred)
	for _, n := range numbers {
		x.know(n, at, occurred)
		r.now.set(n)
		if _, had := r.changes[n]; !had {
			x.perms[n].roles = append(x.perms[n].roles, r.number)
		}
		r.changes[n] = append(r.changes[n], putIn(at))
	}
}

// existed says whether the role is there in the view.
func (x *Index) existed(r *role, v view) bool {
	return x.counts(r.created, v) && (r.deleted == 0 || !x.counts(r.deleted, v))
}

// putAt gives the position that put a permission into the role as it is in the view; 0 where the role does not hold it.
// Where it was taken out again, lost is the position that did.
func (x *Index) putAt(r *role, n uint32, v view) (put, lost uint64) {
	list := r.changes[n]
	if !v.head {
		list = list[:sort.Search(len(list), func(i int) bool { return list[i].position() > v.position })]
	}
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		switch {
		case v.filtered && !x.counts(c.position(), v):
		case c.in():
			put = c.position()
		case put != 0:
			return put, 0
		default:
			return 0, c.position()
		}
	}
	return put, 0
}

// holdsIn says whether the role holds a permission in the view.
func (x *Index) holdsIn(r *role, n uint32, v view) bool {
	if v.head {
		return r.now.has(n)
	}
	put, _ := x.putAt(r, n, v)
	return put != 0
}

// setAt gives the permissions of the role in the view. The caller must not change them.
func (x *Index) setAt(r *role, v view) bits {
	if v.head {
		return r.now
	}
	var set bits
	for n := range r.changes {
		if put, _ := x.putAt(r, n, v); put != 0 {
			set.set(n)
		}
	}
	return set
}

// lastSaid gives what was said last in the view.
func lastSaid[T any](x *Index, list []said[T], v view) T {
	for _, s := range slices.Backward(list) {
		if x.counts(s.position, v) {
			return s.value
		}
	}
	var none T
	return none
}

// changed gives the last position in the view that is about the role.
func (x *Index) changed(r *role, v view) uint64 {
	for _, at := range slices.Backward(r.touched) {
		if x.counts(at, v) {
			return at
		}
	}
	return r.created
}
