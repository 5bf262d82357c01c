package access

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/snapshot"
)

// A phase is a state that a subject came into. Most subjects have none beside being active from their addition on and,
// maybe, deactivated once: these have no phases.
type phase struct {
	position uint32
	state    uint8 // index in states
}

var states = []string{rules.StateActive, rules.StateInvited, rules.StateDeactivated, rules.StateRemoved}

const (
	active = iota
	invited
	deactivated
	removed
)

// About is what is said of a subject beyond what all have, as of then. Its lists must not be changed.
type About struct {
	Auth       string // how it proves itself; empty: in any way
	Reference  string
	Holder     ulid.ULID // the member that an API key is assigned to; zero: none
	Properties []events.Property
	Links      []string  // wallets and DIDs that it is shown with, sorted
	Until      time.Time // of an invitation that nobody has used: the first instant at which it does not work

	Credential string // the first of who was invited, from when it joined; empty: it was added
}

// enterState brings a subject into a state from a position on.
func (x *Index) enterState(u *subject, state uint8, at uint64) {
	list := x.lives[u.number]
	switch {
	case list == nil && u.deactivated != 0:
		list = []phase{{u.deactivated, deactivated}}
	case list == nil && state == deactivated:
		u.deactivated = uint32(at)
		x.publishLife(u, at)
		return
	}
	x.lives[u.number] = append(list, phase{uint32(at), state})
	if u.deactivated = uint32(at); state == active {
		u.deactivated = 0
	}
	x.publishLife(u, at)
}

// publishLife puts a subject's state into what it and the API keys that are assigned to it hold at the head.
func (x *Index) publishLife(u *subject, at uint64) {
	x.publishHolding(u, nil, at)
	for _, k := range x.keysOf(u) {
		x.publishHolding(k, nil, at)
	}
}

// stateOf gives the state of a subject in a view, and since which position it is not active; 0: it is.
func (x *Index) stateOf(u *subject, v view) (state uint8, since uint64) {
	list := x.lives[u.number]
	if list == nil {
		if u.deactivated != 0 && uint64(u.deactivated) <= v.position {
			return deactivated, uint64(u.deactivated)
		}
		return active, 0
	}
	for _, p := range slices.Backward(list) {
		if uint64(p.position) <= v.position {
			if p.state == active {
				return active, 0
			}
			return p.state, uint64(p.position)
		}
	}
	return active, 0
}

// active says whether the subject may do anything in the view: an API key may while the member that it is assigned to is
// active, too.
func (x *Index) active(u *subject, v view) bool {
	if uint64(u.added) > v.position {
		return false
	}
	return x.inactiveSince(u, v) == 0
}

// inactiveSince gives the position since which a subject may do nothing; 0: it is active.
func (x *Index) inactiveSince(u *subject, v view) uint64 {
	_, since := x.stateOf(u, v)
	if since == 0 {
		if h := x.holderOf(u, v); h != nil {
			_, since = x.stateOf(h, v)
		}
	}
	return since
}

// holderOf gives the member that an API key is assigned to, whatever the occurred time; nil: nobody.
func (x *Index) holderOf(u *subject, v view) *subject {
	if x.kinds[u.kind] != events.KindAPIKey {
		return nil
	}
	if holder := x.aboutOf(u, view{position: v.position, head: v.head}).Holder; holder != (ulid.ULID{}) {
		return x.subject(holder)
	}
	return nil
}

// keysOf gives the API keys that are assigned to a member at the head.
func (x *Index) keysOf(u *subject) (keys []*subject) {
	for _, n := range x.holdersKeys[u.number] {
		if k := x.subjects.at(n); x.holderOf(k, view{position: math.MaxUint64}) == u {
			keys = append(keys, k)
		}
	}
	return keys
}

// noteHolder lets the API keys of a member be found. One that was assigned to another since stays there, and is passed over.
func (x *Index) noteHolder(key uint32, holder ulid.ULID) {
	if h := x.subject(holder); h != nil && !slices.Contains(x.holdersKeys[h.number], key) {
		x.holdersKeys[h.number] = append(x.holdersKeys[h.number], key)
	}
}

// aboutOf gives what is said of a subject in a view.
func (x *Index) aboutOf(u *subject, v view) About { return lastSaid(x, x.abouts[u.number], v) }

// say changes what is said of a subject from a position on.
func (x *Index) say(u *subject, at uint64, change func(*About)) {
	a := x.aboutOf(u, view{position: at, head: true})
	change(&a)
	x.abouts[u.number] = append(x.abouts[u.number], said[About]{at, a})
	if a.Holder != (ulid.ULID{}) {
		x.noteHolder(u.number, a.Holder)
	}
}

