package access

import (
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// take takes in what an event says. It follows rules.Evolve, type by type.
func (x *Index) take(e *events.Event) {
	at := e.Sequence
	if x.takeLife(e) {
		return
	}
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		x.publishOwn(d.Rules, at)
		o := d.Owner
		x.owner = x.addSubject(&events.SubjectAdded{Subject: o.Subject, Key: o.Key, Kind: o.Kind, DID: o.DID, Credential: o.Credential}, at, false)
		x.owners = []ownerFrom{{at, x.owner}}
	case *events.OwnershipTransferred:
		x.changeOwner(d.To, at)
	case *events.OwnershipRecovered:
		x.changeOwner(d.To, at)
	case *events.RoleDefaulted:
		role := uint32(nobody)
		if n, ok := x.roleID[d.Role]; ok && !d.None {
			role = n
		}
		x.defaults = append(x.defaults, said[uint32]{at, role})
	case *events.RulesAdopted:
		x.publishOwn(d.Rules, at)
	case *events.CataloguePublished:
		x.publish(d, at)
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
			r.publish(nil, at)
		}
	case *events.RoleDelegated:
		x.delegate(d, e.Actor, at)
	case *events.ResourceRegistered, *events.ResourceUpdated, *events.ResourceRemoved,
		*events.AccessAssigned, *events.AccessUnassigned, *events.AccessDelegated:
		x.takeResource(e)
	case *events.RoleAssigned:
		x.tie(at, tie{condition: conditionOf(d.Condition)})
		x.changeRole(d.Subject, d.Role, d.Scope, given(at, d.Until))
	case *events.RoleRevoked:
		x.changeRole(d.Subject, d.Role, d.Scope, taken(at))
	case *events.RolesSet:
		for _, id := range d.Added {
			x.changeRole(d.Subject, id, "", given(at, time.Time{}))
		}
		for _, id := range d.Removed {
			x.changeRole(d.Subject, id, "", taken(at))
		}
	case *events.PermissionGranted:
		if u := x.subject(d.Subject); u != nil {
			n := x.enter(d.Permission)
			x.tie(at, tie{condition: conditionOf(d.Condition)})
			x.know(n, at, x.entry(at).occurred)
			x.change(x.directLine(u, n, x.scope(d.Scope)), given(at, d.Until))
		}
	case *events.PermissionRevoked:
		if u := x.subject(d.Subject); u != nil {
			x.change(x.directLine(u, x.enter(d.Permission), x.scope(d.Scope)), taken(at))
		}
	case *events.PermissionsSet:
		x.setPermissions(d, at)
	case *events.GrantEnded:
		x.endGrant(d, at)
	case events.TokenData:
		x.takeToken(d, at)
	}
}

func (x *Index) subject(id ulid.ULID) *subject {
	n, ok := x.subjectID.find(hashID(id), func(n uint32) bool { return x.subjects.at(n).id == id })
	if !ok {
		return nil
	}
	return x.subjects.at(n)
}

func (x *Index) role(id ulid.ULID) *role {
	if n, ok := x.roleID[id]; ok {
		return x.roles.at(n)
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
	var l uint32
	if d.Permission != "" {
		l = x.directLine(u, x.enter(d.Permission), x.scope(d.Scope))
	} else if r := x.role(d.Role); r != nil {
		l = x.roleLine(u, r, x.scope(d.Scope))
	} else {
		return
	}
	for c := range x.lines.at(l).backwards {
		if c.op == give && x.entry(uint64(c.position)).id == d.Grant {
			x.change(l, change{position: uint32(at), op: end, arg: int64(c.position)})
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
	scope, e := x.scope(d.Scope), x.entry(at)
	var after bits
	numbers := x.resolve(d.Permissions, d.Parts, nil)
	for _, n := range numbers {
		after.set(n)
		x.know(n, at, e.occurred)
	}
	for _, n := range u.direct {
		if l := x.lines.at(n); l.scope == scope && !after.has(l.permission()) {
			if o := x.outcomeOf(l, view{head: true}); o.held() {
				x.change(n, change{position: uint32(at), op: takeBySet})
			}
		}
	}
	for _, permission := range numbers {
		n := x.directLine(u, permission, scope)
		if o := x.outcomeOf(x.lines.at(n), view{head: true}); !o.holds(e.time) {
			x.change(n, change{position: uint32(at), op: giveBySet, arg: noEnd})
		}
	}
	if u.sets == nil {
		u.sets = map[uint32][]set{}
	}
	u.sets[scope] = append(u.sets[scope], set{at, after})
}
