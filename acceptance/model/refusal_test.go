package model_test

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// refusal says why a command would not be recorded, as its code; empty where it would be. The order in which things are
// looked at is part of what callers see: who may not do something is told that before anything else.
func (r *reader) refusal(c events.Command, at time.Time) string {
	if r.ids[c.ID] {
		return "repeated"
	}
	if code := r.refusedID(c, at); code != "" {
		return code
	}
	if code := r.refusedAuthor(c, at); code != "" {
		return code
	}
	ask := asker{r, c, at}
	switch d := c.Data.(type) {
	case *events.CataloguePublished:
		return ask.publish(d)
	case *events.SubjectAdded:
		return ask.add(d)
	case *events.SubjectInvited:
		return ask.invite(d)
	case *events.SubjectJoined:
		return ask.join(d)
	case *events.SubjectReactivated:
		return ask.reactivate(d)
	case *events.SubjectRemoved:
		return ask.removeSubject(d)
	case *events.SubjectUpdated:
		return ask.updateSubject(d)
	case *events.SubjectLinked:
		return ask.link(d)
	case *events.SubjectUnlinked:
		return ask.unlink(d)
	case *events.SubjectErased:
		return ask.erase(d)
	case *events.LoginChanged:
		return ask.changeLogin(d)
	case *events.SubjectDeactivated:
		return ask.deactivate(d)
	case *events.RoleCreated:
		return ask.createRole(d)
	case *events.RoleUpdated:
		return ask.updateRole(d)
	case *events.RoleDeleted:
		return ask.deleteRole(d)
	case *events.RoleAssigned:
		return ask.assign(d)
	case *events.TokenDeployed:
		return ask.deploy(d)
	case *events.TokenTransferred:
		return ask.transferToken(d)
	case *events.AgentAdded:
		return ask.addAgent(d)
	case *events.AgentRemoved:
		return ask.removeAgent(d)
	case *events.InvestorQualified:
		return ask.qualify(d)
	case *events.InvestorDisqualified:
		return ask.disqualify(d)
	case *events.WalletBlocked:
		return ask.block(d)
	case *events.WalletUnblocked:
		return ask.unblock(d)
	case *events.TokenUpdated:
		return ask.updateToken(d)
	case *events.TokenActed:
		return ask.act(d)
	case *events.OwnershipTransferred:
		return ask.transfer(d)
	case *events.RecoveryStarted:
		return ask.recover(d)
	case *events.RecoveryStopped:
		return ask.stop(d)
	case *events.OwnershipRecovered:
		return ask.recovered(d)
	case *events.OrganizationUpdated:
		return ask.rename(d)
	case *events.RoleDefaulted:
		return ask.makeDefault(d)
	case *events.RoleDelegated:
		return ask.delegate(d)
	case *events.ResourceRegistered:
		return ask.register(d)
	case *events.ResourceUpdated:
		return ask.updateThing(d)
	case *events.ResourceRemoved:
		return ask.removeThing(d)
	case *events.AccessAssigned:
		return ask.assignAccess(d)
	case *events.AccessUnassigned:
		return ask.unassignAccess(d)
	case *events.AccessDelegated:
		return ask.delegateAccess(d)
	case *events.RoleRevoked:
		return ask.revokeRole(d)
	case *events.RolesSet:
		return ask.setRoles(d)
	case *events.PermissionGranted:
		return ask.grant(d)
	case *events.PermissionRevoked:
		return ask.revoke(d)
	case *events.PermissionsSet:
		return ask.setPermissions(d)
	case *events.PermissionsRecorded:
		if ask.may("role.create", "") || ask.may("role.update", "") || ask.may("permission.set", "") {
			return ""
		}
		return ask.need("permissions.record", "")
	case *events.GrantEnded:
		return ask.end(d)
	case *events.KeyRegistered:
		return ask.registerKey(d)
	case *events.KeyRotated:
		return ask.rotateKey(d)
	case *events.KeyRevoked:
		return ask.revokeKey(d)
	}
	panic("the reader does not know " + string(c.Data.Type()))
}

// refusedID judges when an id was made. An end of a grant has the id that follows from the grant.
func (r *reader) refusedID(c events.Command, at time.Time) string {
	if d, ok := c.Data.(*events.GrantEnded); ok && c.Origin.Derived != nil {
		i := slices.IndexFunc(r.ends, func(g gift) bool { return g.by == d.Grant })
		switch {
		case i < 0:
			return "not-found"
		case c.ID != events.DerivedID("grant.ended", events.Derived{From: d.Grant}, r.ends[i].until):
			return "invalid"
		}
		return ""
	}
	old := at.Sub(c.ID.Timestamp())
	if old < -5*time.Minute || old > 24*time.Hour || old > 5*time.Minute && c.Auth.Method == "node" {
		return "stale"
	}
	return ""
}

// refusedAuthor judges whether the author is who it says it is.
func (r *reader) refusedAuthor(c events.Command, at time.Time) string {
	k, u := r.keys[c.Auth.Credential], r.subjects[c.Actor]
	if k != nil && k.purpose == "invitation" && c.Auth.Method == "signature" && c.Actor != r.opened.Operator {
		return r.byCode(c, at, k)
	}
	switch {
	case c.Auth.Method == "eip712": // the key of a wallet is its address
		if u == nil || u.kind != "wallet" || u.key != c.Auth.Credential {
			return "not-proven"
		}
		return unless(u.state == "", "inactive")
	case k == nil || k.revoked:
		return "not-proven"
	case c.Auth.Method == "node":
		if c.Actor != r.opened.Node || k.purpose != "event" {
			return "not-proven"
		}
		if _, ok := c.Data.(*events.GrantEnded); !ok {
			return "not-permitted"
		}
		return ""
	case c.Actor == r.opened.Operator:
		if c.Auth.Credential != r.operator {
			return "not-proven"
		}
		switch c.Data.(type) {
		case *events.RoleAssigned, *events.RoleRevoked, *events.RecoveryStarted, *events.RecoveryStopped, *events.OwnershipRecovered:
			return ""
		}
		return "not-permitted"
	case k.purpose != "credential" || k.of != c.Actor:
		return "not-proven"
	case !r.acts(u):
		return "inactive"
	}
	return unless(u.kind != "wallet", "not-proven")
}

