package load

import (
	"math/bits"
	"time"
)

// Times counts how long answers took, each to within 1 %. Its zero value has none.
type Times struct {
	counts [64 * parts]uint32
	n      uint64
}

// parts is into how many equal parts each doubling of a time is divided.
const parts = 128

func (t *Times) note(d time.Duration) {
	t.counts[place(uint64(max(d, 0)))]++
	t.n++
}

// place gives the number of the part that a time falls into; times below parts have a place each.
func place(ns uint64) int {
	shift := max(bits.Len64(ns)-bits.Len64(parts), 0)
	return shift*parts + int(ns>>shift)
}

// from is the smallest time of a place.
func from(place int) uint64 {
	if place < 2*parts {
		return uint64(place)
	}
	shift := place/parts - 1
	return uint64(place-shift*parts) << shift
}

func (t *Times) add(o *Times) {
	for i, n := range o.counts {
		t.counts[i] += n
	}
	t.n += o.n
}

// At gives the time that a share of the answers, from 0 to 1, did not exceed; zero where there are none.
func (t *Times) At(share float64) time.Duration {
	if t.n == 0 {
		return 0
	}
	want := max(uint64(share*float64(t.n)+0.5), 1)
	var have uint64
	for i, n := range t.counts {
		if have += uint64(n); have >= want {
			return time.Duration(from(i+1) - 1)
		}
	}
	return 0
}
