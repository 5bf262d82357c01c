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
	return Ended{s.due[0].id, s.due[0].end()}, true
}

// ending is a grant with an end that is not yet recorded. The subject need not have it any more: another one of the same
// thing may have taken its place.
type ending struct {
	grant
	subject ulid.ULID
	place   int // in the heap of ends
}

// watch takes in a grant that may have an end to be recorded.
func (s *State) watch(of ulid.ULID, g grant) {
	if g.until == endless {
		return
	}
	g.tied = false // of the grant as its holder has it alone
	x := &ending{grant: g, subject: of}
	put(s.notes, s.ending, g.id, x)
	heap.Push(&s.due, x)
	if s.notes != nil {
		s.notes.note(func() { heap.Remove(&s.due, x.place) })
	}
}

// unwatch drops a grant whose end is recorded, or that was revoked before.
func (s *State) unwatch(g *grant) {
	if g.until == endless {
		return
	}
	if x := s.ending[g.id]; x != nil && x.same(g) {
		drop(s.notes, s.ending, x.id)
		heap.Remove(&s.due, x.place)
		if s.notes != nil {
			s.notes.note(func() { heap.Push(&s.due, x) })
		}
	}
}

// dueHeap holds the grants in ending, the next to end first. Each knows its place.
type dueHeap []*ending

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].until, h[j].until), h[i].id.Compare(h[j].id)) < 0
}
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *dueHeap) Push(g any) {
	g.(*ending).place = len(*h)
	*h = append(*h, g.(*ending))
}
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return g
}
