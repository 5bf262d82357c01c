package access

import (
	"cmp"
	"slices"

	"github.com/oklog/ulid/v2"
)

// SubjectFilter says which subjects are wanted: those that fit all that is said. The zero filter wants all.
type SubjectFilter struct {
	Kinds  []string  // any of them; none: all
	States []string  // any of them, of rules.StateActive and the others; none: all
	Role   ulid.ULID // that they have on any scope
	Holder ulid.ULID // API keys that are assigned to this member
}

// A Found is a subject or a role that fits a question: what a list is made of before anything about its items is.
type Found struct {
	ID    ulid.ULID
	Key   string
	Added uint64 // position
}

// FindSubjects gives the subjects as of then that fit, deactivated ones too, by key.
func (x *Index) FindSubjects(f SubjectFilter, a AsOf) []Found {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var holders map[uint32]bool
	if f.Role != (ulid.ULID{}) {
		holders = map[uint32]bool{}
		if r := x.role(f.Role); r != nil && x.existed(r, v) {
			x.eachHolder(r, v, func(u *subject) bool {
				holders[u.number] = true
				return true
			})
		}
	}
	var list []Found
	for _, n := range x.byKey() {
		u := x.subjects.at(n)
		if uint64(u.added) > v.position || holders != nil && !holders[n] || !x.fitsFilter(u, f, v) {
			continue
		}
		list = append(list, Found{u.id, u.key, uint64(u.added)})
	}
	return list
}

func (x *Index) fitsFilter(u *subject, f SubjectFilter, v view) bool {
	if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, x.kinds[u.kind]) {
		return false
	}
	if len(f.States) > 0 {
		if state, _ := x.stateOf(u, v); !slices.Contains(f.States, states[state]) {
			return false
		}
	}
	return f.Holder == (ulid.ULID{}) || x.aboutOf(u, v).Holder == f.Holder
}

// byKey gives the numbers of all subjects in the order of their keys. The caller holds the lock, and must not change it.
func (x *Index) byKey() []uint32 {
	var sorted []uint32
	if p := x.keyed.Load(); p != nil {
		sorted = *p
	}
	from, n := len(sorted), x.subjects.len()
	if from == n {
		return sorted
	}
	added := make([]uint32, 0, n-from)
	for i := from; i < n; i++ {
		added = append(added, uint32(i))
	}
	order := func(a, b uint32) int { return cmp.Compare(x.subjects.at(a).key, x.subjects.at(b).key) }
	slices.SortFunc(added, order)
	all := make([]uint32, 0, n)
	for _, next := range added {
		at, _ := slices.BinarySearchFunc(sorted, next, order)
		all = append(append(all, sorted[:at]...), next)
		sorted = sorted[at:]
	}
	all = append(all, sorted...)
	x.keyed.Store(&all)
	return all
}

// RoleList gives all roles as of then, by key, without the names of their permissions: [RoleView.Count] says how many.
func (x *Index) RoleList(a AsOf) []RoleView { return x.rolesAt(a, false) }
