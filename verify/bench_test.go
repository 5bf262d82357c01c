package verify_test

import (
	"bufio"
	"crypto/ed25519"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/bundle/bundletest"
	"github.com/permledger/permledger/console/nodetest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// BenchmarkRebuild makes the state from a journal, as a start does, without a look at signatures: each entry is read,
// parsed, hashed, linked to the one before and taken in.
func BenchmarkRebuild(b *testing.B) {
	h := makeHistory(b)
	started := processor(b)
	for b.Loop() {
		s := rules.New()
		var v chain.Verifier
		for p, err := range chain.InOrder(runtime.GOMAXPROCS(0), h.raws(), func(r verify.Raw) chain.Parsed { return chain.Load(r.Bytes) }) {
			if err != nil {
				b.Fatal(err)
			}
			if err := v.Next(p, ""); err != nil {
				b.Fatal(err)
			}
			rules.Evolve(s, p.Entry.Event)
		}
		if s.Position() != h.n {
			b.Fatalf("the state is that of %d; want %d", s.Position(), h.n)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)*float64(h.n)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((processor(b)-started).Nanoseconds())/float64(b.N)/float64(h.n), "cpu-ns/event")
}

// BenchmarkVerify verifies a journal whole, and beside it as many signatures as it carries, mostly two an event, with
// nothing but crypto/ed25519 on the same processors. ratio is how many times as long the former takes; cpu-ratio the same
// of processor time, which other work on the machine disturbs less.
func BenchmarkVerify(b *testing.B) {
	h := makeHistory(b)
	sample := h.signatures(b)
	var whole, bare, wholeCPU, bareCPU time.Duration
	for b.Loop() {
		started, cpu := time.Now(), processor(b)
		r, err := verify.Entries(b.Context(), h.raws(), verify.Options{})
		if err != nil || r.Position != h.n {
			b.Fatal(r, err)
		}
		whole += time.Since(started)
		wholeCPU += processor(b) - cpu
		started, cpu = time.Now(), processor(b)
		if !hold(sample, int(h.n+r.Signed)) {
			b.Fatal("a signature does not hold")
		}
		bare += time.Since(started)
		bareCPU += processor(b) - cpu
	}
	count := float64(b.N) * float64(h.n)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(whole.Nanoseconds())/count, "ns/event")
	b.ReportMetric(float64(bare.Nanoseconds())/count, "ns/event-bare")
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
	b.ReportMetric(float64(wholeCPU)/float64(bareCPU), "cpu-ratio")
}

// BenchmarkFast follows links and tree alone, from a journal: every entry is read and hashed twice.
func BenchmarkFast(b *testing.B) {
	h := makeHistory(b)
	started := processor(b)
	for b.Loop() {
		r, err := verify.Entries(b.Context(), h.raws(), verify.Options{Fast: true})
		if err != nil || r.Position != h.n {
			b.Fatal(r, err)
		}
	}
	count := float64(b.N) * float64(h.n)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(count/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((processor(b)-started).Nanoseconds())/count, "cpu-ns/event")
	b.ReportMetric(float64(h.bytes(b))/float64(h.n), "B/event")
}

// BenchmarkBundle verifies a zip bundle whole, beside as many signatures as it holds with nothing but crypto/ed25519 on the
// same processors, and in the fast pass.
func BenchmarkBundle(b *testing.B) {
	h := makeHistory(b)
	sample := h.signatures(b)
	f := h.bundle(b)
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	var whole, bare, fast, wholeCPU, bareCPU time.Duration
	clock := func(what func()) (wall, cpu time.Duration) {
		started, used := time.Now(), processor(b)
		what()
		return time.Since(started), processor(b) - used
	}
	pass := func(o verify.Options) (r *verify.Report) {
		r, err := verify.Bundle(b.Context(), f, info.Size(), o)
		if err != nil || r.Position != h.n {
			b.Fatal(r, err)
		}
		return r
	}
	var signatures int
	for b.Loop() {
		wall, cpu := clock(func() { signatures = int(h.n+pass(verify.Options{}).Signed) + 1 }) // one of the checkpoint
		whole, wholeCPU = whole+wall, wholeCPU+cpu
		wall, cpu = clock(func() {
			if !hold(sample, signatures) {
				b.Fatal("a signature does not hold")
			}
		})
		bare, bareCPU = bare+wall, bareCPU+cpu
		wall, _ = clock(func() { pass(verify.Options{Fast: true}) })
		fast += wall
	}
	count := float64(b.N) * float64(h.n)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
	b.ReportMetric(float64(wholeCPU)/float64(bareCPU), "cpu-ratio")
	b.ReportMetric(float64(signatures)/float64(h.n), "signatures/event")
	b.ReportMetric(count/fast.Seconds(), "fast-events/s")
	b.ReportMetric(float64(info.Size())/float64(h.n), "B/event")
}

