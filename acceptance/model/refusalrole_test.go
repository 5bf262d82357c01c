package model_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// title judges the name of a role; id is the role's own.
func (a asker) title(text string, id ulid.ULID) string {
	if strings.TrimSpace(text) == "" {
		return "invalid"
	}
	for other, o := range a.roles {
		if other != id && !o.gone && o.title == text && a.opened.Profile.UniqueNames {
			return "taken"
		}
	}
	return ""
}

// rests gives the names that come into a role because those in it depend on them, or the refusal where one of them is to
// go.
func (a asker) rests(in map[string]bool, remove []string) (included []string, code string) {
	if !a.opened.Profile.Dependencies {
		return nil, ""
	}
	for again := true; again; {
		again = false
		for _, n := range slices.Sorted(maps.Keys(in)) {
			is := a.names[n]
			if is == nil || is.retired {
				continue
			}
			for _, other := range is.needs {
				if in[other] {
					continue
				}
				if slices.Contains(remove, other) {
					return nil, "invalid"
				}
				in[other], again = true, true
				included = append(included, other)
			}
		}
	}
	return included, ""
}

func (a asker) createRole(d *events.RoleCreated) string {
	if code := a.need("role.create", ""); code != "" {
		return code
	}
	if a.roles[d.Role] != nil {
		return "taken"
	}
	for _, o := range a.roles {
		if o.key == d.Key && !o.gone {
			return "taken"
		}
	}
	if code := first(func() string { return a.title(d.Name, d.Role) }, func() string { return a.system(d) }, func() string { return a.partsThere(d.Parts) }); code != "" {
		return code
	}
	asked := a.all(d.Permissions, d.Parts)
	if len(asked) == 0 && !a.opened.Profile.EmptyRoles && d.Managed != "owner" {
		return "invalid"
	}
	return a.fill(map[string]bool{}, asked, nil)
}

// fill judges what a role is to have beside what is in it.
func (a asker) fill(in map[string]bool, add, remove []string) string {
	if code := first(func() string { return a.known(add) }, func() string { return a.passes(add, "", time.Time{}, "") }); code != "" {
		return code
	}
	for _, n := range add {
		in[n] = true
	}
	for _, n := range remove {
		delete(in, n)
	}
	included, code := a.rests(in, remove)
	if code != "" {
		return code
	}
	return a.passes(included, "", time.Time{}, "")
}

func (a asker) updateRole(d *events.RoleUpdated) string {
	if code := first(func() string { return a.need("role.update", "") }, func() string { return a.role(d.Role) }); code != "" {
		return code
	}
	o := a.roles[d.Role]
	if o.system {
		return "not-permitted"
	}
	title, text := o.title, o.text
	if d.Name != nil {
		title = *d.Name
	}
	if d.Description != nil {
		text = *d.Description
	}
	code := first(
		func() string {
			if title == o.title { // it has it
				return unless(strings.TrimSpace(title) != "", "invalid")
			}
			return a.title(title, d.Role)
		},
		func() string { return a.partsThere(d.AddParts) },
		func() string { return a.partsThere(d.RemoveParts) },
	)
	if code != "" {
		return code
	}
	add, remove := a.all(d.Add, d.AddParts), a.all(d.Remove, d.RemoveParts)
	for _, n := range add {
		if o.has[n] {
			return "no-change"
		}
	}
	for _, n := range remove {
		if !o.has[n] {
			return "no-change"
		}
	}
	if len(add)+len(remove) == 0 && title == o.title && text == o.text {
		return "no-change"
	}
	in := maps.Clone(o.has)
	if code := a.fill(in, add, remove); code != "" {
		return code
	}
	return unless(len(in) > 0 || len(o.has) == 0 || a.opened.Profile.EmptyRoles, "invalid")
}

func (a asker) deleteRole(d *events.RoleDeleted) string {
	return first(
		func() string { return a.need("role.delete", "") },
		func() string { return a.role(d.Role) },
		func() string { return unless(!a.roles[d.Role].system, "not-permitted") },
		func() string {
			return unless(!slices.ContainsFunc(a.gifts, func(g gift) bool { return g.role == d.Role }), "in-use")
		},
	)
}

