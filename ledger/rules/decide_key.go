package rules

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// newKey judges a key that is to become known. That it is a point of large order was seen when it was read.
func (s *State) newKey(did string) *Refusal {
	if _, ok := s.keys[did]; ok {
		return refuse(Taken, "The key %s is, or was, of this ledger: a key has one purpose for ever", did)
	}
	return nil
}

func (s *State) decideKeyRegistered(e *events.Event, d *events.KeyRegistered) *Refusal {
	own := d.Purpose == events.PurposeCredential && s.assigned(e, d.Subject)
	if e.Auth.Method != events.MethodNode && !own {
		if r := s.needAny(e, s.toKeys(d.Subject, ActionKeyRegister)...); r != nil {
			return r
		}
	}
	switch d.Purpose {
	case events.PurposeCredential:
		u, r := s.subject(d.Subject)
		if r != nil {
			return r
		}
		if u.deactivated != 0 {
			return s.inactive(u)
		}
		if u.id == s.owner && e.Actor != u.id {
			return refuse(NotPermitted, "Only the owner registers a credential of the owner")
		}
		if own {
			break
		}
		if r := s.guardSubject(e, u); r != nil {
			return r
		}
	case events.PurposeEvent:
		if e.Auth.Method != events.MethodNode && e.Actor != s.owner {
			return refuse(NotPermitted, "Only the owner, or the ledger's own actor, registers an event key")
		}
		if d.Subject != (ulidZero) {
			return refuse(Invalid, "An event key is no subject's")
		}
	case events.PurposeAttestor:
		if r := s.attestor(e, d); r != nil {
			return r
		}
	case events.PurposeReader:
		if r := s.reader(e, d); r != nil {
			return r
		}
	case events.PurposeCheckpoint:
		if r := s.firstCheckpointKey(e, d); r != nil {
			return r
		}
	default:
		return refuse(Invalid, "A key for %q is rotated, not registered beside the one there is", d.Purpose)
	}
	if d.Purpose != events.PurposeCredential && !d.Until.IsZero() {
		return refuse(Invalid, "Only a credential has an end that is known beforehand")
	}
	if r := s.lasts(e, d.Subject, d.Until, own); r != nil {
		return r
	}
	return s.newKey(d.Key)
}

// lasts judges until when a new credential of a subject is to sign. Whoever acts with one that ends makes none for itself that
// ends later; nor does who an API key is assigned to, without being allowed to rotate keys, for that.
func (s *State) lasts(e *events.Event, of ulid.ULID, until time.Time, assigned bool) *Refusal {
	switch {
	case !until.IsZero() && of == s.owner:
		return refuse(Invalid, "A credential of the owner has no end")
	case !until.IsZero() && !until.After(e.Time):
		return refuse(Invalid, "The key would end at %s, which is over", until.UTC().Format(time.RFC3339))
	}
	var bound time.Time
	if k := s.keys[e.Auth.Credential]; k != nil && k.subject == of {
		bound = k.until
	}
	if assigned && s.needAny(e, s.toKeys(of, ActionKeyRotate)...) != nil {
		for _, did := range s.credentialsOf(s.subjects.get(of)) {
			k := s.keys[did]
			if k.revoked == 0 && k.until.IsZero() {
				return nil
			}
			if k.until.After(bound) {
				bound = k.until
			}
		}
	}
	if !bound.IsZero() && (until.IsZero() || until.After(bound)) {
		return refuse(Escalation, "The key ends at %s, and makes none that ends later", bound.UTC().Format(time.RFC3339)).
			hint("Say an end that is no later, or ask whoever may rotate keys")
	}
	return nil
}

// maxBeside is how long a credential that was replaced signs beside the new one at most.
const maxBeside = 90 * 24 * time.Hour

// overlaps judges until when a key that is replaced still signs.
func (s *State) overlaps(e *events.Event, k *key, d *events.KeyRotated) *Refusal {
	switch {
	case d.Beside.IsZero() && d.Until.IsZero():
		return nil
	case k.purpose != events.PurposeCredential:
		return refuse(Invalid, "Only a credential has an end that is known beforehand")
	case d.Beside.IsZero():
		return nil
	case !d.Beside.After(e.Time):
		return refuse(Invalid, "The old key would end at %s, which is over", d.Beside.UTC().Format(time.RFC3339))
	case d.Beside.Sub(e.Time) > maxBeside:
		return refuse(Invalid, "A key that was replaced signs for 90 days at most")
	}
	return nil
}

