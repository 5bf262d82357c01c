package access

import (
	"cmp"
	"slices"

	"github.com/oklog/ulid/v2"
)

// A Difference says what changed between two moments.
type Difference struct {
	Subjects []SubjectChange // that gained or lost something, by key
	Roles    []RoleChange    // that changed, or came to be held by others, by key
	More     int             // subjects behind those of [Only.Most], for whom something may differ
}

// A SubjectChange says what a subject may do at the later moment and could not at the earlier, and the other way round.
// Of the owner only becoming it and ceasing to be it count: the rest it always may.
type SubjectChange struct {
	Subject SubjectView // as of the later moment
	Gained  []Changed   // by permission and scope
	Lost    []Changed
}

// A Changed is a permission that was gained or lost on a scope.
type Changed struct {
	Permission string
	Scope      string
	Condition  string   // under which alone it is held; empty: none
	Because    []Reason // what gives it at the later moment, or gave it at the earlier one
	// Causes are the positions between the moments that made the difference, ascending. There is none where only an end
	// has come that is not recorded by then.
	Causes []uint64
}

// A RoleChange says how a role changed.
type RoleChange struct {
	Role        RoleRef // as of the later moment, or as it last was
	Created     uint64  // position, where that lies between the moments; else 0
	Deleted     uint64  // the same
	Name        *string // the new one, where it changed
	Description *string
	Added       []InRole // permissions, by name
	Removed     []InRole
	Came        []HolderChange // who has it, and had it not, by key and scope
	Left        []HolderChange
	Positions   []uint64 // of what was recorded about the role itself
}

// InRole is a permission, and the position that put it into a role or took it out.
type InRole struct {
	Permission string
	At         uint64
}

// A HolderChange says that a subject came to have a role, or has it no more.
type HolderChange struct {
	Subject string // key
	Scope   string
	At      uint64 // the position that gave it or took it; 0 where only its end has come
}

// Only restricts a [Difference] to one subject or one role. The zero Only is everything.
type Only struct {
	Subject ulid.ULID
	Role    ulid.ULID // its own change, and what its holders gained and lost by whatever

	// Of the subjects for whom something may differ, by key, so many are left out, and so many looked at; 0: all.
	Skip, Most int
}

// Diff compares two moments of which from is not the later. It looks at each subject once, and closely at those alone
// for whom something differs.
func (x *Index) Diff(from, to AsOf, only Only) Difference {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c := comparison{x: x, a: x.view(from), b: x.view(to), sets: map[uint32]bool{}}
	if c.b.position == 0 {
		return Difference{}
	}
	for n := range x.perms.all {
		if x.infoAt(n, c.a).token() != x.infoAt(n, c.b).token() {
			c.levels = true
			break
		}
	}
	var d Difference
	for number, r := range x.roles.all {
		if c.sets[number] = c.roleDiffers(r); only.Role == r.id || only.Role == (ulid.ULID{}) && only.Subject == (ulid.ULID{}) {
			if change, differs := c.role(r); differs {
				d.Roles = append(d.Roles, change)
			}
		}
	}
	var some []*subject
	for _, n := range x.byKey() {
		u := x.subjects.at(n)
		if only.Subject != (ulid.ULID{}) && u.id != only.Subject || only.Role != (ulid.ULID{}) && !c.everHad(u, only.Role) || !c.differs(u) {
			continue
		}
		some = append(some, u)
	}
	if some = some[min(only.Skip, len(some)):]; only.Most > 0 {
		d.More = max(len(some)-only.Most, 0)
		some = some[:len(some)-d.More]
	}
	for _, u := range some {
		before, after := c.ways(u, c.a), c.ways(u, c.b)
		change := SubjectChange{Gained: c.gained(u, before, after), Lost: c.lost(u, before, after)}
		if len(change.Gained)+len(change.Lost) > 0 {
			change.Subject = x.subjectView(u, c.b)
			d.Subjects = append(d.Subjects, change)
		}
	}
	slices.SortFunc(d.Roles, func(a, b RoleChange) int {
		return cmp.Or(cmp.Compare(a.Role.Key, b.Role.Key), a.Role.ID.Compare(b.Role.ID))
	})
	return d
}

// comparison is one Diff on its way. The caller holds the lock.
type comparison struct {
	x      *Index
	a, b   view
	sets   map[uint32]bool // whether a role gives other permissions, by number
	levels bool            // a catalogue changed the level of a permission
}

