package access

import (
	"encoding/binary"

	"github.com/permledger/permledger/events"
)

func (r *restorer) roles() {
	x := r.x
	for range r.Count(25) {
		id, key := r.ID(), r.String()
		if x.role(id) != nil {
			r.Fail("a role stands there twice")
		}
		if r.Err() != nil {
			return
		}
		o := x.addRole(id, key, r.position())
		o.deleted = r.maybe()
		if o.system, o.managed = r.Bool(), r.String(); o.managed == events.ManagedOwner {
			x.bosses = append(x.bosses, o.number)
		}
		o.touched = make([]uint64, r.Count(1))
		last := uint64(0)
		for i := range o.touched {
			last = r.after(last)
			o.touched[i] = last
		}
		o.name, o.description = r.said(), r.said()
		for range r.Count(3) {
			s := said[[]events.Label]{position: r.position()}
			if r.Bool() {
				s.value = []events.Label{}
			}
			n := r.Count(2)
			if n > 0 && s.value == nil {
				r.Fail("there are labels in no list")
			}
			for range n {
				s.value = append(s.value, events.Label{Name: r.String(), Value: r.String()})
			}
			o.labels = append(o.labels, s)
		}
		r.inRole(o)
	}
}

func (r *restorer) said() []said[string] {
	list := make([]said[string], r.Count(2))
	for i := range list {
		list[i] = said[string]{r.position(), r.String()}
	}
	return list
}

// inRole reads what was put into a role and taken out.
func (r *restorer) inRole(o *role) {
	n := r.Count(4)
	o.changes = make(map[uint32][]inRole, n)
	next := uint64(0)
	for range n {
		number := next + r.Uint()
		if number >= uint64(r.x.perms.len()) || number < next {
			r.Fail("a role holds what has no name")
		}
		list := make([]inRole, r.Count(2))
		if len(list) == 0 {
			r.Fail("a permission of a role has no history")
		}
		if r.Err() != nil {
			return
		}
		last := uint64(0)
		for i := range list {
			at := last + r.Uint() // one entry may put in and take out
			if at == 0 || at < last || at > r.head {
				r.Fail("a change of a role is out of order, or beyond the last entry, %d", r.head)
				return
			}
			if list[i] = takenOut(at); r.Bool() {
				list[i] = putIn(at)
			}
			last = at
		}
		o.changes[uint32(number)], next = list, number+1
		p := r.x.perms.at(uint32(number))
		p.roles = append(p.roles, o.number)
	}
}

func (r *restorer) subjects() {
	x := r.x
	x.kinds = r.Strings()
	keys, dids := r.Strings(), r.Strings()
	if len(keys) != len(dids) || len(x.kinds) > 256 || len(keys) > r.Rest()/21 {
		r.Fail("its subjects do not have a key, a DID and a line each")
		return
	}
	x.subjectID.reserve(len(keys))
	x.subjectKey.reserve(len(keys))
	used := 0
	for i := range keys {
		n := x.subjects.add(subject{})
		u := x.subjects.at(n)
		u.number, u.id, u.key, u.did = n, r.ID(), keys[i], dids[i]
		kind := r.below(min(used+1, len(x.kinds)))
		if u.kind = uint8(kind); int(kind) == used {
			used++
		}
		u.added, u.deactivated, u.imported = uint32(r.position()), uint32(r.maybe()), r.Bool()
		if x.subject(u.id) != nil {
			r.Fail("a subject stands there twice")
		}
		if _, have := x.subjectKeyed(u.key); have {
			r.Fail("two subjects have one key")
		}
		r.sets(u)
		if r.Err() != nil {
			return
		}
		x.nameSubject(u)
	}
	if used != len(x.kinds) {
		r.Fail("no subject is of some of its kinds")
	}
	for range r.Count(2) {
		o := ownerFrom{r.position(), r.below(len(keys))}
		if n := len(x.owners); n > 0 && o.position <= x.owners[n-1].position {
			r.Fail("its owners are out of order")
		}
		x.owner, x.owners = o.subject, append(x.owners, o)
	}
	for range r.Count(2) {
		s := said[uint32]{r.position(), r.below(x.roles.len()+1) - 1} // 0 is none, which is nobody
		if n := len(x.defaults); n > 0 && s.position <= x.defaults[n-1].position {
			r.Fail("its default roles are out of order")
		}
		x.defaults = append(x.defaults, s)
	}
}