// Property gives what is said of a subject, by key or id, under a name as of then; false: nothing is.
func (x *Index) Property(subject, name string, a AsOf) (string, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	if u := x.findSubject(subject, v); u != nil {
		for _, p := range x.aboutOf(u, v).Properties {
			if p.Name == name {
				return p.Value, true
			}
		}
	}
	return "", false
}

func cloned(list []events.Property) []events.Property {
	var out []events.Property // nil where there are none, as after a restart
	for _, p := range list {
		out = append(out, events.Property{Name: strings.Clone(p.Name), Value: strings.Clone(p.Value)})
	}
	return out
}

// takeLife takes in what an event says of the life of a subject; false: it says nothing of that.
func (x *Index) takeLife(e *events.Event) bool {
	at := e.Sequence
	switch d := e.Data.(type) {
	case *events.SubjectAdded:
		u := x.subjects.at(x.addSubject(d, at, e.Origin.Import != nil))
		if d.Auth != "" || d.Reference != "" || d.Holder != (ulid.ULID{}) || len(d.Properties) > 0 {
			x.say(u, at, func(a *About) {
				a.Auth, a.Reference, a.Holder, a.Properties = strings.Clone(d.Auth), strings.Clone(d.Reference), d.Holder, cloned(d.Properties)
			})
		}
		x.giveFirst(u, d.Roles, d.DefaultRole, at)
	case *events.SubjectInvited:
		u := x.subject(d.Subject)
		if u == nil {
			u = x.subjects.at(x.addSubject(&events.SubjectAdded{Subject: d.Subject, Key: d.Key, Kind: d.Kind}, at, e.Origin.Import != nil))
		}
		x.enterState(u, invited, at)
		x.say(u, at, func(a *About) {
			a.Auth, a.Reference, a.Properties, a.Until = strings.Clone(d.Auth), strings.Clone(d.Reference), cloned(d.Properties), d.Until
		})
		x.giveFirst(u, d.Roles, d.DefaultRole, at)
	default:
		return x.changeLife(e)
	}
	return true
}

// changeLife is takeLife of a subject that is there.
func (x *Index) changeLife(e *events.Event) bool {
	at := e.Sequence
	var id ulid.ULID
	var change func(*subject)
	linked := func(to string, add bool) {
		change = func(u *subject) {
			x.say(u, at, func(a *About) {
				i, _ := slices.BinarySearch(a.Links, to)
				if a.Links = slices.Clone(a.Links); add {
					a.Links = slices.Insert(a.Links, i, strings.Clone(to))
				} else if a.Links = slices.Delete(a.Links, i, i+1); len(a.Links) == 0 {
					a.Links = nil
				}
			})
		}
	}
	switch d := e.Data.(type) {
	case *events.SubjectDeactivated:
		id, change = d.Subject, func(u *subject) { x.enterState(u, deactivated, at) }
	case *events.SubjectReactivated:
		id, change = d.Subject, func(u *subject) { x.enterState(u, active, at) }
	case *events.SubjectJoined:
		id, change = d.Subject, func(u *subject) {
			x.enterState(u, active, at)
			x.say(u, at, func(a *About) {
				if a.Until = (time.Time{}); a.Credential == "" {
					a.Credential = strings.Clone(d.Credential)
				}
			})
		}
	case *events.SubjectRemoved:
		id, change = d.Subject, func(u *subject) { x.removeSubject(u, at) }
	case *events.SubjectUpdated:
		id, change = d.Subject, func(u *subject) {
			x.say(u, at, func(a *About) {
				if d.Holder != (ulid.ULID{}) || d.Unassigned {
					a.Holder = d.Holder
				}
				if d.Properties != nil {
					a.Properties = cloned(d.Properties)
				}
				if d.Reference != nil {
					a.Reference = strings.Clone(*d.Reference)
				}
			})
			if d.Holder != (ulid.ULID{}) || d.Unassigned {
				x.publishHolding(u, nil, at)
			}
		}
	case *events.SubjectLinked:
		id = d.Subject
		linked(d.To, true)
	case *events.SubjectUnlinked:
		id = d.Subject
		linked(d.To, false)
	default:
		return false
	}
	if u := x.subject(id); u != nil {
		change(u)
	}
	return true
}

// giveFirst gives a subject the roles that it begins with.
func (x *Index) giveFirst(u *subject, roles []ulid.ULID, byDefault ulid.ULID, at uint64) {
	for _, id := range append(slices.Clone(roles), byDefault) {
		if r := x.role(id); r != nil {
			x.change(x.roleLine(u, r, 0), given(at, time.Time{}))
		}
	}
}

