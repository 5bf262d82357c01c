package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// resource is a thing that its path names, and who is assigned to it.
type resource struct {
	name       string
	properties []events.Property
	published  bool
	creator    ulid.ULID
	registered uint64                   // position
	changed    uint64                   // position
	assigned   map[ulid.ULID]assignment // by subject; nil: nobody is
}

// assignment is that a subject is assigned to a resource.
type assignment struct {
	id       ulid.ULID // of the event
	position uint64
	passed
}

// assignedTo says whether a subject is assigned to a resource: all the way up, whoever passed that on has access.
func (s *State) assignedTo(path string, r *resource, who ulid.ULID, at time.Time) bool {
	for range maxPassed + 1 {
		a, ok := r.assigned[who]
		if !ok {
			return false
		}
		if a.by == ulidZero || a.keep {
			return true
		}
		u := s.subjects.get(a.by)
		if u == nil || !s.acts(u) {
			return false
		}
		if a.from == ulidZero {
			return s.lets(u, path, r, at, &Context{}, func() bool { return false })
		}
		if r.assigned[a.by].id != a.from {
			return false
		}
		who = a.by
	}
	return false
}

// reaches says whether a subject's access scope lets it at a policy. Of what is not registered nobody has access.
func (s *State) reaches(u *subject, policy string, at time.Time, in *Context) bool {
	r := s.resources[policy]
	return r != nil && s.lets(u, policy, r, at, in, func() bool { return s.assignedTo(policy, r, u.id, at) })
}

// Assigned says whether a subject is assigned to a resource, and whoever passed that on has access.
func (s *State) Assigned(subject ulid.ULID, path string, at time.Time) bool {
	r := s.resources[path]
	return r != nil && s.assignedTo(path, r, subject, at)
}

// Reaches says whether a subject's access scope lets it at a policy, if it is assigned to it, or is not.
func (s *State) Reaches(subject ulid.ULID, policy string, assigned bool, at time.Time) bool {
	u, r := s.subjects.get(subject), s.resources[policy]
	return u != nil && r != nil && s.lets(u, policy, r, at, &Context{}, func() bool { return assigned })
}

// lets says what the access scope of a subject comes to. It is the widest that its permissions give: all; assigned or
// published, where it has each of both; assigned; published; assigned and published. Its own policies it always reaches.
func (s *State) lets(u *subject, policy string, r *resource, at time.Time, in *Context, assigned func() bool) bool {
	if u.id == s.owner || r.creator == u.id {
		return true
	}
	has := func(access string) bool {
		return slices.ContainsFunc(s.perms.access, func(n uint32) bool {
			return s.perms.info[n].access == access && s.allowed(u, n, policy, at, in)
		})
	}
	if has(events.ReachAll) {
		return true
	}
	byAssigned, byPublished := has(events.ReachAssigned), has(events.ReachPublished)
	switch {
	case byAssigned && byPublished:
		return r.published || assigned()
	case byAssigned:
		return assigned()
	case byPublished:
		return r.published
	}
	return has(events.ReachAssignedAndPublished) && r.published && assigned()
}

// lacks gives the first thing that a permission needs beside somebody holding it, and that is not so; empty: nothing.
func (s *State) lacks(u *subject, n uint32, resource string, at time.Time, in *Context) string {
	for _, need := range s.perms.info[n].needs {
		met := s.meetsNeed(u, need, resource, in.With)
		if need == events.NeedAccess {
			policy := events.PolicyOf(resource)
			met = policy == "" || s.reaches(u, policy, at, in)
		}
		if !met {
			return need
		}
	}
	return ""
}

// beneath gives a registered resource that lies beneath another; empty where none does.
func (s *State) beneath(path string) string {
	first := ""
	for other := range s.resources {
		if strings.HasPrefix(other, path+"/") && (first == "" || other < first) {
			first = other
		}
	}
	return first
}

// Resource is a resource as it is.
type Resource struct {
	Path       string
	Name       string
	Properties []events.Property // must not be changed
	Published  bool
	Creator    ulid.ULID
	Registered uint64 // position
	Changed    uint64 // position of the last change
}

// Resource gives the resource of a path.
func (s *State) Resource(path string) (Resource, bool) {
	r := s.resources[path]
	if r == nil {
		return Resource{}, false
	}
	return Resource{path, r.name, r.properties, r.published, r.creator, r.registered, r.changed}, true
}