// bundle exports the history.
func (m generated) bundle(b *testing.B) *os.File {
	tiles := new(bundletest.Tiles)
	for r, err := range m.raws() {
		if err != nil {
			b.Fatal(err)
		}
		tiles.Append(tree.Leaf(r.Bytes))
	}
	text := note.Checkpoint{Origin: documenttest.Source, Size: m.n, Root: tiles.Root()}.Text()
	sig, err := note.Sign(text, documenttest.Source, documenttest.Key("checkpoint"))
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(b.TempDir(), "bundle.zip"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	s := &bundle.Source{
		Origin: documenttest.Source, Journal: m.journal, Tiles: tiles,
		Checkpoint: (&note.Note{Text: text, Signatures: []note.Signature{sig}}).Bytes(),
	}
	w := bufio.NewWriter(f)
	if err := bundle.Write(w, bundle.Zip, s, bundle.Question{Kind: bundle.All}, m.n); err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return f
}

// bytes gives how long the entries are together.
func (m generated) bytes(b *testing.B) (n int) {
	for r, err := range m.raws() {
		if err != nil {
			b.Fatal(err)
		}
		n += len(r.Bytes)
	}
	return n
}

// processor gives the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// signed is a message and a signature of it.
type signed struct {
	key     ed25519.PublicKey
	message []byte
	sig     []byte
}

// signatures gives those of the first entries.
func (m generated) signatures(b *testing.B) []signed {
	public := func(of string) ed25519.PublicKey { return documenttest.Key(of).Public().(ed25519.PublicKey) }
	owner, event := public("owner"), public("event")
	var all []signed
	for r, err := range m.raws() {
		if err != nil {
			b.Fatal(err)
		}
		en, err := chain.Parse(r.Bytes)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, signed{event, events.PAE(chain.EventType, en.EventBytes()), en.Signature[:]})
		if en.Evidence != nil {
			c := events.CommandOf(en.Event)
			command, err := c.Bytes(en.Evidence.Signed)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, signed{owner, events.PAE(events.CommandType, command), en.Evidence.Signature})
		}
		if len(all) > 20_000 {
			break
		}
	}
	return all
}

// hold checks n signatures on all processors, those of all one after the other and again.
func hold(all []signed, n int) bool {
	const each = 256
	var next, bad atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				from := int(next.Add(each)) - each
				if from >= n {
					return
				}
				for i := from; i < min(from+each, n); i++ {
					s := all[i%len(all)]
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

// BenchmarkBrowsers has the console's verifier, in Node, verify a journal, and this one beside it, which asks the rules too. ratio
// is how many times as long the former takes.
func BenchmarkBrowsers(b *testing.B) {
	h := makeHistory(b)
	var segments []byte
	for r, err := range h.journal.Range(1, h.n) {
		if err != nil {
			b.Fatal(err)
		}
		segments = append(binary.BigEndian.AppendUint16(segments, uint16(len(r.Entry))), r.Entry...)
	}
	var here, there time.Duration
	for b.Loop() {
		started := time.Now()
		if r, err := verify.Entries(b.Context(), h.raws(), verify.Options{}); err != nil || r.Position != h.n {
			b.Fatal(r, err)
		}
		here += time.Since(started)
		v := nodetest.Verify(b, console, nodetest.Case{Name: "all", File: segments})[0]
		if !v.OK || v.Position != h.n {
			b.Fatal(v.Position, v.Broken)
		}
		there += time.Duration(v.Millis * float64(time.Millisecond))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)*float64(h.n)/there.Seconds(), "events/s")
	b.ReportMetric(float64(there)/float64(here), "ratio")
}