func (r *restorer) sets(u *subject) {
	n := r.Count(4)
	if n == 0 {
		return
	}
	u.sets = make(map[uint32][]set, n)
	next := uint64(0)
	for range n {
		scope := r.below(r.x.scopes.len())
		list := make([]set, r.Count(2))
		if uint64(scope) < next || len(list) == 0 {
			r.Fail("the sets of a subject are out of order")
		}
		last := uint64(0)
		for i := range list {
			s := set{position: r.maybe()}
			words := r.Bytes()
			if s.position <= last || len(words)%8 != 0 || len(words) > 0 && binary.LittleEndian.Uint64(words[len(words)-8:]) == 0 {
				r.Fail("a set of permissions is out of order, or has another spelling")
				return
			}
			for ; len(words) > 0; words = words[8:] {
				s.after = append(s.after, binary.LittleEndian.Uint64(words))
			}
			s.after.each(func(n uint32) {
				if int(n) >= r.x.perms.len() {
					r.Fail("a set holds what has no name")
				}
			})
			list[i], last = s, s.position
		}
		u.sets[scope], next = list, uint64(scope)+1
	}
}

func (r *restorer) lines() {
	x := r.x
	n := r.Count(4)
	later := make([]change, 0, r.Count(2)) // one piece for all changes but the first of each line
	x.lineNumber.reserve(n)
	for range n {
		l := line{subject: r.below(x.subjects.len())}
		thing := r.Uint()
		l.thing = uint32(thing >> 1)
		things := x.roles.len()
		if thing&1 == 1 {
			l.thing |= direct
			things = x.perms.len()
		}
		if thing>>1 >= uint64(things) {
			r.Fail("somebody was given what there is not")
		}
		l.scope = r.below(x.scopes.len())
		if r.Err() != nil {
			return
		}
		if _, have := x.findLine(l.subject, l.thing, l.scope); have {
			r.Fail("a line stands there twice")
		}
		last, from := uint64(0), len(later)
		for i := range r.Count(2) {
			c := r.change(last)
			if last = uint64(c.position); i == 0 {
				l.first = c
			} else if len(later) < cap(later) {
				later = append(later, c)
			} else {
				r.Fail("there are more changes than it says")
				return
			}
		}
		if len(later) > from {
			list := later[from:len(later):len(later)]
			l.later = &list
		}
		x.addLine(l)
	}
	if len(later) < cap(later) {
		r.Fail("there are fewer changes than it says")
	}
	r.hang()
}

func (r *restorer) change(last uint64) change {
	c := change{position: uint32(r.after(last))}
	switch c.op = op(r.Below(uint64(ops))); c.op {
	case give:
		c.arg = noEnd
		if r.Bool() {
			if c.arg = r.Int(); c.arg == noEnd || c.arg == gone {
				r.Fail("an end has another spelling")
			}
		}
	case giveBySet:
		c.arg = noEnd
	case end:
		c.arg = int64(r.Below(uint64(c.position)))
	case none:
		r.Fail("a line changes by nothing")
	}
	return c
}

// hang gives the lines to the subjects, roles and permissions that they are of. The lists share one piece of memory
// until they grow.
func (r *restorer) hang() {
	x := r.x
	subjectRoles, subjectDirect := make([]uint32, x.subjects.len()), make([]uint32, x.subjects.len())
	roles, perms := make([]uint32, x.roles.len()), make([]uint32, x.perms.len())
	for _, l := range x.lines.all {
		if l.thing >= direct {
			subjectDirect[l.subject]++
			perms[l.permission()]++
		} else {
			subjectRoles[l.subject]++
			roles[l.thing]++
		}
	}
	all := make([]uint32, 2*x.lines.len())
	room := func(n uint32) []uint32 {
		if n == 0 {
			return nil
		}
		list := all[0:0:n]
		all = all[n:]
		return list
	}
	for i, u := range x.subjects.all {
		u.roles, u.direct = room(subjectRoles[i]), room(subjectDirect[i])
	}
	for i, o := range x.roles.all {
		o.lines = room(roles[i])
	}
	for i, p := range x.perms.all {
		p.direct = room(perms[i])
	}
	for n, l := range x.lines.all {
		u := x.subjects.at(l.subject)
		if l.thing >= direct {
			p := x.perms.at(l.permission())
			u.direct, p.direct = append(u.direct, n), append(p.direct, n)
		} else {
			o := x.roles.at(l.thing)
			u.roles, o.lines = append(u.roles, n), append(o.lines, n)
		}
	}
}
