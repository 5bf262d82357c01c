package rules

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

func testID(n int) ulid.ULID { return ulid.ULID{0: 1, 14: byte(n >> 8), 15: byte(n)} }

// undone runs what changes something, and gives what takes it back, as Rollback does.
func undone(change func(*notes)) func() {
	n := new(notes)
	change(n)
	return func() {
		for _, undo := range slices.Backward(n.undo) {
			undo()
		}
	}
}

// TestTables holds a table of few slots, with many that collide, to a map.
func TestTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x table
		want := map[uint32]uint32{} // number to key
		hash := func(key uint32) uint64 { return uint64(key%7) << 33 << (key % 5) }
		is := func(key uint32) func(uint32) bool {
			return func(n uint32) bool { have, ok := want[n]; return ok && have == key }
		}
		for i := range uint32(rapid.IntRange(0, 200).Draw(t, "steps")) {
			key := rapid.Uint32Range(0, 40).Draw(t, "key")
			before, had := x.find(hash(key), is(key))
			if rapid.Bool().Draw(t, "put") {
				got, replaced := x.put(hash(key), i, is(key))
				if replaced != had || got != before {
					t.Fatalf("%d takes the place of %d, %v; want %d, %v", key, got, replaced, before, had)
				}
				if had {
					delete(want, before)
				}
				want[i] = key
			} else {
				if !had {
					before = i // nobody's
				}
				x.remove(hash(key), before)
				delete(want, before)
			}
			if x.used != len(want) {
				t.Fatalf("%d are there; want %d", x.used, len(want))
			}
			for n, key := range want {
				if got, ok := x.find(hash(key), is(key)); !ok || got != n {
					t.Fatalf("%d has the number %d, %v; want %d", key, got, ok, n)
				}
			}
		}
	})
}

// TestCommands holds what is remembered of commands to a list, also where numbers begin again, and after what was done was
// taken back.
func TestCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := commands{first: rapid.SampledFrom([]uint32{0, 1<<32 - 20}).Draw(t, "first")}
		var want []recorded
		at, ids := uint64(0), 60
		check := func() {
			t.Helper()
			if !slices.Equal(c.list, want) {
				t.Fatalf("got %v, want %v", c.list, want)
			}
			newest := map[ulid.ULID]uint64{}
			for _, one := range want {
				newest[one.id] = one.at
			}
			for n := range ids {
				if got := c.at(testID(n)); got != newest[testID(n)] {
					t.Fatalf("%d is at %d; want %d", n, got, newest[testID(n)])
				}
			}
		}
		for range rapid.IntRange(0, 60).Draw(t, "groups") {
			was := slices.Clone(want)
			back := undone(func(ns *notes) {
				for range rapid.IntRange(1, 8).Draw(t, "steps") {
					if rapid.IntRange(0, 3).Draw(t, "forget") == 0 {
						n := rapid.IntRange(0, len(want)).Draw(t, "oldest")
						c.forget(ns, n)
						want = want[n:]
						continue
					}
					at++
					one := recorded{testID(rapid.IntRange(0, ids-1).Draw(t, "id")), at}
					if c.at(one.id) != 0 && rapid.IntRange(0, 9).Draw(t, "again") > 0 {
						continue
					}
					c.add(ns, one.id, at)
					want = append(want, one)
				}
			})
			check()
			if rapid.Bool().Draw(t, "lost") {
				back()
				want = was
				check()
			}
		}
	})
}

// TestSubjects finds each subject by its id and by its key, and none that was taken back.
func TestSubjects(t *testing.T) {
	var s subjects
	back, kept := func() {}, 0
	for i := range 3 * subjectsPiece {
		undo := undone(func(ns *notes) {
			u := s.add(ns, subject{id: testID(i), key: fmt.Sprint(i)})
			if u != s.get(testID(i)) || u != s.withKey(fmt.Sprint(i)) {
				t.Fatalf("subject %d is not found where it is", i)
			}
		})
		if i == subjectsPiece {
			kept = i
		}
		if before := back; kept > 0 {
			back = func() { undo(); before() }
		}
	}
	back()
	if s.count != kept || len(s.pieces) != 1 || len(s.sorted()) != kept || s.byID.used != kept || s.byKey.used != kept {
		t.Fatalf("%d subjects in %d pieces, %d and %d of them to be found; want %d", s.count, len(s.pieces), s.byID.used, s.byKey.used, kept)
	}
	for i := range 3 * subjectsPiece {
		id, key := s.get(testID(i)), s.withKey(fmt.Sprint(i))
		if there := i < kept; (id != nil) != there || id != key || there && id.id != testID(i) {
			t.Fatalf("subject %d: found by id %v, by key %v", i, id, key)
		}
	}
}

// TestHoldings holds what one subject has to a map, with few things and with so many that they have an index, and after
// what was done was taken back.
func TestHoldings(t *testing.T) {
	indexed := false
	rapid.Check(t, func(t *rapid.T) {
		var h holdings
		want := map[place]grant{}
		check := func() {
			t.Helper()
			times := map[what]int{}
			for at, g := range want {
				if got := h.get(at.what, at.scope); got == nil || *got != g {
					t.Fatalf("%v is held as %v; want %v", at, got, g)
				}
				times[at.what]++
			}
			if len(h.grants) != len(want) {
				t.Fatalf("%d are held; want %d", len(h.grants), len(want))
			}
			for w := range what(8) {
				if h.times(w) != times[w] {
					t.Fatalf("%d is held %d times; want %d", w, h.times(w), times[w])
				}
			}
			if x := h.index; x != nil {
				if indexed = true; len(x.at) != len(want) || len(x.scopes) != len(times) {
					t.Fatalf("the index has %d places and %d things; want %d and %d", len(x.at), len(x.scopes), len(want), len(times))
				}
			} else if len(want) >= indexFrom {
				t.Fatalf("%d are held without an index", len(want))
			}
		}
		n := uint64(0)
		for range rapid.IntRange(1, 12).Draw(t, "groups") {
			was, giving := maps.Clone(want), rapid.SampledFrom([]int{1, 5, 9}).Draw(t, "gives of ten")
			back := undone(func(ns *notes) {
				for range rapid.IntRange(1, 40).Draw(t, "steps") {
					n++
					at := place{what(rapid.IntRange(0, 7).Draw(t, "what")), rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"}).Draw(t, "scope")}
					i := h.find(at.what, at.scope)
					switch {
					case rapid.IntRange(0, 9).Draw(t, "turn") < giving:
						g := grant{id: testID(int(n)), position: n, scope: at.scope, what: at.what, until: endless}
						h.give(ns, g)
						want[at] = g
					case i >= 0:
						if got := h.take(ns, i); got != want[at] {
							t.Fatalf("took %v; want %v", got, want[at])
						}
						delete(want, at)
					}
				}
			})
			check()
			if rapid.Bool().Draw(t, "lost") {
				back()
				want = was
				check()
			}
		}
	})
	if !indexed && !t.Failed() {
		t.Error("nobody held so much that it had an index")
	}
}