// passesRole says whether the actor holds all that a role gives.
func (a asker) passesRole(id ulid.ULID, scope string, until time.Time, under string) string {
	if a.roles[id].managed == "operator" { // which the operator alone gives, who holds nothing
		return ""
	}
	return a.passes(slices.Sorted(maps.Keys(a.roles[id].has)), scope, until, under)
}

func (a asker) assign(d *events.RoleAssigned) string {
	return first(
		func() string {
			if a.editsKey(d.Subject) {
				return ""
			}
			return a.demand("role.assign", d.Scope)
		},
		func() string { return a.taker(d.Subject) },
		func() string {
			has := slices.ContainsFunc(a.gifts, func(g gift) bool { return g.to == d.Subject && g.perm == "" })
			return unless(!has || !a.hasOne(d.Subject), "invalid")
		},
		func() string { return a.role(d.Role) },
		func() string { return a.byHand(d.Role) },
		func() string { return a.later(d.Until) },
		func() string {
			return a.again(gift{to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until, under: d.Condition})
		},
		func() string { return a.passesRole(d.Role, d.Scope, d.Until, d.Condition) },
	)
}

func (a asker) revokeRole(d *events.RoleRevoked) string {
	g := gift{to: d.Subject, role: d.Role, scope: d.Scope}
	return first(
		func() string {
			for _, have := range a.gifts {
				if have.same(g) && have.from == a.c.Actor { // what one passed on one takes back
					return ""
				}
			}
			o := a.roles[d.Role]
			if a.opened.Profile.WithdrawRoles && o != nil && !o.system && a.may("role.delete", "") { // to delete it then
				return ""
			}
			return a.demand("role.revoke", d.Scope)
		},
		func() string { return a.exists(d.Subject) },
		func() string { return unless(!a.hasOne(d.Subject), "invalid") },
		func() string { return unless(slices.ContainsFunc(a.gifts, g.same), "not-found") },
		func() string { return a.byHand(d.Role) },
	)
}

func (a asker) setRoles(d *events.RolesSet) string {
	code := first(
		func() string {
			if a.editsKey(d.Subject) || a.may("role.assign", "") && a.may("role.revoke", "") {
				return ""
			}
			return a.need("role.set", "")
		},
		func() string { return a.taker(d.Subject) },
		func() string { return unless(!a.hasOne(d.Subject) || len(d.Roles) == 1, "invalid") },
	)
	if code != "" {
		return code
	}
	changes := false
	for _, id := range d.Roles {
		if code := a.role(id); code != "" {
			return code
		}
		if !a.has(gift{to: d.Subject, role: id}) {
			changes = true
			if code := first(func() string { return a.byHand(id) }, func() string { return a.passesRole(id, "", time.Time{}, "") }); code != "" {
				return code
			}
		}
	}
	for _, g := range a.gifts {
		if g.to == d.Subject && g.perm == "" && g.scope == "" && !slices.Contains(d.Roles, g.role) {
			changes = true
			if code := a.byHand(g.role); code != "" {
				return code
			}
		}
	}
	return unless(changes, "no-change")
}

func (a asker) direct() string { return unless(a.opened.Profile.DirectGrants, "invalid") }

func (a asker) grant(d *events.PermissionGranted) string {
	return first(
		func() string { return a.need("permission.grant", d.Scope) },
		a.direct,
		func() string { return a.taker(d.Subject) },
		func() string { return a.later(d.Until) },
		func() string { return a.known([]string{d.Permission}) },
		func() string { return a.passes([]string{d.Permission}, d.Scope, d.Until, d.Condition) },
		func() string {
			return a.again(gift{to: d.Subject, perm: d.Permission, scope: d.Scope, until: d.Until, under: d.Condition})
		},
	)
}

func (a asker) revoke(d *events.PermissionRevoked) string {
	g := gift{to: d.Subject, perm: d.Permission, scope: d.Scope}
	return first(
		func() string { return a.need("permission.revoke", d.Scope) },
		func() string { return a.exists(d.Subject) },
		func() string { return unless(slices.ContainsFunc(a.gifts, g.same), "not-found") },
	)
}

