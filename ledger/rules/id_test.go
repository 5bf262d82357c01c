package rules_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// aged is a step whose id was made so long before the instant of the decision.
func aged(st step, by time.Duration) step {
	return st.butIn(func(w *world, c *events.Command) { c.ID = liveID(w.now(st).Add(-by), 77) })
}

func record(source, record string, occurred time.Duration) events.Import {
	return events.Import{Format: "role-history", Source: source, Record: record, Occurred: start.Add(occurred)}
}

const staleHint = "Send the command again with a new id, or set the clock"

func idRefusals() []refusal {
	week := 7 * 24 * time.Hour
	nodeKey := register("event2", events.PurposeEvent, "").by("node")
	notItsID := func(f func(*events.Import)) step {
		return add("ann").imported(record("old", "1", 0)).but(func(c *events.Command) {
			i := *c.Origin.Import
			f(&i)
			c.Origin.Import = &i
		})
	}
	hashed := hinted(rules.Invalid, "The id has the form of an imported or derived command's", "Take another id")
	wrongID := because(rules.Invalid, "The id is not the one of the imported record")
	return []refusal{
		{name: "id/another ledger", profile: plain, when: add("ann").but(func(c *events.Command) { c.Ledger = "other.example/acme" }),
			then: because(rules.WrongLedger, "The command is for other.example/acme, this is test.example/acme")},
		{name: "id/before the last event", profile: plain, given: given(add("ann")), when: add("bob").after(-2 * time.Second),
			then: because(rules.Invalid, "The instant lies before that of the last event")},
		{name: "id/repeated", profile: plain, given: given(add("ann"), add("bob"), add("eve")),
			when: add("joe").butIn(func(w *world, c *events.Command) { c.ID = w.events[2].ID }),
			then: rules.Refusal{Code: rules.Repeated, Reason: "A command with this id is recorded at 3", At: 3}},
		{name: "id/of the first event", profile: plain, when: add("joe").butIn(func(w *world, c *events.Command) { c.ID = w.events[0].ID }),
			then: rules.Refusal{Code: rules.Repeated, Reason: "A command with this id is recorded at 1", At: 1}},
		{name: "id/signed 24 h and 1 ms ago", profile: plain, when: aged(add("ann").after(week), 24*time.Hour+time.Millisecond),
			then: hinted(rules.Stale, "The time in the id is 2026-01-07T00:00:00Z, the ledger's is 2026-01-08T00:00:01Z", staleHint)},
		{name: "id/signed 5 min and 1 ms ahead", profile: plain, when: aged(add("ann"), -5*time.Minute-time.Millisecond),
			then: hinted(rules.Stale, "The time in the id is 2026-01-01T00:05:01Z, the ledger's is 2026-01-01T00:00:01Z", staleHint)},
		{name: "id/not signed, 5 min and 1 ms ago", profile: plain, when: aged(nodeKey.after(week), 5*time.Minute+time.Millisecond),
			then: hinted(rules.Stale, "The time in the id is 2026-01-07T23:55:00Z, the ledger's is 2026-01-08T00:00:01Z", staleHint)},
		{name: "id/not signed, 5 min and 1 ms ahead", profile: plain, when: aged(nodeKey, -5*time.Minute-time.Millisecond),
			then: hinted(rules.Stale, "The time in the id is 2026-01-01T00:05:01Z, the ledger's is 2026-01-01T00:00:01Z", staleHint)},

		{name: "id/live, of an imported record", profile: plain, when: add("ann").but(func(c *events.Command) { c.ID = events.ImportID(record("old", "1", 0)) }), then: hashed},
		{name: "id/live, of a record with no time", profile: plain,
			when: add("ann").but(func(c *events.Command) { c.ID = events.ImportID(events.Import{Format: "f", Source: "s", Record: "1"}) }), then: hashed},
		{name: "id/of an import, to open", unopened: true,
			when: opening(plain).but(func(c *events.Command) { c.ID = events.ImportID(record("old", "1", 0)) }), then: hashed},
		{name: "id/live id on an import", profile: plain, when: add("ann").but(func(c *events.Command) {
			i := record("old", "1", 0)
			c.Origin.Import = &i
		}), then: wrongID},
		{name: "id/of another record", profile: plain, when: notItsID(func(i *events.Import) { i.Record = "2" }), then: wrongID},
		{name: "id/of another part", profile: plain, when: notItsID(func(i *events.Import) { i.Part = 1 }), then: wrongID},
		{name: "id/of another source", profile: plain, when: notItsID(func(i *events.Import) { i.Source = "new" }), then: wrongID},
		{name: "id/of another format", profile: plain, when: notItsID(func(i *events.Import) { i.Format = "csv" }), then: wrongID},
		{name: "id/of another time", profile: plain, when: notItsID(func(i *events.Import) { i.Occurred = start.Add(-time.Hour) }), then: wrongID},
		{name: "id/imported twice", profile: plain, given: given(add("ann").imported(record("old", "1", 0)), add("bob")),
			when: add("joe").imported(record("old", "1", 0)),
			then: rules.Refusal{Code: rules.Repeated, Reason: "A command with this id is recorded at 2", At: 2}},
		{name: "id/imported from the future", profile: plain, when: add("ann").imported(record("old", "1", 1001*time.Millisecond)),
			then: because(rules.Invalid, "The record says that it occurred in the future, at 2026-01-01T00:00:01Z")},
		{name: "id/occurred before another of its source", profile: plain, given: given(
			add("ann").imported(record("old", "1", -time.Minute)), add("bob").imported(events.Import{Format: "role-history", Source: "old", Record: "2"})),
			when: add("joe").imported(record("old", "3", -time.Hour)),
			then: because(rules.Invalid, "The record occurred at 2025-12-31T23:00:00Z, before one of old that is recorded already")},
		{name: "id/import without permission", profile: plain, given: given(staffed("ann", "ledger:subject.add")),
			when: add("joe").by("ann").imported(record("old", "1", 0)), then: lacks("ledger:import")},

		{name: "id/derived role", profile: plain, when: create("r").but(func(c *events.Command) {
			d := events.Derived{From: id("owner")}
			c.ID, c.Origin.Derived = events.DerivedID("role.created", d, start), &d
		}), then: because(rules.Invalid, "No role.created follows from another event")},
	}
}

