package access

import (
	"math"
	"slices"
	"time"
)

// A line is the history of one thing that a subject was given on one scope: a role, or a permission without a role.
type line struct {
	subject uint32
	thing   uint32 // of roles, or of permissions
	scope   uint32
	changes []change // in the order of the log
	now     outcome  // of all changes
}

// change is what one entry does to a line.
type change struct {
	position uint64
	op       op
	arg      int64 // of give: the end in Unix milliseconds, or noEnd; of end: the position that gave
}

type op uint8

const (
	give      op = iota // takes the place of what was given before
	takeBack            // takes whatever there is
	end                 // takes what position arg gave, where it is still that
	giveBySet           // a permissions.set gives; counts only in views that are not filtered, as the next
	takeBySet           // a permissions.set takes
)

const noEnd = math.MaxInt64

func millis(until time.Time) int64 {
	if until.IsZero() {
		return noEnd
	}
	return until.UnixMilli()
}

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
		*o = outcome{given: c.position, until: c.arg}
	case takeBack, takeBySet:
		if o.held() {
			o.lost = c.position
		}
	case end:
		if o.held() && o.given == uint64(c.arg) {
			o.lost, o.ended = c.position, true
		}
	}
}

// set is what a permissions.set says that a subject has without a role, on one scope, from its position on.
type set struct {
	position uint64
	after    bits
}

func (x *Index) change(l *line, c change) {
	l.changes = append(l.changes, c)
	l.now.take(c)
}

// roleOutcome gives what a line of a role comes to in the view. Whether the role itself counts is for existed.
func (x *Index) roleOutcome(l *line, v view) outcome {
	if v.head {
		return l.now
	}
	var o outcome
	for _, c := range l.changes {
		if c.position > v.position {
			break
		}
		if !v.filtered || x.counts(c.position, v) {
			o.take(c)
		}
	}
	return o
}

// directOutcome gives what a line of a permission comes to in the view. What a permissions.set changes depends on what
// counts before it, so a filtered view takes the sets themselves.
func (x *Index) directOutcome(l *line, v view) outcome {
	if !v.filtered {
		return x.roleOutcome(l, v)
	}
	var o outcome
	sets := x.subjects[l.subject].sets[l.scope]
	until := func(position uint64) { // takes in the sets before position
		for len(sets) > 0 && sets[0].position < position {
			if s := sets[0]; x.counts(s.position, v) {
				switch in := s.after.has(l.thing); {
				case !in:
					o.take(change{s.position, takeBySet, 0})
				case !o.holds(x.entries[s.position-1].time):
					o.take(change{s.position, giveBySet, noEnd})
				}
			}
			sets = sets[1:]
		}
	}
	for _, c := range l.changes {
		if c.op != giveBySet && c.op != takeBySet && x.counts(c.position, v) {
			until(c.position)
			o.take(c)
		}
	}
	until(v.position + 1)
	return o
}

// roleLine gives the line of a role that a subject has, or may come to have, on a scope.
func (x *Index) roleLine(u *subject, r *role, scope uint32) *line {
	for _, l := range u.roles {
		if l.thing == r.number && l.scope == scope {
			return l
		}
	}
	l := &line{subject: u.number, thing: r.number, scope: scope}
	u.roles = append(u.roles, l)
	r.lines = append(r.lines, l)
	return l
}

// permissionScope is what a direct grant is of.
type permissionScope struct{ permission, scope uint32 }

// directLine gives the line of a permission that a subject has, or may come to have, without a role on a scope.
func (x *Index) directLine(u *subject, n, scope uint32) *line {
	key := permissionScope{n, scope}
	l := u.direct[key]
	if l == nil {
		l = &line{subject: u.number, thing: n, scope: scope}
		if u.direct == nil {
			u.direct = map[permissionScope]*line{}
		}
		u.direct[key] = l
		if !slices.Contains(u.directScopes, scope) {
			u.directScopes = append(u.directScopes, scope)
		}
		x.perms[n].direct = append(x.perms[n].direct, l)
	}
	return l
}
