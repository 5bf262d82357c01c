package verify_test

import (
	"crypto/ed25519"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/verify"
)

// BenchmarkVerify verifies 20,000 small events whole, and beside it as many signatures as they carry, two for each, with
// nothing but crypto/ed25519 on the same processors. ratio is how many times as long the former takes.
func BenchmarkVerify(b *testing.B) {
	const n = 20_000
	w := long(b, n)
	raws, bareSignatures := w.raws(), signaturesOf(w)
	size := 0
	for _, r := range raws {
		size += len(r.Bytes)
	}
	o := verify.Options{Genesis: w.entries[0].CID(), Head: w.head(n)}
	var whole, bare time.Duration
	for b.Loop() {
		started := time.Now()
		r, err := verify.Entries(b.Context(), sequence(raws), o)
		if err != nil || r.Position != n {
			b.Fatal(r, err)
		}
		whole += time.Since(started)
		started = time.Now()
		if !hold(bareSignatures) {
			b.Fatal("a signature does not hold")
		}
		bare += time.Since(started)
	}
	count := float64(b.N) * n
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(whole.Nanoseconds())/count, "ns/event")
	b.ReportMetric(float64(bare.Nanoseconds())/count, "ns/event-bare")
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
	b.ReportMetric(float64(size)/n, "bytes/event")
}

// signed is a message and a signature of it.
type signed struct {
	key     ed25519.PublicKey
	message []byte
	sig     []byte
}

// signaturesOf gives both signatures of every entry.
func signaturesOf(w *world) []signed {
	public := func(of string) ed25519.PublicKey { return documenttest.Key(of).Public().(ed25519.PublicKey) }
	owner, event := public("owner"), public("event")
	all := make([]signed, 0, 2*len(w.entries))
	for _, en := range w.entries {
		c := events.CommandOf(en.Event)
		command, err := c.Bytes(en.Evidence.Signed)
		if err != nil {
			w.Fatal(err)
		}
		all = append(all,
			signed{event, events.PAE(chain.EventType, en.EventBytes()), en.Signature[:]},
			signed{owner, events.PAE(events.CommandType, command), en.Evidence.Signature})
	}
	return all
}

// hold checks signatures on all processors.
func hold(all []signed) bool {
	const each = 256
	var next, bad atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(each)) - each
				if i >= len(all) {
					return
				}
				for _, s := range all[i:min(i+each, len(all))] {
					if !ed25519.Verify(s.key, s.message, s.sig) {
						bad.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	return bad.Load() == 0
}
