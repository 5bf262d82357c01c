package access_test

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// What random histories are about. Few of each, so that commands meet.
var (
	people    = []string{"ann", "ben", "wallet"}
	roleNames = []string{"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"}
	roleKeys  = []string{"desk", "audit", "vault"}
	scopes    = []string{"", "asset/1", "asset/1/investor/2"}
	resources = []string{"", "asset/1", "asset/1/investor/2", "asset/12", "asset/1/investor/2/x"}
	catalogue = []string{"mint", "read", "transfer", "vote"}
	loose     = []string{"alpha", "beta", "gamma"}
)

func allNames() []string {
	names := slices.Clone(loose)
	for _, n := range catalogue {
		names = append(names, rules.Qualified("cat", n))
	}
	return append(names, rules.Qualified(rules.Own, rules.ActionRoleCreate), "nobody-knows-this")
}

func subset(t *rapid.T, of []string, label string) []string {
	var some []string
	for _, name := range of {
		if rapid.Bool().Draw(t, label+" "+name) {
			some = append(some, name)
		}
	}
	slices.Sort(some)
	return some
}

// draw gives a number below n, each about as often: rapid's own ranges prefer their ends, and histories become dull.
func draw(t *rapid.T, n int, label string) int {
	v := 0
	for limit := 1; limit < 4*n; limit *= 2 {
		v *= 2
		if rapid.Bool().Draw(t, label) {
			v++
		}
	}
	return v % n
}

func one(t *rapid.T, of []string, label string) string { return of[draw(t, len(of), label)] }

// step draws commands until one is not refused, some times at most.
func (l *ledger) step(t *rapid.T) {
	l.now = l.now.Add(time.Duration(draw(t, 120, "minutes")) * time.Minute)
	if rapid.Bool().Draw(t, "record ends") {
		l.end()
	}
	for range 6 {
		c := events.Command{Data: l.command(t)}
		if draw(t, 3, "imported") == 0 {
			back := time.Duration(draw(t, 4000, "occurred")) * time.Minute
			c.Origin = l.origin(one(t, []string{"hr", "crm", "erp"}, "source"), l.now.Add(-back))
		}
		_, err := l.run(c)
		if err == nil {
			if p, ok := c.Data.(*events.CataloguePublished); ok {
				l.published = nil
				for _, one := range p.Permissions {
					l.published = append(l.published, one.Name)
				}
			}
			return
		}
		if !refused(err) {
			t.Fatalf("%T: %v", c.Data, err)
		}
		var r *rules.Refusal
		if errors.As(err, &r) && c.Origin.Import != nil && r.Code == rules.Invalid {
			c.Origin = events.Origin{} // most often it occurred before what its source said last
			if _, err := l.run(c); err == nil {
				return
			}
		}
	}
}

