package rules

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

func (s *State) decideRoleCreated(e *events.Event, d *events.RoleCreated) *Refusal {
	if r := s.need(e.Actor, ActionRoleCreate, "", e.Time); r != nil {
		return r
	}
	if _, ok := s.roles[d.Role]; ok {
		return refuse(Taken, "The id %s is, or was, another role's", d.Role)
	}
	if _, ok := s.roleKeys[d.Key]; ok {
		return refuse(Taken, "A role has the key %q already", d.Key)
	}
	if r := s.roleName(d.Name, ""); r != nil {
		return r
	}
	if r := s.systemRole(e, d); r != nil {
		return r
	}
	asked, r := s.resolve(d.Permissions, d.Parts, e.Time)
	if r != nil {
		return r
	}
	if len(asked) == 0 && !s.opened.Profile.EmptyRoles && d.Managed != events.ManagedOwner {
		return refuse(Invalid, "No permissions selected").hint("Select at least one permission")
	}
	if r := s.admit(e, asked, "", forever, nil); r != nil {
		return r
	}
	if d.Included, r = s.include(e, empty, asked, nil); r != nil {
		return r
	}
	extent := s.extent(empty, union(asked, d.Included), nil)
	d.Count, d.Set = extent.Count, extent.Set
	return s.messageFits(d.Name, d.Description)
}

func (s *State) decideRoleUpdated(e *events.Event, d *events.RoleUpdated) *Refusal {
	if r := s.need(e.Actor, ActionRoleUpdate, "", e.Time); r != nil {
		return r
	}
	ro, r := s.role(d.Role)
	if r != nil {
		return r
	}
	if r := editable(ro, "System roles cannot be edited"); r != nil {
		return r
	}
	name, description := ro.name, ro.description
	if d.Name != nil {
		name = *d.Name
		if r := s.roleName(name, ro.name); r != nil {
			return r
		}
	}
	if d.Description != nil {
		description = *d.Description
	}
	add, r := s.resolve(d.Add, d.AddParts, e.Time)
	if r != nil {
		return r
	}
	remove, r := s.resolve(d.Remove, d.RemoveParts, e.Time)
	if r != nil {
		return r
	}
	for _, n := range add {
		if ro.set.hasName(s.perms, n) {
			return refuse(NoChange, "The role %s has %s already", ro.key, n)
		}
	}
	for _, n := range remove {
		if !ro.set.hasName(s.perms, n) {
			return refuse(NoChange, "The role %s does not have %s", ro.key, n)
		}
	}
	if len(add) == 0 && len(remove) == 0 && name == ro.name && description == ro.description && (d.Labels == nil || slices.Equal(d.Labels, ro.labels)) {
		return refuse(NoChange, "The role %s says this already", ro.key)
	}
	if r := s.admit(e, add, "", forever, nil); r != nil {
		return r
	}
	if d.Included, r = s.include(e, ro.set, add, remove); r != nil {
		return r
	}
	extent := s.extent(ro.set, union(add, d.Included), remove)
	if extent.Count == 0 && ro.set.count > 0 && !s.opened.Profile.EmptyRoles {
		return refuse(Invalid, "No permissions selected").hint("Leave at least one permission in the role, or delete it")
	}
	d.Count, d.Set = extent.Count, extent.Set
	return s.messageFits(name, description)
}

func (s *State) decideRoleDeleted(e *events.Event, d *events.RoleDeleted) *Refusal {
	if r := s.need(e.Actor, ActionRoleDelete, "", e.Time); r != nil {
		return r
	}
	ro, r := s.role(d.Role)
	if r != nil {
		return r
	}
	if r := editable(ro, "System roles cannot be deleted"); r != nil {
		return r
	}
	if ro.holders > 0 {
		r := refuse(InUse, "Role is assigned to users or API keys").hint("Remove role from all users and keys first")
		if s.opened.Rules == 1 {
			r = refuse(InUse, "The role %s is assigned to %d", ro.key, ro.holders).
				hint("Remove the role from all users and keys first")
		}
		for u := range s.subjects.all() { // who holds a role is asked for here alone, and nowhere kept
			if u.times(whatRole(ro.number)) > 0 {
				r.Holders = append(r.Holders, u.id)
			}
		}
		sortedIDs(r.Holders)
		return r
	}
	return nil
}

