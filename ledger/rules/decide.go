package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// How far the time in a live id may lie from the instant of the decision, and how long a signed command may wait.
const (
	idSkew   = 5 * time.Minute
	idSigned = 24 * time.Hour
	partLife = 24 * time.Hour
)

// Decide gives the event that a command makes of the state at an instant, or the [*Refusal] that says why it makes
// none. The event has its effect filled in, and neither sequence nor prev. Nothing is changed, the command included.
func Decide(s *State, c events.Command, at time.Time) (events.Event, error) {
	e := c.Event(at)
	if r := s.decide(&e); r != nil {
		return events.Event{}, r
	}
	return e, nil
}

// Authentic says whether the author of a command proved who it is, and that it may speak in that way: with a key of the
// actor's that holds, or as the ledger's own actor of what that records. Whether the command may be recorded is another
// question. Before the first event, and under rules that this release does not know, nobody has proved anything.
func (s *State) Authentic(c events.Command, at time.Time) bool {
	if s.opened == nil || s.opened.Rules > Version {
		return false
	}
	e := c.Event(at)
	return s.decideAuth(&e) == nil
}

func (s *State) decide(e *events.Event) *Refusal {
	if open, ok := e.Data.(*events.OrganizationOpened); ok {
		return s.decideOpen(e, open)
	}
	switch {
	case s.opened == nil:
		return refuse(NotOpened, "The ledger has no first entry yet")
	case s.opened.Rules > Version:
		return refuse(UnknownRules, "The ledger goes by version %d of the rules, which this release does not know", s.opened.Rules)
	case e.Source != s.source:
		return refuse(WrongLedger, "The command is for %s, this is %s", e.Source, s.source)
	case e.Time.Before(s.time):
		return refuse(Invalid, "The instant lies before that of the last event")
	case s.Newest(e.Data.Type()) == 0 || e.Version > s.Newest(e.Data.Type()):
		return refuse(Invalid, "Version %d of the rules, by which this ledger goes, knows no version %d of %s", s.opened.Rules, versionOf(e), e.Data.Type()).
			hint("Adopt newer rules first")
	case e.Version == 0:
		e.Version = s.Newest(e.Data.Type())
	}
	if at := max(s.live.at(e.ID), s.kept.at(e.ID)); at != 0 {
		r := refuse(Repeated, "A command with this id is recorded at %d", at)
		r.At = at
		return r
	}
	if r := s.decideID(e); r != nil {
		return r
	}
	if r := s.decideAuth(e); r != nil {
		return r
	}
	if s.evidence[e.Data.Type()] && !events.Signs(e.Auth.Method) && e.Actor != s.opened.Node {
		return refuse(NotProven, "The ledger demands its author's signature on a command for %s", e.Data.Type())
	}
	if _, observed := e.Data.(*events.ChainObserved); e.Origin.Import != nil && !observed {
		if r := s.need(e.Actor, ActionImport, "", e.Time); r != nil {
			return r
		}
	}
	switch d := e.Data.(type) {
	case *events.CataloguePublished:
		return s.decideCatalogue(e, d)
	case *events.SubjectAdded:
		return s.decideSubjectAdded(e, d)
	case *events.SubjectDeactivated:
		return s.decideSubjectDeactivated(e, d)
	case *events.SubjectErased:
		return s.decideSubjectErased(e, d)
	case *events.SubjectInvited:
		return s.decideSubjectInvited(e, d)
	case *events.SubjectJoined:
		return s.decideSubjectJoined(e, d)
	case *events.SubjectLinked:
		return s.decideSubjectLinked(e, d)
	case *events.SubjectReactivated:
		return s.decideSubjectReactivated(e, d)
	case *events.SubjectRemoved:
		return s.decideSubjectRemoved(e, d)
	case *events.SubjectUnlinked:
		return s.decideSubjectUnlinked(e, d)
	case *events.SubjectUpdated:
		return s.decideSubjectUpdated(e, d)
	case *events.LoginChanged:
		return s.decideLoginChanged(e, d)
	case *events.RoleCreated:
		return s.decideRoleCreated(e, d)
	case *events.RoleUpdated:
		return s.decideRoleUpdated(e, d)
	case *events.RoleDeleted:
		return s.decideRoleDeleted(e, d)
	case *events.RoleAssigned:
		return s.decideRoleAssigned(e, d)
	case *events.RoleDelegated:
		return s.decideRoleDelegated(e, d)
	case *events.RoleReviewed:
		return s.decideRoleReviewed(e, d)
	case *events.ReviewStarted:
		return s.decideReviewStarted(e, d)
	case *events.ReviewDecided:
		return s.decideReviewDecided(e, d)
	case *events.ReviewClosed:
		return s.decideReviewClosed(e, d)
	case *events.ResourceRegistered:
		return s.decideResourceRegistered(e, d)
	case *events.ResourceUpdated:
		return s.decideResourceUpdated(e, d)
	case *events.ResourceRemoved:
		return s.decideResourceRemoved(e, d)
	case *events.AccessAssigned:
		return s.decideAccessAssigned(e, d)
	case *events.AccessUnassigned:
		return s.decideAccessUnassigned(e, d)
	case *events.AccessDelegated:
		return s.decideAccessDelegated(e, d)
	case *events.RoleRevoked:
		return s.decideRoleRevoked(e, d)
	case *events.RolesSet:
		return s.decideRolesSet(e, d)
	case *events.PermissionGranted:
		return s.decideGranted(e, d)
	case *events.PermissionRevoked:
		return s.decideRevoked(e, d)
	case *events.PermissionsSet:
		return s.decidePermissionsSet(e, d)
	case *events.PermissionsRecorded:
		return s.decideRecorded(e, d)
	case *events.GrantEnded:
		return s.decideEnded(e, d)
	case *events.CheckpointsRecorded:
		return s.decideCheckpoints(e, d)
	case *events.DocumentIssued:
		return s.decideDocument(e, d)
	case *events.KeyRegistered:
		return s.decideKeyRegistered(e, d)
	case *events.KeyRotated:
		return s.decideKeyRotated(e, d)
	case *events.KeySucceeded:
		return s.decideKeySucceeded(e, d)
	case *events.KeyRevoked:
		return s.decideKeyRevoked(e, d)
	case *events.KeyReported:
		return s.decideKeyReported(e, d)
	case *events.TokenDeployed:
		return s.decideDeployed(e, d)
	case *events.TokenTransferred:
		return s.decideTokenTransferred(e, d)
	case *events.TokenUpdated:
		return s.decideTokenUpdated(e, d)
	case *events.TokenActed:
		return s.decideActed(e, d)
	case *events.AgentAdded:
		return s.decideAgentAdded(e, d)
	case *events.AgentRemoved:
		return s.decideAgentRemoved(e, d)
	case *events.InvestorQualified:
		return s.decideQualified(e, d)
	case *events.InvestorDisqualified:
		return s.decideDisqualified(e, d)
	case *events.WalletBlocked:
		return s.decideBlocked(e, d)
	case *events.WalletUnblocked:
		return s.decideUnblocked(e, d)
	case *events.ChainObserved:
		return s.decideObserved(e, d)
	case *events.OrganizationUpdated:
		return s.decideOrganizationUpdated(e, d)
	case *events.OwnershipRecovered:
		return s.decideRecovered(e, d)
	case *events.OwnershipTransferred:
		return s.decideTransferred(e, d)
	case *events.RecoveryStarted:
		return s.decideRecoveryStarted(e, d)
	case *events.RecoveryStopped:
		return s.decideRecoveryStopped(e, d)
	case *events.RoleDefaulted:
		return s.decideDefaulted(e, d)
	case *events.RulesAdopted:
		return s.decideAdopted(e, d)
	}
	return refuse(Invalid, "Version %d of the rules knows no %s", s.opened.Rules, e.Data.Type())
}