// command draws what somebody might ask.
func (l *ledger) command(t *rapid.T) events.Data {
	subject := func() ulid.ULID { return id(one(t, append([]string{"owner"}, people...), "subject")) }
	role := func() ulid.ULID { return id(one(t, roleNames, "role")) }
	scope := func() string { return one(t, scopes, "scope") }
	names := slices.Clone(loose) // that nothing speaks against
	for _, n := range l.published {
		names = append(names, rules.Qualified("cat", n))
	}
	slices.Sort(names)
	until := func() time.Time {
		if rapid.Bool().Draw(t, "ends") {
			return l.now.Add(time.Duration(1+draw(t, 200, "lasts")) * time.Minute)
		}
		return time.Time{}
	}
	parts := func(list []string, label string) ([]string, []events.Digest) {
		if len(list) > 1 && draw(t, 4, label+" by parts") == 0 {
			return list[:1], l.parts(t, list[1:])
		}
		return list, nil
	}
	// held gives something that somebody has, where anybody has anything.
	held := func(want func(rules.Held) bool) (ulid.ULID, rules.Held) {
		u := subject()
		all := slices.DeleteFunc(l.state.Held(u, begin), func(h rules.Held) bool { return !want(h) })
		if len(all) == 0 {
			return u, rules.Held{Role: role(), Permission: names[0]}
		}
		return u, all[draw(t, len(all), "which")]
	}
	switch draw(t, 16, "command") {
	case 0:
		published := &events.CataloguePublished{Catalogue: "cat"}
		all := catalogue
		if rapid.Bool().Draw(t, "retire") {
			all = subset(t, catalogue, "publish")
		}
		for _, n := range all {
			p := events.Permission{Name: n, Category: "c", Entity: "e", Action: "a"}
			if n != "read" && rapid.Bool().Draw(t, "token "+n) {
				p.Level = events.LevelToken
			}
			if len(published.Permissions) > 0 && rapid.Bool().Draw(t, "depends "+n) {
				p.DependsOn = []string{published.Permissions[0].Name}
			}
			published.Permissions = append(published.Permissions, p)
		}
		return published
	case 1:
		if draw(t, 4, "seldom") == 0 {
			who := one(t, people, "who")
			switch draw(t, 6, "life") {
			case 0:
				return &events.SubjectRemoved{Subject: id(who)}
			case 1:
				var roles []ulid.ULID
				for _, name := range subset(t, roleNames, "first") {
					if is, ok := l.state.Role(id(name)); ok && is.Deleted == 0 {
						roles = append(roles, id(name))
					}
				}
				slices.SortFunc(roles, ulid.ULID.Compare)
				return &events.SubjectInvited{Subject: id(who), Key: who, Kind: events.KindHuman, Invitation: credential(id(fmt.Sprint("code ", len(l.entries)))),
					Roles: roles, Until: l.now.Add(time.Hour)}
			case 2, 3:
				if _, invited := l.state.InvitedUntil(id(who)); invited {
					return &events.SubjectJoined{Subject: id(who), Credential: credential(id(fmt.Sprint("joined ", len(l.entries))))}
				}
				return &events.SubjectReactivated{Subject: id(who)}
			case 4:
				return &events.SubjectUpdated{Subject: id(who), Properties: []events.Property{{Name: "n", Value: fmt.Sprint(len(l.entries))}}}
			}
			return &events.SubjectDeactivated{Subject: subject()}
		}
		return &events.RoleDeleted{Role: role()}
	case 2, 3:
		name := one(t, roleNames, "role")
		r := &events.RoleCreated{Role: id(name), Key: one(t, roleKeys, "key"), Name: name}
		r.Permissions, r.Parts = parts(subset(t, names, "create"), "create")
		return r
	case 4, 5:
		r := &events.RoleUpdated{Role: role()}
		in := l.state.RolePermissions(r.Role)
		out := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(in, n) })
		slices.Sort(out)
		r.Add, r.AddParts = parts(subset(t, out, "add"), "add")
		r.Remove, r.RemoveParts = parts(subset(t, in, "remove"), "remove")
		if rapid.Bool().Draw(t, "rename") {
			name := fmt.Sprint("name ", len(l.entries))
			r.Name, r.Labels = &name, []events.Label{{Name: "stage", Value: name}}
		}
		return r
	case 6, 7, 8:
		return &events.RoleAssigned{Subject: subject(), Role: role(), Scope: scope(), Until: until()}
	case 9:
		u, h := held(func(h rules.Held) bool { return h.Permission == "" })
		return &events.RoleRevoked{Subject: u, Role: h.Role, Scope: h.Scope}
	case 10:
		r := &events.RolesSet{Subject: subject()}
		for _, name := range subset(t, roleNames, "set") {
			if is, ok := l.state.Role(id(name)); ok && is.Deleted == 0 {
				r.Roles = append(r.Roles, id(name))
			}
		}
		slices.SortFunc(r.Roles, ulid.ULID.Compare)
		return r
	case 11, 12:
		return &events.PermissionGranted{Subject: subject(), Permission: one(t, names, "permission"), Scope: scope(), Until: until()}
	case 13:
		u, h := held(func(h rules.Held) bool { return h.Permission != "" })
		return &events.PermissionRevoked{Subject: u, Permission: h.Permission, Scope: h.Scope}
	}
	p := &events.PermissionsSet{Subject: subject(), Scope: one(t, scopes[:2], "scope")}
	p.Permissions, p.Parts = parts(subset(t, names, "put"), "put")
	return p
}

func random(t *rapid.T) *ledger {
	l := open(events.Profile{DirectGrants: true, EmptyRoles: true, NewPermissions: true, Dependencies: rapid.Bool().Draw(t, "dependencies")})
	for _, who := range people {
		kind := events.KindHuman
		if who == "wallet" {
			kind = events.KindWallet
		}
		if _, err := l.run(events.Command{Data: &events.SubjectAdded{Subject: id(who), Key: who, Kind: kind}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 + draw(t, 50, "steps") {
		l.step(t)
	}
	return l
}
