package access

import (
	"cmp"
	mathbits "math/bits"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/rules"
)

// A Likeness is two roles that give nearly the same permissions.
type Likeness struct {
	A, B    RoleRef  // A has as many permissions as B, or more
	Overlap int      // in percent: how many permissions both have, of all that either has
	Common  int      // permissions in both
	OnlyA   []string // sorted
	OnlyB   []string
}

// Similar gives each two roles of which at least so many percent of the permissions are in both, the most alike first. Roles
// without permissions are like no other.
func (x *Index) Similar(least int, a AsOf) []Likeness {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	type sized struct {
		r   *role
		set bits
		n   int
	}
	var all []sized
	for _, r := range x.roles.all {
		if x.existed(r, v) {
			if set := x.setAt(r, v); set.count() > 0 {
				all = append(all, sized{r, set, set.count()})
			}
		}
	}
	slices.SortFunc(all, func(a, b sized) int { return cmp.Or(b.n-a.n, cmp.Compare(a.r.key, b.r.key)) })
	var list []Likeness
	for i, a := range all {
		for _, b := range all[i+1:] {
			if b.n*100 < least*a.n { // those that follow are smaller still
				break
			}
			common := a.set.common(b.set)
			overlap := common * 100 / (a.n + b.n - common)
			if overlap < least {
				continue
			}
			list = append(list, Likeness{
				A: x.ref(a.r, v), B: x.ref(b.r, v), Overlap: overlap, Common: common,
				OnlyA: x.namesOf(a.set.without(b.set)), OnlyB: x.namesOf(b.set.without(a.set)),
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Likeness) int {
		return cmp.Or(b.Overlap-a.Overlap, b.Common-a.Common, cmp.Compare(a.A.Key, b.A.Key), cmp.Compare(a.B.Key, b.B.Key))
	})
	return list
}

func (b bits) common(o bits) int {
	n := 0
	for i := range min(len(b), len(o)) {
		n += mathbits.OnesCount64(b[i] & o[i])
	}
	return n
}

func (b bits) without(o bits) bits {
	out := slices.Clone(b)
	for i := range min(len(b), len(o)) {
		out[i] &^= o[i]
	}
	return out
}

// LastHeld gives the position at which a role, by key or id, ceased to be held by anybody: 0 where somebody has it, nobody
// ever had, or only an end has come that is not recorded.
func (x *Index) LastHeld(name string, a AsOf) (uint64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	r, err := x.findRole(name, v)
	if err != nil {
		return 0, err
	}
	var last uint64
	for _, n := range r.lines {
		o := x.outcomeOf(x.lines.at(n), v)
		if o.holds(v.instant) {
			return 0, nil
		}
		last = max(last, o.lost)
	}
	return last, nil
}

// Allowing gives the canonical names of the permissions that allow one of the ledger's own actions, by the catalogues as
// they are: ledger:<action>, and those that guard it.
func (x *Index) Allowing(action string, a AsOf) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	names := []string{rules.Qualified(rules.Own, action)}
	for _, n := range x.byName() {
		if i := x.infoAt(n, v); i != nil && !i.retired && i.catalogue != rules.Own && slices.Contains(i.says.Guards, action) {
			names = append(names, x.perms.at(n).name)
		}
	}
	return names
}

// EachHolder calls yield with each subject that has a role on any scope, deactivated ones too, in no order, until it says
// no. Nothing is done for those that come after. It is called under a lock: yield must not change the index.
func (x *Index) EachHolder(id ulid.ULID, a AsOf, yield func(ulid.ULID) bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	r := x.role(id)
	if r == nil || !x.existed(r, v) {
		return
	}
	x.eachHolder(r, v, func(u *subject) bool { return yield(u.id) })
}

func (x *Index) eachHolder(r *role, v view, yield func(*subject) bool) {
	have := map[uint32]bool{}
	for _, n := range r.lines {
		l := x.lines.at(n)
		if o := x.outcomeOf(l, v); o.holds(v.instant) && x.alive(x.tied(o.given), v) && !have[l.subject] {
			have[l.subject] = true
			if !yield(x.subjects.at(l.subject)) {
				return
			}
		}
	}
}

// HoldersOf gives the subjects that have a role on any scope, deactivated ones too, by key.
func (x *Index) HoldersOf(id ulid.ULID, a AsOf) []SubjectView {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	r := x.role(id)
	if r == nil || !x.existed(r, v) {
		return nil
	}
	var list []SubjectView
	x.eachHolder(r, v, func(u *subject) bool {
		list = append(list, x.subjectView(u, v))
		return true
	})
	slices.SortFunc(list, func(a, b SubjectView) int { return cmp.Compare(a.Key, b.Key) })
	return list
}
