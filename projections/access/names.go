package access

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// permission is what is known of a permission, over time.
type permission struct {
	name    string
	now     atomic.Uint64 // how it is at the head
	entered []entered     // when its name became known: the first position, and each later one of an earlier occurred time
	info    []info        // what catalogues say of it, in the order of the log; always counts
	roles   []uint32      // that ever held it
	direct  []uint32      // lines by which subjects were ever given it without a role
}

type entered struct {
	position uint64
	occurred int64
}

// info is what a catalogue says of a permission from a position on.
type info struct {
	position  uint64
	catalogue string
	retired   bool // the catalogue no longer has it; roles that hold it still give it
	says      events.Permission
}

func (i *info) token() bool { return i != nil && i.says.Level == events.LevelToken }

// enter gives the number of a name, a new one where it has none.
func (x *Index) enter(name string) uint32 {
	if n, ok := x.numberOf(name); ok {
		return n
	}
	n := x.perms.add(permission{})
	x.perms.at(n).name = strings.Clone(name)
	x.permNumber.add(hash(name), n)
	return n
}

// know notes that a position makes a name known, to questions of an occurred time from occurred on.
func (x *Index) know(n uint32, position uint64, occurred int64) {
	p := x.perms.at(n)
	k := len(p.entered)
	if k == 0 || occurred < p.entered[k-1].occurred {
		p.entered = append(p.entered, entered{position, occurred})
	}
	if k == 0 {
		x.publishPermission(n, position)
	}
}

// known says whether a permission has a name in the view.
func (x *Index) known(n uint32, v view) bool {
	for _, e := range x.perms.at(n).entered {
		if e.position > v.position {
			return false
		}
		if !v.filtered || e.occurred <= v.occurred {
			return true
		}
	}
	return false
}

// infoAt gives what the catalogues in force say of a permission; nil where none ever said anything.
func (x *Index) infoAt(n uint32, v view) *info {
	list := x.perms.at(n).info
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].position <= v.position {
			return &list[i]
		}
	}
	return nil
}

// fits says whether the permission's level counts for a kind of subject.
func (x *Index) fits(n uint32, kind uint8, v view) bool {
	return rules.LevelFits(x.infoAt(n, v).token(), x.kinds[kind])
}

// publish takes in a catalogue. What it says again in the same words makes no new info.
func (x *Index) publish(d *events.CataloguePublished, position uint64) {
	for _, name := range d.Retired {
		n := x.enter(rules.Qualified(d.Catalogue, name))
		x.know(n, position, always)
		var last info
		p := x.perms.at(n)
		if k := len(p.info); k > 0 {
			last = p.info[k-1]
		}
		last.position, last.retired = position, true
		p.info = append(p.info, last)
	}
	catalogue := strings.Clone(d.Catalogue)
	for _, says := range d.Permissions {
		n := x.enter(rules.Qualified(d.Catalogue, says.Name))
		x.know(n, position, always)
		p := x.perms.at(n)
		list := p.info
		if k := len(list); k > 0 && !list[k-1].retired && list[k-1].catalogue == catalogue && events.SamePermission(list[k-1].says, says) {
			continue
		}
		p.info = append(list, info{position, catalogue, false, says})
		x.noteAccess(n)
		x.publishPermission(n, position)
	}
}

// noteAccess notes that a catalogue may say of a permission that it gives access to policies.
func (x *Index) noteAccess(n uint32) {
	list := x.perms.at(n).info
	if i, have := slices.BinarySearch(x.accesses, n); !have && list[len(list)-1].says.Access != "" {
		x.accesses = slices.Insert(x.accesses, i, n)
	}
}

// publishOwn takes in the catalogue of the ledger's own actions, which a version of the rules brings.
func (x *Index) publishOwn(version, position uint64) {
	own := &events.CataloguePublished{Catalogue: rules.Own}
	for _, action := range rules.ActionsOf(version) {
		entity, verb, two := strings.Cut(action, ".")
		if !two {
			entity, verb = rules.Own, action
		}
		own.Permissions = append(own.Permissions, events.Permission{
			Name: action, Category: "Ledger", Entity: entity, Action: verb, Guards: []string{action},
		})
	}
	x.publish(own, position)
}

// byName gives the numbers of permissions in the order of their names; all that are in use now, or more.
func (x *Index) byName() []uint32 {
	if p := x.sorted.Load(); p != nil && len(*p) == x.perms.len() {
		return *p
	}
	sorted := make([]uint32, x.perms.len())
	for i := range sorted {
		sorted[i] = uint32(i)
	}
	slices.SortFunc(sorted, func(a, b uint32) int { return cmp.Compare(x.perms.at(a).name, x.perms.at(b).name) })
	x.sorted.Store(&sorted)
	return sorted
}

// namesOf gives the names of a set of permissions, sorted.
func (x *Index) namesOf(set bits) []string {
	names := make([]string, 0, set.count())
	if cap(names) == 0 {
		return names
	}
	for _, n := range x.byName() {
		if set.has(n) {
			names = append(names, x.perms.at(n).name)
		}
	}
	return names
}
