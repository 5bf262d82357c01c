package access_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/access"
)

// world makes events of an organization of any size: users who have three roles each, half of them scoped to a resource.
type world struct {
	Users, Roles, Each, Permissions, Resources int
}

// asked is the world that the time of a check is stated for.
var asked = world{Users: 1000, Roles: 100, Each: 20, Permissions: 500, Resources: 1000}

const rolesEach = 3

func (w world) permission(i int) string {
	return fmt.Sprintf("desk:service%02d.thing.verb%03d", i%30, i)
}
func (w world) user(i int) string     { return fmt.Sprintf("user-%07d@example.com", i) }
func (w world) resource(i int) string { return fmt.Sprintf("asset/%06d", i) }

// entries calls yield with each entry, a second after the one before.
func (w world) entries(yield func(*chain.Entry) bool) {
	n, more := uint64(0), true
	random := rand.New(rand.NewPCG(1, 2))
	emit := func(d events.Data) {
		if !more {
			return
		}
		n++
		more = yield(&chain.Entry{Event: &events.Event{
			ID: number("event", n), Source: source, Sequence: n, Time: begin.Add(time.Duration(n) * time.Second), Actor: owner, Data: d,
		}})
	}
	emit(&events.OrganizationOpened{Owner: events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman}})
	published := &events.CataloguePublished{Catalogue: "desk"}
	for i := range w.Permissions {
		published.Permissions = append(published.Permissions, events.Permission{Name: w.permission(i)[len("desk:"):]})
	}
	emit(published)
	for r := range w.Roles {
		role := &events.RoleCreated{Role: number("role", uint64(r)), Key: fmt.Sprint("role", r), Name: fmt.Sprint("Role ", r)}
		for _, p := range random.Perm(w.Permissions)[:w.Each] {
			role.Permissions = append(role.Permissions, w.permission(p))
		}
		emit(role)
	}
	for u := range w.Users {
		id := number("user", uint64(u))
		emit(&events.SubjectAdded{Subject: id, Key: w.user(u), Kind: events.KindHuman})
		for k := range rolesEach {
			a := &events.RoleAssigned{Subject: id, Role: number("role", uint64((u+k*(1+u%7))%w.Roles))}
			if (u+k)%2 == 0 {
				a.Scope = w.resource((u*rolesEach + k) % w.Resources)
			}
			emit(a)
		}
	}
}

func (w world) index() *access.Index {
	x := access.New()
	for en := range w.entries {
		x.Apply(en, nil)
	}
	return x
}

// question is one that a service would ask.
type question struct{ subject, permission, resource string }

// questions gives many of them; about as many as a role's share of the permissions are answered with yes.
func (w world) questions(n int) []question {
	random := rand.New(rand.NewPCG(3, 4))
	list := make([]question, n)
	for i := range list {
		u := random.IntN(w.Users)
		list[i] = question{w.user(u), w.permission(random.IntN(w.Permissions)), w.resource((u*rolesEach + i%rolesEach) % w.Resources)}
	}
	return list
}

// BenchmarkAllows asks as a service does that wants no reasons, with strings.
func BenchmarkAllows(b *testing.B) {
	x := asked.index()
	now := begin.Add(24 * time.Hour)
	list := asked.questions(4096)
	b.Run("now", func(b *testing.B) {
		b.ReportAllocs()
		for i, a := 0, x.Now(now); b.Loop(); i++ {
			q := &list[i%len(list)]
			x.Allows(q.subject, q.permission, q.resource, a)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i, a := 0, x.Now(now); pb.Next(); i++ {
				q := &list[i%len(list)]
				x.Allows(q.subject, q.permission, q.resource, a)
			}
		})
	})
	b.Run("asOf", func(b *testing.B) {
		for i, a := 0, (access.AsOf{Position: x.Head().Position / 2, Instant: now}); b.Loop(); i++ {
			q := &list[i%len(list)]
			x.Allows(q.subject, q.permission, q.resource, a)
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		for i, a := 0, x.Now(now); b.Loop(); i++ {
			q := &list[i%len(list)]
			x.Check(q.subject, q.permission, q.resource, a)
		}
	})
}

// Given a world of a thousand users, when it is asked who may do what at the head, then the answers take no memory.
func TestAllowsTakesNoMemory(t *testing.T) {
	x, list := asked.index(), asked.questions(512)
	a, yes := x.Now(begin.Add(24*time.Hour)), 0
	allocated := testing.AllocsPerRun(10, func() {
		for _, q := range list {
			if x.Allows(q.subject, q.permission, q.resource, a) {
				yes++
			}
		}
	})
	if allocated != 0 || yes == 0 {
		t.Errorf("%d answers took %v allocations, %d of them yes", len(list), allocated, yes)
	}
}

