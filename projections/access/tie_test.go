package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

const (
	inLU  = `resource.properties.country == "LU"`
	notDE = `resource.properties.country != "DE"`
	byAPI = `action.properties.channel == "api"`
)

// contexts are what questions say beside.
var contexts = []rules.Context{
	{},
	{Resource: []events.Property{{Name: "country", Value: "LU"}}},
	{Resource: []events.Property{{Name: "country", Value: "DE"}}, Action: []events.Property{{Name: "channel", Value: "api"}}},
}

var tiedNames = []string{"mint", "cat:see", "cat:all", "cat:assigned", "cat:published", "cat:both", "ledger:role.delegate"}

// tiedCommand draws a command about what is given under conditions, passed on, or needs access.
func (l *ledger) tiedCommand(t *rapid.T) (ulid.ULID, events.Data) {
	one := func(of []string, label string) string { return rapid.SampledFrom(of).Draw(t, label) }
	someone := []string{"ann", "ben", "cem"}
	subject, role, scope := id(one(someone, "subject")), id(one(roleNames[:3], "role")), one([]string{"", "asset/1", "policy/1"}, "scope")
	actor := owner
	if rapid.Bool().Draw(t, "by another") {
		actor = id(one(someone, "actor"))
	}
	policy := one([]string{"policy/1", "policy/2"}, "policy")
	condition := one([]string{"", inLU, notDE, byAPI, byAPI + " && " + notDE}, "condition")
	var until time.Time
	if rapid.Bool().Draw(t, "ends") {
		until = l.now.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "lasts")) * time.Minute)
	}
	var properties []events.Property
	if rapid.Bool().Draw(t, "has a country") {
		properties = []events.Property{{Name: "country", Value: one([]string{"LU", "DE"}, "country")}}
	}
	resource := one([]string{"policy/1", "policy/2", "asset/1"}, "resource")
	switch one([]string{"assign", "assign", "grant", "delegate", "delegate", "delegate", "revoke", "set", "register", "register", "update", "remove", "access", "access", "pass", "pass", "unassign", "deactivate", "role"}, "command") {
	case "assign":
		return actor, &events.RoleAssigned{Subject: subject, Role: role, Scope: scope, Until: until, Condition: condition}
	case "grant":
		return actor, &events.PermissionGranted{Subject: subject, Permission: one(tiedNames, "permission"), Scope: scope, Until: until, Condition: condition}
	case "delegate":
		actor = id(one(someone[:2], "delegator"))
		for _, h := range l.state.Held(actor, l.now) {
			if h.Permission == "" && rapid.Bool().Draw(t, "its own") {
				role = h.Role
			}
		}
		return actor, &events.RoleDelegated{Subject: subject, Role: role, Scope: scope, Until: until}
	case "revoke":
		return actor, &events.RoleRevoked{Subject: subject, Role: role, Scope: scope}
	case "set":
		return actor, &events.RolesSet{Subject: subject, Roles: []ulid.ULID{role}}
	case "register":
		return actor, &events.ResourceRegistered{Resource: resource, Properties: properties, Published: rapid.Bool().Draw(t, "published")}
	case "update":
		publish := rapid.Bool().Draw(t, "publish")
		return actor, &events.ResourceUpdated{Resource: resource, Properties: properties, Publish: publish, Withdraw: !publish}
	case "remove":
		return actor, &events.ResourceRemoved{Resource: resource}
	case "access":
		return actor, &events.AccessAssigned{Subject: subject, Resource: policy}
	case "pass":
		return actor, &events.AccessDelegated{Subject: subject, Resource: policy}
	case "unassign":
		return actor, &events.AccessUnassigned{Subject: subject, Resource: policy}
	case "deactivate":
		if rapid.IntRange(0, 5).Draw(t, "seldom") > 0 {
			return actor, &events.RoleDeleted{Role: role}
		}
		return actor, &events.SubjectDeactivated{Subject: subject}
	}
	name := one(roleNames[:3], "new")
	some := rapid.SliceOfNDistinct(rapid.SampledFrom(tiedNames), 1, 4, rapid.ID[string]).Draw(t, "permissions")
	slices.Sort(some)
	return actor, &events.RoleCreated{Role: id(name), Key: name, Name: name, Permissions: some}
}

