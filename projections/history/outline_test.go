package history_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/history"
)

// Given any history, when it is divided into parts by position or by time, then the parts follow on each other, cover the
// range, and count what a query of each part alone finds.
func TestOutline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, now, n := history.New(), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), uint64(rapid.IntRange(1, 60).Draw(t, "entries"))
		for at := uint64(1); at <= n; at++ {
			var d events.Data = &events.RoleCreated{Role: [16]byte{1}}
			if rapid.Bool().Draw(t, "takes") {
				d = &events.RoleDeleted{Role: [16]byte{1}}
			}
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 2, 7, 1000, 86_400_000}).Draw(t, "later")) * time.Millisecond)
			x.Apply(&chain.Entry{Event: &events.Event{Sequence: at, Time: now, Actor: [16]byte{byte(at % 3)}, Data: d}}, nil)
		}
		q := history.Query{From: rapid.Uint64Range(0, n+1).Draw(t, "from"), To: rapid.Uint64Range(0, n+1).Draw(t, "to")}
		if rapid.Bool().Draw(t, "of one") {
			q.Actor = [16]byte{1}
		}
		if rapid.Bool().Draw(t, "taking") {
			q.Taking = true
		}
		most, byTime := rapid.IntRange(1, 70).Draw(t, "parts"), rapid.Bool().Draw(t, "by time")
		from, to := max(q.From, 1), n
		if q.To != 0 {
			to = min(n, q.To)
		}
		parts := x.Outline(q, most, byTime)
		if from > to {
			if len(parts) != 0 {
				t.Fatalf("nothing has the parts %+v", parts)
			}
			return
		}
		if len(parts) == 0 || len(parts) > most {
			t.Fatalf("%d parts of %d", len(parts), most)
		}
		next := from
		for i, p := range parts {
			if p.From != next || p.To < p.From-1 || p.Until.Before(p.Since) || !byTime && p.To < p.From {
				t.Fatalf("part %d of %d is %+v behind %d", i, len(parts), p, next-1)
			}
			if byTime && i > 0 && !p.Since.Equal(parts[i-1].Until) {
				t.Fatalf("part %d begins at %v; the one before ends at %v", i, p.Since, parts[i-1].Until)
			}
			if next = p.To + 1; p.To < p.From {
				if p.Entries != 0 {
					t.Fatalf("a part of nothing is %+v", p)
				}
				continue
			}
			one := q
			one.From, one.To = p.From, p.To
			all, _ := x.Find(one)
			one.Taking = true
			took, _ := x.Find(one)
			if p.Entries != len(all) || p.Took != len(took) {
				t.Fatalf("part %+v; there are %d entries, of which %d took something away", p, len(all), len(took))
			}
			if byTime {
				within := history.Query{From: from, To: to, Since: p.Since, Before: p.Until}
				if i == len(parts)-1 {
					within.Before = time.Time{}
				}
				if at, _ := x.Find(within); len(at) == 0 || at[0] != p.From || at[len(at)-1] != p.To {
					t.Fatalf("part %+v is not what happened then: %v", p, at)
				}
			}
		}
		if next != to+1 {
			t.Fatalf("the parts end at %d, and should at %d", next-1, to)
		}
	})
}
