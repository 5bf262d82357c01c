package access

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// An EffectivePermission is a permission that a subject may use, on the whole organization or beneath some scope.
type EffectivePermission struct {
	Permission string
	Because    []Reason // every source, in the order of their positions; each says its scope
}

// Effective gives every permission that a subject, by key or id, may use as of then, with all its sources, by name.
// It gives a [*NotFoundError] where there is no such subject.
func (x *Index) Effective(name string, a AsOf) ([]EffectivePermission, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(name, v)
	if u == nil {
		return nil, &NotFoundError{Kind: "subject", Name: name}
	}
	if !x.active(u, v) {
		return nil, nil
	}
	because := map[uint32][]Reason{}
	for _, number := range u.direct {
		l := x.lines.at(number)
		if o, n := x.outcomeOf(l, v), l.permission(); o.holds(v.instant) && x.fits(n, u.kind, v) && x.alive(x.tied(o.given), v) {
			because[n] = append(because[n], x.directReason(l, o))
		}
	}
	for _, number := range u.roles {
		l := x.lines.at(number)
		r, o := x.roles.at(l.thing), x.outcomeOf(l, v)
		if !o.holds(v.instant) || !x.existed(r, v) || !x.alive(x.tied(o.given), v) || r.managed == events.ManagedOwner {
			continue
		}
		reason := x.roleReason(l, o, 0, v)
		x.setAt(r, v).each(func(n uint32) {
			if x.fits(n, u.kind, v) {
				reason.PermissionAt, _ = x.putAt(r, n, v)
				because[n] = append(because[n], reason)
			}
		})
	}
	if x.owns(u, v) {
		reason := x.ownerReason(v)
		for n := range x.perms.all {
			if x.known(n, v) {
				because[n] = append(because[n], reason)
			}
		}
	}
	list := make([]EffectivePermission, 0, len(because))
	for n, reasons := range because {
		inOrder(reasons)
		list = append(list, EffectivePermission{x.perms.at(n).name, reasons})
	}
	slices.SortFunc(list, func(a, b EffectivePermission) int { return cmp.Compare(a.Permission, b.Permission) })
	return list, nil
}

// A Holding is a role, or a permission without a role, that a subject was given and still has.
type Holding struct {
	Grant      ulid.ULID
	At         uint64
	By         ulid.ULID
	Role       RoleRef // zero where it is a permission
	Permission string  // empty where it is a role
	Scope      string
	Until      time.Time // zero: no end
	Condition  string    // under which it holds; empty: none
	Passed     bool      // By delegated what it has itself
}

// Holdings is what a subject has, whether or not it may use it: a deactivated one keeps what it has.
type Holdings struct {
	Subject     SubjectView
	Roles       []Holding // by role key and scope
	Permissions []Holding // without a role, by name and scope
}

// Holdings gives what a subject, by key or id, has as of then, or a [*NotFoundError].
func (x *Index) Holdings(name string, a AsOf) (Holdings, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(name, v)
	if u == nil {
		return Holdings{}, &NotFoundError{Kind: "subject", Name: name}
	}
	h := Holdings{Subject: x.subjectView(u, v)}
	for _, n := range u.roles {
		l := x.lines.at(n)
		if o := x.outcomeOf(l, v); o.holds(v.instant) && x.existed(x.roles.at(l.thing), v) && x.alive(x.tied(o.given), v) {
			one := x.holding(l, o)
			one.Role = x.ref(x.roles.at(l.thing), v)
			h.Roles = append(h.Roles, one)
		}
	}
	for _, n := range u.direct {
		l := x.lines.at(n)
		if o := x.outcomeOf(l, v); o.holds(v.instant) {
			one := x.holding(l, o)
			one.Permission = x.perms.at(l.permission()).name
			h.Permissions = append(h.Permissions, one)
		}
	}
	order := func(a, b Holding) int {
		return cmp.Or(cmp.Compare(a.Role.Key, b.Role.Key), a.Role.ID.Compare(b.Role.ID), cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Scope, b.Scope))
	}
	slices.SortFunc(h.Roles, order)
	slices.SortFunc(h.Permissions, order)
	return h, nil
}

