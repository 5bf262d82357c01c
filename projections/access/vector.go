package access

import (
	mathbits "math/bits"
	"sync/atomic"
)

// A vector is a list that only grows and whose items stay where they are. One goroutine appends. Any may read an item
// whose index it was told by something published after the item was appended.
//
// Items stand in chunks that double in size up to largest and then all have that: growing copies no items, an idle
// ledger pays for few, and a large one for at most one chunk too many.
type vector[T any] struct {
	chunks atomic.Pointer[[][]T]
	n      uint32
}

const (
	smallest = 8 // items of the first chunk
	largest  = 8192
	doubled  = 2*largest - smallest // items in the chunks that double
	doubling = 11                   // how many those are: 8, 16, … 8192
)

// place gives the chunk that an item stands in, and where in it.
func place(i uint32) (chunk, at uint32) {
	if i < doubled {
		i += smallest
		k := uint32(mathbits.Len32(i)) - 1 // 3 for the first chunk
		return k - 3, i - 1<<k
	}
	i -= doubled
	return doubling + i/largest, i % largest
}

func (v *vector[T]) at(i uint32) *T {
	chunk, at := place(i)
	return &(*v.chunks.Load())[chunk][at]
}

// len says how many items there are. It is for the goroutine that appends, and for those that hold it off.
func (v *vector[T]) len() int { return int(v.n) }

// add appends an item, and gives its index.
func (v *vector[T]) add(item T) uint32 {
	i := v.n
	chunk, at := place(i)
	if at == 0 {
		var chunks [][]T
		if old := v.chunks.Load(); old != nil {
			chunks = *old
		}
		size := largest
		if chunk < doubling {
			size = smallest << chunk
		}
		chunks = append(chunks, make([]T, size)) // readers of the old header do not look behind its end
		v.chunks.Store(&chunks)
	}
	(*v.chunks.Load())[chunk][at] = item
	v.n++
	return i
}

// become takes over the items of another vector, which nobody else may use.
func (v *vector[T]) become(o *vector[T]) {
	v.chunks.Store(o.chunks.Load())
	v.n = o.n
}

// all calls yield with each item.
func (v *vector[T]) all(yield func(uint32, *T) bool) {
	for i := range v.n {
		if !yield(i, v.at(i)) {
			return
		}
	}
}
