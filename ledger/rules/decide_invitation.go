package rules

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

func (s *State) decideSubjectInvited(e *events.Event, d *events.SubjectInvited) *Refusal {
	if r := s.need(e.Actor, ActionSubjectInvite, "", e.Time); r != nil {
		return r
	}
	switch u := s.subjects.withKey(d.Key); {
	case u != nil && u.id == d.Subject && u.kind == d.Kind && (s.stateOf(u) == StateInvited || s.stateOf(u) == StateRemoved):
	case u != nil:
		return refuse(Taken, "Somebody has the key %q already", d.Key)
	default:
		if r := s.newSubject(d.Subject); r != nil {
			return r
		}
	}
	switch d.Kind {
	case events.KindHuman, events.KindTechnical, events.KindDID:
	default:
		return refuse(Invalid, "A subject of the kind %s is added, not invited", d.Kind)
	}
	if r := fitsKind(d.Kind, d.Auth, d.Properties); r != nil {
		return r
	}
	switch lasts := d.Until.Sub(e.Time); {
	case lasts <= 0:
		return end(e, d.Until)
	case lasts > maxInvitation:
		return refuse(Invalid, "The invitation would end at %s, and none lasts longer than %d days", d.Until.Format(time.RFC3339), maxInvitation/(24*time.Hour))
	}
	if r := s.firstRoles(e, d.Kind, d.Roles); r != nil {
		return r
	}
	d.DefaultRole = s.defaultFor(d.Kind, d.Roles)
	return s.newKey(d.Invitation)
}

// decideInvitation judges what is proven with the key of an invitation: that its subject joins, and nothing else.
func (s *State) decideInvitation(e *events.Event, k *key) *Refusal {
	d, ok := e.Data.(*events.SubjectJoined)
	if !ok || d.Subject != k.subject || e.Actor != k.subject {
		return refuse(NotProven, "The code of an invitation signs that who was invited joins, and nothing else")
	}
	if until := s.lapses[k.subject].until; !e.Time.Before(until) {
		return refuse(Inactive, "The invitation ended at %s", until.Format(time.RFC3339)).hint("Ask whoever invited you for another")
	}
	return nil
}

// spent refuses a code that is no code any more; nil where it is another key.
func (s *State) spent(e *events.Event, k *key) *Refusal {
	if _, joins := e.Data.(*events.SubjectJoined); !joins || k.purpose != events.PurposeInvitation || k.revoked == 0 {
		return nil
	}
	return refuse(Inactive, "The invitation was used, withdrawn or replaced at %d", k.revoked).hint("Ask whoever invited you for another")
}

func (s *State) decideSubjectJoined(e *events.Event, d *events.SubjectJoined) *Refusal {
	if k := s.keys[e.Auth.Credential]; k == nil || k.purpose != events.PurposeInvitation { // a wallet signs with no key of the ledger
		return refuse(NotProven, "Who was invited joins with the code of the invitation")
	}
	if r := s.mayLogIn(d.Subject, d.Login); r != nil {
		return r
	}
	return s.newKey(d.Credential)
}

// mayLogIn refuses a login of a subject that proves itself in another way.
func (s *State) mayLogIn(subject ulid.ULID, commitment events.Digest) *Refusal {
	if auth := s.extra(subject).auth; commitment != (events.Digest{}) && auth != "" && auth != events.AuthEmail {
		return refuse(Invalid, "The subject proves itself by %s, and has no login", auth)
	}
	return nil
}

func (s *State) decideLoginChanged(e *events.Event, d *events.LoginChanged) *Refusal {
	u, r := s.subject(d.Subject)
	if r != nil {
		return r
	}
	if u.deactivated != 0 {
		return s.inactive(u)
	}
	if e.Actor != u.id {
		if r := s.need(e.Actor, ActionSubjectUpdate, "", e.Time); r != nil {
			return r
		}
		if u.id == s.owner {
			return refuse(NotPermitted, "Only the owner changes the owner's login")
		}
		if r := s.guardSubject(e, u); r != nil {
			return r
		}
	}
	if k := s.keys[d.Credential]; k == nil || k.revoked != 0 || k.purpose != events.PurposeCredential || k.subject != u.id {
		return refuse(NotFound, "%s is no credential of %s, or is one no more", d.Credential, u.key)
	}
	if now := s.extra(u.id).login; now.commitment == d.Login {
		return refuse(NoChange, "%s has this login, or none, already", u.key)
	}
	return s.mayLogIn(u.id, d.Login)
}
