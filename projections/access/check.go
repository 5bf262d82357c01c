package access

import (
	"cmp"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/rules"
)

// Answer says whether a subject may do something, and every reason why. Without a reason nothing is allowed.
type Answer struct {
	Allowed bool
	Because []Reason // in the order of their positions
}

// A Kind says by what a subject holds a permission.
type Kind string

// The kinds.
const (
	ByOwner      Kind = "owner"      // it owns the organization
	ByRole       Kind = "role"       // it has a role that holds it
	ByPermission Kind = "permission" // it was given it without a role
)

// A Reason is one way in which a subject holds a permission. Each alone is enough.
type Reason struct {
	Kind         Kind
	Grant        ulid.ULID // the event that gave it: the one that made it the owner, where Kind is ByOwner
	At           uint64    // that event's position
	By           ulid.ULID // its actor
	Role         RoleRef   // where Kind is ByRole; where it is ByOwner, the owner's role, if there is one
	PermissionAt uint64    // the position that put the permission into the role
	Scope        string    // what the grant covers; empty: the whole organization
	Until        time.Time // the first instant it does not hold; zero: it has no end
	Condition    string    // under which it holds; empty: none
	Passed       bool      // By delegated what it has itself
}

// RoleRef names a role, as of then.
type RoleRef struct {
	ID   ulid.ULID
	Key  string
	Name string
}

// Check says whether a subject, by key or id, may do what a permission, by its canonical name, allows on a resource:
// a path, or empty for the organization itself. Whom or what nobody knows is denied.
func (x *Index) Check(subject, permission, resource string, a AsOf) Answer {
	return x.CheckIn(subject, permission, resource, rules.Context{}, a)
}

// CheckIn is Check with what the question says beside.
func (x *Index) CheckIn(subject, permission, resource string, in rules.Context, a AsOf) Answer {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(subject, v)
	n, named := x.numberOf(permission)
	if u == nil || !named {
		return Answer{}
	}
	return answer(x.reasons(nil, u, n, resource, v, &in))
}

func answer(because []Reason) Answer {
	inOrder(because)
	return Answer{len(because) > 0, because}
}

func inOrder(because []Reason) {
	if len(because) > 1 {
		slices.SortStableFunc(because, func(a, b Reason) int {
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Role.Key, b.Role.Key), cmp.Compare(a.Scope, b.Scope))
		})
	}
}

// reasons adds to list every reason why a subject may do something on a resource, in no order.
func (x *Index) reasons(list []Reason, u *subject, n uint32, resource string, v view, in *rules.Context) []Reason {
	all := x.sources(list, u, n, resource, v, in)
	if len(all) == len(list) || v.head && x.perms.at(n).now.Load()&nowNeeds == 0 { // the usual case needs no look
		return all
	}
	if x.lacks(u, n, resource, v, in) != "" {
		return list
	}
	return all
}

// sources adds to list everything by which a subject holds a permission on a resource, whatever that needs beside.
func (x *Index) sources(list []Reason, u *subject, n uint32, resource string, v view, in *rules.Context) []Reason {
	if !x.active(u, v) || !x.known(n, v) {
		return list
	}
	if x.owns(u, v) {
		list = append(list, x.ownerReason(v))
	}
	if !x.fits(n, u.kind, v) {
		return list
	}
	if len(u.direct) > 0 {
		for scope := range x.covering(resource) {
			if number, ok := x.findLine(u.number, direct|n, scope); ok {
				l := x.lines.at(number)
				if o := x.outcomeOf(l, v); o.holds(v.instant) && x.stands(o.given, u, resource, v, in) {
					list = append(list, x.directReason(l, o))
				}
			}
		}
	}
	for _, number := range u.roles {
		l := x.lines.at(number)
		r := x.roles.at(l.thing)
		if v.head && !r.now.Load().set.has(n) || !rules.Covers(*x.scopes.at(l.scope), resource) {
			continue
		}
		o := x.outcomeOf(l, v)
		if !o.holds(v.instant) || !x.existed(r, v) || !x.stands(o.given, u, resource, v, in) {
			continue
		}
		if put, _ := x.putAt(r, n, v); put != 0 {
			list = append(list, x.roleReason(l, o, put, v))
		}
	}
	return list
}

func (x *Index) directReason(l *line, o outcome) Reason {
	return x.withTie(o.given, Reason{
		Kind: ByPermission, Grant: x.entry(o.given).id, At: o.given, By: x.actorOf(o.given),
		Scope: *x.scopes.at(l.scope), Until: instant(o.until),
	})
}

func (x *Index) roleReason(l *line, o outcome, put uint64, v view) Reason {
	return x.withTie(o.given, Reason{
		Kind: ByRole, Grant: x.entry(o.given).id, At: o.given, By: x.actorOf(o.given), Role: x.ref(x.roles.at(l.thing), v),
		PermissionAt: put, Scope: *x.scopes.at(l.scope), Until: instant(o.until),
	})
}

// withTie says under what the grant of a reason holds.
func (x *Index) withTie(given uint64, r Reason) Reason {
	if t := x.tied(given); t != nil {
		r.Condition, r.Passed = t.condition.String(), t.passed
	}
	return r
}

func (x *Index) ref(r *role, v view) RoleRef { return RoleRef{r.id, r.key, lastSaid(x, r.name, v)} }

// instant gives an end as time; zero for none.
func instant(until int64) time.Time {
	if until == noEnd {
		return time.Time{}
	}
	return time.UnixMilli(until).UTC()
}