// versionOf gives the version of its type that an event will have.
func versionOf(e *events.Event) int {
	if e.Version == 0 {
		return events.Newest(e.Data.Type())
	}
	return e.Version
}

// decideID judges the id by its class. That it is new was judged before: within the window, live ids are remembered;
// outside it they are refused.
func (s *State) decideID(e *events.Event) *Refusal {
	switch o := e.Origin; {
	case o.Import != nil:
		if e.ID != events.ImportID(*o.Import) {
			return refuse(Invalid, "The id is not the one of the imported record")
		}
		i := o.Import
		if last := s.sources[i.Format+" "+i.Source]; !i.Occurred.IsZero() && i.Occurred.Before(last) {
			return refuse(Invalid, "The record occurred at %s, before one of %s that is recorded already", i.Occurred.Format(time.RFC3339), i.Source)
		}
		if i.Occurred.After(e.Time) {
			return refuse(Invalid, "The record says that it occurred in the future, at %s", i.Occurred.Format(time.RFC3339))
		}
	case o.Derived != nil:
		d, ok := e.Data.(*events.GrantEnded)
		if !ok {
			return refuse(Invalid, "No %s follows from another event", e.Data.Type())
		}
		g := s.ending[d.Grant]
		if g == nil {
			return refuse(NotFound, "No grant %s is to end", d.Grant)
		}
		if *o.Derived != (events.Derived{From: d.Grant}) || e.ID != endID(d.Grant, g.end()) {
			return refuse(Invalid, "The id is not the one that follows from the grant")
		}
	case events.Hashed(e.ID): // or a record could never be imported, or the end of a grant never be recorded
		return refuse(Invalid, "The id has the form of an imported or derived command's").hint("Take another id")
	default:
		old := e.Time.Sub(e.ID.Timestamp())
		limit := idSkew
		if events.Signs(e.Auth.Method) {
			limit = idSigned
		}
		if old > limit || old < -idSkew {
			return refuse(Stale, "The time in the id is %s, the ledger's is %s", e.ID.Timestamp().UTC().Format(time.RFC3339), e.Time.Format(time.RFC3339)).
				hint("Send the command again with a new id, or set the clock")
		}
	}
	return nil
}

