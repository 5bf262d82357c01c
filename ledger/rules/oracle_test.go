package rules_test

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// An oracle says who may do what by reading the whole list of events, and shares no code with the rules. It is as slow
// and as plain as can be: lists and maps of names. Of what the rules made of a command it reads only the names that
// came into a role because others depend on them.
type oracle struct {
	owner       ulid.ULID
	bosses      ulid.ULID // the role that every owner has
	kind        map[ulid.ULID]string
	deactivated map[ulid.ULID]bool
	roles       map[ulid.ULID]map[string]bool
	parts       map[events.Digest][]string
	known       map[string]bool
	token       map[string]bool
	retired     map[string]bool
	needs       map[string][]string
	given       []handed
	byDefault   ulid.ULID         // role of whoever is new; zero: none
	access      map[string]string // permission to the reach it gives
	gated       map[string]bool   // permissions that need access
	resources   map[string]*thing
	assigned    []handed // to policies, by scope
}

type thing struct {
	country   string
	published bool
	creator   ulid.ULID
}

type handed struct {
	to         ulid.ULID
	role       ulid.ULID
	permission string
	scope      string
	until      time.Time

	id        ulid.ULID
	condition string
	by, from  ulid.ULID // who passed it on, while it has from; zero: nobody
}

func (g handed) over(at time.Time) bool { return !g.until.IsZero() && !at.Before(g.until) }

// ask reads all events.
func ask(all []*events.Event) *oracle {
	o := &oracle{
		kind: map[ulid.ULID]string{}, deactivated: map[ulid.ULID]bool{}, roles: map[ulid.ULID]map[string]bool{}, parts: map[events.Digest][]string{},
		known: map[string]bool{}, token: map[string]bool{}, retired: map[string]bool{}, needs: map[string][]string{},
		access: map[string]string{}, gated: map[string]bool{}, resources: map[string]*thing{},
	}
	for _, a := range rules.Actions() {
		o.known["ledger:"+a] = true
	}
	for _, e := range all {
		o.read(e)
	}
	return o
}

func (o *oracle) read(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		o.owner, o.kind[d.Owner.Subject] = d.Owner.Subject, d.Owner.Kind
	case *events.CataloguePublished:
		for name := range o.known {
			if strings.HasPrefix(name, d.Catalogue+":") {
				o.retired[name] = true
			}
		}
		for _, p := range d.Permissions {
			name := d.Catalogue + ":" + p.Name
			o.known[name], o.token[name] = true, p.Level == "token"
			o.access[name], o.gated[name] = p.Access, slices.Contains(p.Needs, "access")
			delete(o.retired, name)
			o.needs[name] = nil
			for _, n := range p.DependsOn {
				o.needs[name] = append(o.needs[name], d.Catalogue+":"+n)
			}
		}
	case *events.SubjectAdded:
		o.kind[d.Subject] = d.Kind
		o.first(d.Subject, d.Kind, d.Roles)
	case *events.RoleDefaulted:
		o.byDefault = d.Role
	case *events.RoleDeleted:
		if o.byDefault == d.Role {
			o.byDefault = ulid.ULID{}
		}
	case *events.SubjectDeactivated:
		o.deactivated[d.Subject] = true
	case *events.SubjectInvited:
		o.kind[d.Subject], o.deactivated[d.Subject] = d.Kind, true
		o.first(d.Subject, d.Kind, d.Roles)
	case *events.SubjectJoined:
		delete(o.deactivated, d.Subject)
	case *events.SubjectReactivated:
		delete(o.deactivated, d.Subject)
	case *events.SubjectRemoved:
		o.deactivated[d.Subject] = true
		o.given = slices.DeleteFunc(o.given, func(g handed) bool { return g.to == d.Subject })
		o.assigned = slices.DeleteFunc(o.assigned, func(a handed) bool { return a.to == d.Subject || a.by == d.Subject })
		for _, r := range o.resources {
			if r.creator == d.Subject {
				r.creator = ulid.ULID{}
			}
		}
	case events.TokenData:
		c := d.Change()
		if c.Added {
			o.kind[c.Subject] = events.KindWallet
		}
		if c.Take != (ulid.ULID{}) {
			o.take(handed{to: c.From, role: c.Take, scope: events.TokenScope(d.Of())})
		}
		if c.Give != (ulid.ULID{}) {
			o.give(handed{to: c.Subject, role: c.Give, scope: events.TokenScope(d.Of()), id: e.ID})
		}
	case *events.RoleCreated:
		o.roles[d.Role] = map[string]bool{}
		o.into(d.Role, o.all(d.Permissions, d.Parts), d.Included)
		if d.Managed == "owner" {
			o.bosses = d.Role
			o.give(handed{to: o.owner, role: d.Role})
		}
	case *events.OwnershipTransferred:
		o.own(d.To)
	case *events.OwnershipRecovered:
		o.own(d.To)
	case *events.RoleUpdated:
		for _, n := range o.all(d.Remove, d.RemoveParts) {
			delete(o.roles[d.Role], n)
		}
		o.into(d.Role, o.all(d.Add, d.AddParts), d.Included)
	case *events.RoleAssigned:
		o.give(handed{to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until, id: e.ID, condition: d.Condition})
	case *events.RoleDelegated:
		g := handed{to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until, id: e.ID, condition: d.Condition}
		if !d.Keep {
			g.by, g.from = e.Actor, d.From
		}
		o.give(g)
	case *events.RoleRevoked:
		o.take(handed{to: d.Subject, role: d.Role, scope: d.Scope})
	case *events.RolesSet:
		var wanted []handed
		for _, r := range d.Roles {
			wanted = append(wanted, handed{to: d.Subject, role: r, id: e.ID})
		}
		o.replace(wanted, e.Time, func(g handed) bool { return g.to == d.Subject && g.permission == "" && g.scope == "" })
	case *events.PermissionGranted:
		o.known[d.Permission] = true
		o.give(handed{to: d.Subject, permission: d.Permission, scope: d.Scope, until: d.Until, id: e.ID, condition: d.Condition})
	case *events.PermissionRevoked:
		o.take(handed{to: d.Subject, permission: d.Permission, scope: d.Scope})
	case *events.PermissionsSet:
		var wanted []handed
		for _, n := range o.all(d.Permissions, d.Parts) {
			o.known[n] = true
			wanted = append(wanted, handed{to: d.Subject, permission: n, scope: d.Scope, id: e.ID})
		}
		o.replace(wanted, e.Time, func(g handed) bool { return g.to == d.Subject && g.permission != "" && g.scope == d.Scope })
	case *events.PermissionsRecorded:
		o.parts[d.Part] = d.Permissions
	default:
		o.readResource(e)
	}
}

