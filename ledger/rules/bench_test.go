package rules_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// BenchmarkOneChange adds one permission to a role, or takes it away again, as the ledger does: Decide, then Evolve. The
// cost of a change must not grow with the role as the role's names do; the event is as small for 9,000 as for 10.
func BenchmarkOneChange(b *testing.B) {
	for _, n := range []int{10, 1_000, 9_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			all := many(n)
			parts := events.PartsOf(all)
			w := open(b, plain)
			for _, p := range parts {
				w.do(part(p...))
			}
			w.do(byParts(create("big"), parts...), addTo("big", "new"))
			take, at := w.command(takeFrom("big", "new"))
			give, _ := w.command(addTo("big", "new"))
			commands := []events.Command{take, give}
			bytes, i := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				c := commands[i%2]
				i++
				binary.BigEndian.PutUint64(c.ID[6:], uint64(i)) // the end stays: that of derived ids is told by it
				e, err := rules.Decide(w.s, c, at)
				if err != nil {
					b.Fatal(err)
				}
				e.Sequence, e.Prev = w.s.Position()+1, w.prev
				rules.Evolve(w.s, &e)
				if bytes == 0 {
					written, err := e.Encode()
					if err != nil {
						b.Fatal(err)
					}
					bytes = len(written)
				}
			}
			b.ReportMetric(float64(bytes), "bytes/event")
		})
	}
}

// BenchmarkCheck asks for one permission of somebody who has it by the last of ten roles.
func BenchmarkCheck(b *testing.B) {
	w := open(b, plain, add("bob"))
	for i := range 10 {
		role := fmt.Sprint("r", i)
		w.do(create(role, fmt.Sprint("p", i)), assign("bob", role))
	}
	at := w.s.Time()
	for b.Loop() {
		if !w.s.Check(id("bob"), "p9", "x/1", at) {
			b.Fatal("bob may not p9")
		}
	}
}

// BenchmarkEvolve takes small events in, as a start of the ledger does.
func BenchmarkEvolve(b *testing.B) {
	w := open(b, plain, create("r", "a", "b"))
	var given []any
	for i := range 1000 {
		who := fmt.Sprint("u", i)
		given = append(given, add(who), assign(who, "r"), grant(who, fmt.Sprint("p", i%50)).on("x/1"), revokeRole(who, "r"))
	}
	w.do(given...)
	b.ReportAllocs()
	for b.Loop() {
		s := rules.New()
		for _, e := range w.events {
			rules.Evolve(s, e)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.events)), "ns/event")
}

// BenchmarkEvolveRoles takes in changes of roles of up to thousands of permissions.
func BenchmarkEvolveRoles(b *testing.B) {
	w := open(b, plain)
	all := many(9000)
	for _, p := range events.PartsOf(all) {
		w.do(part(p...))
	}
	w.do(byParts(create("big"), events.PartsOf(all)...))
	for i := range 500 {
		w.do(takeFrom("big", all[i]), addTo("big", fmt.Sprint("new", i)))
	}
	for b.Loop() {
		s := rules.New()
		for _, e := range w.events {
			rules.Evolve(s, e)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.events)), "ns/event")
}
