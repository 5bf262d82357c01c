package rules

import (
	"slices"

	"github.com/permledger/permledger/events"
)

func (s *State) decideResourceRegistered(e *events.Event, d *events.ResourceRegistered) *Refusal {
	if r := s.need(e.Actor, ActionResourceRegister, d.Resource, e.Time); r != nil {
		return r
	}
	if r := s.resources[d.Resource]; r != nil {
		return refuse(Taken, "There is a resource %s already, since %d", d.Resource, r.registered)
	}
	return nil
}

func (s *State) decideResourceUpdated(e *events.Event, d *events.ResourceUpdated) *Refusal {
	if r := s.need(e.Actor, ActionResourceUpdate, d.Resource, e.Time); r != nil {
		return r
	}
	res, r := s.resource(e, d.Resource)
	if r != nil {
		return r
	}
	if (d.Name == nil || *d.Name == res.name) && (d.Properties == nil || slices.Equal(d.Properties, res.properties)) &&
		(!d.Publish || res.published) && (!d.Withdraw || !res.published) {
		return refuse(NoChange, "The resource %s says this already", d.Resource)
	}
	return nil
}

func (s *State) decideResourceRemoved(e *events.Event, d *events.ResourceRemoved) *Refusal {
	if r := s.need(e.Actor, ActionResourceRemove, d.Resource, e.Time); r != nil {
		return r
	}
	if _, r := s.resource(e, d.Resource); r != nil {
		return r
	}
	if other := s.beneath(d.Resource); other != "" {
		return refuse(InUse, "%s lies beneath %s", other, d.Resource).hint("Remove what lies beneath first")
	}
	return nil
}

// resource gives a resource that the actor may know of: of a policy that its access does not let it at it is told no
// more than of one that there is not.
func (s *State) resource(e *events.Event, path string) (*resource, *Refusal) {
	r := s.resources[path]
	if u := s.subjects.get(e.Actor); r != nil && events.KindOf(path) == events.KindPolicy && !s.reaches(u, path, e.Time, &Context{}) {
		r = nil
	}
	if r == nil {
		return nil, refuse(NotFound, "There is no resource %s that you have access to", path)
	}
	return r, nil
}

// policy gives a policy that the actor has access to.
func (s *State) policy(e *events.Event, path string) (*resource, *Refusal) {
	if events.KindOf(path) != events.KindPolicy {
		return nil, refuse(Invalid, "%s is no policy, and nobody is assigned to it", path).hint("Give a role or a permission on it")
	}
	return s.resource(e, path)
}

func (s *State) decideAccessAssigned(e *events.Event, d *events.AccessAssigned) *Refusal {
	if r := s.need(e.Actor, ActionAccessAssign, d.Resource, e.Time); r != nil {
		return r
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	res, r := s.policy(e, d.Resource)
	if r != nil {
		return r
	}
	if a, ok := res.assigned[u.id]; ok && a.by == ulidZero {
		return refuse(NoChange, "%s is assigned to %s already, since %d", u.key, d.Resource, a.position)
	}
	return nil
}

func (s *State) decideAccessUnassigned(e *events.Event, d *events.AccessUnassigned) *Refusal {
	var a assignment
	res := s.resources[d.Resource]
	if res != nil {
		a = res.assigned[d.Subject]
	}
	if a.by != e.Actor {
		if r := s.need(e.Actor, ActionAccessUnassign, d.Resource, e.Time); r != nil {
			return r
		}
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	if a.id == ulidZero {
		return refuse(NotFound, "%s is not assigned to %s", u.key, d.Resource)
	}
	d.Grant = a.id
	return nil
}

func (s *State) decideAccessDelegated(e *events.Event, d *events.AccessDelegated) *Refusal {
	u, r := s.delegation(e, ActionAccessDelegate, d.Resource, d.Subject)
	if r != nil {
		return r
	}
	res, r := s.policy(e, d.Resource)
	if r != nil {
		return r.hint("Only what you have access to yourself can be delegated")
	}
	if a, ok := res.assigned[u.id]; ok && s.assignedTo(d.Resource, res, u.id, e.Time) {
		return refuse(NoChange, "%s is assigned to %s already, since %d", u.key, d.Resource, a.position)
	}
	d.Keep = s.opened.Profile.KeepDelegated
	if a, ok := res.assigned[e.Actor]; ok && s.assignedTo(d.Resource, res, e.Actor, e.Time) {
		d.From = a.id
		if !d.Keep && s.assignedBy(res, a) >= maxPassed {
			return refuse(Invalid, "Access is passed on %d times at most", maxPassed)
		}
	}
	return nil
}

// assignedBy says how often an assignment was passed on.
func (s *State) assignedBy(r *resource, a assignment) int {
	n := 0
	for a.by != ulidZero && !a.keep && n <= maxPassed {
		n++
		if a.from == ulidZero { // whoever passed it on has access without being assigned: what it was passed back counts for nothing
			break
		}
		a = r.assigned[a.by]
	}
	return n
}
