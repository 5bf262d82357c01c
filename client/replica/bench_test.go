package replica_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/permledger/permledger/client/replica"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
)

// BenchmarkCheck compares a check of a replica with what it asks of the index, of the same subject in the same run.
func BenchmarkCheck(b *testing.B) {
	r, who := holding(b)
	index, instant := r.Access(), time.Now()
	b.Run("index", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !index.Allows(who, documenttest.Write, "policy/2", index.Now(instant)) {
				b.Fatal("no")
			}
		}
	})
	b.Run("index-and-clock", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !index.Allows(who, documenttest.Write, "policy/2", index.Now(time.Now())) {
				b.Fatal("no")
			}
		}
	})
	b.Run("replica", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if ok, err := r.Check(who, documenttest.Write, "policy/2"); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("replica-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if ok, err := r.Check(who, documenttest.Write, "policy/2"); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	})
}

// BenchmarkRatio asks both in turns, in short runs, and compares the fastest of each: what others do on the machine is in neither.
func BenchmarkRatio(b *testing.B) {
	r, who := holding(b)
	index, instant := r.Access(), time.Now()
	const run = 200
	fastest := [2]time.Duration{time.Hour, time.Hour}
	for b.Loop() {
		begin := time.Now()
		for range run {
			if !index.Allows(who, documenttest.Write, "policy/2", index.Now(instant)) {
				b.Fatal("no")
			}
		}
		middle := time.Now()
		for range run {
			if ok, err := r.Check(who, documenttest.Write, "policy/2"); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		fastest[0], fastest[1] = min(fastest[0], middle.Sub(begin)), min(fastest[1], time.Since(middle))
	}
	b.ReportMetric(float64(fastest[0].Nanoseconds())/run, "index-ns")
	b.ReportMetric(float64(fastest[1].Nanoseconds())/run, "replica-ns")
	b.ReportMetric(float64(fastest[1])/float64(fastest[0]), "times")
}

// holding gives a replica, and somebody in it who has a role on three scopes.
func holding(b *testing.B) (r *replica.Replica, who string) {
	b.Helper()
	l := ledger(b)
	role := l.AddRole("Wide", "", documenttest.Read, documenttest.Write)
	subject := l.AddSubject("")
	for i := range 3 {
		l.Do(&events.RoleAssigned{Subject: subject, Role: role, Scope: fmt.Sprint("policy/", i)})
	}
	br := newBroker(b)
	br.show(l, 0)
	r = br.opened(b.TempDir(), nil)
	br.fresh(r, l)
	return r, subject.String()
}
