package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/schemas/catalogues"
)

func (d *draft) publishCatalogue() (events.Data, error) {
	var c catalogues.Catalogue
	var err error
	switch raw := d.in.Catalogue; {
	case (len(raw) > 0) == (d.in.Embedded != ""):
		return nil, badRequest("Either catalogue or embedded says which catalogue")
	case d.in.Embedded != "":
		if c, err = catalogues.Load(d.in.Embedded); errors.Is(err, catalogues.ErrUnknown) {
			p := problemOf(http.StatusNotFound, string(rules.NotFound), "The program brings no catalogue "+clip(d.in.Embedded))
			p.Nearest = catalogues.Names()
			return nil, p
		}
	default:
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err = dec.Decode(&c); err != nil {
			return nil, badRequest("The catalogue cannot be read: " + clip(err.Error()))
		}
	}
	if err != nil {
		return nil, err
	}
	data := &events.CataloguePublished{Catalogue: c.Name, Title: c.Title, Permissions: []events.Permission{}}
	known := rules.ActionsOf(d.state.Rules())
	for _, p := range c.Permissions {
		// Older rules do not know all that a catalogue of this release guards.
		p.Guards = slices.DeleteFunc(p.Guards, func(action string) bool { return d.in.Embedded != "" && !slices.Contains(known, action) })
		one := events.Permission{
			Name: p.Name, Category: p.Category, Entity: p.Entity, Action: p.Action, Description: p.Description,
			DependsOn: sorted(p.DependsOn), Guards: sorted(p.Guards), Reserved: !p.Selectable,
			Needs: sorted(p.Needs), Access: p.Access,
		}
		if d.state.Rules() == 1 { // what came with later rules is not said to a ledger that does not go by them
			known := rules.ActionsOf(1)
			one.Guards = slices.DeleteFunc(one.Guards, func(a string) bool { return !slices.Contains(known, a) })
			one.Needs, one.Access = nil, ""
		}
		if p.Level == catalogues.Token {
			one.Level = events.LevelToken
		}
		data.Permissions = append(data.Permissions, one)
	}
	slices.SortFunc(data.Permissions, func(a, b events.Permission) int { return cmp.Compare(a.Name, b.Name) })
	return data, nil
}

func (d *draft) createRole() (events.Data, error) {
	name := d.in.Role
	if d.in.Name != nil {
		name = *d.in.Name
	}
	data := &events.RoleCreated{Role: d.id(), Key: d.in.Role, Name: name, System: d.in.System, Managed: d.in.Managed}
	if d.in.Description != nil {
		data.Description = *d.in.Description
	}
	if len(d.in.Labels) > 0 {
		data.Labels = labelled(nil, d.in.Labels)
	}
	var err error
	data.Permissions, err = d.permissions(d.in.Permissions)
	return data, err
}

func (d *draft) updateRole() (events.Data, error) {
	role, err1 := d.role(d.in.Role)
	add, err2 := d.permissions(d.in.Add)
	remove, err3 := d.permissions(d.in.Remove)
	for _, name := range add {
		if slices.Contains(remove, name) {
			return nil, badRequest("The permission " + name + " is both to be added and to be removed")
		}
	}
	data := &events.RoleUpdated{Role: role, Name: d.in.Name, Description: d.in.Description, Add: add, Remove: remove}
	if len(d.in.Labels) > 0 {
		is, _ := d.state.Role(role)
		data.Labels = labelled(is.Labels, d.in.Labels)
	}
	return data, cmp.Or(err1, err2, err3)
}

