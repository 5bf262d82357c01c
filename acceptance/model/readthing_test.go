package model_test

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// nobody passed on what nobody passed on.
var nobody ulid.ULID

// passed says who passed something on, from which gift or assignment of its own, and whether it stays when that goes.
type passed struct {
	from ulid.ULID // the subject
	own  ulid.ULID // the event that gave it to that subject; zero, of access: it had it otherwise
	keep bool
}

// thing is a resource.
type thing struct {
	name       string
	properties []events.Property
	published  bool
	creator    ulid.ULID
	assigned   map[ulid.ULID]assigned
}

type assigned struct {
	by ulid.ULID // the event
	passed
}

func (r *reader) readThing(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.ResourceRegistered:
		r.things[d.Resource] = &thing{d.Name, d.Properties, d.Published, e.Actor, map[ulid.ULID]assigned{}}
	case *events.ResourceUpdated:
		t := r.things[d.Resource]
		if d.Name != nil {
			t.name = *d.Name
		}
		if d.Properties != nil {
			t.properties = d.Properties
		}
		t.published = t.published && !d.Withdraw || d.Publish
	case *events.ResourceRemoved:
		delete(r.things, d.Resource)
	case *events.AccessAssigned:
		r.things[d.Resource].assigned[d.Subject] = assigned{by: e.ID}
	case *events.AccessUnassigned:
		delete(r.things[d.Resource].assigned, d.Subject)
	case *events.AccessDelegated:
		has := r.things[d.Resource].assigned
		a := assigned{by: e.ID, passed: passed{from: e.Actor, keep: r.opened.Profile.KeepDelegated}}
		if r.assignedTo(d.Resource, e.Actor, e.Time) {
			a.own = has[e.Actor].by
		}
		has[d.Subject] = a
	}
}

// delegate gives somebody a role that the actor has.
func (r *reader) delegate(e *events.Event, d *events.RoleDelegated) {
	own, _ := r.ownGift(e.Actor, d.Role, d.Scope, e.Time)
	r.give(gift{
		to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until, by: e.ID, under: own.under,
		passed: passed{e.Actor, own.by, r.opened.Profile.KeepDelegated},
	})
}

// ownGift gives that by which somebody has a role on a scope. Of several it is the one that gives most: not passed on before
// passed on, without a condition before with one, the later end, the wider scope, the earlier event.
func (r *reader) ownGift(who, role ulid.ULID, scope string, at time.Time) (best gift, found bool) {
	for _, g := range r.gifts {
		if g.to != who || g.role != role || g.perm != "" || !covers(g.scope, scope) || !r.there(g, at) {
			continue
		}
		if !found || r.givesMore(g, best) {
			best, found = g, true
		}
	}
	return best, found
}

func (r *reader) givesMore(a, b gift) bool {
	tied := func(g gift) int {
		switch {
		case g.from != nobody && !g.keep:
			return 2
		case g.under != "":
			return 1
		}
		return 0
	}
	switch {
	case tied(a) != tied(b):
		return tied(a) < tied(b)
	case !a.until.Equal(b.until):
		return a.until.IsZero() || !b.until.IsZero() && a.until.After(b.until)
	case len(a.scope) != len(b.scope):
		return len(a.scope) < len(b.scope)
	}
	return byID(a.by, b.by) < 0
}

// there says whether a gift has not ended, and whoever passed it on still has it.
func (r *reader) there(g gift, at time.Time) bool {
	if g.over(at) {
		return false
	}
	if g.from == nobody || g.keep {
		return true
	}
	if u := r.subjects[g.from]; u == nil || !r.acts(u) {
		return false
	}
	for _, own := range r.gifts {
		if own.to == g.from && own.by == g.own && own.role == g.role {
			return r.there(own, at)
		}
	}
	return false
}

// meets says whether the condition of a gift is met where its holder would do something to a resource.
func (r *reader) meets(g gift, resource string) bool {
	if g.under == "" {
		return true
	}
	terms, err := events.ParseCondition(g.under)
	if err != nil {
		return false
	}
	for _, t := range terms {
		var value string
		known := false
		switch t.Of {
		case events.OfSubject:
			value, known = events.ValueOf(r.subjects[g.to].properties, t.Name)
		case events.OfResource:
			for path := resource; path != "" && !known; path = parent(path) {
				if r.things[path] != nil {
					value, known = events.ValueOf(r.things[path].properties, t.Name)
				}
			}
		}
		if !known { // what the ledger knows goes before what is said
			value, known = r.in[t.Of+"."+t.Name]
		}
		if !known || (value == t.Value) == t.Not {
			return false
		}
	}
	return true
}

// parent gives what a path lies beneath: x/1/y/2 lies beneath x/1.
func parent(path string) string {
	parts := strings.Split(path, "/")
	return strings.Join(parts[:max(len(parts)-2, 0)], "/")
}

// kindOf gives the kind of a thing: y, of x/1/y/2.
func kindOf(path string) string {
	parts := strings.Split(path, "/")
	return parts[max(len(parts)-2, 0)]
}

// within says whether all that meets one condition meets another too.
func within(narrow, wide string) bool {
	for _, t := range strings.Split(wide, " && ") {
		if t != "" && !slices.Contains(strings.Split(narrow, " && "), t) {
			return false
		}
	}
	return true
}

// besides says whether all is so that a permission needs beside somebody holding it.
func (r *reader) besides(who ulid.ULID, permission, resource string, at time.Time) bool {
	for _, need := range r.names[permission].besides {
		if need != "access" {
			if !r.atToken(who, need, resource) {
				return false
			}
			continue
		}
		policy := ""
		for path := resource; path != ""; path = parent(path) {
			if kindOf(path) == "policy" {
				policy = path // the one that all the others lie beneath
			}
		}
		if policy != "" && !r.reaches(who, policy, at) {
			return false
		}
	}
	return true
}

// reaches says whether the access scope of somebody lets it at a policy.
func (r *reader) reaches(who ulid.ULID, policy string, at time.Time) bool {
	return r.lets(who, policy, at, r.assignedTo(policy, who, at))
}

func (r *reader) lets(who ulid.ULID, policy string, at time.Time, isAssigned bool) bool {
	t := r.things[policy]
	if t == nil {
		return false
	}
	if who == r.owner || t.creator == who {
		return true
	}
	has := map[string]bool{}
	for n, is := range r.names {
		if is.reach != "" && len(r.why(who, n, policy, at)) > 0 {
			has[is.reach] = true
		}
	}
	switch {
	case has["all"]:
		return true
	case has["assigned"] && has["published"]:
		return isAssigned || t.published
	case has["assigned"]:
		return isAssigned
	case has["published"]:
		return t.published
	}
	return has["assigned-and-published"] && isAssigned && t.published
}

// assignedTo says whether somebody is assigned to a policy, and whoever passed that on still has access.
func (r *reader) assignedTo(policy string, who ulid.ULID, at time.Time) bool {
	t := r.things[policy]
	if t == nil {
		return false
	}
	a, ok := t.assigned[who]
	if !ok {
		return false
	}
	if a.from == nobody || a.keep {
		return true
	}
	if u := r.subjects[a.from]; u == nil || !r.acts(u) {
		return false
	}
	if a.own == nobody {
		return r.lets(a.from, policy, at, false)
	}
	return t.assigned[a.from].by == a.own && r.assignedTo(policy, a.from, at)
}
