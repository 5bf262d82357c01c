package api

import (
	"testing"

	"pgregory.net/rapid"
)

// Given puts of any keys, then the newest half of the different keys is always there with the value put last, and never
// more than two halves are.
func TestRecentKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := rapid.IntRange(1, 5).Draw(t, "half")
		var r recent[int, int]
		last := map[int]int{}
		var order []int // of puts
		for n, key := range rapid.SliceOfN(rapid.IntRange(0, 12), 0, 60).Draw(t, "keys") {
			r.put(key, n, half)
			last[key], order = n, append(order, key)
			if have := len(r.young) + len(r.old); have > 2*half {
				t.Fatalf("%d are kept", have)
			}
			for _, key := range order[max(0, len(order)-half):] {
				if v, ok := r.get(key); !ok || v != last[key] {
					t.Fatalf("of %d it says %d, %v, and %d was put", key, v, ok, last[key])
				}
			}
		}
	})
}
