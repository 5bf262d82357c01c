package access

import (
	"slices"
	"sort"
)

// gone is the end of what is not held any more.
const gone = -noEnd

// most is how many things are in one list or chunk.
const most = 256

// put makes a sorted list what is held.
func (h *holding) put(list []held) {
	if len(list) <= most {
		h.list = list
		return
	}
	h.chunks = split(nil, list)
}

// split appends a list to chunks, in pieces that have room for as much again.
func split(chunks [][]held, list []held) [][]held {
	if len(list) <= most {
		if len(list) > 0 {
			chunks = append(chunks, list)
		}
		return chunks
	}
	for piece := range slices.Chunk(list, most/2) {
		chunks = append(chunks, piece)
	}
	return chunks
}

// change makes what was held before, which may be nil, with changes what is held. The changes are sorted; one thing may
// stand there several times, alike.
func (h *holding) change(before *holding, changed []held) {
	switch {
	case before == nil:
		h.put(merge(nil, changed))
	case before.chunks == nil:
		h.put(merge(before.list, changed))
	default:
		h.chunks = make([][]held, 0, len(before.chunks)+1)
		for i, chunk := range before.chunks {
			mine := changed
			if i+1 < len(before.chunks) {
				next := before.chunks[i+1][0]
				mine = changed[:sort.Search(len(changed), func(k int) bool { return changed[k].compare(next) >= 0 })]
			}
			if changed = changed[len(mine):]; len(mine) == 0 {
				h.chunks = append(h.chunks, chunk)
			} else {
				h.chunks = split(h.chunks, merge(chunk, mine))
			}
		}
		if len(h.chunks) == 0 {
			h.chunks = nil
		}
	}
}

// merge gives what is held after a change.
func merge(before, changed []held) []held {
	list := make([]held, 0, len(before)+len(changed))
	for len(changed) > 0 {
		c := changed[0]
		i, there := slices.BinarySearchFunc(before, c, held.compare)
		list = append(list, before[:i]...)
		if there {
			i++
		}
		before = before[i:]
		for len(changed) > 0 && changed[0].compare(c) == 0 {
			changed = changed[1:]
		}
		if c.until != gone {
			list = append(list, c)
		}
	}
	return append(list, before...)
}

// between calls yield with what is held from one thing on and before another.
func (h *holding) between(from, to held) func(func(*held) bool) {
	return func(yield func(*held) bool) {
		if h.chunks == nil {
			each(h.list, from, to, yield)
			return
		}
		i := sort.Search(len(h.chunks), func(i int) bool { return h.chunks[i][0].compare(from) > 0 })
		for i = max(0, i-1); i < len(h.chunks) && h.chunks[i][0].compare(to) < 0; i++ {
			if !each(h.chunks[i], from, to, yield) {
				return
			}
		}
	}
}

func each(list []held, from, to held, yield func(*held) bool) bool {
	i, _ := slices.BinarySearchFunc(list, from, held.compare)
	for ; i < len(list) && list[i].compare(to) < 0; i++ {
		if !yield(&list[i]) {
			return false
		}
	}
	return true
}