// decideAuth judges whether the actor is one, and proved itself with something that is its own.
func (s *State) decideAuth(e *events.Event) *Refusal {
	if s.opened.Rules > 1 && events.SignsWithWallet(e.Auth.Method) {
		return s.decideWallet(e)
	}
	k, known := s.keys[e.Auth.Credential]
	if known {
		if r := s.spent(e, k); r != nil {
			return r
		}
	}
	if !known || k.revoked != 0 {
		return refuse(NotProven, "%s is no key of this ledger, or is one no more", e.Auth.Credential)
	}
	if k.ended(e.Time) {
		return refuse(NotProven, "%s ended at %s", e.Auth.Credential, k.until.UTC().Format(time.RFC3339)).hint("Ask for another key")
	}
	switch e.Auth.Method {
	case events.MethodNode:
		if e.Actor != s.opened.Node || k.purpose != events.PurposeEvent {
			return refuse(NotProven, "Only the ledger's own actor, with its event key, acts as the node")
		}
		switch d := e.Data.(type) {
		case *events.GrantEnded:
		case *events.KeyRegistered:
			if d.Purpose != events.PurposeEvent && (s.opened.Rules == 1 || d.Purpose != events.PurposeCheckpoint) {
				return refuse(NotPermitted, "The node registers event keys only")
			}
		case *events.KeyRotated:
			if d.Old != e.Auth.Credential {
				return refuse(NotPermitted, "The node rotates the key it signs with only")
			}
		case *events.KeyRevoked:
			if s.overlap == nil || d.Key != s.overlap.did {
				return refuse(NotPermitted, "The node only records what is due, and its own keys")
			}
		case *events.CheckpointsRecorded:
		default:
			return refuse(NotPermitted, "The node only records what is due, and its own keys")
		}
		return nil
	case events.MethodSignature:
	default:
		return refuse(NotProven, "Version %d of the rules knows no method %q of authentication", s.opened.Rules, e.Auth.Method)
	}
	if e.Actor == s.opened.Operator {
		return s.decideOperator(e)
	}
	if rooted(e.Data, e.Auth.Credential, k) {
		if e.Actor != s.owner || e.Auth.Credential != s.current[events.PurposeRoot] && e.Auth.Credential != s.current[events.PurposeOperator] {
			return refuse(NotProven, "This takes the ledger's root key, in the owner's name")
		}
		return nil
	}
	if k.purpose == events.PurposeInvitation {
		return s.decideInvitation(e, k)
	}
	if k.purpose != signsWith(e.Data) || k.subject != e.Actor {
		return refuse(NotProven, "%s is not a credential of %s", e.Auth.Credential, e.Actor)
	}
	u := s.subjects.get(e.Actor)
	if u.deactivated != 0 {
		if s.stateOf(u) != StateDeactivated {
			return s.inactive(u)
		}
		return refuse(Inactive, "%s is deactivated", u.key)
	}
	if !s.acts(u) {
		h := s.subjects.get(s.extra(u.id).holder)
		return refuse(Inactive, "%s is an API key of %s, who is %s", u.key, h.key, s.stateOf(h)).hint("Assign it to an active member")
	}
	if s.opened.Rules > 1 && u.kind == events.KindWallet {
		return refuse(NotProven, "%s is a wallet, which proves itself with its own signature", u.key).
			hint("Sign with the wallet, by EIP-712, EIP-191 or EIP-4361")
	}
	return nil
}

