package access_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

// grown are worlds that grow by tens: users with three roles each, roles, resources to which half of the bindings are
// scoped, and with them the history.
func grown(bindings int) world {
	return world{Users: bindings / rolesEach, Roles: max(10, bindings/100), Each: 20, Permissions: 500, Resources: max(10, bindings/rolesEach)}
}

// foldWorld makes something of a world's entries, and says how long an entry took, as the median of many short goes, and
// how many bytes all of it takes.
func foldWorld[T any](w world, fresh func() T, apply func(T, *chain.Entry)) (made T, each time.Duration, bytes uint64) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	made = fresh()
	var goes []time.Duration
	batch := make([]*chain.Entry, 0, 512)
	flush := func() {
		began := time.Now()
		for _, en := range batch {
			apply(made, en)
		}
		goes = append(goes, time.Since(began)/time.Duration(len(batch)))
		batch = batch[:0]
	}
	for en := range w.entries {
		if batch = append(batch, en); len(batch) == cap(batch) {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	clear(batch[:cap(batch)])
	slices.Sort(goes)
	return made, goes[len(goes)/2], heap() - before
}

// timeEach gives how long one of n calls takes: the lower quartile of goes of so many calls each, all of them different,
// for what else the machine does is not to be measured.
func timeEach(n, calls int, call func(int)) time.Duration {
	var goes []time.Duration
	for i := 0; i < n; i += calls {
		began := time.Now()
		for k := range calls {
			call(i + k)
		}
		goes = append(goes, time.Since(began)/time.Duration(calls))
	}
	slices.Sort(goes)
	return goes[len(goes)/4]
}

// TestGrowth prints how the time of a question, the memory and the time of the fold grow with an organization, up to a
// million bindings, as the tables of docs/benchmarks.md:
//
//	PERMLEDGER_LONG=1 go test ./projections/access -run TestGrowth -v
func TestGrowth(t *testing.T) {
	sizes := []int{1000}
	if os.Getenv("PERMLEDGER_LONG") != "" {
		sizes = []int{1000, 10_000, 100_000, 1_000_000}
	}
	var asking, keeping strings.Builder
	fmt.Fprintln(&asking, "| bindings | users | roles | entries | check now | check as of | explain as of | effective as of | who can as of (answers) |")
	fmt.Fprintln(&asking, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	fmt.Fprintln(&keeping, "| bindings | access, a binding | history, a binding | rules.State, a binding | fold: access | fold: history | fold: rules.State | snapshot | written in | read in |")
	fmt.Fprintln(&keeping, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, bindings := range sizes {
		w := grown(bindings)
		bindings = w.Users * rolesEach
		x, foldAccess, sizeAccess := foldWorld(w, access.New, func(x *access.Index, en *chain.Entry) { x.Apply(en, nil) })
		head, list, random := x.Head(), w.questions(10_000), rand.New(rand.NewPCG(5, 6))
		now := x.Now(head.Time.Add(time.Hour))
		past := make([]access.AsOf, len(list))
		for i := range past {
			past[i] = access.AsOf{Position: 1 + random.Uint64N(head.Position), Instant: head.Time}
		}
		yes := 0
		check := timeEach(len(list), 100, func(i int) {
			if q := &list[i]; x.Allows(q.subject, q.permission, q.resource, now) {
				yes++
			}
		})
		if yes == 0 || yes == len(list) {
			t.Fatalf("%d of %d answers are yes", yes, len(list))
		}
		asOf := timeEach(len(list), 100, func(i int) { q := &list[i]; x.Allows(q.subject, q.permission, q.resource, past[i]) })
		explain := timeEach(1000, 20, func(i int) { q := &list[i]; x.Explain(q.subject, q.permission, q.resource, past[i]) })
		effective := timeEach(1000, 20, func(i int) { _, _ = x.Effective(list[i].subject, past[i]) })
		before, answers, most := access.AsOf{Position: head.Position - 1, Instant: head.Time}, 0, ""
		for _, q := range list[:20] { // the one that most have of some
			if n := len(x.WhoCan(q.permission, "", before)); n > answers {
				answers, most = n, q.permission
			}
		}
		who := timeEach(5, 1, func(int) { x.WhoCan(most, "", before) })
		fmt.Fprintf(&asking, "| %d | %d | %d | %d | %d ns | %v | %v | %v | %v (%d) |\n", bindings, w.Users, w.Roles, head.Position,
			check.Nanoseconds(), short(asOf), short(explain), short(effective), short(who), answers)

		var b []byte
		wrote := timeEach(5, 1, func(int) { b = x.AppendSnapshot(b[:0]) })
		x = nil
		read := timeEach(5, 1, func(int) {
			again := access.New()
			if err := again.ReadSnapshot(b); err != nil || again.Head() != head {
				t.Fatalf("read as %v: %v", again.Head(), err)
			}
		})
		size := len(b)
		b = nil
		h, foldHistory, sizeHistory := foldWorld(w, history.New, func(x *history.Index, en *chain.Entry) { x.Apply(en, nil) })
		runtime.KeepAlive(h)
		h = nil
		s, foldState, sizeState := foldWorld(w, rules.New, func(s *rules.State, en *chain.Entry) { rules.Evolve(s, en.Event) })
		runtime.KeepAlive(s)
		fmt.Fprintf(&keeping, "| %d | %d B | %d B | %d B | %v | %v | %v | %d kB | %v | %v |\n", bindings,
			sizeAccess/uint64(bindings), sizeHistory/uint64(bindings), sizeState/uint64(bindings), foldAccess, foldHistory, foldState,
			size/1000, short(wrote), short(read))
	}
	t.Logf("Asking:\n\n%s\nKeeping:\n\n%s", &asking, &keeping)
}

func short(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	case d > 10*time.Microsecond:
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}
