package model_test

import (
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// recovery is an owner that was announced in the place of a lost one.
type recovery struct {
	to  ulid.ULID
	due time.Time
}

func (r *reader) readOwner(e *events.Event) {
	switch d := e.Data.(type) {
	case *events.RoleDefaulted:
		if r.standard = d.Role; d.None {
			r.standard = nobody
		}
	case *events.OrganizationUpdated:
		r.called = d.Name
	case *events.RecoveryStarted:
		r.recovery = &recovery{d.To, e.Time.Add(time.Duration(r.opened.Profile.RecoveryDelay) * time.Second)}
	case *events.RecoveryStopped:
		r.recovery = nil
	case *events.OwnershipTransferred:
		r.own(e, d.To)
	case *events.OwnershipRecovered:
		r.own(e, d.To)
	}
}

// own makes somebody the owner. The role that every owner has goes with that.
func (r *reader) own(e *events.Event, to ulid.ULID) {
	if id, ok := r.managed["owner"]; ok {
		r.take(gift{to: r.owner, role: id})
		r.give(gift{to: to, role: id, by: e.ID})
	}
	r.owner, r.recovery = to, nil
}

// mayOwn judges who is to become the owner.
func (a asker) mayOwn(id ulid.ULID) string {
	return first(
		func() string { return a.taker(id) },
		func() string { return unless(id != a.owner, "no-change") },
		func() string {
			return unless(slices.Contains([]string{"human", "technical", "did"}, a.subjects[id].kind), "invalid")
		},
		func() string {
			for _, k := range a.keys {
				if k.of == id && !k.revoked {
					return ""
				}
			}
			return "invalid"
		},
	)
}

func (a asker) transfer(d *events.OwnershipTransferred) string {
	return first(
		func() string { return unless(a.c.Actor == a.owner, "not-permitted") },
		func() string { return a.mayOwn(d.To) },
	)
}

func (a asker) isOperator() bool { return a.c.Actor == a.opened.Operator }

func (a asker) recover(d *events.RecoveryStarted) string {
	return first(
		func() string { return unless(a.isOperator(), "not-permitted") },
		func() string { return unless(a.opened.Profile.RecoveryDelay > 0, "invalid") },
		func() string { return unless(a.recovery == nil, "in-use") },
		func() string { return unless(a.c.Reason != events.Digest{}, "invalid") },
		func() string { return a.mayOwn(d.To) },
	)
}

// underWay judges whether somebody was announced.
func (a asker) underWay(to ulid.ULID) string {
	return unless(a.recovery != nil && a.recovery.to == to, "not-found")
}

func (a asker) stop(d *events.RecoveryStopped) string {
	return first(
		func() string { return unless(a.isOperator() || a.c.Actor == a.owner, "not-permitted") },
		func() string { return a.underWay(d.To) },
	)
}

func (a asker) recovered(d *events.OwnershipRecovered) string {
	return first(
		func() string { return unless(a.isOperator(), "not-permitted") },
		func() string { return a.underWay(d.To) },
		func() string { return unless(!a.at.Before(a.recovery.due), "invalid") },
		func() string { return a.mayOwn(d.To) },
	)
}

func (a asker) rename(d *events.OrganizationUpdated) string {
	return first(
		func() string { return a.need("organization.update", "") },
		func() string { return unless(d.Organization == a.opened.Organization, "invalid") },
		func() string { return unless(d.Name != a.called, "no-change") },
	)
}

func (a asker) makeDefault(d *events.RoleDefaulted) string {
	return first(
		func() string { return a.need("role.default", "") },
		func() string { return unless(a.opened.Profile.DefaultRoles, "invalid") },
		func() string { return a.role(d.Role) },
		func() string { return unless((d.Role == a.standard) == d.None, "no-change") },
		func() string {
			if d.None {
				return ""
			}
			return first(
				func() string { return unless(a.roles[d.Role].managed == "", "invalid") },
				func() string { return a.passesRole(d.Role, "", time.Time{}, "") },
			)
		},
	)
}

// system judges a new role as one of the system, or none.
func (a asker) system(d *events.RoleCreated) string {
	switch {
	case !d.System:
		return unless(d.Managed == "" && !a.opened.Profile.FixedRoles, "invalid")
	case a.c.Actor != a.owner:
		return "not-permitted"
	case a.added:
		return "invalid"
	case d.Managed == "":
		return ""
	case !slices.Contains([]string{"owner", "operator", "token-owner", "token-agent", "token-holder"}, d.Managed):
		return "invalid"
	case a.managed[d.Managed] != nobody:
		return "taken"
	}
	return unless(d.Managed != "owner" || len(d.Permissions)+len(d.Parts) == 0, "invalid")
}

// byHand judges whether a role is the actor's to give and take.
func (a asker) byHand(id ulid.ULID) string {
	switch a.roles[id].managed {
	case "":
		return unless(!a.isOperator(), "not-permitted")
	case "operator":
		return unless(a.isOperator(), "not-permitted")
	case "owner":
		return "in-use"
	}
	return "invalid"
}

// demand is need, but the operator needs nothing for what it may ask for at all.
func (a asker) demand(action, scope string) string {
	if a.isOperator() {
		return ""
	}
	return a.need(action, scope)
}