func (o *oracle) readResource(e *events.Event) {
	country := func(list []events.Property) string {
		for _, p := range list {
			if p.Name == "country" {
				return p.Value
			}
		}
		return ""
	}
	assign := func(g handed) {
		o.assigned = append(slices.DeleteFunc(o.assigned, func(a handed) bool { return a.to == g.to && a.scope == g.scope }), g)
	}
	switch d := e.Data.(type) {
	case *events.ResourceRegistered:
		o.resources[d.Resource] = &thing{country(d.Properties), d.Published, e.Actor}
	case *events.ResourceUpdated:
		r := o.resources[d.Resource]
		if d.Properties != nil {
			r.country = country(d.Properties)
		}
		r.published = d.Publish || r.published && !d.Withdraw
	case *events.ResourceRemoved:
		delete(o.resources, d.Resource)
		o.assigned = slices.DeleteFunc(o.assigned, func(a handed) bool { return a.scope == d.Resource })
	case *events.AccessAssigned:
		assign(handed{to: d.Subject, scope: d.Resource, id: e.ID})
	case *events.AccessDelegated:
		g := handed{to: d.Subject, scope: d.Resource, id: e.ID}
		if !d.Keep {
			g.by, g.from = e.Actor, d.From
		}
		assign(g)
	case *events.AccessUnassigned:
		o.assigned = slices.DeleteFunc(o.assigned, func(a handed) bool { return a.to == d.Subject && a.scope == d.Resource })
	}
}

func (o *oracle) first(to ulid.ULID, kind string, roles []ulid.ULID) {
	if o.byDefault != (ulid.ULID{}) && kind != events.KindAPIKey && kind != events.KindWallet && !slices.Contains(roles, o.byDefault) {
		roles = append(slices.Clone(roles), o.byDefault)
	}
	for _, r := range roles {
		o.give(handed{to: to, role: r})
	}
}

