package access

import (
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Basis gives the positions, ascending, of entries that give a yes: those of one of its reasons, and of all that this
// reason rests on, so that the rules say yes of these entries alone. It may give a few more than it takes, never the
// parts of a set that an entry names by their digest. It gives nil for a no, and is not for an occurred time.
func (x *Index) Basis(subject, permission, resource string, in rules.Context, a AsOf) []uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	u := x.findSubject(subject, v)
	n, named := x.numberOf(permission)
	if u == nil || !named || len(x.reasons(nil, u, n, resource, v, &in)) == 0 {
		return nil
	}
	b := basis{x: x, v: v, at: map[uint64]bool{1: true}}
	b.gives(u, n, resource, &in)
	b.needs(u, n, resource, &in)
	list := make([]uint64, 0, len(b.at))
	for at := range b.at {
		list = append(list, at)
	}
	slices.Sort(list)
	return list
}

// basis collects positions for a view.
type basis struct {
	x  *Index
	v  view
	at map[uint64]bool
}

func (b *basis) add(positions ...uint64) {
	for _, at := range positions {
		if at != 0 {
			b.at[at] = true
		}
	}
}

// gives adds what gives a permission to a subject that holds it on the resource.
func (b *basis) gives(u *subject, n uint32, resource string, in *rules.Context) {
	x, v := b.x, b.v
	b.subject(u)
	b.info(n)
	if x.owns(u, v) {
		_, at := x.ownedAt(v)
		b.add(at)
		b.name(n)
		return
	}
	if len(u.direct) > 0 {
		for scope := range x.covering(resource) {
			if number, ok := x.findLine(u.number, direct|n, scope); ok && b.line(number, u, n, resource, in) {
				return
			}
		}
	}
	for _, number := range u.roles {
		if b.line(number, u, n, resource, in) {
			return
		}
	}
}

// name adds what made a name known, which is all that it takes for the owner: a catalogue, a role or a grant.
func (b *basis) name(n uint32) {
	p := b.x.perms.at(n)
	at := p.entered[0].position
	b.add(at)
	for _, number := range p.roles {
		if r := b.x.roles.at(number); slices.Contains(r.changes[n], putIn(at)) {
			b.add(r.created)
		}
	}
	for _, number := range p.direct {
		l := b.x.lines.at(number)
		for _, c := range l.all {
			if uint64(c.position) == at {
				b.add(uint64(b.x.subjects.at(l.subject).added))
			}
		}
	}
}

// info adds the catalogue that says last what a permission is. One that only retires it says no more than that.
func (b *basis) info(n uint32) {
	list := b.x.perms.at(n).info
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].position <= b.v.position && !list[i].retired {
			b.add(list[i].position)
			return
		}
	}
}

// subject adds that there is a subject and that it is active: of an API key, with whom it is assigned to.
func (b *basis) subject(u *subject) {
	b.add(uint64(u.added))
	b.life(u)
	if b.x.kinds[u.kind] != events.KindAPIKey {
		return
	}
	b.add(saidSince(b.x.abouts[u.number], b.v, func(a, b *About) bool { return a.Holder == b.Holder }))
	if holder := b.x.holderOf(u, b.v); holder != nil {
		b.add(uint64(holder.added))
		b.life(holder)
	}
}

// life adds what made a subject active again.
func (b *basis) life(u *subject) {
	for _, p := range slices.Backward(b.x.lives[u.number]) {
		if uint64(p.position) <= b.v.position {
			if p.state == active {
				b.add(uint64(p.position))
			}
			return
		}
	}
}

// line adds a line of a subject that gives it a permission; false: it does not.
func (b *basis) line(number uint32, u *subject, n uint32, resource string, in *rules.Context) bool {
	x, v := b.x, b.v
	l := x.lines.at(number)
	o := x.outcomeOf(l, v)
	if !rules.Covers(*x.scopes.at(l.scope), resource) || !o.holds(v.instant) || !x.stands(o.given, u, resource, v, in) {
		return false
	}
	if l.thing < direct {
		r := x.roles.at(l.thing)
		put, _ := x.putAt(r, n, v)
		if put == 0 || !x.existed(r, v) {
			return false
		}
		b.add(r.created, put)
	} else if l.permission() != n {
		return false
	}
	b.grant(l, o.given)
	if t := x.tied(o.given); t != nil {
		b.condition(t.condition, u, resource)
	}
	return true
}

// grant adds what gave a line, and what was passed on to give it.
func (b *basis) grant(l *line, given uint64) {
	for x := b.x; ; {
		b.add(given)
		if l.thing < direct {
			b.add(x.roles.at(l.thing).created)
		}
		t := x.tied(given)
		if t == nil || !t.passed {
			return
		}
		b.subject(x.subjects.at(t.by))
		l, given = x.lines.at(t.line), t.from
	}
}