func (c *comparison) everHad(u *subject, role ulid.ULID) bool {
	return slices.ContainsFunc(u.roles, func(n uint32) bool { return c.x.roles.at(c.x.lines.at(n).thing).id == role })
}

func (c *comparison) roleDiffers(r *role) bool {
	before, after := c.x.existed(r, c.a), c.x.existed(r, c.b)
	switch {
	case before != after:
		return true
	case !before:
		return false
	}
	return !slices.Equal(c.x.setAt(r, c.a).trimmed(), c.x.setAt(r, c.b).trimmed())
}

// trimmed leaves out words at the end that hold nothing, so that equal sets are equal slices.
func (b bits) trimmed() bits {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// differs says whether a subject could have gained or lost anything.
func (c *comparison) differs(u *subject) bool {
	if c.x.active(u, c.a) != c.x.active(u, c.b) || c.levels {
		return true
	}
	for _, n := range u.roles {
		l := c.x.lines.at(n)
		if is := c.given(l, c.b); is != c.given(l, c.a) || is != 0 && c.sets[l.thing] {
			return true
		}
	}
	for _, n := range u.direct {
		l := c.x.lines.at(n)
		if c.given(l, c.b) != c.given(l, c.a) {
			return true
		}
	}
	return false
}

// given gives the position by which a line is held; 0 where it is not.
func (c *comparison) given(l *line, v view) uint64 {
	if o := c.x.outcomeOf(l, v); o.holds(v.instant) && c.x.alive(c.x.tied(o.given), v) {
		return o.given
	}
	return 0
}

// A thing is a permission on a scope, under a condition or none.
type thing struct {
	permission, scope uint32
	condition         string
}

func (c *comparison) thing(permission uint32, l *line, given uint64) thing {
	t := thing{permission: permission, scope: l.scope}
	if tied := c.x.tied(given); tied != nil {
		t.condition = tied.condition.String()
	}
	return t
}

// A way is one thing by which a subject holds a permission.
type way struct {
	line *line
	put  uint64 // where the line is of a role: the position that put the permission into it
}

// ways gives by what a subject holds each permission on each scope.
func (c *comparison) ways(u *subject, v view) map[thing][]way {
	all := map[thing][]way{}
	if !c.x.active(u, v) || u.number == c.x.owner {
		return all
	}
	for _, number := range u.direct {
		l := c.x.lines.at(number)
		if given, n := c.given(l, v), l.permission(); given != 0 && c.x.known(n, v) && c.x.fits(n, u.kind, v) {
			at := c.thing(n, l, given)
			all[at] = append(all[at], way{line: l})
		}
	}
	for _, number := range u.roles {
		l := c.x.lines.at(number)
		r, given := c.x.roles.at(l.thing), c.given(l, v)
		if given == 0 || !c.x.existed(r, v) {
			continue
		}
		c.x.setAt(r, v).each(func(n uint32) {
			if c.x.fits(n, u.kind, v) {
				put, _ := c.x.putAt(r, n, v)
				at := c.thing(n, l, given)
				all[at] = append(all[at], way{l, put})
			}
		})
	}
	return all
}

// covered says whether something is held by what is held on its scope or above it, without a condition or under the same.
func (c *comparison) covered(all map[thing][]way, t thing) bool {
	for above := range c.x.covering(*c.x.scopes.at(t.scope)) {
		if len(all[thing{t.permission, above, ""}])+len(all[thing{t.permission, above, t.condition}]) > 0 {
			return true
		}
	}
	return false
}

func (c *comparison) gained(u *subject, before, after map[thing][]way) []Changed {
	return c.list(u, after, before, c.b, func(n uint32, w way) []uint64 {
		o := c.x.outcomeOf(w.line, c.b)
		return c.causes(o.given, w.put, uint64(u.added), c.levelAt(n))
	})
}

func (c *comparison) lost(u *subject, before, after map[thing][]way) []Changed {
	return c.list(u, before, after, c.a, func(n uint32, w way) []uint64 {
		causes := []uint64{uint64(u.deactivated), c.levelAt(n)}
		if h := c.x.holderOf(u, c.b); h != nil {
			causes = append(causes, uint64(h.deactivated))
		}
		o := c.x.outcomeOf(w.line, c.b)
		causes = append(causes, o.given, o.lost) // given anew, under another condition
		if broken := c.x.broken(c.x.tied(o.given), c.b); broken != nil {
			above := c.x.outcomeOf(c.x.lines.at(broken.line), c.b)
			causes = append(causes, above.lost, uint64(c.x.subjects.at(broken.by).deactivated))
		}
		if w.put != 0 {
			r := c.x.roles.at(w.line.thing)
			_, removed := c.x.putAt(r, n, c.b)
			causes = append(causes, removed, r.deleted)
		}
		return c.causes(causes...)
	})
}

// list gives what is held in have and not covered in other, each with its causes. v is the view of have.
func (c *comparison) list(u *subject, have, other map[thing][]way, v view, causes func(uint32, way) []uint64) []Changed {
	var list []Changed
	for at, ways := range have {
		if c.covered(other, at) {
			continue
		}
		one := Changed{Permission: c.x.perms.at(at.permission).name, Scope: *c.x.scopes.at(at.scope), Condition: at.condition}
		for _, w := range ways {
			o := c.x.outcomeOf(w.line, v)
			if w.put != 0 {
				one.Because = append(one.Because, c.x.roleReason(w.line, o, w.put, v))
			} else {
				one.Because = append(one.Because, c.x.directReason(w.line, o))
			}
			one.Causes = append(one.Causes, causes(at.permission, w)...)
		}
		inOrder(one.Because)
		slices.Sort(one.Causes)
		one.Causes = slices.Compact(one.Causes)
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Changed) int {
		return cmp.Or(cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Scope, b.Scope))
	})
	return list
}

