package rules

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// Begin starts to note what Evolve changes, so that Rollback can take it back: a node of a cluster decides a group of
// commands on its state, another one may win the race, and the group is decided again on what the winner left. It
// panics where nothing ended the Begin before it.
func (s *State) Begin() {
	if s.notes != nil {
		panic("rules: Begin within Begin: Rollback or Commit ends the one before")
	}
	s.notes = &notes{head: s.head}
}

// Rollback takes back all that was evolved since Begin: the state answers as if it had never been. It takes time in
// proportion to what those events changed, not to the state, and panics without a Begin.
func (s *State) Rollback() {
	n := s.ended()
	for i := len(n.undo) - 1; i >= 0; i-- {
		n.undo[i]()
	}
	s.head = n.head
}

// Commit leaves what was evolved since Begin as it is, and notes no more. It panics without a Begin.
func (s *State) Commit() { s.ended() }

func (s *State) ended() *notes {
	n := s.notes
	if n == nil {
		panic("rules: Rollback or Commit without Begin")
	}
	s.notes = nil // so that nothing notes the undoing
	return n
}

// head is the part of the state that every event changes, or that is a few words.
type head struct {
	position    uint64
	time        time.Time
	source      string
	opened      *events.OrganizationOpened
	owner       ulid.ULID // who holds every permission now
	founded     int       // subjects that there were when it was opened, or adopted newer rules
	recovery    *recovery // of a lost owner; nil: none is under way. It never changes
	defaultRole ulid.ULID // that everybody gets who is added; zero: none
	documents   uint64    // entries that carry one
	overlap     *overlap  // nil: no checkpoint key signs beside the one in use
	doubted     bool      // somebody else may have the checkpoint key in use
	closed      *review   // by the last event; nil: it closed none
}

// notes say how to undo what was changed since Begin, in the order of the changes; nil notes nothing. All that Evolve
// changes, other than the head, it changes through put, drop and keep, or it notes itself.
type notes struct {
	head head
	undo []func()
}

func (n *notes) note(undo func()) { n.undo = append(n.undo, undo) }

// put sets m[k] to v.
func put[K comparable, V any](n *notes, m map[K]V, k K, v V) {
	if n != nil {
		restore(n, m, k)
	}
	m[k] = v
}

// drop deletes m[k].
func drop[K comparable, V any](n *notes, m map[K]V, k K) {
	if n != nil {
		restore(n, m, k)
	}
	delete(m, k)
}

func restore[K comparable, V any](n *notes, m map[K]V, k K) {
	old, had := m[k]
	n.note(func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
}

// count adds to a number in m, which has no zeros.
func count[K comparable](n *notes, m map[K]int, k K, by int) {
	if now := m[k] + by; now != 0 {
		put(n, m, k, now)
	} else {
		drop(n, m, k)
	}
}

// keep notes what *p is, before it is changed. What p's fields point to is not part of it.
func keep[T any](n *notes, p *T) {
	if n != nil {
		old := *p
		n.note(func() { *p = old })
	}
}
