package model_test

import (
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// passOn judges passing something on.
func (a asker) passOn(action, on string, to ulid.ULID) string {
	return first(
		func() string { return unless(a.opened.Profile.Delegation, "invalid") },
		func() string { return a.need(action, on) },
		func() string { return a.taker(to) },
		func() string { return unless(to != a.c.Actor, "invalid") },
	)
}

func (a asker) delegate(d *events.RoleDelegated) string {
	own, found := a.ownGift(a.c.Actor, d.Role, d.Scope, a.at)
	lasts := own.until.IsZero() || !d.Until.IsZero() && !d.Until.After(own.until)
	return first(
		func() string { return a.passOn("role.delegate", d.Scope, d.Subject) },
		func() string { return a.later(d.Until) },
		func() string { return a.role(d.Role) },
		func() string { return a.byHand(d.Role) },
		func() string { return unless(found, "not-found") },
		func() string { return unless(lasts, "escalation") },
		func() string {
			to, by := a.subjects[d.Subject].kind == "wallet", a.subjects[a.c.Actor].kind == "wallet"
			for n := range a.roles[d.Role].has {
				if token := a.names[n].token; token == to && token != by { // the other would have what the actor has not
					return "escalation"
				}
			}
			return ""
		},
		func() string {
			for _, have := range a.gifts {
				if have.to == d.Subject && have.role == d.Role && have.scope == d.Scope && a.there(have, a.at) && (have.from == nobody || have.under == own.under) {
					return "no-change"
				}
			}
			return ""
		},
		func() string {
			return a.again(gift{to: d.Subject, role: d.Role, scope: d.Scope, until: d.Until, under: own.under})
		},
	)
}

// known to the actor is a thing that is there, and where it is a policy, one that it reaches.
func (a asker) thing(path string) string {
	return unless(a.things[path] != nil && (kindOf(path) != "policy" || a.reaches(a.c.Actor, path, a.at)), "not-found")
}

func (a asker) policy(path string) string {
	return first(
		func() string { return unless(kindOf(path) == "policy", "invalid") },
		func() string { return a.thing(path) },
	)
}

func (a asker) register(d *events.ResourceRegistered) string {
	return first(
		func() string { return a.need("resource.register", d.Resource) },
		func() string { return unless(a.things[d.Resource] == nil, "taken") },
	)
}

func (a asker) updateThing(d *events.ResourceUpdated) string {
	return first(
		func() string { return a.need("resource.update", d.Resource) },
		func() string { return a.thing(d.Resource) },
		func() string {
			t := a.things[d.Resource]
			changes := d.Name != nil && *d.Name != t.name || d.Properties != nil && !slices.Equal(d.Properties, t.properties) ||
				d.Publish && !t.published || d.Withdraw && t.published
			return unless(changes, "no-change")
		},
	)
}

func (a asker) removeThing(d *events.ResourceRemoved) string {
	return first(
		func() string { return a.need("resource.remove", d.Resource) },
		func() string { return a.thing(d.Resource) },
		func() string {
			for path := range a.things {
				if strings.HasPrefix(path, d.Resource+"/") {
					return "in-use"
				}
			}
			return ""
		},
	)
}

func (a asker) assignAccess(d *events.AccessAssigned) string {
	return first(
		func() string { return a.need("access.assign", d.Resource) },
		func() string { return a.taker(d.Subject) },
		func() string { return a.policy(d.Resource) },
		func() string {
			have, ok := a.things[d.Resource].assigned[d.Subject]
			return unless(!ok || have.from != nobody, "no-change")
		},
	)
}

func (a asker) unassignAccess(d *events.AccessUnassigned) string {
	var have assigned
	if t := a.things[d.Resource]; t != nil {
		have = t.assigned[d.Subject]
	}
	return first(
		func() string {
			if have.from == a.c.Actor { // what one passed on one takes back
				return ""
			}
			return a.need("access.unassign", d.Resource)
		},
		func() string { return a.exists(d.Subject) },
		func() string { return unless(have.by != nobody, "not-found") },
	)
}

func (a asker) delegateAccess(d *events.AccessDelegated) string {
	return first(
		func() string { return a.passOn("access.delegate", d.Resource, d.Subject) },
		func() string { return a.policy(d.Resource) },
		func() string { return unless(!a.assignedTo(d.Resource, d.Subject, a.at), "no-change") },
	)
}
