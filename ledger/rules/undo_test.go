package rules_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// busy gives a world of several people with a role and a catalogue, from which random commands go on.
func busy(t *rapid.T) *world {
	profile := rapid.SampledFrom([]events.Profile{plain, stokr, ipaware, guardian, strict}).Draw(t, "profile")
	profile.DefaultRoles, profile.RecoveryDelay = true, 60
	return open(t, profile, founding(), add("ann"), add("bob"), addKind("wal", events.KindWallet),
		create("staff", permissions[2:8]...), assign("ann", "staff"))
}

// try asks for random commands, and records those that are not refused.
func (w *world) try(t *rapid.T, upTo int, label string) {
	for range rapid.IntRange(0, upTo).Draw(t, label) {
		c, at := w.command(someStep(t, w))
		if e, err := rules.Decide(w.s, c, at); err == nil {
			w.take(e)
		}
	}
}

// folded gives the state that events make.
func folded(all []*events.Event) *rules.State {
	s := rules.New()
	for _, e := range all {
		rules.Evolve(s, e)
	}
	return s
}

// What was rolled back has never been: not for what is so, not for what is decided next. What was committed is as if
// nobody had noted it.
func TestRollback(t *testing.T) {
	undone := 0
	rapid.Check(t, func(t *rapid.T) {
		w := busy(t)
		w.try(t, 30, "before")
		for range rapid.IntRange(1, 4).Draw(t, "groups") {
			before, was, bytesWere := *w, digest(w.s), w.s.AppendSnapshot(nil)
			w.s.Begin()
			w.try(t, 15, "group")
			if rapid.Bool().Draw(t, "lost") {
				undone += len(w.events) - len(before.events)
				w.s.Rollback()
				w.events, w.prev, w.ids = slices.Clone(before.events), before.prev, before.ids
				if digest(w.s) != was || !bytes.Equal(w.s.AppendSnapshot(nil), bytesWere) {
					t.Fatalf("the state after the rollback to %d is another than before", len(w.events))
				}
			} else {
				w.s.Commit()
			}
			twin := folded(w.events)
			if digest(twin) != digest(w.s) {
				t.Fatalf("the state after %d events is another than the events make", len(w.events))
			}
			same(t, w, twin)
		}
	})
	if undone < 30 && !t.Failed() { // mostly some 100
		t.Errorf("%d events were rolled back in all; want 30 at least", undone)
	}
}

// same holds the state of a world and another one to deciding the same from here on. Both take the events in.
func same(t *rapid.T, w *world, twin *rules.State) {
	t.Helper()
	for range rapid.IntRange(1, 10).Draw(t, "decided on both") {
		due, ok := w.s.NextEnd()
		if due2, ok2 := twin.NextEnd(); due != due2 || ok != ok2 {
			t.Fatalf("next to end: %v, %v and %v, %v", due, ok, due2, ok2)
		}
		c, at := w.command(someStep(t, w))
		e, err := rules.Decide(w.s, c, at)
		e2, err2 := rules.Decide(twin, c, at)
		if digest(e) != digest(e2) || digest(err) != digest(err2) {
			t.Fatalf("%s is decided as %+v, %v and %+v, %v", c.Data.Type(), e.Data, err, e2.Data, err2)
		}
		if err == nil {
			rules.Evolve(twin, w.take(e))
		}
	}
	if digest(twin) != digest(w.s) {
		t.Fatal("one event made two states")
	}
}

// Each event of the golden history, which has all there are, can be taken back; and so can the forgetting that comes
// with time and with the number of events.
func TestRollbackOfEach(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	each := func(e *events.Event) {
		before := digest(w.s)
		w.s.Begin()
		rules.Evolve(w.s, e)
		w.s.Rollback()
		if digest(w.s) != before {
			t.Fatalf("event %d, %s, cannot be taken back", e.Sequence, e.Data.Type())
		}
		rules.Evolve(w.s, e)
	}
	for _, e := range golden(t) {
		each(e)
	}
	// From here on nothing is decided, so positions may be left out.
	e := *golden(t)[1]
	e.Origin, e.Data = events.Origin{}, &events.PermissionsRecorded{Part: events.Digest{1}}
	for i, at := range []struct {
		position uint64
		after    time.Duration
	}{{1000, 0}, {4096, 24 * time.Hour}, {5000, 24*time.Hour + 6*time.Minute}, {8192, 200 * time.Hour}, {12288, 201 * time.Hour}} {
		e := e
		e.Sequence, e.Time = at.position, w.s.Time().Add(at.after)
		e.ID = liveID(e.Time, i)
		each(&e)
	}
}

// A ledger whose first entry loses the race is empty again.
func TestRollbackOfTheFirst(t *testing.T) {
	w := &world{reporter: t, s: rules.New()}
	empty := digest(w.s)
	w.s.Begin()
	w.do(opening(plain), create("r", "a"), grant("owner", "a").until(start.Add(time.Hour)))
	w.s.Rollback()
	if digest(w.s) != empty || w.s.Opened() != nil || w.s.Position() != 0 {
		t.Errorf("rolled back to nothing, the state is at %d, opened %v", w.s.Position(), w.s.Opened())
	}
	if _, due := w.s.NextEnd(); due {
		t.Error("a grant that never was is to end")
	}
}

// Begin within Begin, and an end without one, are mistakes of whoever calls.
func TestRollbackOutOfTurn(t *testing.T) {
	for name, calls := range map[string][]func(*rules.State){
		"Begin twice":                    {(*rules.State).Begin, (*rules.State).Begin},
		"Rollback without Begin":         {(*rules.State).Rollback},
		"Commit without Begin":           {(*rules.State).Commit},
		"Rollback after Commit":          {(*rules.State).Begin, (*rules.State).Commit, (*rules.State).Rollback},
		"Begin after Commit, then twice": {(*rules.State).Begin, (*rules.State).Commit, (*rules.State).Begin, (*rules.State).Begin},
	} {
		t.Run(name, func(t *testing.T) {
			s, last := rules.New(), len(calls)-1
			for _, call := range calls[:last] {
				call(s)
			}
			defer func() {
				if recover() == nil {
					t.Error("nothing panicked")
				}
			}()
			calls[last](s)
		})
	}
}
