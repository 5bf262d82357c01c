package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/projectionstest"
)

var _ projections.Snapshotter = (*access.Index)(nil)

// Given any history and an index that was read from a snapshot within it and took in the rest, when it is asked
// anything, as of any position, instant and occurred time, then it says what the index of the whole history says.
func TestSnapshotsOfRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := random(t)
		cut := draw(t, len(l.entries)+1, "cut")
		before, restored := access.New(), access.New()
		for _, en := range l.entries[:cut] {
			before.Apply(en, nil)
		}
		b := before.AppendSnapshot(nil)
		if err := restored.ReadSnapshot(b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(restored.AppendSnapshot(nil), b) {
			t.Fatal("a snapshot that was read gives another one")
		}
		if got, want := restored.Head(), before.Head(); got != want {
			t.Fatalf("the head is %v, want %v", got, want)
		}
		for _, en := range l.entries[cut:] {
			restored.Apply(en, nil)
		}
		if !bytes.Equal(restored.AppendSnapshot(nil), l.index.AppendSnapshot(nil)) {
			t.Fatalf("cut after %d of %d: the snapshots differ", cut, len(l.entries))
		}
		whole, a := l.index, l.asOf(t)
		l.index = restored
		compareWithState(t, l, a)
		compareWithState(t, l, access.AsOf{Position: uint64(len(l.entries)), Instant: l.now})
		a.Occurred = l.now.Add(-time.Duration(draw(t, 5000, "occurred")) * time.Minute)
		compareWithModel(t, l, fold(l.entries[:a.Position], a.Occurred), a)
		everything := func(x *access.Index) []any {
			all := []any{x.Roles(a), x.Subjects(a), x.Permissions(a)}
			for _, s := range people {
				e, err := x.Effective(s, a)
				all = append(all, e, fmt.Sprint(err), x.Explain(s, "alpha", "asset/1", a))
			}
			return all
		}
		if diff := cmp.Diff(everything(whole), everything(restored)); diff != "" {
			t.Fatalf("as of %v (-whole +restored):\n%s", a, diff)
		}
	})
}

func TestSnapshots(t *testing.T) {
	projectionstest.Snapshots(t, access.New, func(x *access.Index, entries []*chain.Entry) string {
		var b strings.Builder
		for i, en := range entries {
			pos, ok := x.ByCID(en.CID())
			a := access.AsOf{Position: uint64(i), Instant: en.Event.Time}
			fmt.Fprintln(&b, pos, ok, x.Roles(a), x.WhoCan(documenttest.Read, "policy/7", a))
		}
		return b.String()
	})
}

// Given a snapshot of a version to come, then the index says so and can still be folded into.
func TestSnapshotOfAnotherVersion(t *testing.T) {
	l := desk(t)
	b := l.index.AppendSnapshot(nil)
	b[len("access")+1]++
	x := access.New()
	if err := x.ReadSnapshot(b); !errors.Is(err, projections.ErrSnapshot) || !strings.Contains(err.Error(), "of version") {
		t.Errorf("got %v", err)
	}
	for _, en := range l.entries {
		x.Apply(en, nil)
	}
	if !bytes.Equal(x.AppendSnapshot(nil), l.index.AppendSnapshot(nil)) {
		t.Error("what was refused left something behind")
	}
}

func FuzzSnapshot(f *testing.F) {
	for seed := range 3 {
		f.Add(rapid.Custom(random).Example(seed).index.AppendSnapshot(nil))
	}
	projectionstest.FuzzSnapshot(f, access.New, func(x *access.Index) {
		head := x.Head()
		for _, a := range []access.AsOf{x.Now(head.Time), {Position: head.Position / 2, Instant: begin}, {Position: head.Position, Instant: begin, Occurred: begin}} {
			x.Roles(a)
			for range x.Assignments(a) {
			}
			for _, p := range x.Permissions(a) {
				x.WhoCan(p.Name, "asset/1", a)
				for _, s := range x.Subjects(a) {
					x.Explain(s.Key, p.Name, "asset/1", a)
					x.Allows(s.Key, p.Name, "asset/1", a)
				}
			}
			for _, s := range x.Subjects(a) {
				_, _ = x.Effective(s.Key, a)
				_, _ = x.Holdings(s.Key, a)
			}
		}
	})
}
