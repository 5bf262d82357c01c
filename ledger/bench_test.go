package ledger_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// BenchmarkExecute records one small signed command after the other, from 1 and from 256 callers at once. Times depend
// on the disk: see TestAppendTable. Allocations, those of the embedded server included, hardly do.
func BenchmarkExecute(b *testing.B) {
	for _, callers := range []int{1, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			p := newPlace(b)
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
