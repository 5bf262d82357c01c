package access

import (
	"cmp"
	"slices"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// explainNeeds says what a permission that the subject holds on the resource needs beside.
func (x *Index) explainNeeds(e *Explanation, u *subject, n uint32, resource string, v view, in *rules.Context) {
	if len(x.sources(nil, u, n, resource, v, in)) == 0 {
		return
	}
	if e.Needs = x.lacks(u, n, resource, v, in); e.Needs != events.NeedAccess {
		return
	}
	p := &PolicyAccess{Policy: events.PolicyOf(resource)}
	r := x.resources[p.Policy]
	if f := x.factAt(r, v); f != nil {
		p.Registered, p.Published = true, f.published
		p.Assigned = x.assignedTo(r, f, u.number, v)
		p.Scope = x.reach(u, p.Policy, v, in)
	}
	e.Access = p
}

// explainTies lists what the subject has of a permission on covering scopes and what does not hold: for its condition, or
// because whoever passed it on has lost it.
func (x *Index) explainTies(e *Explanation, u *subject, n uint32, resource string, v view, in *rules.Context) {
	look := func(o outcome, reason func() Reason) {
		t := x.tied(o.given)
		if t == nil {
			return
		}
		if b := x.broken(t, v); b != nil {
			by := x.subjects.at(b.by)
			one := Broken{Reason: reason(), Key: by.key}
			one.Inactive = x.inactiveSince(by, v)
			if lost := x.outcomeOf(x.lines.at(b.line), v); one.Inactive == 0 && lost.given == b.from {
				one.LostAt = lost.lost
			}
			e.Broken = append(e.Broken, one)
		} else if unmet := x.unmet(t.condition, u, resource, v, in); unmet != nil {
			e.Unmet = append(e.Unmet, Unmet{reason(), *unmet})
		}
	}
	for _, number := range u.direct {
		l := x.lines.at(number)
		if o := x.outcomeOf(l, v); l.permission() == n && o.holds(v.instant) && rules.Covers(*x.scopes.at(l.scope), resource) {
			look(o, func() Reason { return x.directReason(l, o) })
		}
	}
	for _, number := range u.roles {
		l := x.lines.at(number)
		r, o := x.roles.at(l.thing), x.outcomeOf(l, v)
		if !o.holds(v.instant) || !x.existed(r, v) || !rules.Covers(*x.scopes.at(l.scope), resource) {
			continue
		}
		if put, _ := x.putAt(r, n, v); put != 0 {
			look(o, func() Reason { return x.roleReason(l, o, put, v) })
		}
	}
	slices.SortFunc(e.Unmet, func(a, b Unmet) int { return cmp.Compare(a.At, b.At) })
	slices.SortFunc(e.Broken, func(a, b Broken) int { return cmp.Compare(a.At, b.At) })
}
