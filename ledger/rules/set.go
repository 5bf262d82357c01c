package rules

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/permledger/permledger/events"
)

// A set of permissions. It never changes: a change makes another one, which costs what the change touches and a copy of
// some words.
type set struct {
	bits    []uint64
	count   int
	buckets []bucket // of those that are not empty, in order
	digest  events.Digest
}

type bucket struct {
	number byte
	digest events.Digest
}

var empty = &set{digest: events.SetDigest(nil)}

func (s *set) has(n uint32) bool {
	w := int(n >> 6)
	return w < len(s.bits) && s.bits[w]&(1<<(n&63)) != 0
}

// each calls f with the number of each permission in the set.
func (s *set) each(f func(uint32)) {
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			f(uint32(i<<6 + bits.TrailingZeros64(w)))
		}
	}
}

// names gives the names of the permissions in the set, sorted.
func (s *set) names(p *permissions) []string {
	names := make([]string, 0, s.count)
	s.each(func(n uint32) { names = append(names, p.names[n]) })
	slices.Sort(names)
	return names
}

func (s *set) hasName(p *permissions, name string) bool {
	n, ok := p.number[name]
	return ok && s.has(n)
}

// extent says what the set would be with names added and taken away; both lists are sorted and p need not know the
// names to be added. It is what Decide asks, which may change nothing; change does the same for good.
func (s *set) extent(p *permissions, add, remove []string) (events.Extent, []bucket) {
	type names struct{ add, remove []string }
	touched := map[byte]*names{}
	of := func(name string) *names {
		b := events.Bucket(name)
		if touched[b] == nil {
			touched[b] = new(names)
		}
		return touched[b]
	}
	count := s.count
	for _, n := range add {
		if !s.hasName(p, n) {
			count++
		}
		t := of(n)
		t.add = append(t.add, n)
	}
	for _, n := range remove {
		if s.hasName(p, n) {
			count--
		}
		t := of(n)
		t.remove = append(t.remove, n)
	}
	buckets := slices.Clone(s.buckets)
	for number, t := range touched {
		var members []string
		for _, n := range p.buckets[number] {
			if name := p.names[n]; s.has(n) && !slices.Contains(t.remove, name) {
				members = append(members, name)
			}
		}
		members = append(members, t.add...)
		slices.Sort(members)
		members = slices.Compact(members)
		at, have := slices.BinarySearchFunc(buckets, number, func(b bucket, n byte) int { return cmp.Compare(b.number, n) })
		switch {
		case len(members) == 0 && have:
			buckets = slices.Delete(buckets, at, at+1)
		case len(members) == 0:
		case have:
			buckets[at].digest = events.BucketDigest(members)
		default:
			buckets = slices.Insert(buckets, at, bucket{number, events.BucketDigest(members)})
		}
	}
	i := 0
	digest := events.CombineBuckets(func(b byte) (events.Digest, bool) {
		if i < len(buckets) && buckets[i].number == b {
			i++
			return buckets[i-1].digest, true
		}
		return events.Digest{}, false
	})
	return events.Extent{Count: uint64(count), Set: digest}, buckets
}

// change gives the set with names added and taken away; p numbers those it did not know.
func (s *set) change(ns *notes, p *permissions, add, remove []string) *set {
	extent, buckets := s.extent(p, add, remove)
	out := &set{bits: slices.Clone(s.bits), count: int(extent.Count), buckets: buckets, digest: extent.Set}
	for _, name := range add {
		n := p.enter(ns, name)
		for int(n>>6) >= len(out.bits) {
			out.bits = append(out.bits, 0)
		}
		out.bits[n>>6] |= 1 << (n & 63)
	}
	for _, name := range remove {
		if n, ok := p.number[name]; ok && int(n>>6) < len(out.bits) {
			out.bits[n>>6] &^= 1 << (n & 63)
		}
	}
	return out
}
