package rules

import (
	"slices"

	"github.com/permledger/permledger/events"
)

// managedTags are the ways of their own in which roles are assigned.
var managedTags = []string{
	events.ManagedOwner, events.ManagedOperator, events.ManagedTokenOwner, events.ManagedTokenAgent, events.ManagedTokenHolder,
}

// systemRole judges what makes a new role one of the system. The owner makes these, and only as long as nobody was added
// to the organization, or none since it adopted newer rules: a role that cannot be changed is there from the beginning,
// or not at all.
func (s *State) systemRole(e *events.Event, d *events.RoleCreated) *Refusal {
	switch {
	case !d.System && d.Managed != "":
		return refuse(Invalid, "Only a role of the system is assigned in a way of its own")
	case !d.System && s.opened.Profile.FixedRoles:
		return refuse(Invalid, "In an organization of profile %s, the roles are fixed", s.opened.Profile.Name).
			hint("Use one of the roles there are")
	case !d.System:
		return nil
	case e.Actor != s.owner:
		return refuse(NotPermitted, "Only the owner makes a system role")
	case s.subjects.count > s.founded:
		return refuse(Invalid, "System roles are made while an organization is opened, before anybody is added to it").
			hint("Make a role that is not of the system")
	case d.Managed == "":
		return nil
	case !slices.Contains(managedTags, d.Managed):
		return refuse(Invalid, "No role is managed by %q", d.Managed)
	case s.managed[d.Managed] != ulidZero:
		return refuse(Taken, "There is a role managed by %s already", d.Managed)
	case d.Managed == events.ManagedOwner && len(d.Permissions)+len(d.Parts) > 0:
		return refuse(Invalid, "The owner's role gives every permission").hint("Name none")
	}
	return nil
}

// editable refuses to change or delete a role of the system; hint says which of both.
func editable(ro *role, hint string) *Refusal {
	if !ro.system {
		return nil
	}
	return refuse(NotPermitted, "%s is a system role", ro.name).hint("%s", hint)
}

// byHand refuses to give or take a role that is assigned in a way of its own, to whoever has not that way.
func (s *State) byHand(e *events.Event, ro *role) *Refusal {
	operator := s.opened.Operator != ulidZero && e.Actor == s.opened.Operator
	switch ro.managed {
	case "":
		if operator {
			return refuse(NotPermitted, "The operator of the ledger assigns only the roles that are the operator's to assign")
		}
	case events.ManagedOperator:
		if !operator {
			return refuse(NotPermitted, "Only the operator of the ledger assigns and revokes %s", ro.name).hint("Ask whoever runs the ledger")
		}
	case events.ManagedOwner:
		return refuse(InUse, "One %s per organization", ro.name).hint("Transfer the ownership")
	default:
		return refuse(Invalid, "%s is assigned with a token", ro.name).hint("Deploy or transfer the token, or change its agents or investors")
	}
	return nil
}

// demand is need, but for the operator of the ledger, who holds nothing: what it may ask for was judged with the
// authentication, and byHand says of which roles.
func (s *State) demand(e *events.Event, action, scope string) *Refusal {
	if s.opened.Operator != ulidZero && e.Actor == s.opened.Operator {
		return nil
	}
	return s.need(e.Actor, action, scope, e.Time)
}

func (s *State) decideDefaulted(e *events.Event, d *events.RoleDefaulted) *Refusal {
	if r := s.need(e.Actor, ActionRoleDefault, "", e.Time); r != nil {
		return r
	}
	if !s.opened.Profile.DefaultRoles {
		return refuse(Invalid, "In an organization of profile %s, nobody gets a role by being added", s.opened.Profile.Name)
	}
	ro, r := s.role(d.Role)
	if r != nil {
		return r
	}
	if (d.Role == s.defaultRole) != d.None {
		return refuse(NoChange, "It is so already")
	}
	d.Former = s.defaultRole
	if d.None {
		return nil
	}
	if ro.managed != "" {
		return refuse(Invalid, "%s is assigned in a way of its own", ro.name)
	}
	return s.guardRole(e, ro, "", forever, nil) // everybody who is added gets what it gives
}

// everything gives the names of all permissions there are: what the owner's role gives.
func (s *State) everything() []string {
	names := slices.Clone(s.perms.names)
	slices.Sort(names)
	return names
}
