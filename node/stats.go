package node

import (
	"sync"
	"time"

	"github.com/permledger/permledger/internal/metrics"
	"github.com/permledger/permledger/ledger/rules"
)

// Stats counts what an organization's ledger did since it was opened. It is safe for concurrent use.
type Stats struct {
	Journal, Stream, Append *metrics.Histogram // how long a group of entries took: to be synced, to be ordered, both
	Batch                   *metrics.Histogram // entries of a group
	Allowed, Denied         metrics.Counter    // decisions that were answered over HTTP

	mu       sync.Mutex
	refusals map[rules.Code]uint64
}

func newStats() *Stats {
	return &Stats{Journal: metrics.NewDurations(), Stream: metrics.NewDurations(), Append: metrics.NewDurations(),
		Batch: metrics.NewSizes(), refusals: map[rules.Code]uint64{}}
}

// Decided counts an answer to whether somebody may do something.
func (s *Stats) Decided(allowed bool) {
	if allowed {
		s.Allowed.Inc()
	} else {
		s.Denied.Inc()
	}
}

func (s *Stats) wrote(entries int, journal, stream time.Duration) {
	s.Journal.Took(journal)
	s.Stream.Took(stream)
	s.Append.Took(journal + stream)
	s.Batch.Observe(int64(entries))
}

func (s *Stats) refused(code rules.Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[code]++
}

// Refusals gives how many commands were refused, by why.
func (s *Stats) Refusals() map[rules.Code]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[rules.Code]uint64, len(s.refusals))
	for code, n := range s.refusals {
		all[code] = n
	}
	return all
}