func (x *Index) holding(l *line, o outcome) Holding {
	h := Holding{Grant: x.entry(o.given).id, At: o.given, By: x.actorOf(o.given), Scope: *x.scopes.at(l.scope), Until: instant(o.until)}
	if t := x.tied(o.given); t != nil {
		h.Condition, h.Passed = t.condition.String(), t.passed
	}
	return h
}

// Who is a subject that may do something, and why.
type Who struct {
	Subject SubjectView
	Because []Reason
}

// WhoCan gives every subject that may do what a permission allows on a resource, the owner included, by key.
func (x *Index) WhoCan(permission, resource string, a AsOf) []Who {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	n, named := x.numberOf(permission)
	if !named || x.subjects.len() == 0 {
		return nil
	}
	maybe := map[uint32]bool{}
	if owner, _ := x.ownedAt(v); owner != nobody {
		maybe[owner] = true
	}
	for _, number := range x.perms.at(n).direct {
		maybe[x.lines.at(number).subject] = true
	}
	for _, number := range x.perms.at(n).roles {
		if r := x.roles.at(number); x.existed(r, v) && x.holdsIn(r, n, v) {
			for _, number := range r.lines {
				maybe[x.lines.at(number).subject] = true
			}
		}
	}
	var list []Who
	for number := range maybe {
		u := x.subjects.at(number)
		if because := answer(x.reasons(nil, u, n, resource, v, &rules.Context{})).Because; len(because) > 0 {
			list = append(list, Who{x.subjectView(u, v), because})
		}
	}
	slices.SortFunc(list, func(a, b Who) int { return cmp.Compare(a.Subject.Key, b.Subject.Key) })
	return list
}

// sharedSets is how many different sets of names [Index.Assignments] keeps to give them again to equal holders.
const sharedSets = 4096

// Assignments gives every active subject as of then, by key, with the sorted names of what it may use on any scope. The
// ledger may grow meanwhile: what is given is all as of the same position. Equal holders may share a list, which must
// not be changed.
func (x *Index) Assignments(a AsOf) iter.Seq2[SubjectView, []string] {
	return func(yield func(SubjectView, []string) bool) {
		a.Position = min(a.Position, x.head.Load())
		c := collector{x: x, a: a, roles: map[uint32]bits{}, shared: map[string][]string{}}
		for _, s := range x.Subjects(a) {
			if s.Deactivated != 0 {
				continue
			}
			if !yield(s, c.names(s.ID)) {
				return
			}
		}
	}
}

// collector keeps what the subjects of one run have in common. It holds the lock for one subject at a time.
type collector struct {
	x      *Index
	a      AsOf
	begun  bool
	known  bits            // what the owner may use
	token  bits            // of the token level
	roles  map[uint32]bits // sets of the roles as of then
	shared map[string][]string
	key    []byte
}

func (c *collector) names(id ulid.ULID) []string {
	x := c.x
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(c.a)
	if !c.begun {
		c.begin(v)
	}
	u := x.subject(id)
	var all bits
	for _, n := range u.direct {
		l := x.lines.at(n)
		if o := x.outcomeOf(l, v); o.holds(v.instant) {
			all.set(l.permission())
		}
	}
	for _, n := range u.roles {
		l := x.lines.at(n)
		r := x.roles.at(l.thing)
		if o := x.outcomeOf(l, v); !o.holds(v.instant) || !x.existed(r, v) || !x.alive(x.tied(o.given), v) || r.managed == events.ManagedOwner {
			continue
		}
		set, have := c.roles[r.number]
		if !have {
			set = x.setAt(r, v)
			c.roles[r.number] = set
		}
		all.union(set)
	}
	all.keepLevel(c.token, x.kinds[u.kind])
	if x.owns(u, v) {
		all.union(c.known)
	}
	c.key = all.appendTo(c.key[:0])
	if names, have := c.shared[string(c.key)]; have {
		return names
	}
	names := x.namesOf(all)
	if len(c.shared) < sharedSets {
		c.shared[string(c.key)] = names
	}
	return names
}

func (c *collector) begin(v view) {
	c.begun = true
	for n := range c.x.perms.all {
		if c.x.known(n, v) {
			c.known.set(n)
		}
		if c.x.infoAt(n, v).token() {
			c.token.set(n)
		}
	}
}