func (o *oracle) all(names []string, parts []events.Digest) []string {
	out := slices.Clone(names)
	for _, p := range parts {
		out = append(out, o.parts[p]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (o *oracle) into(role ulid.ULID, lists ...[]string) {
	for _, n := range slices.Concat(lists...) {
		o.roles[role][n], o.known[n] = true, true
	}
}

// own makes somebody the owner.
func (o *oracle) own(who ulid.ULID) {
	if o.bosses != (ulid.ULID{}) {
		o.take(handed{to: o.owner, role: o.bosses})
		o.give(handed{to: who, role: o.bosses})
	}
	o.owner = who
}

func (o *oracle) take(g handed) {
	o.given = slices.DeleteFunc(o.given, func(have handed) bool {
		return have.to == g.to && have.role == g.role && have.permission == g.permission && have.scope == g.scope
	})
}

func (o *oracle) give(g handed) {
	o.take(g)
	o.given = append(o.given, g)
}

// replace makes what is of a kind the wanted: what is there and not over stays as it is.
func (o *oracle) replace(wanted []handed, at time.Time, of func(handed) bool) {
	var keep []handed
	for _, g := range o.given {
		i := slices.IndexFunc(wanted, func(w handed) bool {
			return w.to == g.to && w.role == g.role && w.permission == g.permission && w.scope == g.scope
		})
		if !of(g) || i >= 0 && !g.over(at) && o.alive(g, at) {
			keep = append(keep, g)
			if of(g) {
				wanted = slices.Delete(wanted, i, i+1)
			}
		}
	}
	o.given = append(keep, wanted...)
}

// names gives what a role has, sorted.
func (o *oracle) names(role ulid.ULID) []string {
	names := make([]string, 0, len(o.roles[role]))
	for n := range o.roles[role] {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// direct gives the permissions somebody has on a scope without a role, sorted.
func (o *oracle) direct(who ulid.ULID, scope string, at time.Time) []string {
	var names []string
	for _, g := range o.given {
		if g.to == who && g.permission != "" && g.scope == scope && !g.over(at) {
			names = append(names, g.permission)
		}
	}
	slices.Sort(names)
	return names
}

// alive says whether whoever passed something on still has it.
func (o *oracle) alive(g handed, at time.Time) bool {
	if g.by == (ulid.ULID{}) {
		return true
	}
	for _, from := range o.given {
		if from.id == g.from && from.to == g.by && from.role == g.role && !from.over(at) && !o.deactivated[g.by] {
			return o.alive(from, at)
		}
	}
	return false
}

// meets knows the conditions of the tests alone.
func (o *oracle) meets(condition, resource, country string) bool {
	parts := strings.Split(resource, "/")
	for n := 2; n <= len(parts); n += 2 { // the longest last
		if r := o.resources[strings.Join(parts[:n], "/")]; r != nil && r.country != "" {
			country = r.country
		}
	}
	switch condition {
	case "":
		return true
	case inLU:
		return country == "LU"
	case notDE:
		return country != "" && country != "DE"
	case notDE + " && " + inLU:
		return country == "LU"
	}
	panic("a condition that the oracle does not know: " + condition)
}

func (o *oracle) check(who ulid.ULID, permission, resource, country string, at time.Time) bool {
	if !o.holds(who, permission, resource, country, at) {
		return false
	}
	i := strings.Index(resource, "policy/")
	return !o.gated[permission] || i < 0 || o.reaches(who, resource[:i+len("policy/1")], country, at, true)
}

func (o *oracle) holds(who ulid.ULID, permission, resource, country string, at time.Time) bool {
	if who == o.owner {
		return o.known[permission]
	}
	if o.deactivated[who] || o.token[permission] != (o.kind[who] == "wallet") {
		return false
	}
	for _, g := range o.given {
		covered := g.scope == "" || strings.HasPrefix(resource+"/", g.scope+"/")
		if g.to == who && covered && !g.over(at) && (g.permission == permission || o.roles[g.role][permission]) &&
			o.alive(g, at) && o.meets(g.condition, resource, country) {
			return true
		}
	}
	return false
}

func (o *oracle) reaches(who ulid.ULID, policy, country string, at time.Time, assignments bool) bool {
	r := o.resources[policy]
	if r == nil {
		return false
	}
	if who == o.owner || r.creator == who {
		return true
	}
	has := map[string]bool{}
	for permission, reach := range o.access {
		if reach != "" && o.holds(who, permission, policy, country, at) {
			has[reach] = true
		}
	}
	assigned := assignments && o.isAssigned(who, policy, at)
	switch {
	case has["all"]:
		return true
	case has["assigned"]:
		return assigned || has["published"] && r.published
	case has["published"]:
		return r.published
	}
	return has["assigned-and-published"] && assigned && r.published
}

func (o *oracle) isAssigned(who ulid.ULID, policy string, at time.Time) bool {
	for _, a := range o.assigned {
		if a.to != who || a.scope != policy {
			continue
		}
		if a.by == (ulid.ULID{}) {
			return true
		}
		if o.deactivated[a.by] {
			return false
		}
		if a.from == (ulid.ULID{}) {
			return o.reaches(a.by, policy, "", at, false)
		}
		for _, from := range o.assigned {
			if from.id == a.from {
				return from.to == a.by && o.isAssigned(a.by, policy, at)
			}
		}
	}
	return false
}