// Given somebody who holds roles and permissions on thousands of resources, some of them beneath others, and lost some,
// when it is asked what that one may do, then the answer without reasons is that of the index with reasons.
func TestAllowsOfSomebodyWhoHoldsVeryMuch(t *testing.T) {
	w := world{Users: 1, Roles: 10, Each: 20, Permissions: 100, Resources: 1000}
	x, n, random := access.New(), uint64(0), rand.New(rand.NewPCG(7, 8))
	apply := func(d events.Data) {
		n++
		x.Apply(&chain.Entry{Event: &events.Event{
			ID: number("event", n), Source: source, Sequence: n, Time: begin.Add(time.Duration(n) * time.Second), Actor: owner, Data: d,
		}}, nil)
	}
	for en := range w.entries {
		apply(en.Event.Data)
	}
	user := number("user", 0)
	scope := func() string {
		s := w.resource(random.IntN(w.Resources))
		if random.IntN(2) == 0 {
			s += fmt.Sprint("/part/", random.IntN(3))
		}
		return s
	}
	var given []*events.RoleAssigned
	for range 3000 {
		switch random.IntN(5) {
		case 0:
			apply(&events.PermissionGranted{Subject: user, Permission: w.permission(random.IntN(w.Permissions)), Scope: scope()})
		case 1:
			if len(given) > 0 {
				old := given[random.IntN(len(given))]
				apply(&events.RoleRevoked{Subject: user, Role: old.Role, Scope: old.Scope})
			}
		default:
			a := &events.RoleAssigned{Subject: user, Role: number("role", uint64(random.IntN(w.Roles))), Scope: scope()}
			if random.IntN(3) == 0 {
				a.Until = begin.Add(time.Duration(random.IntN(6000)) * time.Second)
			}
			given = append(given, a)
			apply(a)
		}
	}
	answers := map[bool]int{}
	a := x.Now(begin.Add(3000 * time.Second))
	for range 5000 {
		q := question{w.user(0), w.permission(random.IntN(w.Permissions)), scope() + "/leaf"}
		got, want := x.Allows(q.subject, q.permission, q.resource, a), x.Check(q.subject, q.permission, q.resource, a).Allowed
		if got != want {
			t.Fatalf("Allows(%v): got %t, want %t", q, got, want)
		}
		answers[got]++
	}
	if answers[true] < 100 || answers[false] < 100 {
		t.Fatalf("the questions are dull: %v", answers)
	}
}

// BenchmarkEdit changes a role that few and many hold, each time with a check by one of them.
func BenchmarkEdit(b *testing.B) {
	for _, c := range []struct {
		holders int
		tied    bool // most of them have it under a condition, or by delegation
	}{{10, false}, {100_000, false}, {10, true}, {100_000, true}} {
		holders := c.holders
		b.Run(fmt.Sprint(holders, "/tied=", c.tied), func(b *testing.B) {
			w := world{Users: 1, Roles: 1, Each: 20, Permissions: 500, Resources: 1}
			x, n := w.index(), uint64(0)
			n = x.Head().Position
			by := func(d events.Data, actor ulid.ULID) {
				n++
				x.Apply(&chain.Entry{Event: &events.Event{
					ID: number("event", n), Source: source, Sequence: n, Time: begin.Add(time.Duration(n) * time.Second), Actor: actor, Data: d,
				}}, nil)
			}
			apply := func(d events.Data) { by(d, owner) }
			first := number("event", n-1) // the first user's grant on the whole organization
			for u := 1; u < holders; u++ {
				apply(&events.SubjectAdded{Subject: number("user", uint64(u)), Key: w.user(u), Kind: events.KindHuman})
				if c.tied && u%3 == 1 {
					apply(&events.RoleAssigned{Subject: number("user", uint64(u)), Role: number("role", 0), Condition: `action.properties.channel == "api"`})
					continue
				}
				if c.tied && (u%3 == 0 || u == holders-1) {
					by(&events.RoleDelegated{Subject: number("user", uint64(u)), Role: number("role", 0), From: first}, number("user", 0))
					continue
				}
				apply(&events.RoleAssigned{Subject: number("user", uint64(u)), Role: number("role", 0)})
			}
			p, in := w.permission(7), false
			if x.Allows(w.user(0), p, "", x.Now(begin)) {
				in = true
			}
			for b.Loop() {
				d := &events.RoleUpdated{Role: number("role", 0), Add: []string{p}}
				if in {
					d.Add, d.Remove = nil, []string{p}
				}
				apply(d)
				if in = !in; x.Allows(w.user(holders-1), p, "", x.Now(begin)) != in {
					b.Fatal("the edit is not seen")
				}
			}
		})
	}
}