// asker is one command, by one actor, at one instant.
type asker struct {
	*reader
	c  events.Command
	at time.Time
}

// first gives the first code that is one.
func first(codes ...func() string) string {
	for _, f := range codes {
		if code := f(); code != "" {
			return code
		}
	}
	return ""
}

func unless(ok bool, code string) string {
	if ok {
		return ""
	}
	return code
}

// allows are the permissions that let their holder do an action. What is done to a thing is allowed by permissions about
// things of its kind, and by the ledger's own.
func (r *reader) allows(action, on string) (list []string) {
	for n, is := range r.names {
		if slices.Contains(is.opens, action) && (strings.HasPrefix(n, "ledger:") || !strings.HasPrefix(action, "resource.") || is.of == kindOf(on)) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

func (a asker) may(action, scope string) bool {
	return slices.ContainsFunc(a.allows(action, scope), func(n string) bool { return a.reader.may(a.c.Actor, n, scope, a.at) })
}

func (a asker) need(action, scope string) string {
	return unless(a.may(action, scope), "not-permitted")
}

// opensForEver says whether the actor may do an action for ever, on the whole organization.
func (a asker) opensForEver(action string) bool {
	return slices.ContainsFunc(a.allows(action, ""), func(n string) bool {
		return a.mayGive(a.c.Actor, n, "", "", time.Time{}, a.at)
	})
}

// passes says whether the actor holds names on a scope itself, for as long and in all cases as it gives them.
func (a asker) passes(names []string, scope string, until time.Time, under string) string {
	for _, n := range names {
		if a.c.Actor != a.owner && !a.mayGive(a.c.Actor, n, scope, under, until, a.at) {
			return "escalation"
		}
	}
	return ""
}

// known judges names that are to be given.
func (a asker) known(names []string) string {
	for _, n := range names {
		switch is := a.names[n]; {
		case is == nil && (strings.Contains(n, ":") || !a.opened.Profile.NewPermissions):
			return "unknown"
		case is == nil:
		case is.retired:
			return "unknown"
		case is.reserved:
			return "invalid"
		}
	}
	return ""
}

func (a asker) exists(id ulid.ULID) string { return unless(a.subjects[id] != nil, "not-found") }

// taker judges somebody who is to be given something: it may be invited, and not have joined yet.
func (a asker) taker(id ulid.ULID) string {
	if u := a.subjects[id]; u != nil && u.state != "" && u.state != "invited" {
		return "inactive"
	}
	return a.exists(id)
}

func (a asker) role(id ulid.ULID) string {
	o := a.roles[id]
	return unless(o != nil && !o.gone, "not-found")
}

func (a asker) later(until time.Time) string {
	return unless(until.IsZero() || until.After(a.at), "invalid")
}

// set judges the names of a set that is given in parts too.
func (a asker) partsThere(parts []events.Digest) string {
	for _, p := range parts {
		if have, ok := a.parts[p]; !ok || a.at.Sub(have.at) > 24*time.Hour {
			return "part-missing"
		}
	}
	return ""
}

// has says whether somebody has just this, and not until an instant that has passed, or only from somebody who lost it.
func (a asker) has(g gift) bool {
	return slices.ContainsFunc(a.gifts, func(have gift) bool { return have.same(g) && a.there(have, a.at) })
}

// again judges giving somebody what it may have already: it is not given what it has, and what it has in other cases, or
// for longer, is not lost by it.
func (a asker) again(g gift) string {
	for _, have := range a.gifts {
		switch {
		case !have.same(g) || !a.there(have, a.at):
		case have.from == nobody && have.under == g.under:
			return "no-change"
		case !within(have.under, g.under), !g.until.IsZero() && (have.until.IsZero() || have.until.After(g.until)):
			return "taken"
		}
	}
	return ""
}

func (a asker) publish(d *events.CataloguePublished) string {
	if code := a.need("catalogue.publish", ""); code != "" {
		return code
	}
	if d.Catalogue == "ledger" {
		return "taken"
	}
	for _, p := range d.Permissions {
		n := d.Catalogue + ":" + p.Name
		had := a.names[n]
		if had != nil && had.token != (p.Level == "token") && a.c.Actor != a.owner {
			return "not-permitted"
		}
		for _, other := range p.DependsOn {
			if !slices.ContainsFunc(d.Permissions, func(q events.Permission) bool { return q.Name == other }) {
				return "unknown"
			}
		}
		for _, action := range p.Guards {
			switch {
			case !slices.Contains(actions, action):
				return "unknown"
			case had != nil && slices.Contains(had.opens, action):
			case !a.may(action, ""):
				return "not-permitted"
			case !a.opensForEver(action):
				return "escalation"
			}
		}
	}
	if before := a.catalogues[d.Catalogue]; before != nil && alike(before, d) {
		return "no-change"
	}
	return ""
}

func alike(a, b *events.CataloguePublished) bool {
	return a.Title == b.Title && slices.EqualFunc(a.Permissions, b.Permissions, func(p, q events.Permission) bool {
		return p.Name == q.Name && p.Level == q.Level && p.Reserved == q.Reserved && slices.Equal(p.DependsOn, q.DependsOn) && slices.Equal(p.Guards, q.Guards)
	})
}
