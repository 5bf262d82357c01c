package rules_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/snapshot"
)

// restored gives the state that is read back from a snapshot, having held it to being the one that was written.
func restored(t reporter, s *rules.State) *rules.State {
	t.Helper()
	b := s.AppendSnapshot(nil)
	got, err := rules.ReadSnapshot(b)
	if err != nil {
		t.Fatalf("the snapshot at %d: %v", s.Position(), err)
	}
	if digest(got) != digest(s) {
		t.Fatalf("the snapshot at %d gives another state", s.Position())
	}
	if !bytes.Equal(got.AppendSnapshot(nil), b) {
		t.Fatalf("the snapshot at %d, read, gives another one", s.Position())
	}
	return got
}

// After whichever event of a random history the state is kept and read back: it decides the same, and the rest of the
// history makes of it what it makes of the one that was never kept.
func TestSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := busy(t)
		w.try(t, 40, "before")
		twin := restored(t, w.s)
		same(t, w, twin)
		if !bytes.Equal(twin.AppendSnapshot(nil), folded(w.events).AppendSnapshot(nil)) {
			t.Fatal("kept and gone on, or folded: the snapshots differ")
		}
		b := twin.AppendSnapshot(nil)
		if cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut"); !notOne(b[:cut]) {
			t.Fatalf("%d of %d bytes are read as a snapshot", cut, len(b))
		}
	})
}

// The same of each event of the golden history, which has all there are.
func TestSnapshotOfGolden(t *testing.T) {
	s := rules.New()
	restored(t, s)
	all := golden(t)
	for _, e := range all {
		rules.Evolve(s, e)
		s = restored(t, s)
	}
	if digest(s) != digest(folded(all)) {
		t.Error("kept after each event, the state is another one")
	}
	want := answer(t, folded(all), all)
	if got := answer(t, s, all); !bytes.Equal(got, want) {
		t.Errorf("kept after each event, it answers:\n%s\nwant\n%s", got, want)
	}
}

// A grant whose place another one has taken still ends, and its end is still to be recorded.
func TestSnapshotOfReplaced(t *testing.T) {
	hour := start.Add(time.Hour)
	w := open(t, plain, add("bob"), create("r", "a"), assign("bob", "r").until(hour), grant("bob", "b").on("x/1").until(hour))
	w.do(assign("bob", "r").after(2*time.Hour), grant("bob", "b").on("x/1"))
	s := restored(t, w.s)
	due, ok := s.NextEnd()
	if want, _ := w.s.NextEnd(); !ok || due != want || due.Until != hour {
		t.Fatalf("next to end: %v, %v; want %v", due, ok, want)
	}
	for i := range 2 {
		due, _ := w.s.NextEnd()
		e := w.do(step{actor: "node"}.but(func(c *events.Command) { *c = ending(*c, due.Grant, due.Until) }))
		rules.Evolve(s, e)
		if digest(s) != digest(w.s) {
			t.Fatalf("after end %d the states differ", i+1)
		}
	}
}

// What a later release, or nobody, wrote is no snapshot, and no reason to stop.
func TestSnapshotOfAnother(t *testing.T) {
	w := open(t, plain, add("bob"))
	whole := w.s.AppendSnapshot(nil)
	later := snapshot.AppendHeader(nil, "state", 1_000)
	for name, b := range map[string][]byte{
		"nothing":            nil,
		"a later version":    append(later, whole[len(later):]...),
		"another thing":      snapshot.AppendHeader(nil, "history", 1),
		"more than there is": append(bytes.Clone(whole), 0),
	} {
		if !notOne(b) {
			t.Errorf("%s is read as a snapshot", name)
		}
	}
}

func notOne(b []byte) bool {
	s, err := rules.ReadSnapshot(b)
	return s == nil && errors.Is(err, snapshot.ErrSnapshot)
}

// FuzzReadSnapshot reads bytes that nobody wrote: no panic, then or when the state is asked, and no second spelling.
func FuzzReadSnapshot(f *testing.F) {
	f.Add(rules.New().AppendSnapshot(nil))
	w := open(f, guardian, shops[0], add("bob"), create("r", "shop:x"), assign("bob", "r").until(start.Add(time.Hour)))
	f.Add(w.s.AppendSnapshot(nil))
	w.do(assign("bob", "r").on("x/1").after(2*time.Hour), publish("shop", perm("x", guards("role.set"))))
	f.Add(w.s.AppendSnapshot(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := rules.ReadSnapshot(b)
		if err != nil {
			if !errors.Is(err, snapshot.ErrSnapshot) {
				t.Fatalf("got %v, want %v", err, snapshot.ErrSnapshot)
			}
			return
		}
		if !bytes.Equal(s.AppendSnapshot(nil), b) {
			t.Fatal("two spellings of one state")
		}
		s.NextEnd()
		for _, k := range s.Keys() {
			s.KeyOwner(k.DID)
		}
		for _, name := range []string{"bob", "owner"} {
			if who, ok := s.SubjectByKey(name); ok {
				for _, h := range s.Held(who, start) {
					s.Role(h.Role)
					s.RolePermissions(h.Role)
				}
				s.Check(who, "shop:x", "x/1", start)
			}
		}
	})
}
