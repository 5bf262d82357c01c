package rules

import (
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// What [State.Ready] refuses.
var (
	// ErrGap: the event builds upon something that no entry before it made.
	ErrGap = errors.New("builds upon what no entry before it made")
	// ErrGivesNothing: an event of its type can make nothing allowed.
	ErrGivesNothing = errors.New("is of a type that gives nothing")
)

// Ready says whether Evolve can take in an event although entries before it are missing: nil, or an error that wraps
// [ErrGap] or [ErrGivesNothing]. A state that took in only such events, the first one of the ledger before all others, says
// what these alone come to. That is how a part of a ledger shows why something is allowed, and it is all that it
// shows: what is missing may have taken any of it away.
//
// Only types that can make something allowed are taken: whoever picks the entries must not be able to pick a revocation.
// Of what an event gives to, or takes from, somebody beside what it is about, that is passed over which is not known.
func (s *State) Ready(e *events.Event) error {
	if s.opened == nil {
		if _, first := e.Data.(*events.OrganizationOpened); first && e.Sequence == 1 {
			return nil
		}
		return s.gap(e, "the first entry")
	}
	if e.Sequence <= s.position || e.Source != s.source {
		return fmt.Errorf("entry %d of %s does not come after entry %d of %s: it %w", e.Sequence, e.Source, s.position, s.source, ErrGap)
	}
	switch d := e.Data.(type) {
	case *events.CataloguePublished, *events.PermissionsRecorded, *events.RulesAdopted, *events.KeyRegistered, *events.ResourceRegistered:
		return nil
	case *events.KeyRotated:
		return s.knowsKey(e, d.Old)
	case *events.KeySucceeded:
		return s.knowsKey(e, d.Lost)
	case *events.SubjectAdded:
		return s.isNew(e, d.Subject, d.Key)
	case *events.SubjectInvited:
		if s.subjects.get(d.Subject) != nil {
			return nil
		}
		return s.isNew(e, d.Subject, d.Key)
	case *events.SubjectJoined:
		return s.knowsSubject(e, d.Subject)
	case *events.SubjectReactivated:
		return s.knowsSubject(e, d.Subject)
	case *events.SubjectUpdated:
		return s.knowsSubject(e, d.Subject)
	case *events.RoleCreated:
		if s.roles[d.Role] != nil {
			return s.gap(e, "a role that there is not yet")
		}
		return s.knowsParts(e, d.Parts)
	case *events.RoleUpdated:
		return errors.Join(s.knowsRole(e, d.Role), s.knowsParts(e, d.AddParts))
	case *events.RoleAssigned:
		return errors.Join(s.knowsRole(e, d.Role), s.knowsSubject(e, d.Subject))
	case *events.RoleDelegated:
		if u := s.subjects.get(e.Actor); u == nil || u.byID(d.From) == nil {
			return s.gap(e, "what was passed on")
		}
		return errors.Join(s.knowsRole(e, d.Role), s.knowsSubject(e, d.Subject))
	case *events.RolesSet:
		return s.knowsSubject(e, d.Subject)
	case *events.PermissionGranted:
		return s.knowsSubject(e, d.Subject)
	case *events.PermissionsSet:
		return errors.Join(s.knowsSubject(e, d.Subject), s.knowsParts(e, d.Parts))
	case *events.OwnershipTransferred:
		return s.knowsSubject(e, d.To)
	case *events.OwnershipRecovered:
		return s.knowsSubject(e, d.To)
	case *events.ResourceUpdated:
		return s.knowsResource(e, d.Resource)
	case *events.AccessAssigned:
		return s.knowsResource(e, d.Resource)
	case *events.AccessDelegated:
		return s.knowsResource(e, d.Resource)
	case events.TokenData:
		return s.readyToken(e, d)
	}
	return fmt.Errorf("entry %d, %s, %w", e.Sequence, e.Data.Type(), ErrGivesNothing)
}

// readyToken takes events that make a wallet a subject, whatever else they say.
func (s *State) readyToken(e *events.Event, d events.TokenData) error {
	c := d.Change()
	switch d.(type) {
	case *events.TokenDeployed:
		if s.tokens[d.Of()] != nil {
			return s.gap(e, "a token that there is not yet")
		}
	case *events.TokenActed, *events.WalletBlocked, *events.InvestorDisqualified, *events.AgentRemoved:
		if !c.Added {
			return fmt.Errorf("entry %d, %s, %w", e.Sequence, e.Data.Type(), ErrGivesNothing)
		}
	}
	if _, deployed := d.(*events.TokenDeployed); !deployed && s.tokens[d.Of()] == nil {
		return s.gap(e, "the token "+d.Of())
	}
	if c.Added {
		return s.isNew(e, c.Subject, c.Address)
	}
	return nil
}

func (s *State) gap(e *events.Event, on string) error {
	return fmt.Errorf("entry %d, %s, %w: %s", e.Sequence, e.Data.Type(), ErrGap, on)
}

func (s *State) isNew(e *events.Event, id ulid.ULID, key string) error {
	if s.subjects.get(id) != nil || s.subjects.withKey(key) != nil {
		return s.gap(e, "a subject that there is not yet")
	}
	return nil
}

func (s *State) knowsSubject(e *events.Event, id ulid.ULID) error {
	if s.subjects.get(id) == nil {
		return s.gap(e, "the subject "+id.String())
	}
	return nil
}

func (s *State) knowsRole(e *events.Event, id ulid.ULID) error {
	if s.roles[id] == nil {
		return s.gap(e, "the role "+id.String())
	}
	return nil
}

func (s *State) knowsKey(e *events.Event, did string) error {
	if s.keys[did] == nil {
		return s.gap(e, "the key "+did)
	}
	return nil
}

func (s *State) knowsResource(e *events.Event, path string) error {
	if s.resources[path] == nil {
		return s.gap(e, "the resource "+path)
	}
	return nil
}

func (s *State) knowsParts(e *events.Event, parts []events.Digest) error {
	for _, digest := range parts {
		if _, ok := s.parts[digest]; !ok {
			return s.gap(e, fmt.Sprintf("the part %x", digest[:8]))
		}
	}
	return nil
}
