package api

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

func roleOf(v access.RoleView, permissions bool, may roleActions) wire.Role {
	r := wire.Role{
		ID: v.ID.String(), Key: v.Key, Name: v.Name, Type: v.Type, Managed: v.Managed, Default: v.Default, Actions: may.on(v), Description: v.Description,
		Count: v.Count, Holders: v.Holders, Keys: v.Keys, Created: v.Created, Changed: v.Changed,
	}
	for _, l := range v.Labels {
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels[l.Name] = l.Value
	}
	if permissions {
		r.Permissions = append([]string{}, v.Permissions...)
	}
	return r
}

// roleActions says what a caller may do with the roles of an organization.
type roleActions struct{ edit, delete bool }

// roleActions gives what the caller of a request may do with roles: whoever asks may view them.
func (c *call) roleActions() roleActions {
	caller := CallerOf(c.Context())
	return roleActions{caller.May(c.org, rules.ActionRoleUpdate, c.now), caller.May(c.org, rules.ActionRoleDelete, c.now)}
}

// on gives the actions on one role: nobody changes or deletes one of the system.
func (a roleActions) on(v access.RoleView) []string {
	list := []string{"View"}
	if a.edit && v.Type == access.TypeCustom {
		list = append(list, "Edit")
	}
	if a.delete && v.Type == access.TypeCustom {
		list = append(list, "Delete")
	}
	return list
}

func subjectOf(v access.SubjectView) wire.Subject {
	return wire.Subject{ID: v.ID.String(), Key: v.Key, Kind: v.Kind, DID: v.DID, Owner: v.Owner, Added: v.Added, Deactivated: v.Deactivated,
		State: v.State, Auth: v.About.Auth, Reference: v.About.Reference, Links: v.About.Links, InvitedUntil: stamp(v.About.Until),
		Properties: valuesOf(v.About.Properties)}
}

func permissionOf(v access.PermissionView) wire.Permission {
	return wire.Permission{
		Name: v.Name, Catalogue: v.Catalogue, Category: v.Category, Entity: v.Entity, Action: v.Action, Description: v.Description,
		Level: v.Level, DependsOn: v.DependsOn, Guards: v.Guards, Selectable: !v.Reserved && !v.Retired, Reserved: v.Reserved, Retired: v.Retired,
		Needs: v.Needs, Access: v.Access,
	}
}

func (c *call) holdsOf(h access.Holding) wire.Holds {
	out := wire.Holds{
		Grant: h.Grant.String(), At: h.At, Role: h.Role.Key, Permission: h.Permission, Scope: h.Scope, Until: stamp(h.Until), Condition: h.Condition,
	}
	if h.Passed {
		out.Delegated = keyOf(c.org, h.By)
	}
	return out
}

// because gives reasons with the words that people gave for them. The entries are read for these: once each.
func (c *call) because(reasons []access.Reason) ([]wire.Because, error) {
	list := make([]wire.Because, 0, len(reasons))
	for _, r := range reasons {
		b := wire.Because{
			Kind: string(r.Kind), Grant: r.Grant.String(), At: r.At, PermissionAt: r.PermissionAt, Scope: r.Scope, Until: stamp(r.Until),
			By: keyOf(c.org, r.By), Condition: r.Condition, Delegated: r.Passed,
		}
		if r.Role.ID != (ulid.ULID{}) {
			b.Role, b.RoleID = r.Role.Key, r.Role.ID.String()
		}
		en, err := c.entry(r.At)
		if err != nil {
			return nil, err
		}
		b.Reason = words(c.org, en.Event.Reason)
		list = append(list, b)
	}
	return list, nil
}