// tiedHistory makes a ledger of such commands.
func tiedHistory(t *rapid.T) *ledger {
	l := open(events.Profile{DirectGrants: true, EmptyRoles: true, NewPermissions: true, Delegation: true, KeepDelegated: rapid.IntRange(0, 3).Draw(t, "keep") == 0})
	p := func(name, reach string, needs ...string) events.Permission {
		return events.Permission{Name: name, Category: "c", Entity: "e", Action: "a", Access: reach, Needs: needs}
	}
	l.do(t, &events.CataloguePublished{Catalogue: "cat", Permissions: []events.Permission{
		p("all", events.ReachAll), p("assigned", events.ReachAssigned), p("both", events.ReachAssignedAndPublished),
		p("published", events.ReachPublished), p("see", "", events.NeedAccess),
	}})
	for i, who := range []string{"ann", "ben", "cem"} {
		l.do(t, &events.SubjectAdded{Subject: id(who), Key: who, Kind: events.KindHuman, Credential: credential(id(who))})
		if i < 2 { // who may pass on, and register
			for _, action := range []string{rules.ActionRoleDelegate, rules.ActionAccessDelegate, rules.ActionResourceRegister} {
				l.do(t, &events.PermissionGranted{Subject: id(who), Permission: "ledger:" + action})
			}
		}
		l.do(t, &events.PermissionGranted{Subject: id(who), Permission: "cat:see"})
	}
	for i, who := range []string{"ann", "ben"} {
		l.do(t, &events.RoleCreated{Role: id(roleNames[i]), Key: roleNames[i], Name: roleNames[i], Permissions: []string{"cat:assigned", "mint"}})
		l.do(t, &events.RoleAssigned{Subject: id(who), Role: id(roleNames[i])})
	}
	if rapid.Bool().Draw(t, "somebody has passed on") { // so that no run of the test does without, which random commands alone make likely only
		l.do(t, &events.ResourceRegistered{Resource: "policy/1"})
		l.do(t, &events.ResourceUpdated{Resource: "policy/1", Publish: true})
		l.do(t, &events.AccessAssigned{Subject: id("ann"), Resource: "policy/1"})
		for _, d := range []events.Data{&events.AccessDelegated{Subject: id("cem"), Resource: "policy/1"}, &events.RoleDelegated{Subject: id("cem"), Role: id(roleNames[0])}} {
			l.now = l.now.Add(time.Minute)
			if _, err := l.run(events.Command{Data: d, Actor: id("ann"), Auth: events.Auth{Method: events.MethodSignature, Credential: credential(id("ann"))}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range rapid.IntRange(15, 60).Draw(t, "commands") {
		l.now = l.now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes")) * time.Minute)
		if rapid.Bool().Draw(t, "record ends") {
			l.end()
		}
		actor, d := l.tiedCommand(t)
		c := events.Command{Data: d, Actor: actor, Auth: events.Auth{Method: events.MethodSignature, Credential: credential(actor)}}
		if actor == owner {
			c.Actor, c.Auth = ulid.ULID{}, events.Auth{}
		}
		if _, err := l.run(c); err != nil && !refused(err) {
			t.Fatal(err)
		}
	}
	return l
}

// Given any history of conditions, delegations, resources and assignments, when anybody's right is asked for as of any
// position and instant, then the index says what the rules say of the state folded to there; also one read from a snapshot.
func TestTiedAnswersAreThoseOfTheRules(t *testing.T) {
	seen := map[events.Type]int{}
	rapid.Check(t, func(t *rapid.T) {
		l := tiedHistory(t)
		for _, en := range l.entries {
			seen[en.Event.Data.Type()]++
		}
		restored := access.New()
		if err := restored.ReadSnapshot(l.index.AppendSnapshot(nil)); err != nil {
			t.Fatal(err)
		}
		head := uint64(len(l.entries))
		for _, position := range []uint64{head, head, 1 + rapid.Uint64Range(0, head-1).Draw(t, "position")} {
			s := l.stateAt(position)
			a := access.AsOf{Position: position, Instant: l.now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "later")) * time.Minute)}
			for _, who := range []string{"owner", "ann", "ben", "cem"} {
				for _, permission := range append(tiedNames, "ledger:resource.register") {
					for _, resource := range []string{"", "asset/1", "asset/1/x/2", "policy/1", "policy/2", "policy/3"} {
						for _, in := range contexts {
							want := s.CheckIn(id(who), permission, resource, a.Instant, in)
							for name, x := range map[string]*access.Index{"folded": l.index, "restored": restored} {
								answer, allows := x.CheckIn(who, permission, resource, in, a), x.AllowsIn(who, permission, resource, in, a)
								if e := x.ExplainIn(who, permission, resource, in, a); answer.Allowed != want || allows != want || e.Allowed != want {
									t.Fatalf("%s: %s %s %q in %v at %d: Check %v, Allows %v, Explain %v; the rules say %v",
										name, who, permission, resource, in, position, answer.Allowed, allows, e.Allowed, want)
								}
							}
						}
					}
				}
			}
		}
	})
	for _, typ := range []events.Type{"role.delegated", "access.delegated", "access.assigned", "resource.updated"} {
		if seen[typ] == 0 && !t.Failed() {
			t.Errorf("no %s was ever recorded", typ)
		}
	}
}

// Given plain grants beside such, when a check asks about now, then it takes no memory.
func TestTiesCostPlainGrantsNothing(t *testing.T) {
	l := open(events.Profile{DirectGrants: true, NewPermissions: true, Delegation: true})
	l.do(t, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman})
	l.do(t, &events.PermissionGranted{Subject: id("ann"), Permission: "mint"})
	l.do(t, &events.PermissionGranted{Subject: id("ann"), Permission: "burn", Condition: inLU})
	a := l.index.Now(l.now)
	if n := testing.AllocsPerRun(100, func() {
		if !l.index.Allows("ann", "mint", "asset/1", a) {
			t.Fatal("denied")
		}
	}); n != 0 {
		t.Errorf("it takes %v allocations", n)
	}
	if l.index.Allows("ann", "burn", "asset/1", a) || !l.index.AllowsIn("ann", "burn", "asset/1", contexts[1], a) {
		t.Error("the condition is not looked at")
	}
}
