package rules

import (
	"math"
	"time"

	"github.com/oklog/ulid/v2"
)

// grant is what gives something to a subject, and the event that did.
type grant struct {
	id       ulid.ULID // of the event
	position uint64
	until    int64 // in milliseconds since 1970, as entries say it; endless: no end
	scope    string
	what     what
	tied     bool // there is a tie of it: it holds under more than its end
}

// what says which role or which permission: its number, times two, and one for roles.
type what uint32

func whatRole(n uint32) what       { return what(n<<1 | 1) }
func whatPermission(n uint32) what { return what(n << 1) }
func (w what) role() bool          { return w&1 != 0 }
func (w what) number() uint32      { return uint32(w >> 1) }

const endless = math.MaxInt64

// endingAt gives how an end is kept; zero is none.
func endingAt(until time.Time) int64 {
	if until.IsZero() {
		return endless
	}
	return until.UnixMilli()
}

// end gives the end of a grant, zero for none.
func (g *grant) end() time.Time {
	if g.until == endless {
		return forever
	}
	return instant(g.until)
}

func (g *grant) holds(at time.Time) bool { return at.UnixMilli() < g.until }

// same says whether two grants of one thing on one scope are one: an event gives a thing once, and those of one event
// that gives several have no end.
func (g *grant) same(other *grant) bool { return g.id == other.id && g.until == other.until }

// holdings are the grants of one subject, in no order. Most subjects hold a few things, which are found by looking at
// all of them; an index is made for those that hold many.
type holdings struct {
	grants []grant
	index  *index // nil below indexFrom
}

type index struct {
	at     map[place]int
	scopes map[what]int // how many times each is held
}

type place struct {
	what  what
	scope string
}

// indexFrom is how many grants have an index; half as many have none again.
const indexFrom = 24

// find gives where in grants something is, -1 where it is not held on just this scope.
func (h *holdings) find(w what, scope string) int {
	if h.index != nil {
		if i, ok := h.index.at[place{w, scope}]; ok {
			return i
		}
		return -1
	}
	for i := range h.grants {
		if g := &h.grants[i]; g.what == w && g.scope == scope {
			return i
		}
	}
	return -1
}

// get gives the grant of something on a scope, nil where there is none. It stands there until the next change.
func (h *holdings) get(w what, scope string) *grant {
	if i := h.find(w, scope); i >= 0 {
		return &h.grants[i]
	}
	return nil
}

// byID gives the grant that an event gave, nil where there is none.
func (h *holdings) byID(id ulid.ULID) *grant {
	for i := range h.grants {
		if h.grants[i].id == id {
			return &h.grants[i]
		}
	}
	return nil
}

// times says on how many scopes something is held.
func (h *holdings) times(w what) (n int) {
	if h.index != nil {
		return h.index.scopes[w]
	}
	for i := range h.grants {
		if h.grants[i].what == w {
			n++
		}
	}
	return n
}

// give takes in a grant, and replaces the one of the same thing on the same scope.
func (h *holdings) give(ns *notes, g grant) {
	i := h.find(g.what, g.scope)
	if i >= 0 {
		was := h.grants[i]
		h.grants[i] = g
		if ns != nil {
			ns.note(func() { h.grants[i] = was })
		}
		return
	}
	i = len(h.grants)
	h.insert(i, g)
	if ns != nil {
		ns.note(func() { h.cut(i) })
	}
}

// take removes a grant, and gives it.
func (h *holdings) take(ns *notes, i int) grant {
	was := h.grants[i]
	h.cut(i)
	if ns != nil {
		ns.note(func() { h.insert(i, was) })
	}
	return was
}

// insert is cut undone: what stands at i goes to the end.
func (h *holdings) insert(i int, g grant) {
	last := len(h.grants)
	if last == cap(h.grants) { // append would double it, and most of a state are these lists
		h.grants = append(make([]grant, 0, last+1+last/3), h.grants...)
	}
	h.grants = append(h.grants, g)
	if i < last {
		h.grants[i], h.grants[last] = g, h.grants[i]
	}
	switch x := h.index; {
	case x != nil:
		x.at[h.grants[last].place()] = last
		x.at[g.place()] = i
		x.scopes[g.what]++
	case len(h.grants) >= indexFrom:
		h.reindex()
	}
}

func (g *grant) place() place { return place{g.what, g.scope} }

func (h *holdings) reindex() {
	x := &index{make(map[place]int, 2*len(h.grants)), map[what]int{}}
	for i := range h.grants {
		x.at[h.grants[i].place()] = i
		x.scopes[h.grants[i].what]++
	}
	h.index = x
}

// cut removes the grant at i; the last one takes its place.
func (h *holdings) cut(i int) {
	g, last := h.grants[i], len(h.grants)-1
	h.grants[i] = h.grants[last]
	h.grants[last] = grant{}
	h.grants = h.grants[:last]
	if last <= cap(h.grants)/4 { // of what was much, little keeps no more memory than it needs
		h.grants = append(make([]grant, 0, last+last/2), h.grants...)
	}
	x := h.index
	if x == nil {
		return
	}
	if last < indexFrom/2 {
		h.index = nil
		return
	}
	delete(x.at, g.place())
	if i < last {
		x.at[h.grants[i].place()] = i
	}
	if x.scopes[g.what]--; x.scopes[g.what] == 0 {
		delete(x.scopes, g.what)
	}
}
