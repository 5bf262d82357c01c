//go:build unix

package stream

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// BenchmarkStart is from nothing to a server that can be asked, and away again.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := Start(Options{StoreDir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, n := range map[string]int{"1": 1, "256": 256} {
		b.Run(name, func(b *testing.B) {
			l := create(b, run(b, b.TempDir()), "acme")
			msgs := group("acme", 1, n, 600)
			ctx, at := b.Context(), uint64(0)
			for b.Loop() {
				if err := l.Append(ctx, at, msgs); err != nil {
					b.Fatal(err)
				}
				at += uint64(n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
		})
	}
}

// BenchmarkRemoteAppend is to a cluster of three on this machine, each message synced on each server. Pipelined single
// publishes, which nothing uses there, are what batches are compared with.
func BenchmarkRemoteAppend(b *testing.B) {
	c := natstest.Start(b, 3)
	conn := remote(b, c, c.URLs)
	for name, n := range map[string]int{"1": 1, "64": 64, "256": 256, "256/pipelined": 256} {
		b.Run(name, func(b *testing.B) {
			conn.remote = true
			org := "bench-" + strings.ReplaceAll(name, "/", "-")
			l, err := conn.OpenLog(b.Context(), org)
			if err != nil {
				l = createOn(b, conn, org)
			}
			at, _, err := l.Last(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			conn.remote = !strings.HasSuffix(name, "pipelined")
			msgs := group(org, 1, n, 600)
			for b.Loop() {
				if err := l.Append(b.Context(), at, msgs); err != nil {
					b.Fatal(err)
				}
				at += uint64(n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	l := create(b, run(b, dir), "acme")
	const n = 50_000
	appendAll(b, l, 0, group("acme", 1, n, 600))
	perEntry := func(b *testing.B, n int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
	}
	for name, from := range map[string]uint64{"Entries/50000": 1, "Entries/200": n - 199} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, err := range l.Entries(b.Context(), from) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			perEntry(b, n+1-int(from))
		})
	}
	b.Run("Scan", func(b *testing.B) {
		for b.Loop() {
			for r, err := range Scan(dir, "LEDGER_acme") {
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(n * len(r.Data)))
			}
		}
		perEntry(b, n)
	})
}
