package model_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// Of every yes, whatever came before, the entries that are cited give it by themselves, and none of them can go. A no
// has none.
func TestDecisions(t *testing.T) {
	answered, most, types := 0, 0, map[events.Type]int{}
	rapid.Check(t, func(t *rapid.T) {
		l := begin(t, rapid.SampledFrom(profiles).Draw(t, "profile"))
		draw := &drawing{T: t, reader: readAll(l.history)}
		for range commands {
			c, at := draw.command()
			if e, err := rules.Decide(l.state, c, at); err == nil && !draw.flip("nothing") {
				l.take(e)
				draw.reader = readAll(l.history)
			}
		}
		p := rapid.IntRange(len(l.history)/2, len(l.history)).Draw(t, "position")
		a := access.AsOf{Position: uint64(p), Instant: l.history[p-1].Time.Add(rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "later"))}
		in := rapid.SampledFrom([]rules.Context{{}, said, {With: draw.who("with")}}).Draw(t, "beside")
		for _, u := range l.index.Subjects(a) {
			for _, permission := range append([]string{"none"}, rights...) {
				for _, resource := range asked {
					q := &decision.Question{Subject: u.ID, Key: u.Key, Permission: permission, Resource: resource, Instant: a.Instant, In: in}
					if rapid.IntRange(0, 7).Draw(t, "ask") > 0 {
						continue
					}
					if cited := l.cited(q, a); cited != nil {
						answered, most = answered+1, max(most, len(cited))
						for _, en := range cited {
							types[en.Event.Data.Type()]++
						}
					}
				}
			}
		}
	})
	t.Logf("%d yeses, of at most %d entries: %v", answered, most, types)
	if answered == 0 {
		t.Error("nothing was answered with yes")
	}
}

// cited gives the entries that a yes takes; nil for a no.
func (l *ledger) cited(q *decision.Question, a access.AsOf) []*chain.Entry {
	l.Helper()
	positions := l.index.Basis(q.Subject.String(), q.Permission, q.Resource, q.In, a)
	if yes := l.index.CheckIn(q.Subject.String(), q.Permission, q.Resource, q.In, a).Allowed; yes != (positions != nil) {
		l.Fatalf("as of %d: %s may %s on %q: %t; cited are %v", a.Position, q.Key, q.Permission, q.Resource, yes, positions)
	} else if !yes {
		return nil
	}
	source := decision.Source{
		Entry:    func(at uint64) (*chain.Entry, error) { return &chain.Entry{Event: l.history[at-1]}, nil },
		Deployed: l.index.Tokens().Deployed,
		Find: func(upTo uint64, types ...events.Type) (list []uint64) {
			for at := upTo; at > 0; at-- {
				if slices.Contains(types, l.history[at-1].Data.Type()) {
					list = append(list, at)
				}
			}
			return list
		},
	}
	entries, err := source.Collect(positions)
	if err != nil {
		l.Fatal(err)
	}
	least, err := decision.Least(entries, q)
	if err != nil {
		l.Fatalf("as of %d: %s may %s on %q beside %+v; cited are %v: %v", a.Position, q.Key, q.Permission, q.Resource, q.In, positions, err)
	}
	for i := range least {
		var fewer []*events.Event
		for k, en := range least {
			if k != i {
				fewer = append(fewer, en.Event)
			}
		}
		if decision.Gives(fewer, q) == nil {
			l.Fatalf("as of %d: %s may %s on %q without entry %d too", a.Position, q.Key, q.Permission, q.Resource, least[i].Event.Sequence)
		}
	}
	if least[len(least)-1].Event.Sequence > a.Position {
		l.Fatalf("as of %d: entry %d is cited", a.Position, least[len(least)-1].Event.Sequence)
	}
	return least
}
