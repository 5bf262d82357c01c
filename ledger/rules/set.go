package rules

import (
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/permledger/permledger/events"
)

// A set of permissions. It never changes: a change makes another one, which costs what the change touches and a copy of
// some words. Its digest is computed when it is asked for, from what is known of the set that it was made from.
type set struct {
	bits  []uint64 // without zeros at the end
	count int

	known   []bucket                // of an older set; never changed
	stale   [4]uint64               // one bit for each bucket in which this set may differ from that one
	digests atomic.Pointer[digests] // once asked for
}

// digests are a set's digest and those of its buckets that are not empty, in order.
type digests struct {
	set     events.Digest
	buckets []bucket
}

type bucket struct {
	number byte
	digest events.Digest
}

var empty = new(set)

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

// digest gives the set's digest. Any number of readers may ask at once.
func (s *set) digest(p *permissions) events.Digest { return s.digested(p).set }

func (s *set) digested(p *permissions) *digests {
	d := s.digests.Load()
	if d == nil {
		d = renew(s.known, &s.stale, func(b byte) []string { return s.members(p, b) })
		s.digests.Store(d)
	}
	return d
}

// members gives the names of one bucket, sorted.
func (s *set) members(p *permissions, b byte) (names []string) {
	for _, n := range p.buckets[b] {
		if s.has(n) {
			names = append(names, p.names[n])
		}
	}
	return names
}

// renew gives the digests of a set that differs from a known one in stale buckets, whose members it asks for.
func renew(known []bucket, stale *[4]uint64, members func(byte) []string) *digests {
	d := &digests{buckets: make([]bucket, 0, len(known)+1)}
	for i := range 256 {
		b := byte(i)
		is := len(known) > 0 && known[0].number == b
		if stale[b>>6]&(1<<(b&63)) != 0 {
			if names := members(b); len(names) > 0 {
				d.buckets = append(d.buckets, bucket{b, events.BucketDigest(names)})
			}
		} else if is {
			d.buckets = append(d.buckets, known[0])
		}
		if is {
			known = known[1:]
		}
	}
	rest := d.buckets
	d.set = events.CombineBuckets(func(b byte) (events.Digest, bool) {
		if len(rest) == 0 || rest[0].number != b {
			return events.Digest{}, false
		}
		one := rest[0]
		rest = rest[1:]
		return one.digest, true
	})
	return d
}

// A decided change is one whose result's digests were computed to decide it, and need not be when it is taken in.
type decided struct {
	of          *set
	add, remove []string
	digests     *digests
}

// extent says what a set would be with names added and taken away; both lists are sorted, none has a name twice, and the
// names to be added need not be known. It is what Decide asks, which may change nothing; change does the same for good.
func (s *State) extent(of *set, add, remove []string) events.Extent {
	p, count := s.perms, of.count
	type names struct{ add, remove []string }
	touched := map[byte]*names{}
	var stale [4]uint64
	in := func(name string) *names {
		b := p.bucket(name)
		stale[b>>6] |= 1 << (b & 63)
		if touched[b] == nil {
			touched[b] = new(names)
		}
		return touched[b]
	}
	for _, n := range add {
		if !of.hasName(p, n) {
			count++
		}
		t := in(n)
		t.add = append(t.add, n)
	}
	for _, n := range remove {
		if of.hasName(p, n) {
			count--
		}
		t := in(n)
		t.remove = append(t.remove, n)
	}
	d := renew(of.digested(p).buckets, &stale, func(b byte) []string {
		t := touched[b]
		names := append(of.members(p, b), t.add...)
		slices.Sort(names)
		return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return slices.Contains(t.remove, n) })
	})
	s.decided.Store(&decided{of, slices.Clone(add), slices.Clone(remove), d})
	return events.Extent{Count: uint64(count), Set: d.set}
}

// change gives a set with names added and taken away, and numbers those that were not known.
func (s *State) change(of *set, add, remove []string) *set {
	out := &set{bits: slices.Clone(of.bits), count: of.count, known: of.known, stale: of.stale}
	if d := of.digests.Load(); d != nil {
		out.known, out.stale = d.buckets, [4]uint64{}
	}
	touch := func(n uint32) (word int, bit uint64) {
		b := s.perms.bucketOf[n]
		out.stale[b>>6] |= 1 << (b & 63)
		return int(n >> 6), 1 << (n & 63)
	}
	for _, name := range add {
		word, bit := touch(s.perms.enter(s.notes, name))
		for word >= len(out.bits) {
			out.bits = append(out.bits, 0)
		}
		if out.bits[word]&bit == 0 {
			out.bits[word] |= bit
			out.count++
		}
	}
	for _, name := range remove {
		if n, ok := s.perms.number[name]; ok && out.has(n) {
			word, bit := touch(n)
			out.bits[word] &^= bit
			out.count--
		}
	}
	for last := len(out.bits); last > 0 && out.bits[last-1] == 0; last-- {
		out.bits = out.bits[:last-1]
	}
	if d := s.decided.Load(); d != nil && d.of == of && slices.Equal(d.add, add) && slices.Equal(d.remove, remove) {
		out.digests.Store(d.digests)
	}
	return out
}
