package load

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every time is counted where it belongs, to within 1 %.
func TestQuantilesAreThoseOfTheTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 200).Draw(t, "times")
		var times, half Times
		for i, ns := range list {
			if i%2 == 0 {
				half.note(time.Duration(ns))
			} else {
				times.note(time.Duration(ns))
			}
		}
		times.add(&half)
		slices.Sort(list)
		for _, share := range []float64{0.01, 0.5, 0.99, 1} {
			i := max(int(share*float64(len(list))+0.5), 1) - 1
			got, want := float64(times.At(share)), float64(list[i])
			if got < want || got > want*1.01+1 {
				t.Fatalf("%g: %g instead of %g", share, got, want)
			}
		}
	})
}