func (a asker) setPermissions(d *events.PermissionsSet) string {
	code := first(
		func() string { return a.need("permission.set", d.Scope) },
		a.direct,
		func() string { return a.taker(d.Subject) },
		func() string { return a.partsThere(d.Parts) },
	)
	if code != "" {
		return code
	}
	after := a.all(d.Permissions, d.Parts)
	var added []string
	for _, n := range after {
		if !a.has(gift{to: d.Subject, perm: n, scope: d.Scope}) {
			added = append(added, n)
		}
	}
	removes := slices.ContainsFunc(a.gifts, func(g gift) bool {
		return g.to == d.Subject && g.perm != "" && g.scope == d.Scope && !g.over(a.at) && !slices.Contains(after, g.perm)
	})
	return first(
		func() string { return unless(len(added) > 0 || removes, "no-change") },
		func() string { return a.known(added) },
		func() string { return a.passes(added, d.Scope, time.Time{}, "") },
	)
}

func (a asker) end(d *events.GrantEnded) string {
	if a.c.Auth.Method != "node" {
		return "not-permitted"
	}
	for _, g := range a.ends {
		if g.by == d.Grant && a.c.Origin.Derived != nil {
			return unless(g.over(a.at), "invalid")
		}
	}
	return "not-found"
}

// passesAll says whether the actor holds all that somebody else has, for ever: whoever gets hold of a key of another's
// can act as that other.
func (a asker) passesAll(of ulid.ULID) string {
	if a.c.Actor == of || a.c.Actor == a.owner {
		return ""
	}
	for _, g := range a.gifts {
		if g.to != of || g.over(a.at) {
			continue
		}
		names := []string{g.perm}
		if g.perm == "" {
			names = slices.Collect(maps.Keys(a.roles[g.role].has))
		}
		if code := a.passes(names, g.scope, time.Time{}, ""); code != "" {
			return code
		}
	}
	return ""
}

// toKeys judges what is done to the credentials of a subject. To those of an API key that is assigned to it the actor may
// do all, and is not asked for more.
func (a asker) toKeys(id ulid.ULID, action string, more ...func() string) string {
	u := a.subjects[id]
	if u != nil && u.holder == a.c.Actor {
		return first(more[:len(more)-1]...)
	}
	actions := []string{action}
	if u != nil && u.kind == "api-key" {
		actions = append(actions, "api-key.update")
	}
	return first(append([]func() string{func() string { return a.any(actions...) }}, more...)...)
}

func (a asker) registerKey(d *events.KeyRegistered) string {
	return first(
		func() string {
			return a.toKeys(d.Subject, "key.register",
				func() string { return a.active(d.Subject) },
				func() string { return unless(d.Subject != a.owner || a.c.Actor == a.owner, "not-permitted") },
				func() string { return a.passesAll(d.Subject) },
			)
		},
		func() string { return unless(a.keys[d.Key] == nil, "taken") },
	)
}

func (a asker) rotateKey(d *events.KeyRotated) string {
	k := a.keys[d.Old]
	if k == nil || k.revoked {
		return "not-found"
	}
	fresh := func() string { return unless(a.keys[d.New] == nil, "taken") }
	if a.c.Auth.Credential == d.Old {
		return fresh()
	}
	switch {
	case k.purpose == "invitation":
		return "invalid"
	case k.purpose == "checkpoint" && d.Old != a.checkpoint[0]:
		return "not-found"
	case k.purpose == "checkpoint" && a.c.Actor != a.owner:
		return "not-permitted"
	}
	if u := a.subjects[k.of]; u != nil && u.holder == a.c.Actor {
		return fresh()
	}
	return first(
		func() string {
			return a.toKeys(k.of, "key.rotate",
				func() string { return unless(k.of != a.owner || a.c.Actor == a.owner, "not-permitted") },
				func() string { return a.passesAll(k.of) },
			)
		},
		fresh,
	)
}

func (a asker) revokeKey(d *events.KeyRevoked) string {
	k := a.keys[d.Key]
	if k == nil || k.revoked {
		return "not-found"
	}
	last := k.of == a.owner
	for did, other := range a.keys {
		last = last && (did == d.Key || other.of != a.owner || other.revoked)
	}
	return first(
		func() string {
			if k.of == a.c.Actor {
				return ""
			}
			return a.need("key.revoke", "")
		},
		func() string { return unless(k.of != a.owner || a.c.Actor == a.owner, "not-permitted") },
		func() string { return unless(!last && k.purpose != "invitation" && d.Key != a.checkpoint[0], "in-use") },
	)
}