// causes keeps the positions that count at the later moment and not at the earlier.
func (c *comparison) causes(positions ...uint64) []uint64 {
	return slices.DeleteFunc(positions, func(at uint64) bool { return !c.between(at) })
}

func (c *comparison) between(at uint64) bool {
	return at != 0 && c.x.counts(at, c.b) && !c.x.counts(at, c.a)
}

// levelAt gives the position that changed the level of a permission; 0 where none did.
func (c *comparison) levelAt(n uint32) uint64 {
	if before, after := c.x.infoAt(n, c.a), c.x.infoAt(n, c.b); before.token() != after.token() {
		return after.position
	}
	return 0
}

func (c *comparison) role(r *role) (RoleChange, bool) {
	before, after := c.x.existed(r, c.a), c.x.existed(r, c.b)
	if !before && !after {
		return RoleChange{}, false
	}
	latest := c.b
	if !after {
		latest = c.a
	}
	d := RoleChange{Role: c.x.ref(r, latest)}
	if !before {
		d.Created = r.created
	}
	if !after {
		d.Deleted = r.deleted
	}
	if before && after {
		d.Name = changedText(lastSaid(c.x, r.name, c.a), lastSaid(c.x, r.name, c.b))
		d.Description = changedText(lastSaid(c.x, r.description, c.a), lastSaid(c.x, r.description, c.b))
	}
	for n := range r.changes {
		was, _ := c.x.putAt(r, n, c.a)
		put, removed := c.x.putAt(r, n, c.b)
		had, has := before && was != 0, after && put != 0
		switch one := (InRole{c.x.perms.at(n).name, put}); {
		case has && !had:
			d.Added = append(d.Added, one)
		case had && !has:
			one.At = cmp.Or(removed, r.deleted)
			d.Removed = append(d.Removed, one)
		}
	}
	byName := func(a, b InRole) int { return cmp.Compare(a.Permission, b.Permission) }
	slices.SortFunc(d.Added, byName)
	slices.SortFunc(d.Removed, byName)
	for _, n := range r.lines {
		l := c.x.lines.at(n)
		is := c.x.outcomeOf(l, c.b)
		one := HolderChange{Subject: c.x.subjects.at(l.subject).key, Scope: *c.x.scopes.at(l.scope)}
		switch had, has := before && c.given(l, c.a) != 0, after && c.given(l, c.b) != 0; {
		case has && !had:
			one.At = is.given
			d.Came = append(d.Came, one)
		case had && !has:
			one.At = is.lost
			d.Left = append(d.Left, one)
		}
	}
	byKey := func(a, b HolderChange) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Scope, b.Scope))
	}
	slices.SortFunc(d.Came, byKey)
	slices.SortFunc(d.Left, byKey)
	for _, at := range r.touched {
		if c.between(at) {
			d.Positions = append(d.Positions, at)
		}
	}
	return d, len(d.Positions)+len(d.Came)+len(d.Left) > 0
}

func changedText(before, after string) *string {
	if before == after {
		return nil
	}
	return &after
}
