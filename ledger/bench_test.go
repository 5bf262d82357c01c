package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
)

// BenchmarkExecute records one small signed command after the other, from 1 and from 256 callers at once, beside what
// the disk alone takes for as many appends of the same size with a sync each.
func BenchmarkExecute(b *testing.B) {
	b.Run("disk/append+fsync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		entry := make([]byte, 1200)
		for b.Loop() {
			if _, err := f.Write(entry); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			p := newPlace(b)
			requests := make([]ledger.Request, b.N)
			for i := range requests {
				requests[i] = p.request(p.command(p.role(fmt.Sprint("role-", i))))
			}
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