// rooted says whether a command is proven with the root or operator key itself, not with somebody's credential.
func rooted(d events.Data, credential string, k *key) bool {
	switch d := d.(type) {
	case *events.KeySucceeded:
		return true
	case *events.KeyRotated:
		return d.Old == credential && (k.purpose == events.PurposeRoot || k.purpose == events.PurposeOperator)
	}
	return false
}

func (s *State) decideOpen(e *events.Event, d *events.OrganizationOpened) *Refusal {
	if s.opened != nil {
		return refuse(AlreadyOpened, "The ledger has its first entry")
	}
	keys := []string{d.Keys.Event, d.Keys.Document, d.Keys.Root, d.Keys.Operator, d.Owner.Credential}
	if d.Rules > 1 {
		keys = append(keys, d.Keys.Checkpoint)
	}
	count := len(keys)
	slices.Sort(keys)
	switch {
	case d.Rules == 0 || d.Rules > Version || versionOf(e) > 1 != (d.Rules > 1):
		return refuse(UnknownRules, "This release opens ledgers with versions 1 to %d of the rules, each with its version of organization.opened, not %d", Version, d.Rules)
	case events.Organization(e.Source) != d.Organization:
		return refuse(Invalid, "The source %s is not of the organization %s", e.Source, d.Organization)
	case len(slices.Compact(keys)) != count:
		return refuse(Invalid, "One key has two purposes")
	case d.Owner.Subject == d.Node:
		return refuse(Invalid, "The owner is not the node")
	case d.Rules > 1 && (d.Operator == ulidZero || d.Operator == d.Node || d.Operator == d.Owner.Subject):
		return refuse(Invalid, "The operator's actor is one of its own")
	case e.Actor != d.Owner.Subject:
		return refuse(NotProven, "The owner opens the ledger")
	case e.Auth.Method != events.MethodSignature || e.Auth.Credential != d.Owner.Credential:
		return refuse(NotProven, "The owner opens the ledger with its own signature")
	case !ownerKind(d.Owner.Kind):
		return refuse(Invalid, "An owner is no %s", d.Owner.Kind)
	case e.Origin != events.Origin{}:
		return refuse(Invalid, "A first entry is neither imported nor derived")
	}
	if r := delayFits(d.Profile); r != nil {
		return r
	}
	// Evidence may be demanded for types that no release knows yet: the answer must not depend on the release.
	return s.decideID(e)
}

func (s *State) subject(id ulid.ULID) (*subject, *Refusal) {
	u := s.subjects.get(id)
	if u == nil {
		return nil, refuse(NotFound, "There is no subject %s", id)
	}
	return u, nil
}

// receiver gives a subject that may be given something.
func (s *State) receiver(id ulid.ULID) (*subject, *Refusal) {
	u, r := s.subject(id)
	if r == nil && u.deactivated != 0 && s.stateOf(u) != StateInvited {
		return nil, s.inactive(u)
	}
	return u, r
}

func (s *State) decideDocument(e *events.Event, d *events.DocumentIssued) *Refusal {
	if r := s.need(e.Actor, ActionDocumentIssue, "", e.Time); r != nil {
		return r
	}
	kind, id, ok := Thing(d.Thing)
	switch {
	case ok && kind == "role" && s.roles[id] != nil && s.roles[id].deleted == 0:
		return nil
	case ok && kind == "subject" && s.subjects.get(id) != nil:
		return nil
	}
	return refuse(NotFound, "There is no %s to issue a document about", d.Thing)
}

// decideEnded judges what the id says already: that the grant is there. Whether it has ended is left to ask.
func (s *State) decideEnded(e *events.Event, d *events.GrantEnded) *Refusal {
	if e.Auth.Method != events.MethodNode {
		return refuse(NotPermitted, "Only the ledger's own actor records that a grant ended")
	}
	g := s.ending[d.Grant]
	if g == nil || e.Origin.Derived == nil {
		return refuse(NotFound, "No grant %s is to end", d.Grant)
	}
	if g.holds(e.Time) {
		return refuse(Invalid, "The grant holds until %s", g.end().Format(time.RFC3339))
	}
	d.Subject, d.Scope = g.subject, g.scope
	d.Role, d.Permission = s.names(g.what)
	return nil
}

// sortedIDs gives ids in ascending order.
func sortedIDs(ids []ulid.ULID) []ulid.ULID {
	slices.SortFunc(ids, func(a, b ulid.ULID) int { return cmp.Compare(string(a[:]), string(b[:])) })
	return ids
}
