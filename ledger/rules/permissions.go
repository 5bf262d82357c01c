package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/permledger/permledger/events"
)

// permissions numbers the permissions of an organization, so that a set of them is a bitset. Numbers are given in the
// order of the log and never change.
type permissions struct {
	names    []string
	number   map[string]uint32
	info     []permission
	bucketOf []byte              // events.Bucket of each
	buckets  [256][]uint32       // the numbers of each bucket, sorted by name
	guards   map[string][]string // action of the ledger to the permissions that allow it, sorted
	access   []uint32            // the permissions that give access to policies, ascending
}

type permission struct {
	retired   bool
	reserved  bool
	token     bool // of the token level
	dependsOn []string
	kind      string   // of the resources that it is about: its entity as scopes spell it
	needs     []string // of the events.Need constants, sorted; nil: only somebody who holds it
	access    string   // of the events.Reach constants; empty: it gives none
}

func newPermissions() *permissions {
	return &permissions{number: map[string]uint32{}, guards: map[string][]string{}}
}

// enter gives the number of a name, a new one where it has none.
func (p *permissions) enter(ns *notes, name string) uint32 {
	if n, ok := p.number[name]; ok {
		return n
	}
	n := uint32(len(p.names))
	keep(ns, &p.names)
	keep(ns, &p.info)
	keep(ns, &p.bucketOf)
	b := events.Bucket(name)
	p.names, p.info, p.bucketOf = append(p.names, name), append(p.info, permission{}), append(p.bucketOf, b)
	put(ns, p.number, name, n)
	bucket := &p.buckets[b]
	at, _ := slices.BinarySearchFunc(*bucket, name, func(have uint32, want string) int {
		return cmp.Compare(p.names[have], want)
	})
	*bucket = slices.Insert(*bucket, at, n)
	if ns != nil {
		ns.note(func() { *bucket = slices.Delete(*bucket, at, at+1) })
	}
	return n
}

// set says what is so of a permission from now on.
func (p *permissions) set(ns *notes, name string, is permission) {
	info := &p.info[p.enter(ns, name)]
	keep(ns, info)
	*info = is
}

// bucket gives the bucket of a name that need not be known.
func (p *permissions) bucket(name string) byte {
	if n, ok := p.number[name]; ok {
		return p.bucketOf[n]
	}
	return events.Bucket(name)
}

func (p *permissions) lookup(name string) (permission, bool) {
	n, ok := p.number[name]
	if !ok {
		return permission{}, false
	}
	return p.info[n], true
}

// publish takes in a catalogue: its permissions, and the retirement of those it no longer has.
func (p *permissions) publish(ns *notes, d *events.CataloguePublished) {
	for _, name := range d.Retired {
		name = Qualified(d.Catalogue, name)
		was, _ := p.lookup(name)
		was.retired = true
		p.set(ns, name, was)
	}
	for _, one := range d.Permissions {
		is := permission{reserved: one.Reserved, token: one.Level == events.LevelToken, needs: one.Needs, access: one.Access,
			kind: strings.ReplaceAll(strings.ToLower(one.Entity), "_", "-")}
		for _, other := range one.DependsOn {
			is.dependsOn = append(is.dependsOn, Qualified(d.Catalogue, other))
		}
		p.set(ns, Qualified(d.Catalogue, one.Name), is)
	}
	guards := map[string][]string{}
	for action, names := range p.guards {
		left := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasPrefix(n, d.Catalogue+":") })
		if len(left) > 0 {
			guards[action] = left
		}
	}
	addGuards(guards, d.Catalogue, d.Permissions)
	keep(ns, &p.guards)
	keep(ns, &p.access)
	p.guards, p.access = guards, p.withAccess()
}

// withAccess gives the permissions that give access to policies, ascending.
func (p *permissions) withAccess() (list []uint32) {
	for n := range p.info {
		if p.info[n].access != "" {
			list = append(list, uint32(n))
		}
	}
	return list
}

// addGuards adds the permissions of a catalogue to the actions that they allow.
func addGuards(guards map[string][]string, catalogue string, permissions []events.Permission) {
	for _, one := range permissions {
		for _, action := range one.Guards {
			guards[action] = append(guards[action], Qualified(catalogue, one.Name))
			slices.Sort(guards[action])
		}
	}
}

// Qualified gives the name under which entries speak of a catalogue's permission.
func Qualified(catalogue, name string) string { return catalogue + ":" + name }
