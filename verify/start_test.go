package verify_test

import (
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	folds "github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/topic"
)

// BenchmarkStart opens a ledger on a journal, with all its projections: folded from all entries, and from a snapshot that
// was kept when it was closed. ratio is how many times as long the former takes, cpu-ratio the same of processor time;
// take is how long entries have to wait while a snapshot is taken, and keep how long it takes until it is on the disk.
func BenchmarkStart(b *testing.B) {
	h := makeHistory(b)
	dir := b.TempDir()
	open := func(withSnapshots bool) (*ledger.Ledger, *projections.Fold, *journal.Journal) {
		j, err := journal.Open(h.dir, journal.Options{})
		if err != nil {
			b.Fatal(err)
		}
		head, err := journal.OpenHead(filepath.Join(dir, fmt.Sprint("head-", withSnapshots)), true)
		if err != nil {
			b.Fatal(err)
		}
		fold := projections.NewFold(access.New(), folds.New(), documents.New(), topic.New())
		c := ledger.Config{Organization: "acme", Journal: j, Head: head, Keys: noKeys{}, Applied: fold.Apply,
			Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }} // before any grant ends
		if withSnapshots {
			c.Snapshots = &ledger.Snapshots{Path: filepath.Join(dir, "snapshot"), Live: fold, Every: 1 << 40}
		}
		l, err := ledger.Open(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		return l, fold, j
	}
	shut := func(l *ledger.Ledger, j *journal.Journal) {
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
	// That a snapshot is taken when the ledger is closed, however long it is: it is said to be of no use now.
	if err := os.WriteFile(filepath.Join(dir, "snapshot"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	l, fold, j := open(true)
	started := time.Now()
	_, sections := fold.Snapshot()
	take := time.Since(started)
	size := 0
	for i, s := range sections {
		b.Logf("section %d: %d bytes", i, len(s))
		size += len(s)
	}
	started = time.Now()
	shut(l, j)
	keep := time.Since(started)
	took, cpu := map[bool]time.Duration{}, map[bool]time.Duration{}
	b.ResetTimer()
	for b.Loop() {
		for _, with := range []bool{false, true} {
			runtime.GC() // or one pays for what the other left
			started, before := time.Now(), processor(b)
			l, fold, j := open(with)
			took[with] += time.Since(started)
			cpu[with] += processor(b) - before
			fold.Read(func(s *rules.State) {
				if s.Position() != h.n {
					b.Fatalf("it is of %d; want %d", s.Position(), h.n)
				}
			})
			shut(l, j)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[false].Milliseconds())/float64(b.N), "ms-folded")
	b.ReportMetric(float64(took[true].Milliseconds())/float64(b.N), "ms-snapshot")
	b.ReportMetric(float64(took[false])/float64(took[true]), "ratio")
	b.ReportMetric(float64(cpu[false])/float64(cpu[true]), "cpu-ratio")
	b.ReportMetric(float64(take.Milliseconds()), "ms-take")
	b.ReportMetric(float64(keep.Milliseconds()), "ms-keep")
	b.ReportMetric(float64(size)/float64(h.n), "bytes/event")
}

type noKeys struct{}

func (noKeys) Signer(string) (crypto.Signer, bool) { return nil, false }
