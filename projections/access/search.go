package access

import (
	"slices"

	"github.com/permledger/permledger/events"
)

// A Candidate is a subject that a search may find.
type Candidate struct {
	Number uint32 // subjects are numbered in the order in which they were added, from 0
	Name   string // by which every question finds it: its key; its id where somebody else's id is its key
	Kind   string
}

// KindNow gives the kind of a subject, by key or id; false: there is none. It takes no lock.
func (x *Index) KindNow(subject string) (string, bool) {
	u := x.findSubject(subject, view{position: x.head.Load()})
	if u == nil {
		return "", false
	}
	return u.now.Load().kind, true
}

// SubjectsFrom gives the subjects as of then from a number on, deactivated ones too, at most so many.
func (x *Index) SubjectsFrom(number uint32, most int, a AsOf) []Candidate {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var list []Candidate
	for n := number; int(n) < x.subjects.len() && len(list) < most; n++ {
		u := x.subjects.at(n)
		if uint64(u.added) > v.position {
			break // those after it were added later
		}
		c := Candidate{Number: n, Name: u.key, Kind: x.kinds[u.kind]}
		if x.findSubject(u.key, v) != u {
			c.Name = u.id.String()
		}
		list = append(list, c)
	}
	return list
}

// ResourcePaths gives the paths of the resources of a kind as of then, sorted.
func (x *Index) ResourcePaths(kind string, a AsOf) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var list []string
	for path, r := range x.resources {
		if events.KindOf(path) == kind && x.factAt(r, v) != nil {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// PermissionNames gives the canonical names of all permissions that are known as of then, retired ones too, sorted.
func (x *Index) PermissionNames(a AsOf) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var list []string
	for _, n := range x.byName() {
		if x.known(n, v) {
			list = append(list, x.perms.at(n).name)
		}
	}
	return list
}