// removeSubject takes all that a subject has.
func (x *Index) removeSubject(u *subject, at uint64) {
	for _, lines := range [][]uint32{u.roles, u.direct} {
		for _, n := range lines {
			x.change(n, taken(at)) // what is not held at the head may be where less counts
		}
	}
	for _, r := range x.resources {
		for to, list := range r.assigned {
			if a := list[len(list)-1]; !a.taken && (to == u.number || a.passed && !a.keep && a.by == u.number) {
				r.assigned[to] = append(list, assigned{position: at, taken: true})
			}
		}
		if f := r.facts[len(r.facts)-1]; !f.gone && f.creator == u.number {
			f.position, f.creator = at, nobody
			r.facts = append(r.facts, f)
		}
	}
	for _, k := range x.keysOf(u) {
		if k.deactivated == 0 {
			x.enterState(k, deactivated, at)
		}
	}
	x.enterState(u, removed, at)
	if x.aboutOf(u, view{position: at, head: true}).Until != (time.Time{}) {
		x.say(u, at, func(a *About) { a.Until = time.Time{} })
	}
}

func (x *Index) appendLives(b []byte) []byte {
	b = snapshot.AppendCount(b, len(x.lives))
	for _, n := range slices.Sorted(maps.Keys(x.lives)) {
		b = snapshot.AppendCount(snapshot.AppendUint(b, uint64(n)), len(x.lives[n]))
		last := x.subjects.at(n).added - 1
		for _, p := range x.lives[n] {
			b, last = append(snapshot.AppendUint(b, uint64(p.position-last)), p.state), p.position
		}
	}
	b = snapshot.AppendCount(b, len(x.abouts))
	for _, n := range slices.Sorted(maps.Keys(x.abouts)) {
		b = snapshot.AppendCount(snapshot.AppendUint(b, uint64(n)), len(x.abouts[n]))
		last := uint64(x.subjects.at(n).added) - 1
		for _, s := range x.abouts[n] {
			a := s.value
			b = snapshot.AppendString(snapshot.AppendString(snapshot.AppendUint(b, s.position-last), a.Auth), a.Reference)
			last = s.position
			b = snapshot.AppendString(append(b, a.Holder[:]...), a.Credential)
			b = snapshot.AppendCount(b, len(a.Properties))
			for _, p := range a.Properties {
				b = snapshot.AppendString(snapshot.AppendString(b, p.Name), p.Value)
			}
			b = snapshot.AppendStrings(b, a.Links)
			if b = snapshot.AppendBool(b, !a.Until.IsZero()); !a.Until.IsZero() {
				b = snapshot.AppendInt(b, a.Until.UnixMilli())
			}
		}
	}
	return b
}

// lives reads what appendLives wrote, behind the subjects.
func (r *restorer) lives() {
	x := r.x
	r.numbered(4, func(n uint32) {
		list := make([]phase, r.Count(2))
		last := uint64(x.subjects.at(n).added) - 1
		for i := range list {
			last = r.after(last)
			list[i] = phase{uint32(last), uint8(r.Below(uint64(len(states))))}
		}
		if u := x.subjects.at(n); len(list) == 0 || (list[len(list)-1].state == active) != (u.deactivated == 0) ||
			u.deactivated != 0 && list[len(list)-1].position != u.deactivated {
			r.Fail("the states of a subject do not lead to the one it is in")
		}
		x.lives[n] = list
	})
	r.numbered(24, func(n uint32) {
		list := make([]said[About], r.Count(23))
		last := uint64(x.subjects.at(n).added) - 1
		for i := range list {
			last = r.after(last)
			a := About{Auth: r.String(), Reference: r.String(), Holder: r.ID(), Credential: r.String()}
			for range r.Count(2) {
				a.Properties = append(a.Properties, events.Property{Name: r.String(), Value: r.String()})
			}
			if a.Links = r.Strings(); r.Bool() {
				a.Until = time.UnixMilli(r.Int()).UTC()
			}
			list[i] = said[About]{last, a}
			if a.Holder != (ulid.ULID{}) { // whoever had it once is found too: what an entry of then changed is asked for
				x.noteHolder(n, a.Holder)
			}
		}
		if len(list) == 0 {
			r.Fail("nothing is said of a subject")
			return
		}
		x.abouts[n] = list
	})
}

// numbered reads a list of things, of size bytes at least, that belong to subjects in the order of their numbers.
func (r *restorer) numbered(size int, thing func(uint32)) {
	next := uint32(0)
	for range r.Count(size) {
		n := r.below(r.x.subjects.len())
		if n < next || r.Err() != nil {
			r.Fail("what is of subjects is out of order")
			return
		}
		thing(n)
		if r.Err() != nil {
			return
		}
		next = n + 1
	}
}
