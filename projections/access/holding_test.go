package access

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Given somebody who comes to hold very much and loses it again, a few things with each entry, then what is held between
// any two things is what a map says, and no version changes after it was made.
func TestHoldingsOfManyThings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type place struct{ scope, thing uint32 }
		model, now, early := map[place]int64{}, (*holding)(nil), (*holding)(nil)
		var was []held
		everything := func(h *holding) (list []held) {
			for one := range h.between(held{}, held{scope: noScope}) {
				list = append(list, *one)
			}
			return list
		}
		next := uint32(rapid.IntRange(0, 1000).Draw(t, "from"))
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			var changed []held
			take := rapid.Bool().Draw(t, "take")
			for range rapid.IntRange(1, 400).Draw(t, "things") {
				next = next*1664525 + 1013904223
				one := held{scope: next >> 20 % 300, thing: next >> 8 % 5, until: int64(step)}
				if take {
					one.until = gone
				}
				changed = append(changed, one)
				if model[place{one.scope, one.thing}] = one.until; take {
					delete(model, place{one.scope, one.thing})
				}
			}
			slices.SortFunc(changed, held.compare)
			h := new(holding)
			h.change(now, changed)
			if now = h; step == 0 {
				early, was = h, everything(h)
			}
		}
		var want []held
		for at, until := range maps.All(model) {
			want = append(want, held{at.scope, at.thing, until})
		}
		slices.SortFunc(want, held.compare)
		if got := everything(now); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if !slices.Equal(everything(early), was) {
			t.Fatal("a version changed after it was made")
		}
		scope := uint32(rapid.IntRange(0, 300).Draw(t, "scope"))
		var got []held
		for one := range now.between(held{scope: scope, thing: 1}, held{scope: scope, thing: 4}) {
			got = append(got, *one)
		}
		want = slices.DeleteFunc(want, func(h held) bool { return h.scope != scope || h.thing < 1 || h.thing >= 4 })
		if !slices.Equal(got, want) {
			t.Fatalf("of scope %d: got %v, want %v", scope, got, want)
		}
	})
}

const noScope = 1<<32 - 1