// What the clocks of authors may be off by, to the millisecond.
func TestLiveIDs(t *testing.T) {
	for _, c := range []struct {
		name string
		st   step
		by   time.Duration
	}{
		{"signed 24 h ago", add("ann"), 24 * time.Hour},
		{"signed now", add("ann"), 0},
		{"signed 5 min ahead", add("ann"), -5 * time.Minute},
		{"not signed, 5 min ago", register("event2", events.PurposeEvent, "").by("node"), 5 * time.Minute},
		{"not signed, 5 min ahead", register("event2", events.PurposeEvent, "").by("node"), -5 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) { open(t, plain, aged(c.st.after(48*time.Hour), c.by)) })
	}
}

func TestImportedIDs(t *testing.T) {
	for _, c := range []struct {
		name  string
		given []any
		when  step
	}{
		{"occurred years ago", nil, add("ann").imported(record("old", "1", -100_000*time.Hour))},
		{"occurred now", nil, add("ann").imported(record("old", "1", time.Second))},
		{"at no time", nil, add("ann").imported(events.Import{Format: "csv", Source: "old", Record: "1"})},
		{"at the time of the one before", given(add("ann").imported(record("old", "1", -time.Hour))), add("bob").imported(record("old", "2", -time.Hour))},
		{"before one of another source", given(add("ann").imported(record("old", "1", 0))), add("bob").imported(record("new", "1", -time.Hour))},
		{"before one of another format", given(add("ann").imported(record("old", "1", 0))), add("bob").imported(func() events.Import {
			i := record("old", "2", -time.Hour)
			i.Format = "csv"
			return i
		}())},
		{"second part of a record", given(add("ann").imported(record("old", "1", 0))), add("bob").imported(func() events.Import {
			i := record("old", "1", 0)
			i.Part = 1
			return i
		}())},
		{"by who may import", given(staffed("ann", "ledger:import", "ledger:subject.add")), add("bob").by("ann").imported(record("old", "1", 0))},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t, plain, c.given...).do(c.when)
			if want := c.when.data; e.Data.Type() != want.Type() || e.Origin.Import == nil {
				t.Errorf("recorded %s of origin %v", e.Data.Type(), e.Origin)
			}
		})
	}
}

// An event may have the time of the one before it.
func TestSameInstant(t *testing.T) {
	w := open(t, plain, add("ann"))
	if e := w.do(add("bob").after(-time.Second)); !e.Time.Equal(w.events[1].Time) {
		t.Errorf("recorded at %v; want %v", e.Time, w.events[1].Time)
	}
}

// A live id is remembered for as long as it could be used again; from then on its time is refused. Imported ids are
// remembered for ever.
func TestRepeatedForEver(t *testing.T) {
	w := open(t, plain, create("r"))
	first := w.do(add("ann"))
	record := w.do(add("bob").imported(record("old", "1", -time.Hour)))
	again := func(e *events.Event) step {
		return add("joe").but(func(c *events.Command) { c.ID, c.Origin = e.ID, e.Origin })
	}
	fill := func(n int, wait time.Duration) {
		t.Helper()
		for range n {
			text := fmt.Sprintf("after event %d", w.s.Position())
			c, at := w.command(update("r", func(d *events.RoleUpdated) { d.Description = &text }).after(wait))
			e, err := rules.Decide(w.s, c, at)
			if err != nil {
				t.Fatal(err)
			}
			e.Sequence = w.s.Position() + 1
			rules.Evolve(w.s, &e)
		}
	}
	repeated := func(e *events.Event) {
		t.Helper()
		if r := w.refused(again(e)); r.Code != rules.Repeated || r.At != e.Sequence {
			t.Errorf("at %d, %v: %v at %d; want repeated at %d", w.s.Position(), w.s.Time(), &r, r.At, e.Sequence)
		}
	}
	repeated(first)
	fill(10_000, 7*time.Second) // 22 h
	repeated(first)
	repeated(record)
	fill(1, 2*time.Hour)
	if r := w.refused(again(first)); r.Code != rules.Repeated && r.Code != rules.Stale {
		t.Errorf("a day later: %v; want repeated or stale", &r)
	}
	fill(10_000, 0)
	if r := w.refused(again(first)); r.Code != rules.Stale {
		t.Errorf("outside the window: %v; want stale", &r)
	}
	repeated(record)
}
