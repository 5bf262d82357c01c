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
	names   []string
	number  map[string]uint32
	info    []permission
	buckets [256][]uint32       // by events.Bucket, sorted by name
	guards  map[string][]string // action of the ledger to the permissions that allow it, sorted
}

type permission struct {
	catalogue string // empty: the organization's own
	retired   bool
	reserved  bool
	token     bool // of the token level
	dependsOn []string
}

func newPermissions() *permissions {
	return &permissions{number: map[string]uint32{}, guards: map[string][]string{}}
}

// enter gives the number of a name, a new one where it has none.
func (p *permissions) enter(name string) uint32 {
	if n, ok := p.number[name]; ok {
		return n
	}
	n := uint32(len(p.names))
	p.names = append(p.names, name)
	p.info = append(p.info, permission{})
	p.number[name] = n
	b := events.Bucket(name)
	at, _ := slices.BinarySearchFunc(p.buckets[b], name, func(have uint32, want string) int {
		return cmp.Compare(p.names[have], want)
	})
	p.buckets[b] = slices.Insert(p.buckets[b], at, n)
	return n
}

func (p *permissions) lookup(name string) (permission, bool) {
	n, ok := p.number[name]
	if !ok {
		return permission{}, false
	}
	return p.info[n], true
}

// publish takes in a catalogue: its permissions, and the retirement of those it no longer has.
func (p *permissions) publish(d *events.CataloguePublished) {
	for _, name := range d.Retired {
		n := p.enter(Qualified(d.Catalogue, name))
		p.info[n].retired = true
	}
	for action, names := range p.guards {
		p.guards[action] = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, d.Catalogue+":") })
	}
	for _, one := range d.Permissions {
		name := Qualified(d.Catalogue, one.Name)
		n := p.enter(name)
		p.info[n] = permission{catalogue: d.Catalogue, reserved: one.Reserved, token: one.Level == events.LevelToken}
		for _, other := range one.DependsOn {
			p.info[n].dependsOn = append(p.info[n].dependsOn, Qualified(d.Catalogue, other))
		}
		for _, action := range one.Guards {
			p.guards[action] = append(p.guards[action], name)
			slices.Sort(p.guards[action])
		}
	}
}

// Qualified gives the name under which entries speak of a catalogue's permission.
func Qualified(catalogue, name string) string { return catalogue + ":" + name }
