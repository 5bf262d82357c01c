package access

import (
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// take takes in what an event says. It follows rules.Evolve, type by type.
func (x *Index) take(e *events.Event) {
	at := e.Sequence
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		x.publishOwn(at)
		o := d.Owner
		x.owner = x.addSubject(&events.SubjectAdded{Subject: o.Subject, Key: o.Key, Kind: o.Kind, DID: o.DID, Credential: o.Credential}, at, false)
	case *events.CataloguePublished:
		x.publish(d, at)
	case *events.SubjectAdded:
		x.addSubject(d, at, e.Origin.Import != nil)
	case *events.SubjectDeactivated:
		if u := x.subject(d.Subject); u != nil {
			u.deactivated = at
		}
	case *events.PermissionsRecorded:
		names := make([]string, len(d.Permissions))
		for i, name := range d.Permissions {
			names[i] = strings.Clone(name)
		}
		x.parts[d.Part] = part{names, e.Time.UnixMilli()}
	case *events.RoleCreated:
		x.createRole(d, at)
	case *events.RoleUpdated:
		x.updateRole(d, at)
	case *events.RoleDeleted:
		if r := x.role(d.Role); r != nil {
			r.deleted = at
			r.touched = append(r.touched, at)
		}
	case *events.RoleAssigned:
		x.changeRole(d.Subject, d.Role, d.Scope, change{at, give, millis(d.Until)})
	case *events.RoleRevoked:
		x.changeRole(d.Subject, d.Role, d.Scope, change{at, takeBack, 0})
	case *events.RolesSet:
		for _, id := range d.Added {
			x.changeRole(d.Subject, id, "", change{at, give, noEnd})
		}
		for _, id := range d.Removed {
			x.changeRole(d.Subject, id, "", change{at, takeBack, 0})
		}
	case *events.PermissionGranted:
		if u := x.subject(d.Subject); u != nil {
			n := x.enter(d.Permission)
			x.know(n, at, x.entries[at-1].occurred)
			x.change(x.directLine(u, n, x.scope(d.Scope)), change{at, give, millis(d.Until)})
		}
	case *events.PermissionRevoked:
		if u := x.subject(d.Subject); u != nil {
			x.change(x.directLine(u, x.enter(d.Permission), x.scope(d.Scope)), change{at, takeBack, 0})
		}
	case *events.PermissionsSet:
		x.setPermissions(d, at)
	case *events.GrantEnded:
		x.endGrant(d, at)
	}
}

func (x *Index) subject(id ulid.ULID) *subject {
	if n, ok := x.subjectID[id]; ok {
		return x.subjects[n]
	}
	return nil
}

func (x *Index) role(id ulid.ULID) *role {
	if n, ok := x.roleID[id]; ok {
		return x.roles[n]
	}
	return nil
}

func (x *Index) changeRole(to, id ulid.ULID, scope string, c change) {
	if u, r := x.subject(to), x.role(id); u != nil && r != nil {
		x.change(x.roleLine(u, r, x.scope(scope)), c)
	}
}

func (x *Index) endGrant(d *events.GrantEnded, at uint64) {
	u := x.subject(d.Subject)
	if u == nil {
		return
	}
	var l *line
	if d.Permission != "" {
		l = x.directLine(u, x.enter(d.Permission), x.scope(d.Scope))
	} else if r := x.role(d.Role); r != nil {
		l = x.roleLine(u, r, x.scope(d.Scope))
	}
	if l == nil {
		return
	}
	for _, c := range l.changes {
		if c.op == give && x.entries[c.position-1].id == d.Grant {
			x.change(l, change{at, end, int64(c.position)})
			return
		}
	}
}

// setPermissions replaces what a subject has without a role on one scope. What it keeps, and what has not ended at the
// event's time, keeps its grant.
func (x *Index) setPermissions(d *events.PermissionsSet, at uint64) {
	u := x.subject(d.Subject)
	if u == nil {
		return
	}
	scope, e := x.scope(d.Scope), &x.entries[at-1]
	var after bits
	numbers := x.resolve(d.Permissions, d.Parts, nil)
	for _, n := range numbers {
		after.set(n)
		x.know(n, at, e.occurred)
	}
	for key, l := range u.direct {
		if key.scope == scope && l.now.held() && !after.has(key.permission) {
			x.change(l, change{at, takeBySet, 0})
		}
	}
	for _, n := range numbers {
		if l := x.directLine(u, n, scope); !l.now.holds(e.time) {
			x.change(l, change{at, giveBySet, noEnd})
		}
	}
	if u.sets == nil {
		u.sets = map[uint32][]set{}
	}
	u.sets[scope] = append(u.sets[scope], set{at, after})
}
