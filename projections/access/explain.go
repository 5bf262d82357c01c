package access

import (
	"cmp"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// An Explanation is an [Answer] and, where that is no, what is missing for a yes. What it does not find is left zero.
type Explanation struct {
	Answer
	Subject           SubjectView // zero where it is unknown
	UnknownSubject    bool
	Deactivated       uint64 // the position since which the subject, or whoever an API key is assigned to, may nothing; 0: it is active
	DeactivatedBy     ulid.ULID
	UnknownPermission bool     // no catalogue, role or grant names it as of then
	Nearest           []string // known names near an unknown one, at most three
	Level             string   // the permission's level, where it does not count for the subject's kind: token or platform
	Elsewhere         []Reason // how it holds the permission on scopes that do not cover the resource
	Lost              []Loss   // grants of the permission itself that it had on a covering scope, and has no more
	Roles             []NearRole
	Unmet             []Unmet       // what it has on a covering scope, and the condition of which is not met
	Broken            []Broken      // what was passed on to it, and whoever did has no more
	Needs             string        // what the permission needs beside, of events.Needs, where that is all that is missing
	Access            *PolicyAccess // where that is the access to a policy
}

// Unmet is a grant whose condition is not met, and the first term of it that does not hold.
type Unmet struct {
	Reason
	UnmetTerm
}

// Broken is a grant that was passed on by a subject that has lost what it passed on, or acts no more.
type Broken struct {
	Reason
	Key      string // of that subject
	Inactive uint64 // the position since which that subject is deactivated; 0: it is not
	LostAt   uint64 // the position that took it from that subject; 0: it has ended, or was given anew
}

// PolicyAccess is what decides whether a subject's access scope lets it at a policy.
type PolicyAccess struct {
	Policy     string
	Registered bool
	Scope      string // one of the events.Reach constants or [ReachAssignedOrPublished]; empty: none but its own
	Published  bool
	Assigned   bool
}

// LevelPlatform is the level of permissions that are not of [events.LevelToken]: all kinds of subjects but wallets hold
// them.
const LevelPlatform = "platform"

// A NearRole is a role that would give the permission, or did: one that holds it, one that the subject has and that held
// it, or one that the subject had and that held it until it was deleted.
type NearRole struct {
	Role    RoleRef
	Since   uint64    // the position that put the permission into it; 0: it does not hold it any more
	Removed uint64    // the position that took the permission out of it, or deleted it, where Since is 0
	By      ulid.ULID // the actor of Removed
	Deleted bool      // Removed is the position that deleted it
	Held    bool      // the subject has the role, on a covering scope; something else is in the way
	Lost    []Loss    // how the subject had the role on a covering scope, and has it no more
}

// A Loss says how a subject lost what it had been given.
type Loss struct {
	Grant ulid.ULID // the event that gave it
	At    uint64    // that event's position
	Scope string
	Until time.Time // its end; zero: it had none
	Ended bool      // it reached its end; else it was taken away
	// LostAt is the position that took it away or recorded the end; 0 where the end is not recorded by then.
	LostAt uint64
	By     ulid.ULID // the actor of LostAt; zero where that is 0
}

// Explain is [Index.Check] with what is missing, where something is.
func (x *Index) Explain(subject, permission, resource string, a AsOf) Explanation {
	return x.ExplainIn(subject, permission, resource, rules.Context{}, a)
}

// ExplainIn is Explain with what the question says beside.
func (x *Index) ExplainIn(subject, permission, resource string, in rules.Context, a AsOf) Explanation {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var e Explanation
	u := x.findSubject(subject, v)
	n, named := x.numberOf(permission)
	named = named && x.known(n, v)
	if u != nil {
		e.Subject = x.subjectView(u, v)
		if e.Deactivated = x.inactiveSince(u, v); e.Deactivated != 0 {
			e.DeactivatedBy = x.actorOf(e.Deactivated)
		}
	}
	if u != nil && named {
		if e.Answer = answer(x.reasons(nil, u, n, resource, v, &in)); e.Allowed {
			return e
		}
	}
	e.UnknownSubject = u == nil
	if !named {
		e.UnknownPermission, e.Nearest = true, x.nearest(permission, v)
		return e
	}
	if u != nil {
		if !x.fits(n, u.kind, v) {
			e.Level = cmp.Or(x.infoAt(n, v).level(), LevelPlatform)
		}
		x.explainNeeds(&e, u, n, resource, v, &in)
		x.explainDirect(&e, u, n, resource, v)
		x.explainTies(&e, u, n, resource, v, &in)
	}
	x.explainRoles(&e, u, n, resource, v)
	inOrder(e.Elsewhere)
	return e
}

func (i *info) level() string {
	if i.token() {
		return events.LevelToken
	}
	return ""
}

func (x *Index) explainDirect(e *Explanation, u *subject, n uint32, resource string, v view) {
	for _, number := range u.direct {
		l := x.lines.at(number)
		if l.permission() != n {
			continue
		}
		o, covers := x.outcomeOf(l, v), rules.Covers(*x.scopes.at(l.scope), resource)
		switch {
		case o.holds(v.instant) && !covers:
			e.Elsewhere = append(e.Elsewhere, x.directReason(l, o))
		case !o.holds(v.instant) && o.given != 0 && covers:
			e.Lost = append(e.Lost, x.loss(l, o))
		}
	}
	byLoss(e.Lost)
}

// explainRoles looks at every role that ever held the permission. Those that still hold it come first.
func (x *Index) explainRoles(e *Explanation, u *subject, n uint32, resource string, v view) {
	var lines []uint32
	if u != nil {
		lines = u.roles
	}
	for _, number := range x.perms.at(n).roles {
		r := x.roles.at(number)
		if !x.counts(r.created, v) {
			continue
		}
		put, removed := x.putAt(r, n, v)
		near := NearRole{Role: x.ref(r, v), Since: put, Removed: removed, Deleted: put != 0 && !x.existed(r, v)}
		if near.Deleted {
			put, near.Since, near.Removed = 0, 0, r.deleted
		}
		if near.Removed != 0 {
			near.By = x.actorOf(near.Removed)
		}
		for _, i := range lines {
			l := x.lines.at(i)
			if l.thing != number {
				continue
			}
			o, covers := x.outcomeOf(l, v), rules.Covers(*x.scopes.at(l.scope), resource)
			holds := o.holds(v.instant)
			near.Held = near.Held || holds && covers
			switch {
			case holds && !covers && put != 0:
				e.Elsewhere = append(e.Elsewhere, x.roleReason(l, o, put, v))
			case !holds && o.given != 0 && covers:
				near.Lost = append(near.Lost, x.loss(l, o))
			}
		}
		if put != 0 || removed != 0 && near.Held && x.existed(r, v) || near.Deleted && len(near.Lost) > 0 {
			byLoss(near.Lost)
			e.Roles = append(e.Roles, near)
		}
	}
	slices.SortFunc(e.Roles, func(a, b NearRole) int {
		return cmp.Or(absent(a.Since)-absent(b.Since), len(b.Lost)-len(a.Lost), cmp.Compare(a.Role.Key, b.Role.Key), a.Role.ID.Compare(b.Role.ID))
	})
}

func absent(position uint64) int {
	if position == 0 {
		return 1
	}
	return 0
}

func (x *Index) loss(l *line, o outcome) Loss {
	s := Loss{
		Grant: x.entry(o.given).id, At: o.given, Scope: *x.scopes.at(l.scope), Until: instant(o.until), LostAt: o.lost, Ended: o.ended || o.lost == 0,
	}
	if o.lost != 0 {
		s.By = x.actorOf(o.lost)
	}
	return s
}

// byLoss puts the latest loss first.
func byLoss(list []Loss) {
	slices.SortFunc(list, func(a, b Loss) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Scope, b.Scope)) })
}
