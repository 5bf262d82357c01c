package access

import "sync/atomic"

// A table finds the numbers of things by what they are called. It knows the things' hashes alone; what has the same one
// is for the caller to tell apart. One goroutine adds, nothing is ever taken out, and any may look: a thing that was
// added before something was published is found by whoever saw that.
type table struct {
	slots atomic.Pointer[[]atomic.Uint64] // a power of two; hash<<32 | number+1, in the first free slot from its hash on
	n     int
}

// find gives the number of the thing that has the hash, and of which same holds.
func (t *table) find(hash uint32, same func(number uint32) bool) (uint32, bool) {
	p := t.slots.Load()
	if p == nil {
		return 0, false
	}
	slots := *p
	mask := uint32(len(slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := slots[i].Load()
		if s == 0 {
			return 0, false
		}
		if uint32(s>>32) == hash {
			if n := uint32(s) - 1; same(n) {
				return n, true
			}
		}
	}
}

// add puts in a thing that is not in the table. Numbers are below 1<<32 - 1.
func (t *table) add(hash, number uint32) {
	p := t.slots.Load()
	if p == nil || t.n >= len(*p)/4*3 {
		size := 8
		if p != nil {
			size = 2 * len(*p)
		}
		p = t.resize(size)
	}
	put(*p, hash, number)
	t.n++
}

// reserve makes room for n more things at once.
func (t *table) reserve(n int) {
	size := 8
	for size/4*3 < t.n+n {
		size *= 2
	}
	if p := t.slots.Load(); p == nil || len(*p) < size {
		t.resize(size)
	}
}

// become takes over another table, which nobody else may use.
func (t *table) become(o *table) {
	t.slots.Store(o.slots.Load())
	t.n = o.n
}

func (t *table) resize(size int) *[]atomic.Uint64 {
	slots := make([]atomic.Uint64, size)
	if p := t.slots.Load(); p != nil {
		for i := range *p {
			if s := (*p)[i].Load(); s != 0 {
				put(slots, uint32(s>>32), uint32(s)-1)
			}
		}
	}
	t.slots.Store(&slots)
	return &slots
}

func put(slots []atomic.Uint64, hash, number uint32) {
	mask := uint32(len(slots) - 1)
	i := hash & mask
	for slots[i].Load() != 0 {
		i = (i + 1) & mask
	}
	slots[i].Store(uint64(hash)<<32 | uint64(number+1))
}
