package rules

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/oklog/ulid/v2"
)

// Ended is a grant that has reached its end and is not yet recorded as ended.
type Ended struct {
	Grant ulid.ULID
	Until time.Time
}

// NextEnd gives the earliest end that is not yet recorded, of several the one of the least id; false when there is none.
func (s *State) NextEnd() (Ended, bool) {
	if len(s.due) == 0 {
		return Ended{}, false
	}
	return Ended{s.due[0].id, s.due[0].until}, true
}

// watch takes in a grant that may have an end to be recorded.
func (s *State) watch(g *grant) {
	if !g.until.IsZero() {
		put(s.notes, s.ending, g.id, g)
		heap.Push(&s.due, g)
		if s.notes != nil {
			s.notes.note(func() { heap.Remove(&s.due, g.place) })
		}
	}
}

// unwatch drops a grant whose end is recorded, or that was revoked before.
func (s *State) unwatch(g *grant) {
	if s.ending[g.id] == g {
		drop(s.notes, s.ending, g.id)
		heap.Remove(&s.due, g.place)
		if s.notes != nil {
			s.notes.note(func() { heap.Push(&s.due, g) })
		}
	}
}

// dueHeap holds the grants in ending, the next to end first. Each knows its place.
type dueHeap []*grant

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	return cmp.Or(h[i].until.Compare(h[j].until), h[i].id.Compare(h[j].id)) < 0
}
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *dueHeap) Push(g any) {
	g.(*grant).place = len(*h)
	*h = append(*h, g.(*grant))
}
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return g
}
