package ledger_test

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

// BenchmarkExecute records one small signed command after the other, from 1 and from 256 callers at once. Times depend
// on the disk: see TestAppendTable. Allocations, those of the embedded server included, hardly do.
func BenchmarkExecute(b *testing.B) { benchmarkExecute(b, func(*place) {}) }

// BenchmarkExecuteWithLog is BenchmarkExecute of a ledger whose log makes tiles and signs checkpoints meanwhile.
func BenchmarkExecuteWithLog(b *testing.B) {
	benchmarkExecute(b, func(p *place) { p.openLog() })
}

// openLog opens the ledger's log.
func (p *place) openLog() *tlog.Log {
	p.t.Helper()
	key := p.keys[p.genesis.Data.(*events.OrganizationOpened).Keys.Checkpoint]
	l := tlog.New(tlog.Config{
		Organization: "main", Dir: filepath.Join(p.dir, "log"), Origin: source, Journal: p.journal.Reader,
		Keys:    func(uint64) []ed25519.PublicKey { return []ed25519.PublicKey{key.Public().(ed25519.PublicKey)} },
		Signers: func(uint64) ([]crypto.Signer, error) { return []crypto.Signer{key}, nil },
		Halt:    p.ledger.Halt, Urge: p.ledger.HeadNow,
	})
	p.headed.Store(l)
	if err := l.Open(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(l.Close)
	return l
}

// BenchmarkCommitted is how long one caller waits for a checkpoint over its command: at once, where it says that it waits,
// and as it comes by itself.
func BenchmarkCommitted(b *testing.B) {
	for _, urged := range []bool{true, false} {
		b.Run(fmt.Sprintf("urged=%v", urged), func(b *testing.B) {
			p := newPlace(b)
			l := p.openLog()
			longest := time.Duration(0)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				r := p.request(p.command(p.role(fmt.Sprint("role-", i))))
				b.StartTimer()
				began := time.Now()
				got, err := p.ledger.Execute(b.Context(), r)
				if err != nil {
					b.Fatal(err)
				}
				if urged {
					if _, _, err := l.Committed(b.Context(), got.Position); err != nil {
						b.Fatal(err)
					}
				}
				for {
					changed := l.Changed()
					if _, c, _ := l.Latest(); c.Size >= got.Position {
						break
					}
					<-changed
				}
				longest = max(longest, time.Since(began))
			}
			b.ReportMetric(float64(longest.Milliseconds()), "ms-longest")
		})
	}
}

func benchmarkExecute(b *testing.B, with func(*place)) {
	for _, callers := range []int{1, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			p := newPlace(b)
			with(p)
			requests := make([]ledger.Request, b.N)
			for i := range requests {
				requests[i] = p.request(p.command(p.role(fmt.Sprint("role-", i))))
			}
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for i := next.Add(1) - 1; int(i) < b.N; i = next.Add(1) - 1 {
						if _, err := p.ledger.Execute(b.Context(), requests[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkStages is what happens to one command before anything is written: its author's signature is checked, it is
// decided, signed and sealed. It needs no disk, so its allocations are always the same.
func BenchmarkStages(b *testing.B) {
	p := newPlace(b)
	genesis := must(chain.Parse(must(p.journal.Read(1))(b)))(b)
	key, prev := p.keys[genesis.Key], genesis.CID()
	r := p.request(p.command(p.role("kyc")))
	b.Run("prove", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := r.Command
			if err := r.Evidence.Check(&c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decide", func(b *testing.B) {
		state := rules.New()
		rules.Evolve(state, genesis.Event)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := rules.Decide(state, r.Command, r.Command.ID.Timestamp()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seal", func(b *testing.B) {
		e := r.Command.Event(r.Command.ID.Timestamp().UTC())
		e.Sequence, e.Prev = 2, prev
		b.ReportAllocs()
		for b.Loop() {
			body, err := e.Encode()
			if err != nil {
				b.Fatal(err)
			}
			en, err := chain.Seal(&e, body, nil, r.Evidence, key, genesis.Key)
			if err != nil || en.CID() == prev {
				b.Fatal(err)
			}
			tree.Leaf(en.Bytes())
		}
	})
}

// BenchmarkOneChange adds and removes one permission of a role that has many: it must cost what it costs in a small one.
func BenchmarkOneChange(b *testing.B) {
	for _, size := range []int{10, 1000, 9000} {
		b.Run(fmt.Sprintf("permissions=%d", size), func(b *testing.B) {
			p := newPlace(b)
			d := &events.RoleCreated{Role: p.id(), Key: "big", Name: "big"}
			var names []string
			for i := range size {
				names = append(names, fmt.Sprintf("service%d.resources.action%d", i%97, i))
			}
			slices.Sort(names)
			for _, part := range events.PartsOf(names) {
				if _, err := p.do(p.command(&events.PermissionsRecorded{Permissions: part})); err != nil {
					b.Fatal(err)
				}
				d.Parts = append(d.Parts, events.PartDigest(part))
			}
			if _, err := p.do(p.command(d)); err != nil {
				b.Fatal(err)
			}
			requests := make([]ledger.Request, b.N)
			for i := range requests {
				u := &events.RoleUpdated{Role: d.Role, Add: []string{"one.more"}}
				if i%2 == 1 {
					u = &events.RoleUpdated{Role: d.Role, Remove: []string{"one.more"}}
				}
				requests[i] = p.request(p.command(u))
			}
			b.ResetTimer()
			for _, r := range requests {
				if _, err := p.ledger.Execute(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
