package access_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/access"
)

// company makes an index of so many users with some of 20 roles over 700 permissions each, straight from events.
func company(users int) (*access.Index, time.Time) {
	x, n, now := access.New(), uint64(0), begin
	apply := func(d events.Data) {
		n, now = n+1, now.Add(time.Second)
		e := &events.Event{ID: number("event", n), Source: source, Sequence: n, Time: now, Actor: owner, Data: d}
		x.Apply(&chain.Entry{Event: e}, nil)
	}
	apply(&events.OrganizationOpened{Owner: events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman}})
	names := make([]string, 700)
	for i := range names {
		names[i] = fmt.Sprintf("service%02d.thing.verb%03d", i%30, i)
	}
	for r := range 20 {
		apply(&events.RoleCreated{Role: number("role", uint64(r)), Key: fmt.Sprint("role", r), Name: fmt.Sprint("Role ", r), Permissions: names[r*30 : r*30+100]})
	}
	for u := range users {
		apply(&events.SubjectAdded{Subject: number("user", uint64(u)), Key: fmt.Sprint("user", u), Kind: events.KindHuman})
		for r := range 4 {
			apply(&events.RoleAssigned{Subject: number("user", uint64(u)), Role: number("role", uint64(u+r*u%7+r)%20)})
		}
	}
	for r := range 20 { // so that as-of has something to go past
		for range 50 {
			apply(&events.RoleUpdated{Role: number("role", uint64(r)), Remove: names[r*30 : r*30+1]})
			apply(&events.RoleUpdated{Role: number("role", uint64(r)), Add: names[r*30 : r*30+1]})
		}
	}
	return x, now
}

func number(kind string, n uint64) ulid.ULID { return id(fmt.Sprint(kind, n)) }

func BenchmarkCheck(b *testing.B) {
	x, now := company(365)
	for name, a := range map[string]access.AsOf{
		"now":      x.Now(now),
		"asOf":     {Position: x.Head().Position - 300, Instant: now},
		"occurred": {Position: x.Head().Position, Instant: now, Occurred: now.Add(-5 * time.Minute)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !x.Check("user42", "service00.thing.verb060", "asset/1", a).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkAssignments(b *testing.B) {
	for _, users := range []int{365, 10_000} {
		x, now := company(users)
		for name, a := range map[string]access.AsOf{"now": x.Now(now), "asOf": {Position: x.Head().Position - 300, Instant: now}} {
			b.Run(fmt.Sprint(users, "/", name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					total := 0
					for _, names := range x.Assignments(a) {
						total += len(names)
					}
					if total < 250*users {
						b.Fatalf("%d permissions of %d users", total, users)
					}
				}
			})
		}
	}
}

func BenchmarkQuestions(b *testing.B) {
	x, now := company(365)
	a := access.AsOf{Position: x.Head().Position - 300, Instant: now}
	for name, ask := range map[string]func(){
		"WhoCan":    func() { x.WhoCan("service00.thing.verb060", "", a) },
		"Roles":     func() { x.Roles(a) },
		"Effective": func() { _, _ = x.Effective("user42", a) },
		"Explain":   func() { x.Explain("user42", "service09.thing.verb669", "", a) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

// BenchmarkApply takes in 10,000 changes of 1,000 roles, 250,000 permissions put in or taken out, and says what the
// index then takes.
func BenchmarkApply(b *testing.B) {
	names := make([]string, 12_000)
	for i := range names {
		names[i] = fmt.Sprintf("service%03d.things.verb%05d", i%200, i)
	}
	var entries []*chain.Entry
	add := func(d events.Data) {
		n := uint64(len(entries)) + 1
		e := &events.Event{ID: number("event", n), Source: source, Sequence: n, Time: begin.Add(time.Duration(n) * time.Second), Actor: owner, Data: d}
		entries = append(entries, &chain.Entry{Event: e})
	}
	add(&events.OrganizationOpened{Owner: events.Owner{Subject: owner, Key: "owner", Kind: events.KindHuman}})
	for i := range 10_000 {
		role, from := number("role", uint64(i%1000)), i*7%11_000
		if i < 1000 {
			add(&events.RoleCreated{Role: role, Key: fmt.Sprint("role", i), Permissions: names[from : from+25]})
		} else {
			add(&events.RoleUpdated{Role: role, Add: names[from : from+25]})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		x := access.New()
		for _, en := range entries {
			x.Apply(en, nil)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		runtime.KeepAlive(x)
	}
}