func (s *State) decideKeyRotated(e *events.Event, d *events.KeyRotated) *Refusal {
	k, r := s.activeKey(d.Old)
	if r != nil {
		return r
	}
	switch {
	case e.Auth.Method == events.MethodNode: // its own key: judged with the authentication
	case e.Auth.Credential == d.Old: // with the old key itself
	case k.purpose == events.PurposeRoot || k.purpose == events.PurposeOperator:
		return refuse(NotProven, "%s key is replaced with its own signature", article(k.purpose))
	case s.overlap != nil && d.Old == s.overlap.did:
		return refuse(NotFound, "%s was replaced already", d.Old)
	case k.purpose == events.PurposeInvitation:
		return refuse(Invalid, "An invitation is not replaced by another key").hint("Invite again")
	case s.assigned(e, k.subject): // whoever an API key is assigned to puts another secret into it
	case k.purpose != events.PurposeCredential && e.Actor != s.owner: // the ledger's word would be its holder's
		return refuse(NotPermitted, "Only the owner replaces the ledger's %s key", k.purpose)
	default:
		if r := s.needAny(e, s.toKeys(k.subject, ActionKeyRotate)...); r != nil {
			return r
		}
		if k.subject == s.owner && e.Actor != k.subject {
			return refuse(NotPermitted, "Only the owner replaces a credential of the owner")
		}
		if u := s.subjects.get(k.subject); u != nil {
			if r := s.guardSubject(e, u); r != nil {
				return r
			}
		}
	}
	if r := s.overlaps(e, k, d); r != nil {
		return r
	}
	if k.purpose == events.PurposeCredential {
		if r := s.lasts(e, k.subject, d.Until, s.assigned(e, k.subject)); r != nil {
			return r
		}
	}
	d.Purpose = k.purpose
	return s.newKey(d.New)
}

func (s *State) decideKeySucceeded(e *events.Event, d *events.KeySucceeded) *Refusal {
	if e.Auth.Credential != s.current[events.PurposeRoot] {
		return refuse(NotProven, "A lost event key is succeeded with the root key's signature")
	}
	k, r := s.activeKey(d.Lost)
	if r != nil {
		return r
	}
	if k.purpose != events.PurposeEvent {
		return refuse(Invalid, "%s signs no entries", d.Lost)
	}
	return s.newKey(d.Key)
}

func (s *State) decideKeyRevoked(e *events.Event, d *events.KeyRevoked) *Refusal {
	k, r := s.activeKey(d.Key)
	if r != nil {
		return r
	}
	own := e.Actor == k.subject && (k.purpose == events.PurposeCredential || k.purpose == events.PurposeReader) // anybody gives up its own
	if e.Auth.Method != events.MethodNode && !own {
		if r := s.need(e.Actor, ActionKeyRevoke, "", e.Time); r != nil {
			return r
		}
	}
	switch k.purpose {
	case events.PurposeCredential:
		switch owner := s.owner; {
		case k.subject == owner && e.Actor != owner:
			return refuse(NotPermitted, "Only the owner revokes a credential of the owner")
		case k.subject == owner && s.credentials(owner) < 2:
			return refuse(InUse, "The owner's last credential cannot be revoked").hint("Rotate it")
		}
	case events.PurposeAttestor, events.PurposeReader:
	case events.PurposeEvent:
		if d.Key == s.current[events.PurposeEvent] {
			return refuse(InUse, "The event key in use cannot be revoked").hint("Rotate it")
		}
	case events.PurposeCheckpoint:
		return s.endOfOverlap(e, d)
	case events.PurposeInvitation:
		return refuse(InUse, "An invitation is withdrawn, not revoked").hint("Remove who was invited")
	default:
		return refuse(InUse, "%s key is rotated, not revoked", article(k.purpose))
	}
	return nil
}

func (s *State) decideKeyReported(e *events.Event, d *events.KeyReported) *Refusal {
	if r := s.need(e.Actor, ActionKeyReport, "", e.Time); r != nil {
		return r
	}
	if _, ok := s.keys[d.Key]; !ok {
		return refuse(NotFound, "%s is no key of this ledger", d.Key)
	}
	if d.From == 0 || d.From > s.position {
		return refuse(Invalid, "There is no position %d yet", d.From)
	}
	return nil
}

// guardSubject refuses to let a subject get hold of a credential of another that holds what it does not hold itself, or
// only until some time: it could then act as that other, for ever.
func (s *State) guardSubject(e *events.Event, of *subject) *Refusal {
	if e.Actor == of.id || e.Actor == s.owner {
		return nil
	}
	for _, h := range s.held(of, e.Time, true) { // also what comes back when whoever passed it on does
		names := []string{h.Permission}
		if h.Permission == "" {
			names = s.roles[h.Role].set.names(s.perms)
		}
		if r := s.guard(e.Actor, names, h.Scope, forever, e.Time, nil); r != nil {
			return r
		}
	}
	return nil
}

// assigned says whether a subject is an API key that is assigned to the actor.
func (s *State) assigned(e *events.Event, subject ulid.ULID) bool {
	x := s.extras[subject]
	return x != nil && x.holder != ulidZero && x.holder == e.Actor
}

// toKeys gives the actions that allow what is done to the credentials of a subject.
func (s *State) toKeys(subject ulid.ULID, action string) []string {
	if u := s.subjects.get(subject); u != nil && s.opened.Rules > 1 && u.kind == events.KindAPIKey {
		return []string{action, ActionAPIKeyUpdate}
	}
	return []string{action}
}

// article gives a purpose with the article that it takes at the beginning of a sentence.
func article(purpose string) string {
	if purpose == events.PurposeOperator {
		return "An " + purpose
	}
	return "A " + purpose
}

func (s *State) activeKey(did string) (*key, *Refusal) {
	k, ok := s.keys[did]
	if !ok || k.revoked != 0 {
		return nil, refuse(NotFound, "%s is no key of this ledger, or is one no more", did)
	}
	return k, nil
}

func (s *State) credentials(of [16]byte) int {
	n := 0
	for _, did := range s.credentialsOf(s.subjects.get(of)) {
		if k := s.keys[did]; k.revoked == 0 && k.until.IsZero() { // one that ends is none to rely on
			n++
		}
	}
	return n
}