// labelled gives labels with others set, by name. An empty value takes a label away.
func labelled(labels []events.Label, set map[string]string) []events.Label {
	out := []events.Label{}
	for _, l := range labels {
		if _, other := set[l.Name]; !other {
			out = append(out, l)
		}
	}
	for name, value := range set {
		if value != "" {
			out = append(out, events.Label{Name: name, Value: value})
		}
	}
	slices.SortFunc(out, func(a, b events.Label) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (d *draft) deleteRole() (events.Data, error) {
	role, err := d.role(d.in.Role)
	if err == nil && !d.in.Confirm {
		r, _ := d.state.Role(role)
		d.unconfirmed = problemOf(http.StatusPreconditionRequired, wire.CodeNotConfirmed, "Deleting the role "+r.Key+" cannot be undone")
		d.unconfirmed.Hint = "Say confirm: true"
	}
	return &events.RoleDeleted{Role: role}, err
}

func (d *draft) assignRole() (events.Data, error) {
	role, err1 := d.role(d.in.Role)
	subject, err2 := d.subject(d.in.Subject)
	until, err3 := instant(d.in.Until)
	under, err4 := condition(d.in.Condition)
	return &events.RoleAssigned{Subject: subject, Role: role, Scope: d.in.Scope, Until: until, Condition: under}, cmp.Or(err1, err2, err3, err4)
}

func (d *draft) revokeRole() (events.Data, error) {
	role, err1 := d.role(d.in.Role)
	subject, err2 := d.subject(d.in.Subject)
	return &events.RoleRevoked{Subject: subject, Role: role, Scope: d.in.Scope}, cmp.Or(err1, err2)
}

func (d *draft) setRoles() (events.Data, error) {
	subject, err := d.subject(d.in.Subject)
	data := &events.RolesSet{Subject: subject, Roles: []ulid.ULID{}}
	for _, name := range d.in.Roles {
		role, err1 := d.role(name)
		err = cmp.Or(err, err1)
		data.Roles = append(data.Roles, role)
	}
	slices.SortFunc(data.Roles, ulid.ULID.Compare)
	data.Roles = slices.Compact(data.Roles)
	return data, err
}

func (d *draft) grantPermission() (events.Data, error) {
	permission, err1 := d.permission(d.in.Permission)
	subject, err2 := d.subject(d.in.Subject)
	until, err3 := instant(d.in.Until)
	under, err4 := condition(d.in.Condition)
	return &events.PermissionGranted{Subject: subject, Permission: permission, Scope: d.in.Scope, Until: until, Condition: under}, cmp.Or(err1, err2, err3, err4)
}

func (d *draft) revokePermission() (events.Data, error) {
	permission, err1 := d.permission(d.in.Permission)
	subject, err2 := d.subject(d.in.Subject)
	return &events.PermissionRevoked{Subject: subject, Permission: permission, Scope: d.in.Scope}, cmp.Or(err1, err2)
}

func (d *draft) setPermissions() (events.Data, error) {
	permissions, err1 := d.permissions(d.in.Permissions)
	subject, err2 := d.subject(d.in.Subject)
	return &events.PermissionsSet{Subject: subject, Scope: d.in.Scope, Permissions: permissions}, cmp.Or(err1, err2)
}

func (d *draft) issueDocument() (events.Data, error) {
	thing, err := d.thing(d.in.About)
	return &events.DocumentIssued{Thing: thing}, err
}

// thing reads role:<key> or subject:<key>.
func (d *draft) thing(about string) (string, error) {
	kind, name, _ := strings.Cut(about, ":")
	var id ulid.ULID
	var err error
	switch kind {
	case "role":
		id, err = d.role(name)
	case "subject":
		id, err = d.subject(name)
	default:
		err = badRequest("about is role: or subject: and a key")
	}
	return kind + "/" + id.String(), err
}

// role gives the id of a role that was named by its key, else by its id.
func (d *draft) role(name string) (ulid.ULID, error) {
	if id, ok := d.state.RoleByKey(name); ok {
		return id, nil
	}
	if id, err := ulid.ParseStrict(name); err == nil {
		if r, ok := d.state.Role(id); ok && r.Deleted == 0 {
			return id, nil
		}
	}
	return ulid.ULID{}, d.notFound("role", name)
}

// subject gives the id of a subject that was named by its key, else by its id.
func (d *draft) subject(name string) (ulid.ULID, error) {
	if id, ok := d.state.SubjectByKey(name); ok {
		return id, nil
	}
	if id, err := ulid.ParseStrict(name); err == nil {
		if _, ok := d.state.Subject(id); ok {
			return id, nil
		}
	}
	return ulid.ULID{}, d.notFound("subject", name)
}

func (d *draft) notFound(kind, name string) error {
	if name == "" {
		return badRequest(kind + " is missing")
	}
	p := problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no %s %q", kind, clip(name)))
	now := access.AsOf{Position: d.state.Position()}
	if kind == "role" {
		p.Nearest = rules.Nearest(name, roleKeys(d.call.org.Access, now))
	} else {
		p.Nearest = rules.Nearest(name, subjectKeys(d.call.org.Access, now))
	}
	return p
}

// permission gives the canonical name of a permission. A name that nobody knows stays as it is where the organization
// takes in new ones; else it is a problem, as a name that several catalogues have always is.
func (d *draft) permission(name string) (string, error) {
	if name == "" {
		return "", badRequest("permission is missing")
	}
	canonical, others := d.state.Permission(name)
	if canonical != "" {
		return canonical, nil
	}
	if p := ambiguous(name, others); p != nil {
		return "", p
	}
	if !strings.Contains(name, ":") && d.state.Opened().Profile.NewPermissions {
		return name, nil
	}
	return "", unknownPermission(name, others)
}

// ambiguous gives the problem of a name that several catalogues have; nil where that is not so.
func ambiguous(name string, others []string) error {
	several := len(others) > 1 && !slices.ContainsFunc(others, func(o string) bool { return !strings.HasSuffix(o, ":"+name) })
	if !several {
		return nil
	}
	p := problemOf(http.StatusUnprocessableEntity, wire.CodeAmbiguous, "Several catalogues have a permission "+clip(name))
	p.Permission, p.Nearest, p.Hint = name, others, "Say which: "+strings.Join(others, " or ")
	return p
}

func unknownPermission(name string, near []string) error {
	r := &rules.Refusal{Code: rules.Unknown, Reason: fmt.Sprintf("There is no permission %q", clip(name)), Permission: clip(name), Nearest: near}
	if len(near) > 0 {
		r.Hint = "Did you mean " + strings.Join(near, " or ") + "?"
	}
	return refused(r, nil)
}

// permissions gives the canonical names of permissions, sorted, none twice.
func (d *draft) permissions(names []string) ([]string, error) {
	out := make([]string, 0, len(names))
	for _, name := range names {
		canonical, err := d.permission(name)
		if err != nil {
			return nil, err
		}
		out = append(out, canonical)
	}
	return sorted(out), nil
}

func sorted(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}