func (s *State) decideRoleAssigned(e *events.Event, d *events.RoleAssigned) *Refusal {
	if !s.editsKey(e, d.Subject) {
		if r := s.demand(e, ActionRoleAssign, d.Scope); r != nil {
			return r
		}
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	if r := s.atMostOne(u); r != nil {
		return r
	}
	ro, r := s.role(d.Role)
	if r != nil {
		return r
	}
	if r := s.byHand(e, ro); r != nil {
		return r
	}
	if r := end(e, d.Until); r != nil {
		return r
	}
	c, r := parseCondition(d.Condition)
	if r != nil {
		return r
	}
	if r := s.again(u, "the role "+ro.key, whatRole(ro.number), d.Scope, d.Until, c, e.Time); r != nil {
		return r
	}
	return s.guardRole(e, ro, d.Scope, d.Until, c)
}

func (s *State) decideRoleRevoked(e *events.Event, d *events.RoleRevoked) *Refusal {
	// Whoever delegated it takes it back without more.
	if ro := s.roles[d.Role]; ro == nil || !s.delegatedBy(e.Actor, d.Subject, whatRole(ro.number), d.Scope) {
		if r := s.demand(e, ActionRoleRevoke, d.Scope); r != nil && !s.withdraws(e, d.Role) {
			return r
		}
	}
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	if s.oneRoleFor(u) {
		return oneRole(0)
	}
	var g *grant
	if ro := s.roles[d.Role]; ro != nil {
		g = u.get(whatRole(ro.number), d.Scope)
	}
	if g == nil {
		return refuse(NotFound, "%s does not have this role on %s", u.key, scopeText(d.Scope))
	}
	d.Grant = g.id
	return s.byHand(e, s.roles[d.Role])
}

// withdraws says whether the actor may take a role from its holders because it may delete it, and this organization
// withdraws roles that are deleted.
func (s *State) withdraws(e *events.Event, role ulid.ULID) bool {
	ro := s.roles[role]
	return s.opened.Profile.WithdrawRoles && ro != nil && !ro.system && s.May(e.Actor, ActionRoleDelete, "", e.Time)
}

func (s *State) decideRolesSet(e *events.Event, d *events.RolesSet) *Refusal {
	if !s.editsKey(e, d.Subject) && !s.assignsAndRevokes(e) {
		if r := s.need(e.Actor, ActionRoleSet, "", e.Time); r != nil {
			return r
		}
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	if s.oneRoleFor(u) && len(d.Roles) != 1 {
		return oneRole(len(d.Roles))
	}
	for _, id := range d.Roles {
		ro, r := s.role(id)
		if r != nil {
			return r
		}
		if g := u.get(whatRole(ro.number), ""); g != nil && g.holds(e.Time) && s.alive(g, e.Time) {
			continue
		}
		if r := s.byHand(e, ro); r != nil {
			return r
		}
		if r := s.guardRole(e, ro, "", forever, nil); r != nil {
			return r
		}
		d.Added = append(d.Added, id)
	}
	for i := range u.grants {
		if g := &u.grants[i]; g.what.role() && g.scope == "" {
			if ro := s.numbered[g.what.number()]; !slices.Contains(d.Roles, ro.id) {
				if r := s.byHand(e, ro); r != nil {
					return r
				}
				d.Removed = append(d.Removed, ro.id)
			}
		}
	}
	sortedIDs(d.Removed)
	if len(d.Added) == 0 && len(d.Removed) == 0 {
		return refuse(NoChange, "%s has these roles already", u.key)
	}
	return nil
}

// assignsAndRevokes says whether the actor may do, one by one, what setting the roles of a subject does at once. Version 1 of
// the rules demanded a permission of its own for it.
func (s *State) assignsAndRevokes(e *events.Event) bool {
	return s.opened.Rules > 1 && s.May(e.Actor, ActionRoleAssign, "", e.Time) && s.May(e.Actor, ActionRoleRevoke, "", e.Time)
}

func (s *State) role(id ulid.ULID) (*role, *Refusal) {
	r, ok := s.roles[id]
	if !ok || r.deleted != 0 {
		return nil, refuse(NotFound, "There is no role %s", id)
	}
	return r, nil
}

// roleName judges a name that a role is to have; had is the one it has.
func (s *State) roleName(name, had string) *Refusal {
	if strings.TrimSpace(name) == "" {
		return refuse(Invalid, "A role has a name").hint("Choose a name that says who does what")
	}
	if s.opened.Profile.UniqueNames && name != had && s.roleNames[name] > 0 {
		return refuse(Taken, "Role name already exists").hint("Choose a unique role name")
	}
	return nil
}

func (s *State) guardRole(e *events.Event, ro *role, scope string, until time.Time, under events.Condition) *Refusal {
	if e.Actor == s.owner || ro.managed == events.ManagedOperator { // which only the operator assigns
		return nil
	}
	return s.guard(e.Actor, ro.set.names(s.perms), scope, until, e.Time, under)
}

// end judges the end of what an event gives, zero for none.
func end(e *events.Event, until time.Time) *Refusal {
	if !until.IsZero() && !until.After(e.Time) {
		return refuse(Invalid, "The end, %s, is not after now", until.Format(time.RFC3339))
	}
	return nil
}

// resolve gives all the names of a set that is given in part by name and in part by the digests of recorded parts,
// sorted, none twice.
func (s *State) resolve(names []string, parts []events.Digest, at time.Time) ([]string, *Refusal) {
	if len(parts) == 0 {
		return names, nil
	}
	all := slices.Clone(names)
	for _, digest := range parts {
		p, ok := s.parts[digest]
		if !ok || at.Sub(p.at) > partLife {
			return nil, refuse(PartMissing, "The part %x was not recorded in the last 24 h", digest[:8]).hint("Record it again")
		}
		all = append(all, p.names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// admit judges names that come into a role, or into somebody's hands: each is known, or may become so; none is reserved
// or retired; and the actor holds each itself, for as long as it gives it, and wherever its condition is met.
func (s *State) admit(e *events.Event, names []string, scope string, until time.Time, under events.Condition) *Refusal {
	for _, name := range names {
		p, known := s.perms.lookup(name)
		switch {
		case known && p.retired:
			return refuse(Unknown, "The permission %s was retired from its catalogue", name)
		case known && p.reserved:
			return refuse(Invalid, "The permission %s cannot be given", name)
		case !known && (indexColon(name) || !s.opened.Profile.NewPermissions):
			return s.unknownPermission(name)
		}
	}
	return s.guard(e.Actor, names, scope, until, e.Time, under)
}

// unknownPermission refuses a name that nobody knows, with those near it.
func (s *State) unknownPermission(name string) *Refusal {
	r := refuse(Unknown, "There is no permission %q", name)
	r.Permission, r.Nearest = name, Nearest(name, slices.Values(s.perms.names))
	if len(r.Nearest) > 0 {
		r.Hint = "Did you mean " + strings.Join(r.Nearest, " or ") + "?"
	}
	return r
}

// include gives the names that come into a role because others depend on them, sorted. Reserved ones are among them on
// purpose: nobody can ask for them, but what can be asked for may rest on them. As with all names, the actor holds them
// itself, or they do not come in.
func (s *State) include(e *events.Event, have *set, add, remove []string) ([]string, *Refusal) {
	if !s.opened.Profile.Dependencies {
		return nil, nil
	}
	in := map[string]bool{}
	have.each(func(n uint32) { in[s.perms.names[n]] = true })
	for _, n := range remove {
		delete(in, n)
	}
	for _, n := range add {
		in[n] = true
	}
	wanted := make([]string, 0, len(in))
	for n := range in {
		wanted = append(wanted, n)
	}
	slices.Sort(wanted) // one state and one command have one refusal
	var included []string
	for len(wanted) > 0 {
		n := wanted[0]
		wanted = wanted[1:]
		p, _ := s.perms.lookup(n)
		if p.retired { // it is kept, and asks for nothing any more
			continue
		}
		for _, other := range p.dependsOn {
			if in[other] {
				continue
			}
			if slices.Contains(remove, other) {
				return nil, refuse(Invalid, "%s depends on %s, which is to be removed", n, other).hint("Remove both")
			}
			in[other] = true
			included = append(included, other)
			wanted = append(wanted, other)
		}
	}
	slices.Sort(included)
	return included, s.guard(e.Actor, included, "", forever, e.Time, nil)
}

func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
