package access

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// An Effect says what one entry changed in what subjects hold by what is recorded. Ends that have come and are not recorded
// do not count: what is held says until when it is. So the effects of all entries up to a position, one after the other,
// leave for each subject what [Index.Effective] gives of that position, at every instant that is not before the last of
// them, once what has ended is left out.
type Effect struct {
	// Subjects are those whom the entry itself is about, their API keys, and who holds something by their delegation, as
	// far as anything changed for them, in the order in which they were added.
	Subjects []SubjectEffect
	// Role says what the entry changed in a role. What that did to the role's holders, EffectOn gives.
	Role *RoleEffect
	// Holders is how many subjects the entry may have changed something for that are not among Subjects: those who hold the
	// role, or a permission that counts for other kinds of subjects now.
	Holders int
}

// A SubjectEffect says what an entry changed for one subject.
type SubjectEffect struct {
	Subject ulid.ULID
	Key     string
	Kind    string
	Owner   *bool  // true: it became the owner, who may whatever has a name; false: it is it no more; nil: neither
	Gained  []Hold // what it holds and did not hold before, by permission, scope and condition
	Lost    []Hold // what it held and holds no more
	Changed []Hold // what it held before and holds until another instant now
}

func (e *SubjectEffect) empty() bool {
	return e.Owner == nil && len(e.Gained)+len(e.Lost)+len(e.Changed) == 0
}

// A Hold is a permission that a subject holds on a scope, under a condition or none. A subject holds at most one of equal
// permission, scope and condition.
type Hold struct {
	Permission string // canonical
	Scope      string // empty: the whole organization
	Condition  string // empty: none
	Until      time.Time
	Because    []uint64 // positions that gave it and put it into roles, ascending; the newest, where they are very many
}

// maxBecause is how many positions a Hold gives.
const maxBecause = 16

// A RoleEffect says what an entry changed in a role.
type RoleEffect struct {
	Role    RoleRef // as of the entry, or as it last was
	Created bool
	Deleted bool
	Added   []string // permissions, sorted
	Removed []string
}

// recorded is the instant of views in which only records take something away, and no end that has come.
const recorded = math.MinInt64

// together is how many subjects or lines are looked at under one lock: entries wait no longer than for these.
const together = 256

// Effect gives what an entry changed, which the index has taken in.
func (x *Index) Effect(e *events.Event) Effect {
	var f Effect
	x.mu.RLock()
	about := x.about(e)
	f.Role = x.roleEffect(e)
	x.mu.RUnlock()
	f.Subjects, _ = x.effects(about, e.Sequence, math.MaxInt)
	if f.Role == nil || f.Role.Deleted || len(f.Role.Added)+len(f.Role.Removed) > 0 {
		f.Holders = len(x.reached(e))
	}
	return f
}

// EffectFor gives what an entry changed for one subject, whomever it is about; false: nothing.
func (x *Index) EffectFor(e *events.Event, of ulid.ULID) (SubjectEffect, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	u := x.subject(of)
	if u == nil {
		return SubjectEffect{}, false
	}
	f := x.effectOn(u, e.Sequence, map[setOf]bits{})
	return f, !f.empty()
}

// EffectOn gives what an entry changed for those that [Effect.Holders] counts, in the order in which they were added, from
// the one behind a subject on (zero: from the first), until what is given has most permissions or more. More says
// whether others follow.
func (x *Index) EffectOn(e *events.Event, behind ulid.ULID, most int) (list []SubjectEffect, more bool) {
	all := x.reached(e)
	if behind != (ulid.ULID{}) {
		x.mu.RLock()
		u := x.subject(behind)
		x.mu.RUnlock()
		if u != nil {
			all = all[sortedAfter(all, u.number):]
		}
	}
	return x.effects(all, e.Sequence, most)
}

func sortedAfter(list []uint32, n uint32) int {
	i, found := slices.BinarySearch(list, n)
	if found {
		i++
	}
	return i
}

// effects compares what subjects hold at a position and before it, a few under each lock.
func (x *Index) effects(numbers []uint32, at uint64, most int) (list []SubjectEffect, more bool) {
	n := 0
	for chunk := range slices.Chunk(numbers, together) {
		x.mu.RLock()
		sets := map[setOf]bits{}
		for _, number := range chunk {
			if n >= most {
				x.mu.RUnlock()
				return list, true
			}
			if one := x.effectOn(x.subjects.at(number), at, sets); !one.empty() {
				list = append(list, one)
				n += 1 + len(one.Gained) + len(one.Lost) + len(one.Changed)
			}
		}
		x.mu.RUnlock()
	}
	return list, false
}

