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
	kind        map[ulid.ULID]string
	deactivated map[ulid.ULID]bool
	roles       map[ulid.ULID]map[string]bool
	parts       map[events.Digest][]string
	known       map[string]bool
	token       map[string]bool
	retired     map[string]bool
	needs       map[string][]string
	given       []handed
}

type handed struct {
	to         ulid.ULID
	role       ulid.ULID
	permission string
	scope      string
	until      time.Time
}

func (g handed) over(at time.Time) bool { return !g.until.IsZero() && !at.Before(g.until) }

// ask reads all events.
func ask(all []*events.Event) *oracle {
	o := &oracle{
		kind: map[ulid.ULID]string{}, deactivated: map[ulid.ULID]bool{}, roles: map[ulid.ULID]map[string]bool{}, parts: map[events.Digest][]string{},
		known: map[string]bool{}, token: map[string]bool{}, retired: map[string]bool{}, needs: map[string][]string{},
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
			delete(o.retired, name)
			o.needs[name] = nil
			for _, n := range p.DependsOn {
				o.needs[name] = append(o.needs[name], d.Catalogue+":"+n)
			}
		}
	case *events.SubjectAdded:
		o.kind[d.Subject] = d.Kind
		o.first(d.Subject, d.Roles)
	case *events.SubjectDeactivated:
		o.deactivated[d.Subject] = true
	case *events.SubjectInvited:
		o.kind[d.Subject], o.deactivated[d.Subject] = d.Kind, true
		o.first(d.Subject, d.Roles)
	case *events.SubjectJoined:
		delete(o.deactivated, d.Subject)
	case *events.SubjectReactivated:
		delete(o.deactivated, d.Subject)
	case *events.SubjectRemoved:
		o.deactivated[d.Subject] = true
		o.given = slices.DeleteFunc(o.given, func(g handed) bool { return g.to == d.Subject })
	case *events.RoleCreated:
		o.roles[d.Role] = map[string]bool{}
		o.into(d.Role, o.all(d.Permissions, d.Parts), d.Included)
	case *events.RoleUpdated:
		for _, n := range o.all(d.Remove, d.RemoveParts) {
			delete(o.roles[d.Role], n)
		}
		o.into(d.Role, o.all(d.Add, d.AddParts), d.Included)
	case *events.RoleAssigned:
		o.give(handed{to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until})
	case *events.RoleRevoked:
		o.take(handed{to: d.Subject, role: d.Role, scope: d.Scope})
	case *events.RolesSet:
		var wanted []handed
		for _, r := range d.Roles {
			wanted = append(wanted, handed{to: d.Subject, role: r})
		}
		o.replace(wanted, e.Time, func(g handed) bool { return g.to == d.Subject && g.permission == "" && g.scope == "" })
	case *events.PermissionGranted:
		o.known[d.Permission] = true
		o.give(handed{to: d.Subject, permission: d.Permission, scope: d.Scope, until: d.Until})
	case *events.PermissionRevoked:
		o.take(handed{to: d.Subject, permission: d.Permission, scope: d.Scope})
	case *events.PermissionsSet:
		var wanted []handed
		for _, n := range o.all(d.Permissions, d.Parts) {
			o.known[n] = true
			wanted = append(wanted, handed{to: d.Subject, permission: n, scope: d.Scope})
		}
		o.replace(wanted, e.Time, func(g handed) bool { return g.to == d.Subject && g.permission != "" && g.scope == d.Scope })
	case *events.PermissionsRecorded:
		o.parts[d.Part] = d.Permissions
	}
}

func (o *oracle) first(to ulid.ULID, roles []ulid.ULID) {
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

func (o *oracle) take(g handed) {
	o.given = slices.DeleteFunc(o.given, func(have handed) bool {
		have.until = g.until
		return have == g
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
		without := g
		without.until = time.Time{}
		if i := slices.Index(wanted, without); !of(g) || i >= 0 && !g.over(at) {
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

func (o *oracle) check(who ulid.ULID, permission, resource string, at time.Time) bool {
	if who == o.owner {
		return o.known[permission]
	}
	if o.deactivated[who] || o.token[permission] != (o.kind[who] == "wallet") {
		return false
	}
	for _, g := range o.given {
		covered := g.scope == "" || strings.HasPrefix(resource+"/", g.scope+"/")
		if g.to == who && covered && !g.over(at) && (g.permission == permission || o.roles[g.role][permission]) {
			return true
		}
	}
	return false
}
