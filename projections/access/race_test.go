package access_test

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/projections/access"
)

// Given an index that takes in entries while others ask it, then each answer is the one that the rules give of one
// position: of the one asked for, and without one, of a position that was the head during the call. So nobody sees half
// of an entry, and whoever knows that an entry was taken in sees it.
func TestReadersSeeWholeEntries(t *testing.T) {
	histories, rounds := 4, 25
	if os.Getenv("PERMLEDGER_LONG") != "" {
		histories, rounds = 40, 200
	}
	for seed := range histories {
		l := rapid.Custom(random).Example(seed)
		var asked []question
		questions(func(subject, permission, resource string) {
			asked = append(asked, question{subject, permission, resource})
		})
		want := make([][]bool, len(l.entries)+1) // by position and question
		want[0] = make([]bool, len(asked))
		for n := 1; n < len(want); n++ {
			s := l.stateAt(uint64(n))
			for _, q := range asked {
				want[n] = append(want[n], s.Check(id(q.subject), q.permission, q.resource, l.now))
			}
		}
		for round := range rounds {
			x := access.New()
			var applied atomic.Uint64
			var readers sync.WaitGroup
			for r := range 3 {
				readers.Go(func() {
					random := rand.New(rand.NewPCG(uint64(round), uint64(r)))
					for last := false; !last; {
						last = applied.Load() == uint64(len(l.entries))
						i := random.IntN(len(asked))
						q := &asked[i]
						from := applied.Load()
						if got := x.Allows(q.subject, q.permission, q.resource, access.AsOf{Position: from, Instant: l.now}); got != want[from][i] {
							t.Errorf("Allows(%v) as of %d: got %t, want %t", q, from, got, want[from][i])
						}
						got, one := x.Allows(q.subject, q.permission, q.resource, access.AsOf{Position: math.MaxUint64, Instant: l.now}), false
						to := min(applied.Load()+1, uint64(len(l.entries))) // one may be taken in and not yet noted
						for n := from; n <= to; n++ {
							one = one || want[n][i] == got
						}
						if !one {
							t.Errorf("Allows(%v) at the head: got %t, which it is at no position from %d to %d", q, got, from, to)
						}
						runtime.Gosched() // the writer shall come in between as often as it can
					}
				})
			}
			for n, en := range l.entries {
				x.Apply(en, nil)
				applied.Store(uint64(n) + 1)
				runtime.Gosched()
			}
			readers.Wait()
		}
	}
}
