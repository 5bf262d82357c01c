//go:build unix

package ledger_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/stream/natstest"
)

// BenchmarkShared records roles on a cluster of three servers that sync always, through one node and through two at once,
// and says how the two shared what was recorded.
func BenchmarkShared(b *testing.B) {
	c := natstest.Start(b, 3)
	for _, writers := range []int{1, 2} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("nodes=%d/callers=%d", writers, callers), func(b *testing.B) {
				x, y := pair(b, c, fmt.Sprintf("bench-%d-%d-%d", writers, callers, time.Now().UnixNano()%1e6))
				members := []*member{x, y}[:writers]
				var next, waits atomic.Int64
				var done [2]atomic.Int64
				b.ResetTimer()
				var wg sync.WaitGroup
				for i := range callers * writers {
					wg.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							m := members[i%writers]
							r := m.request(m.mine(m.role(fmt.Sprint("role-", n))))
							for {
								_, err := m.ledger.Execute(b.Context(), r)
								if err == nil {
									break
								}
								if !errors.Is(err, ledger.ErrWait) {
									b.Error(err)
									return
								}
								waits.Add(1)
							}
							done[i%writers].Add(1)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
				b.ReportMetric(float64(waits.Load()), "put-off")
				if writers > 1 {
					b.ReportMetric(float64(min(done[0].Load(), done[1].Load()))/float64(b.N), "lesser-share")
				}
			})
		}
	}
}
