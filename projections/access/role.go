package access

import (
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

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
	system  bool     // it can be neither changed nor deleted
	managed string   // how it is assigned; empty: by whoever may
	touched []uint64 // positions of all events about it

	name        []said[string]
	description []said[string]
	labels      []said[[]events.Label]

	now     atomic.Pointer[roleNow] // its permissions at the head
	changes map[uint32][]inRole     // by permission, each in the order of the log
	lines   []uint32                // of the subjects that ever had it
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
	r := x.addRole(d.Role, strings.Clone(d.Key), at)
	r.touched = []uint64{at}
	r.system, r.managed = d.System, strings.Clone(d.Managed)
	r.name = []said[string]{{at, strings.Clone(d.Name)}}
	r.description = []said[string]{{at, strings.Clone(d.Description)}}
	r.labels = []said[[]events.Label]{{at, d.Labels}}
	numbers := x.resolve(d.Permissions, d.Parts, d.Included)
	r.changes = make(map[uint32][]inRole, len(numbers))
	r.publish(x.put(r, nil, numbers, at), at)
	if d.Managed == events.ManagedOwner {
		x.bosses = []uint32{r.number}
		x.change(x.roleLine(x.subjects.at(x.owner), r, x.scope("")), given(at, time.Time{}))
	}
}

// addRole adds a role that says and holds nothing yet.
func (x *Index) addRole(id ulid.ULID, key string, created uint64) *role {
	n := x.roles.add(role{})
	r := x.roles.at(n)
	r.number, r.id, r.key, r.created = n, id, key, created
	x.roleID[id] = n
	x.roleKey[key] = append(x.roleKey[key], n)
	return r
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
	add, remove := x.resolve(d.Add, d.AddParts, d.Included), x.resolve(d.Remove, d.RemoveParts, nil)
	if len(add)+len(remove) == 0 {
		return
	}
	set := x.put(r, slices.Clone(r.now.Load().set), add, at)
	for _, n := range remove {
		set.clear(n)
		r.changes[n] = append(r.changes[n], takenOut(at))
	}
	r.publish(set, at)
}

// put notes that permissions are put into a role, and gives its set with them.
func (x *Index) put(r *role, set bits, numbers []uint32, at uint64) bits {
	// In a view without the role's creation the event has no effect, so it makes no name known there either.
	occurred := max(x.entry(at).occurred, x.entry(r.created).occurred)
	for _, n := range numbers {
		x.know(n, at, occurred)
		set.set(n)
		if _, had := r.changes[n]; !had {
			p := x.perms.at(n)
			p.roles = append(p.roles, r.number)
		}
		r.changes[n] = append(r.changes[n], putIn(at))
	}
	return set
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
		return r.now.Load().set.has(n)
	}
	put, _ := x.putAt(r, n, v)
	return put != 0
}

// setAt gives the permissions of the role in the view. The caller must not change them.
func (x *Index) setAt(r *role, v view) bits {
	if r.managed == events.ManagedOwner {
		return x.everything(v)
	}
	if v.head {
		return r.now.Load().set
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
	list = list[:sort.Search(len(list), func(i int) bool { return list[i].position > v.position })]
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
	by := sort.Search(len(r.touched), func(i int) bool { return r.touched[i] > v.position })
	for _, at := range slices.Backward(r.touched[:by]) {
		if x.counts(at, v) {
			return at
		}
	}
	return r.created
}
