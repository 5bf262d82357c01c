package rules

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// maxRecoveryDelay is the longest delay of a recovery, in seconds: a year. Longer ones would help nobody.
const maxRecoveryDelay = 366 * 24 * 60 * 60

// recovery is an announced new owner in the place of a lost one.
type recovery struct {
	to       ulid.ULID
	position uint64
	due      time.Time
}

// ownerKind says whether a subject of a kind can be an owner: somebody, or something, that signs commands of its own.
func ownerKind(kind string) bool {
	return kind == events.KindHuman || kind == events.KindTechnical || kind == events.KindDID
}

// heir judges a subject that is to become the owner.
func (s *State) heir(id ulid.ULID) *Refusal {
	u, r := s.receiver(id)
	switch {
	case r != nil:
		return r
	case u.deactivated != 0: // invited, and not there yet
		return s.inactive(u)
	case id == s.owner:
		return refuse(NoChange, "%s is the owner already", u.key)
	case !ownerKind(u.kind):
		return refuse(Invalid, "An owner is no %s", u.kind)
	case s.credentials(id) == 0: // nobody could act in its name, and the organization would have no owner
		return refuse(Invalid, "%s has no key to sign with", u.key).hint("Register a key of its own first")
	}
	return nil
}

func (s *State) decideTransferred(e *events.Event, d *events.OwnershipTransferred) *Refusal {
	if e.Actor != s.owner {
		return refuse(NotPermitted, "Only the owner transfers the ownership").hint("Ask the organization's owner")
	}
	if r := s.heir(d.To); r != nil {
		return r
	}
	d.From, d.Role = s.owner, s.managed[events.ManagedOwner]
	return nil
}

func (s *State) decideRecoveryStarted(e *events.Event, d *events.RecoveryStarted) *Refusal {
	switch {
	case e.Actor != s.opened.Operator:
		return refuse(NotPermitted, "Only the operator of the ledger recovers a lost owner")
	case s.opened.Profile.RecoveryDelay == 0:
		return refuse(Invalid, "The organization's first entry leaves nobody a way to recover a lost owner")
	case s.recovery != nil:
		return refuse(InUse, "A recovery is under way since %d, due at %s", s.recovery.position, s.recovery.due.Format(time.RFC3339)).
			hint("Stop it first")
	case e.Reason == events.Digest{}:
		return refuse(Invalid, "A recovery says why").hint("Give a reason")
	}
	if r := s.heir(d.To); r != nil {
		return r
	}
	d.From = s.owner
	d.Due = e.Time.Add(time.Duration(s.opened.Profile.RecoveryDelay) * time.Second)
	return nil
}

func (s *State) decideRecoveryStopped(e *events.Event, d *events.RecoveryStopped) *Refusal {
	if e.Actor != s.owner && e.Actor != s.opened.Operator {
		return refuse(NotPermitted, "Only the owner, or the operator who started it, stops a recovery")
	}
	return s.recovering(d.To)
}

func (s *State) decideRecovered(e *events.Event, d *events.OwnershipRecovered) *Refusal {
	if e.Actor != s.opened.Operator {
		return refuse(NotPermitted, "Only the operator of the ledger recovers a lost owner")
	}
	if r := s.recovering(d.To); r != nil {
		return r
	}
	if e.Time.Before(s.recovery.due) {
		return refuse(Invalid, "The owner can stop the recovery until %s", s.recovery.due.Format(time.RFC3339)).hint("Wait until then")
	}
	if r := s.heir(d.To); r != nil {
		return r
	}
	d.From, d.Role = s.owner, s.managed[events.ManagedOwner]
	return nil
}

// recovering refuses where no recovery is under way, or one in favour of somebody else.
func (s *State) recovering(to ulid.ULID) *Refusal {
	if s.recovery == nil || s.recovery.to != to {
		return refuse(NotFound, "No recovery in favour of %s is under way", s.called(to))
	}
	return nil
}

// called gives the key of a subject, else its id.
func (s *State) called(id ulid.ULID) string {
	if u := s.subjects.get(id); u != nil {
		return u.key
	}
	return id.String()
}

// changeOwner puts another subject in the place of the owner, and moves the role that every owner has.
func (s *State) changeOwner(e *events.Event, to, role ulid.ULID) {
	if role != ulidZero {
		s.takeRole(s.owner, role, "")
		s.giveRole(e, to, role, "", time.Time{}, nil)
	}
	s.owner, s.recovery = to, nil
}

func (s *State) decideOrganizationUpdated(e *events.Event, d *events.OrganizationUpdated) *Refusal {
	if r := s.need(e.Actor, ActionOrganizationUpdate, "", e.Time); r != nil {
		return r
	}
	switch {
	case d.Organization != s.opened.Organization:
		return refuse(Invalid, "The organization is %s, for ever", s.opened.Organization)
	case d.Name == s.opened.Name:
		return refuse(NoChange, "The organization is called so already")
	}
	return nil
}

func (s *State) decideAdopted(e *events.Event, d *events.RulesAdopted) *Refusal {
	switch {
	case e.Actor != s.owner:
		return refuse(NotPermitted, "Only the owner adopts newer rules")
	case d.Organization != s.opened.Organization:
		return refuse(Invalid, "The organization is %s, for ever", s.opened.Organization)
	case d.Rules > Version:
		return refuse(UnknownRules, "This release does not know version %d of the rules", d.Rules)
	case d.Rules <= s.opened.Rules:
		return refuse(NoChange, "The ledger goes by version %d of the rules already", s.opened.Rules)
	case d.Operator == s.opened.Node || s.subjects.get(d.Operator) != nil:
		return refuse(Invalid, "The operator's actor is one of its own")
	case d.Switches != (events.Profile{}).With(d.Switches):
		return refuse(Invalid, "The switches of the first entry stay as they are")
	}
	d.From = s.opened.Rules
	return delayFits(d.Switches)
}

func delayFits(p events.Profile) *Refusal {
	if p.RecoveryDelay > maxRecoveryDelay {
		return refuse(Invalid, "A recovery is delayed by %d seconds at most", maxRecoveryDelay)
	}
	return nil
}

func (s *State) adopt(d *events.RulesAdopted) {
	o := *s.opened
	o.Rules, o.Operator, o.Profile = d.Rules, d.Operator, o.Profile.With(d.Switches)
	s.opened, s.founded = &o, s.subjects.count
	for _, action := range ActionsOf(d.Rules) {
		s.perms.enter(s.notes, Qualified(Own, action))
	}
}

// rename changes what people call the organization.
func (s *State) rename(d *events.OrganizationUpdated) {
	o := *s.opened
	o.Name = d.Name
	s.opened = &o
}
