package rules

import (
	"cmp"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// delegation judges passing something on to a subject, which it gives.
func (s *State) delegation(e *events.Event, action, on string, to ulid.ULID) (*subject, *Refusal) {
	if !s.opened.Profile.Delegation {
		return nil, refuse(Invalid, "In an organization of profile %s, nothing is delegated", s.opened.Profile.Name)
	}
	if r := s.need(e.Actor, action, on, e.Time); r != nil {
		return nil, r
	}
	u, r := s.receiver(to)
	if r == nil && to == e.Actor {
		return nil, refuse(Invalid, "%s delegates to itself", u.key).hint("Delegate to another subject")
	}
	return u, r
}

func (s *State) decideRoleDelegated(e *events.Event, d *events.RoleDelegated) *Refusal {
	u, r := s.delegation(e, ActionRoleDelegate, d.Scope, d.Subject)
	if r != nil {
		return r
	}
	if r := end(e, d.Until); r != nil {
		return r
	}
	ro := s.roles[d.Role]
	if ro == nil || ro.deleted != 0 {
		return refuse(NotFound, "There is no role %s", d.Role).hint(onlyOwnRoles)
	}
	if r := s.byHand(e, ro); r != nil {
		return r
	}
	if ro.managed != "" {
		return refuse(Invalid, "%s is assigned in a way of its own, and not delegated", ro.name)
	}
	own := s.ownGrant(s.subjects.get(e.Actor), ro, d.Scope, e.Time)
	switch {
	case own == nil:
		return refuse(NotFound, "You do not have the role %s on %s", ro.key, scopeText(d.Scope)).hint(onlyOwnRoles)
	case !(hold{true, own.end()}).lasts(d.Until):
		return refuse(Escalation, "Cannot delegate the role %s on %s beyond %s: you have it until then yourself", ro.key, scopeText(d.Scope), own.end().Format(time.RFC3339)).
			hint("Give it an end, no later than that")
	}
	// Of what counts for accounts alone, or for wallets alone, the actor has no more than the role's name.
	for _, name := range ro.set.names(s.perms) {
		if p, _ := s.perms.lookup(name); LevelFits(p.token, u.kind) && !LevelFits(p.token, s.subjects.get(e.Actor).kind) {
			r := refuse(Escalation, "Cannot delegate the role %s: %s in it counts for a %s, and not for you", ro.key, name, u.kind)
			r.Permission = name
			return r
		}
	}
	t := s.tied(own)
	if g := u.get(whatRole(ro.number), d.Scope); g != nil && g.holds(e.Time) && s.alive(g, e.Time) {
		if had := s.tied(g); had.by == ulidZero || had.condition.String() == t.condition.String() { // it would gain nothing that stays
			return refuse(NoChange, "%s has the role %s on %s already, since %d%s", u.key, ro.key, scopeText(d.Scope), g.position, conditionText(had.condition))
		}
	}
	if r := s.again(u, "the role "+ro.key, whatRole(ro.number), d.Scope, d.Until, t.condition, e.Time); r != nil {
		return r
	}
	d.From, d.Keep, d.Condition = own.id, s.opened.Profile.KeepDelegated, t.condition.String()
	if !d.Keep && s.depth(own, e.Time) >= maxPassed {
		return refuse(Invalid, "A role is passed on %d times at most", maxPassed)
	}
	return nil
}

const onlyOwnRoles = "Only roles that you have yourself can be delegated: `permledger delegable` lists them"

// ownGrant gives the grant by which a subject has a role on a scope: of several the one that gives most, nil where it has
// none. The order of grants in a state says nothing, so the last word has what no two of them share.
func (s *State) ownGrant(u *subject, ro *role, scope string, at time.Time) (best *grant) {
	better := func(a, b *grant) bool {
		plain := func(g *grant) int {
			switch t := s.tied(g); {
			case t.by != ulidZero && !t.keep:
				return 2
			case len(t.condition) > 0:
				return 1
			}
			return 0
		}
		return cmp.Or(plain(a)-plain(b), cmp.Compare(b.until, a.until), cmp.Compare(len(a.scope), len(b.scope)), a.id.Compare(b.id)) < 0
	}
	for i := range u.grants {
		g := &u.grants[i]
		if g.what == whatRole(ro.number) && g.holds(at) && Covers(g.scope, scope) && s.alive(g, at) && (best == nil || better(g, best)) {
			best = g
		}
	}
	return best
}

// delegatedBy says whether somebody passed on what a subject has on a scope.
func (s *State) delegatedBy(by, subject ulid.ULID, w what, scope string) bool {
	u := s.subjects.get(subject)
	if u == nil || by == ulidZero {
		return false
	}
	g := u.get(w, scope)
	return g != nil && s.tied(g).by == by
}
