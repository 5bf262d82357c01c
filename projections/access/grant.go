package access

import (
	"math"
	"slices"
	"sort"
	"time"
)

// A line is the history of one thing that a subject was given on one scope: a role, or a permission without a role.
type line struct {
	subject uint32
	thing   uint32 // a role, or with the bit direct a permission
	scope   uint32
	first   change
	later   *[]change // in the order of the log; most lines have none
}

// permission gives the number of a permission that is given without a role.
func (l *line) permission() uint32 { return l.thing &^ direct }

// count says how many changes there are.
func (l *line) count() int {
	switch {
	case l.first.op == none:
		return 0
	case l.later == nil:
		return 1
	}
	return 1 + len(*l.later)
}

// all calls yield with the index of each change, and the change.
func (l *line) all(yield func(int, change) bool) {
	if l.first.op == none || !yield(0, l.first) || l.later == nil {
		return
	}
	for i, c := range *l.later {
		if !yield(i+1, c) {
			return
		}
	}
}

// backwards calls yield with each change, the last one first.
func (l *line) backwards(yield func(change) bool) {
	if l.later != nil {
		for _, c := range slices.Backward(*l.later) {
			if !yield(c) {
				return
			}
		}
	}
	if l.first.op != none {
		yield(l.first)
	}
}

// change is what one entry does to a line.
type change struct {
	arg      int64 // of give: the end in Unix milliseconds, or noEnd; of end: the position that gave
	position uint32
	op       op
}

type op uint8

const (
	none      op = iota
	give         // takes the place of what was given before
	takeBack     // takes whatever there is
	end          // takes what position arg gave, where it is still that
	giveBySet    // a permissions.set gives; counts only in views that are not filtered, as the next
	takeBySet    // a permissions.set takes
	ops
)

func (c change) gives() bool { return c.op == give || c.op == giveBySet }

func given(at uint64, until time.Time) change {
	c := change{position: uint32(at), op: give, arg: noEnd}
	if !until.IsZero() {
		c.arg = until.UnixMilli()
	}
	return c
}

func taken(at uint64) change { return change{position: uint32(at), op: takeBack} }

const noEnd = math.MaxInt64

// outcome is what changes come to.
type outcome struct {
	given uint64 // the last position that gave; 0: none did
	until int64
	lost  uint64 // the position that took it again; 0: none did
	ended bool   // lost was the record that it had ended
}

// held says whether it was given and not taken again; whether it has ended is for holds.
func (o *outcome) held() bool { return o.given != 0 && o.lost == 0 }

func (o *outcome) holds(instant int64) bool { return o.held() && instant < o.until }

func (o *outcome) take(c change) {
	switch c.op {
	case give, giveBySet:
		*o = outcome{given: uint64(c.position), until: c.arg}
	case takeBack, takeBySet:
		if o.held() {
			o.lost = uint64(c.position)
		}
	case end:
		if o.held() && o.given == uint64(c.arg) {
			o.lost, o.ended = uint64(c.position), true
		}
	}
}

// set is what a permissions.set says that a subject has without a role, on one scope, from its position on.
type set struct {
	position uint64
	after    bits
}

// change notes a change of a line, of the subject that the entry at hand is about.
func (x *Index) change(n uint32, c change) {
	x.lines.at(n).add(c)
	x.touched = append(x.touched, n)
}

func (l *line) add(c change) {
	switch {
	case l.first.op == none:
		l.first = c
	case l.later == nil:
		l.later = &[]change{c}
	default:
		*l.later = append(*l.later, c)
	}
}

// outcomeOf gives what a line comes to in the view. Whether its role counts is for existed. Nothing that came before
// something was given matters, so a view that is not filtered begins with what was given last.
func (x *Index) outcomeOf(l *line, v view) (o outcome) {
	if v.filtered {
		return x.filteredOutcome(l, v)
	}
	if v.head || uint64(l.first.position) <= v.position {
		o.take(l.first)
	}
	if l.later == nil {
		return o
	}
	later := *l.later
	if !v.head {
		later = later[:sort.Search(len(later), func(i int) bool { return uint64(later[i].position) > v.position })]
	}
	from := len(later)
	for from > 0 && !later[from-1].gives() {
		from--
	}
	for _, c := range later[max(0, from-1):] {
		o.take(c)
	}
	return o
}

// filteredOutcome goes through all changes that count. What a permissions.set changes depends on what counts before it,
// so the sets themselves are taken.
func (x *Index) filteredOutcome(l *line, v view) (o outcome) {
	var sets []set
	if l.thing >= direct {
		sets = x.subjects.at(l.subject).sets[l.scope]
	}
	until := func(position uint64) { // takes in the sets before position
		for len(sets) > 0 && sets[0].position < position {
			if s := sets[0]; x.counts(s.position, v) {
				switch in := s.after.has(l.permission()); {
				case !in:
					o.take(change{position: uint32(s.position), op: takeBySet})
				case !o.holds(x.entry(s.position).time):
					o.take(change{position: uint32(s.position), op: giveBySet, arg: noEnd})
				}
			}
			sets = sets[1:]
		}
	}
	take := func(c change) {
		if at := uint64(c.position); c.op != none && c.op != giveBySet && c.op != takeBySet && x.counts(at, v) {
			until(at)
			o.take(c)
		}
	}
	take(l.first)
	if l.later != nil {
		for _, c := range *l.later {
			take(c)
		}
	}
	until(v.position + 1)
	return o
}

// findLine gives the line of a thing that a subject has, or once had, on a scope.
func (x *Index) findLine(subject, thing, scope uint32) (uint32, bool) {
	return x.lineNumber.find(hashLine(subject, thing, scope), func(n uint32) bool {
		l := x.lines.at(n)
		return l.subject == subject && l.thing == thing && l.scope == scope
	})
}

// roleLine gives the line of a role that a subject has, or may come to have, on a scope.
func (x *Index) roleLine(u *subject, r *role, scope uint32) uint32 {
	n, have := x.findLine(u.number, r.number, scope)
	if !have {
		n = x.addLine(line{subject: u.number, thing: r.number, scope: scope})
		u.roles = append(u.roles, n)
		r.lines = append(r.lines, n)
	}
	return n
}

// directLine gives the line of a permission that a subject has, or may come to have, without a role on a scope.
func (x *Index) directLine(u *subject, permission, scope uint32) uint32 {
	n, have := x.findLine(u.number, direct|permission, scope)
	if !have {
		n = x.addLine(line{subject: u.number, thing: direct | permission, scope: scope})
		u.direct = append(u.direct, n)
		p := x.perms.at(permission)
		p.direct = append(p.direct, n)
	}
	return n
}

func (x *Index) addLine(l line) uint32 {
	n := x.lines.add(l)
	x.lineNumber.add(hashLine(l.subject, l.thing, l.scope), n)
	return n
}
