package rules

import (
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
)

func (s *State) decideGranted(e *events.Event, d *events.PermissionGranted) *Refusal {
	if r := s.need(e.Actor, ActionPermissionGrant, d.Scope, e.Time); r != nil {
		return r
	}
	if r := s.direct(); r != nil {
		return r
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	if r := end(e, d.Until); r != nil {
		return r
	}
	c, r := parseCondition(d.Condition)
	if r != nil {
		return r
	}
	if r := s.admit(e, []string{d.Permission}, d.Scope, d.Until, c); r != nil {
		return r
	}
	if n, ok := s.perms.number[d.Permission]; ok {
		return s.again(u, d.Permission, whatPermission(n), d.Scope, d.Until, c, e.Time)
	}
	return nil
}

func (s *State) decideRevoked(e *events.Event, d *events.PermissionRevoked) *Refusal {
	if r := s.need(e.Actor, ActionPermissionRevoke, d.Scope, e.Time); r != nil {
		return r
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	var g *grant
	if n, ok := s.perms.number[d.Permission]; ok {
		g = u.get(whatPermission(n), d.Scope)
	}
	if g == nil {
		return refuse(NotFound, "%s does not have %s on %s without a role", u.key, d.Permission, scopeText(d.Scope))
	}
	d.Grant = g.id
	return nil
}

// listedNames is the most that the names in the effect of a permissions.set may take, in bytes as written.
const listedNames = 16_384

func (s *State) decidePermissionsSet(e *events.Event, d *events.PermissionsSet) *Refusal {
	if r := s.need(e.Actor, ActionPermissionSet, d.Scope, e.Time); r != nil {
		return r
	}
	if r := s.direct(); r != nil {
		return r
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	after, r := s.resolve(d.Permissions, d.Parts, e.Time)
	if r != nil {
		return r
	}
	var before []string
	for i := range u.grants {
		if g := &u.grants[i]; !g.what.role() && g.scope == d.Scope && g.holds(e.Time) {
			before = append(before, s.perms.names[g.what.number()])
		}
	}
	slices.Sort(before)
	added, removed := difference(after, before), difference(before, after)
	if len(added) == 0 && len(removed) == 0 {
		return refuse(NoChange, "%s has these permissions already", u.key)
	}
	if r := s.admit(e, added, d.Scope, forever, nil); r != nil {
		return r
	}
	d.Before = events.Extent{Count: uint64(len(before)), Set: events.SetDigest(before)}
	d.After = events.Extent{Count: uint64(len(after)), Set: events.SetDigest(after)}
	if written(added)+written(removed) <= listedNames {
		d.Added, d.Removed = added, removed
	}
	return nil
}

func written(names []string) int {
	n := 0
	for _, name := range names {
		n += len(canon.AppendString(nil, name)) + 1
	}
	return n
}

// difference gives what is in a and not in b; both are sorted.
func difference(a, b []string) []string {
	var out []string
	for _, n := range a {
		if _, in := slices.BinarySearch(b, n); !in {
			out = append(out, n)
		}
	}
	return out
}

func (s *State) decideRecorded(e *events.Event, d *events.PermissionsRecorded) *Refusal {
	if !s.May(e.Actor, ActionRoleCreate, "", e.Time) && !s.May(e.Actor, ActionRoleUpdate, "", e.Time) && !s.May(e.Actor, ActionPermissionSet, "", e.Time) {
		if r := s.need(e.Actor, ActionPermissionsRecord, "", e.Time); r != nil {
			return r
		}
	}
	d.Part = events.PartDigest(d.Permissions)
	return nil
}

func (s *State) direct() *Refusal {
	if !s.opened.Profile.DirectGrants {
		return refuse(Invalid, "In an organization of profile %s, permissions are given by roles", s.opened.Profile.Name).
			hint("Put the permission into a role and assign that")
	}
	return nil
}
