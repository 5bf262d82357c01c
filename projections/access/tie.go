package access

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// tie is what a grant holds under beside its end: a condition, or whoever passed it on still having it. It stands under the
// position that gave, and never changes: only what it speaks of does.
type tie struct {
	condition events.Condition
	passed    bool   // somebody passed it on
	keep      bool   // and it stays when that one loses it
	by        uint32 // that subject
	line      uint32 // of what that subject has
	from      uint64 // the position that gave it to that subject
}

// tied gives what a grant holds under; nil where that is nothing.
func (x *Index) tied(given uint64) *tie {
	if len(x.ties) == 0 {
		return nil
	}
	return x.ties[uint32(given)]
}

// tie notes what the grant of the entry at hand holds under.
func (x *Index) tie(at uint64, t tie) {
	if len(t.condition) > 0 || t.passed {
		x.ties[uint32(at)] = &t
	}
}

// conditionOf reads a condition of an event, which was decided.
func conditionOf(text string) events.Condition {
	if text == "" {
		return nil
	}
	c, err := events.ParseCondition(text)
	if err != nil {
		panic("access: an event holds no condition: " + text)
	}
	return c
}

// delegate takes in that a subject passes on a role.
func (x *Index) delegate(d *events.RoleDelegated, by ulid.ULID, at uint64) {
	u, r := x.subject(by), x.role(d.Role)
	if u == nil || r == nil {
		return
	}
	for _, n := range u.roles {
		l := x.lines.at(n)
		if l.thing != r.number {
			continue
		}
		for c := range l.backwards {
			if c.gives() && x.entry(uint64(c.position)).id == d.From {
				x.tie(at, tie{condition: conditionOf(d.Condition), passed: true, keep: d.Keep, by: u.number, line: n, from: uint64(c.position)})
				if to := x.subject(d.Subject); to != nil {
					x.notePassed(u.number, to.number)
				}
				x.changeRole(d.Subject, d.Role, d.Scope, given(at, d.Until))
				return
			}
		}
	}
}

// alive says whether whoever passed something on still has it in the view, all the way up.
func (x *Index) alive(t *tie, v view) bool { return x.broken(t, v) == nil }

// broken gives the tie whose one who passed it on has lost it, or acts no more; nil where there is none.
func (x *Index) broken(t *tie, v view) *tie {
	for t != nil && t.passed && !t.keep {
		if !x.active(x.subjects.at(t.by), v) {
			return t
		}
		o := x.outcomeOf(x.lines.at(t.line), v)
		if o.given != t.from || !o.holds(v.instant) {
			return t
		}
		t = x.tied(o.given)
	}
	return nil
}

// stands says whether a grant that has not ended holds: whoever passed it on has it, and its condition is met.
func (x *Index) stands(given uint64, u *subject, resource string, v view, in *rules.Context) bool {
	t := x.tied(given)
	return t == nil || x.alive(t, v) && x.unmet(t.condition, u, resource, v, in) == nil
}

// An UnmetTerm is a term of a condition that does not hold.
type UnmetTerm struct {
	Term  events.Term
	Value string // that the property has
	Known bool   // it has one
}

// unmet gives the first term of a condition that does not hold; nil where all do.
func (x *Index) unmet(c events.Condition, u *subject, resource string, v view, in *rules.Context) *UnmetTerm {
	for _, t := range c {
		var stored []events.Property
		switch t.Of {
		case events.OfSubject:
			stored = x.aboutOf(u, v).Properties
		case events.OfResource:
			stored = x.propertiesAt(resource, t.Name, v)
		}
		if value, known := in.Value(t, stored); !t.Holds(value, known) {
			return &UnmetTerm{t, value, known}
		}
	}
	return nil
}