// about gives those whom an entry itself is about, with all that change with them, ascending.
func (x *Index) about(e *events.Event) []uint32 {
	var ids []ulid.ULID
	switch d := e.Data.(type) {
	case *events.OrganizationOpened:
		ids = []ulid.ULID{d.Owner.Subject}
	case *events.OwnershipTransferred, *events.OwnershipRecovered:
		for _, position := range []uint64{e.Sequence - 1, e.Sequence} {
			if n, _ := x.ownedAt(view{position: position}); n != nobody {
				ids = append(ids, x.subjects.at(n).id)
			}
		}
	case *events.SubjectAdded:
		ids = []ulid.ULID{d.Subject}
	case *events.SubjectInvited:
		ids = []ulid.ULID{d.Subject}
	case *events.SubjectJoined:
		ids = []ulid.ULID{d.Subject}
	case *events.SubjectUpdated:
		ids = []ulid.ULID{d.Subject}
	case *events.SubjectDeactivated:
		ids = []ulid.ULID{d.Subject}
	case *events.SubjectReactivated:
		ids = []ulid.ULID{d.Subject}
	case *events.SubjectRemoved:
		ids = []ulid.ULID{d.Subject}
	case *events.RoleAssigned:
		ids = []ulid.ULID{d.Subject}
	case *events.RoleDelegated:
		ids = []ulid.ULID{d.Subject}
	case *events.RoleRevoked:
		ids = []ulid.ULID{d.Subject}
	case *events.RolesSet:
		ids = []ulid.ULID{d.Subject}
	case *events.PermissionGranted:
		ids = []ulid.ULID{d.Subject}
	case *events.PermissionRevoked:
		ids = []ulid.ULID{d.Subject}
	case *events.PermissionsSet:
		ids = []ulid.ULID{d.Subject}
	case *events.GrantEnded:
		ids = []ulid.ULID{d.Subject}
	case events.TokenData:
		c := d.Change()
		ids = []ulid.ULID{c.Subject, c.From}
	}
	seen := map[uint32]bool{}
	for _, id := range ids {
		if u := x.subject(id); u != nil {
			x.withThose(u, seen)
		}
	}
	numbers := make([]uint32, 0, len(seen))
	for n := range seen {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers
}

// withThose adds a subject, the API keys that were ever assigned to it, and all to whom it ever passed something on.
func (x *Index) withThose(u *subject, seen map[uint32]bool) {
	if seen[u.number] {
		return
	}
	seen[u.number] = true
	for _, n := range x.holdersKeys[u.number] {
		x.withThose(x.subjects.at(n), seen)
	}
	for n := range x.passed[u.number] {
		x.withThose(x.subjects.at(n), seen)
	}
}

// notePassed notes that a subject passed something on to another.
func (x *Index) notePassed(by, to uint32) {
	if x.passed[by] == nil {
		x.passed[by] = map[uint32]bool{}
	}
	x.passed[by][to] = true
}

// reached gives those that an entry reaches by a role or a permission that it changed, ascending.
func (x *Index) reached(e *events.Event) []uint32 {
	var lines []uint32
	position := e.Sequence
	x.mu.RLock()
	switch d := e.Data.(type) {
	case *events.RoleCreated:
	case *events.RoleUpdated:
		lines = x.linesOf(d.Role)
	case *events.RoleDeleted:
		lines, position = x.linesOf(d.Role), position-1
	case *events.CataloguePublished, *events.RulesAdopted, *events.OrganizationOpened:
		for n, p := range x.perms.all {
			if x.infoAt(n, view{position: position}).token() != x.infoAt(n, view{position: position - 1}).token() {
				lines = append(lines, p.direct...)
				for _, r := range p.roles {
					lines = append(lines, x.roles.at(r).lines...)
				}
			}
		}
	}
	x.mu.RUnlock()
	var numbers []uint32
	for chunk := range slices.Chunk(lines, 8*together) {
		x.mu.RLock()
		for _, n := range chunk {
			l := x.lines.at(n)
			if o := x.outcomeOf(l, view{position: position}); o.held() {
				numbers = append(numbers, l.subject)
			}
		}
		x.mu.RUnlock()
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// linesOf gives the lines of a role as they are now; those that come later have nothing to do with what is behind them.
func (x *Index) linesOf(id ulid.ULID) []uint32 {
	if r := x.role(id); r != nil {
		return r.lines
	}
	return nil
}

func (x *Index) roleEffect(e *events.Event) *RoleEffect {
	var id ulid.ULID
	f := &RoleEffect{}
	switch d := e.Data.(type) {
	case *events.RoleCreated:
		id, f.Created = d.Role, true
	case *events.RoleUpdated:
		id = d.Role
	case *events.RoleDeleted:
		id, f.Deleted = d.Role, true
	default:
		return nil
	}
	r := x.role(id)
	if r == nil {
		return nil
	}
	after, before := view{position: e.Sequence}, view{position: e.Sequence - 1}
	f.Role = x.ref(r, after)
	if r.managed == events.ManagedOwner { // it holds whatever has a name, which the owner may anyway
		return f
	}
	for n := range r.changes {
		had, _ := x.putAt(r, n, before)
		has, _ := x.putAt(r, n, after)
		switch had, has := had != 0, has != 0 && !f.Deleted; {
		case has && !had:
			f.Added = append(f.Added, x.perms.at(n).name)
		case had && !has:
			f.Removed = append(f.Removed, x.perms.at(n).name)
		}
	}
	slices.Sort(f.Added)
	slices.Sort(f.Removed)
	return f
}

// setOf names the permissions of a role at a position.
type setOf struct {
	role     uint32
	position uint64
}

// A heldThing is what a [Hold] says, by numbers.
type heldThing struct {
	until   int64
	because []uint64
}

// effectOn compares what a subject holds at a position and before it. Sets keeps what the subjects of one call have in
// common.
func (x *Index) effectOn(u *subject, at uint64, sets map[setOf]bits) SubjectEffect {
	before, after := view{position: at - 1, instant: recorded}, view{position: at, instant: recorded}
	f := SubjectEffect{Subject: u.id, Key: u.key, Kind: x.kinds[u.kind]}
	was := x.owns(u, before) && x.active(u, before)
	if is := x.owns(u, after) && x.active(u, after); is != was {
		f.Owner = &is
	}
	had, has := x.heldBy(u, before, sets), x.heldBy(u, after, sets)
	for t, h := range has {
		if old, held := had[t]; !held {
			f.Gained = append(f.Gained, x.hold(t, h))
		} else if old.until != h.until {
			f.Changed = append(f.Changed, x.hold(t, h))
		}
	}
	for t, h := range had {
		if _, held := has[t]; !held {
			f.Lost = append(f.Lost, x.hold(t, h))
		}
	}
	for _, list := range [][]Hold{f.Gained, f.Lost, f.Changed} {
		slices.SortFunc(list, func(a, b Hold) int {
			return cmp.Or(cmp.Compare(a.Permission, b.Permission), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Condition, b.Condition))
		})
	}
	return f
}

func (x *Index) hold(t thing, h heldThing) Hold {
	slices.Sort(h.because)
	because := slices.Compact(h.because)
	return Hold{
		Permission: x.perms.at(t.permission).name, Scope: *x.scopes.at(t.scope), Condition: t.condition,
		Until: instant(h.until), Because: because[max(0, len(because)-maxBecause):],
	}
}

// heldBy gives what a subject holds by what is recorded in a view, beside what the owner may.
func (x *Index) heldBy(u *subject, v view, sets map[setOf]bits) map[thing]heldThing {
	all := map[thing]heldThing{}
	if !x.active(u, v) {
		return all
	}
	enter := func(permission uint32, l *line, o outcome, positions ...uint64) {
		if !x.fits(permission, u.kind, v) {
			return
		}
		t := thing{permission: permission, scope: l.scope}
		if tied := x.tied(o.given); tied != nil {
			t.condition = tied.condition.String()
		}
		h := all[t]
		all[t] = heldThing{max(h.until, o.until), append(h.because, positions...)} // what is passed on ends no later than where it comes from
	}
	for _, number := range u.direct {
		l := x.lines.at(number)
		if o := x.outcomeOf(l, v); o.held() && x.alive(x.tied(o.given), v) {
			enter(l.permission(), l, o, o.given)
		}
	}
	for _, number := range u.roles {
		l := x.lines.at(number)
		r, o := x.roles.at(l.thing), x.outcomeOf(l, v)
		if !o.held() || !x.existed(r, v) || r.managed == events.ManagedOwner || !x.alive(x.tied(o.given), v) {
			continue
		}
		at := setOf{r.number, v.position}
		set, have := sets[at]
		if !have {
			set = x.setAt(r, v)
			sets[at] = set
		}
		set.each(func(n uint32) {
			put, _ := x.putAt(r, n, v)
			enter(n, l, o, o.given, put)
		})
	}
	return all
}

// RoleRef names a role by its id as of then, a deleted one as it last was.
func (x *Index) RoleRef(id ulid.ULID, a AsOf) (RoleRef, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if r := x.role(id); r != nil {
		return x.ref(r, x.view(a)), nil
	}
	return RoleRef{}, &NotFoundError{Kind: "role", Name: id.String()}
}