// condition adds what is known of the subject and the resource that a condition asks for.
func (b *basis) condition(c events.Condition, u *subject, resource string) {
	x, v := b.x, b.v
	for _, t := range c {
		switch t.Of {
		case events.OfSubject:
			b.add(saidSince(x.abouts[u.number], v, func(a, b *About) bool { return slices.Equal(a.Properties, b.Properties) }))
		case events.OfResource:
			for above := range rules.Above(resource) {
				if f := x.factAt(x.resources[above], v); f != nil {
					if _, ok := events.ValueOf(f.properties, t.Name); ok {
						b.resource(x.resources[above], f)
						break
					}
				}
			}
		}
	}
}

// saidSince gives the position from which on it is said of a subject as it is in the view; 0: nothing ever was.
func saidSince(list []said[About], v view, same func(a, b *About) bool) (at uint64) {
	var now *About
	for i := range slices.Backward(list) {
		switch s := &list[i]; {
		case s.position > v.position:
		case now != nil && !same(&s.value, now):
			return at
		default:
			at, now = s.position, &s.value
		}
	}
	return at
}

// resource adds that a resource is as it is: registered, with its properties, and published.
func (b *basis) resource(r *resource, f *fact) {
	since := func(same func(was *fact) bool) uint64 {
		at := f.position
		for i := range slices.Backward(r.facts) {
			switch was := &r.facts[i]; {
			case was.position > at:
			case was.position < f.registered || !same(was):
				return at
			default:
				at = was.position
			}
		}
		return at
	}
	b.add(f.registered, since(func(was *fact) bool { return slices.Equal(was.properties, f.properties) }))
	if f.published {
		b.add(since(func(was *fact) bool { return was.published }))
	}
}

// needs adds what a permission needs beside its holder.
func (b *basis) needs(u *subject, n uint32, resource string, in *rules.Context) {
	i := b.x.infoAt(n, b.v)
	if i == nil {
		return
	}
	for _, need := range i.says.Needs {
		if need == events.NeedAccess {
			if r := b.x.resources[events.PolicyOf(resource)]; r != nil {
				b.access(u, r, in, true)
			}
			continue
		}
		b.token(need, u, resource, in)
	}
}

// access adds what lets a subject at a policy that it reaches.
func (b *basis) access(u *subject, r *resource, in *rules.Context, assigned bool) {
	x, v := b.x, b.v
	f := x.factAt(r, v)
	if f == nil {
		return
	}
	b.resource(r, f)
	b.subject(u)
	if x.owns(u, v) {
		_, at := x.ownedAt(v)
		b.add(at)
		return
	}
	if f.creator == u.number {
		return
	}
	assigned = assigned && x.assignedTo(r, f, u.number, v)
	for _, reach := range []struct {
		access string
		lets   bool
	}{{events.ReachAll, true}, {events.ReachPublished, f.published}, {events.ReachAssigned, assigned}, {events.ReachAssignedAndPublished, assigned && f.published}} {
		for _, n := range x.accesses {
			if i := x.infoAt(n, v); !reach.lets || i == nil || i.says.Access != reach.access || len(x.sources(nil, u, n, r.path, v, in)) == 0 {
				continue
			}
			b.gives(u, n, r.path, in)
			if reach.access == events.ReachAssigned || reach.access == events.ReachAssignedAndPublished {
				b.assigned(u, r, f)
			}
			return
		}
	}
}

// assigned adds how a subject came to be assigned to a policy.
func (b *basis) assigned(u *subject, r *resource, f *fact) {
	x := b.x
	for {
		a := x.assignment(r, f, u.number, b.v)
		if a == nil {
			return
		}
		b.add(a.position)
		if !a.passed || a.keep {
			return
		}
		u = x.subjects.at(a.by)
		b.subject(u)
		if a.from == 0 {
			b.access(u, r, &rules.Context{}, false)
			return
		}
	}
}

// token adds what is so of a token that a need asks for.
func (b *basis) token(need string, u *subject, resource string, in *rules.Context) {
	x := b.x
	b.add(x.tokens.Basis(need, u.id, in.With, resource, tokenView(b.v))...)
	if need != events.NeedTokenRole || in.With == (ulid.ULID{}) {
		return
	}
	w := x.subject(in.With)
	if w == nil {
		return
	}
	b.subject(w)
	scope := events.TokenScope(events.TokenOf(resource))
	for _, number := range w.roles {
		l := x.lines.at(number)
		if o := x.outcomeOf(l, b.v); *x.scopes.at(l.scope) == scope && o.holds(b.v.instant) {
			b.add(x.roles.at(l.thing).created, o.given)
		}
	}
}
