package rules

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// tie is what a grant holds under beside its end: a condition, or whoever passed it on still having it. Few grants have
// one, so it stands beside them. It never changes.
type tie struct {
	condition events.Condition
	passed
}

// passed says who passed something on, and from what; by is zero where nobody did.
type passed struct {
	by    ulid.ULID // the subject
	from  ulid.ULID // the event that gave it to that subject; zero, of access: it has it without being assigned
	scope string    // of that grant
	keep  bool      // it stays when that subject loses it
}

// maxPassed is how often something is passed on: the longest way that a check goes up.
const maxPassed = 16

// tieOf gives what a grant holds under; nil where that is nothing.
func tieOf(c events.Condition, p passed) *tie {
	if len(c) == 0 && p.by == ulidZero {
		return nil
	}
	return &tie{c, p}
}

// tied gives what a grant of a subject holds under, the zero tie where that is nothing.
func (s *State) tied(g *grant) tie {
	if g.tied {
		if t := s.ties[g.id]; t != nil {
			return *t
		}
	}
	return tie{}
}

// above gives the grant that one was passed on from, nil where its holder has lost it or acts no more. Grants that
// nobody passed on, or that stay, have none and need none.
func (s *State) above(g *grant, t *tie, at time.Time) *grant {
	u := s.subjects.get(t.by)
	if u == nil || !s.acts(u) {
		return nil
	}
	from := u.get(g.what, t.scope)
	if from == nil || from.id != t.from || !from.holds(at) {
		return nil
	}
	return from
}

// alive says whether whoever passed a grant on still has it, all the way up. Each grant is passed on from an earlier one,
// so the way has an end.
func (s *State) alive(g *grant, at time.Time) bool {
	for g.tied {
		t := s.tied(g)
		if t.by == ulidZero || t.keep {
			return true
		}
		if g = s.above(g, &t, at); g == nil {
			return false
		}
	}
	return true
}

// depth says how often a grant was passed on.
func (s *State) depth(g *grant, at time.Time) int {
	n := 0
	for g.tied {
		t := s.tied(g)
		if t.by == ulidZero || t.keep {
			break
		}
		n++
		if g = s.above(g, &t, at); g == nil {
			break
		}
	}
	return n
}

// stands says whether a tied grant that has not ended holds: whoever passed it on has it, and its condition is met.
func (s *State) stands(g *grant, u *subject, resource string, at time.Time, in *Context) bool {
	t := s.tied(g)
	return s.alive(g, at) && s.meets(t.condition, u, resource, in)
}

// lends says whether a grant counts where its holder gives what it has by it, under a condition, for as long as it has it:
// not where it has it only while somebody else does, nor in less cases than it would give.
func (s *State) lends(g *grant, under events.Condition) bool {
	if !g.tied {
		return true
	}
	t := s.tied(g)
	return (t.by == ulidZero || t.keep) && under.Within(t.condition)
}

// Delegates says whether anything that was passed on rests on whoever did still having it.
func (s *State) Delegates() bool {
	for _, t := range s.ties {
		if t.by != ulidZero && !t.keep {
			return true
		}
	}
	return false
}

// untie forgets what a grant that goes away held under.
func (s *State) untie(g *grant) {
	if g.tied {
		drop(s.notes, s.ties, g.id)
	}
}

// again judges giving something to somebody who may have it on just this scope already. Under a condition, or passed on, it
// gives less than it may be given now: then it is replaced, where nothing is lost by that.
func (s *State) again(u *subject, name string, w what, scope string, until time.Time, c events.Condition, at time.Time) *Refusal {
	g := u.get(w, scope)
	if g == nil || !g.holds(at) || !s.alive(g, at) {
		return nil
	}
	t := s.tied(g)
	if t.by == ulidZero && t.condition.String() == c.String() {
		return refuse(NoChange, "%s has %s on %s already, since %d", u.key, name, scopeText(scope), g.position)
	}
	if !t.condition.Within(c) {
		return refuse(Taken, "%s has %s on %s already, since %d%s", u.key, name, scopeText(scope), g.position, conditionText(t.condition)).
			hint("Take that away first: one grant of a thing on a scope has one condition")
	}
	if !(hold{true, until}).lasts(g.end()) {
		return refuse(Taken, "%s has %s on %s for longer already, since %d", u.key, name, scopeText(scope), g.position).
			hint("Take that away first")
	}
	return nil
}

func conditionText(c events.Condition) string {
	if len(c) == 0 {
		return ""
	}
	return ", if " + c.String()
}

// parseCondition reads what a command says.
func parseCondition(text string) (events.Condition, *Refusal) {
	if text == "" {
		return nil, nil
	}
	c, err := events.ParseCondition(text)
	if err != nil {
		return nil, refuse(Invalid, "%v", err)
	}
	return c, nil
}

// conditionOf reads what an event says, which was decided.
func conditionOf(text string) events.Condition {
	c, _ := parseCondition(text)
	return c
}
