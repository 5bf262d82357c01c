package rules

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
)

func (s *State) decideQualified(e *events.Event, d *events.InvestorQualified) *Refusal {
	t, r := s.atToken(e, d.Token, ActionInvestorQualify, notAgent)
	if r != nil {
		return r
	}
	ro, r := s.tokenRole(events.ManagedTokenHolder)
	if r != nil {
		return r
	}
	if d.Subject, d.Added, r = s.enlist(e, d.Token, d.Wallet); r != nil {
		return r
	}
	d.OnBehalfOf = t.owner
	had, is := t.holders[d.Subject]
	if !is {
		d.Role = ro.id
		return nil
	}
	if record := recordOf(d); had.same(&record) {
		return refuse(NoChange, "%s is qualified already, with the same record", d.Wallet)
	}
	return nil
}

func recordOf(d *events.InvestorQualified) holder {
	return holder{d.Investor, d.OnchainID, d.Record()}
}

func (s *State) decideDisqualified(e *events.Event, d *events.InvestorDisqualified) *Refusal {
	t, r := s.atToken(e, d.Token, ActionInvestorDisqualify, notAgent)
	if r != nil {
		return r
	}
	ro, r := s.tokenRole(events.ManagedTokenHolder)
	if r != nil {
		return r
	}
	u := s.walletOf(d.Token, d.Wallet)
	if u == nil {
		return refuse(NotFound, "Nobody has the wallet %s here", d.Wallet)
	}
	if _, is := t.holders[u.id]; !is {
		return refuse(NotFound, "%s is no qualified investor of the token", d.Wallet)
	}
	d.Subject, d.Role, d.OnBehalfOf = u.id, ro.id, t.owner
	return nil
}

func (s *State) decideBlocked(e *events.Event, d *events.WalletBlocked) *Refusal {
	t, r := s.atToken(e, d.Token, ActionWalletBlock, notAgent)
	if r != nil {
		return r
	}
	if d.Subject, d.Added, r = s.enlist(e, d.Token, d.Wallet); r != nil {
		return r
	}
	if at := t.blocked[d.Subject]; at != 0 {
		return refuse(NoChange, "%s is blocked since %d", d.Wallet, at)
	}
	d.OnBehalfOf = t.owner
	return nil
}

func (s *State) decideUnblocked(e *events.Event, d *events.WalletUnblocked) *Refusal {
	t, r := s.atToken(e, d.Token, ActionWalletUnblock, notAgent)
	if r != nil {
		return r
	}
	u := s.walletOf(d.Token, d.Wallet)
	if u == nil || t.blocked[u.id] == 0 {
		return refuse(NoChange, "%s is not blocked", d.Wallet)
	}
	d.Subject, d.OnBehalfOf = u.id, t.owner
	return nil
}

// decideObserved takes over what the chain says, whatever the rules would have said to it: it has happened there. That
// nobody takes it over twice is in the id.
func (s *State) decideObserved(e *events.Event, d *events.ChainObserved) *Refusal {
	if r := s.need(e.Actor, ActionChainAttest, "", e.Time); r != nil {
		return r
	}
	if i := e.Origin.Import; i == nil || *i != d.Import() {
		return refuse(Invalid, "An observation of a chain has the id of the log that it saw").
			hint("Its origin is an import of format eip155-log, named by block and log index")
	}
	t, r := s.token(d.Token)
	if r != nil {
		return r
	}
	u := s.walletOf(d.Token, d.Account)
	if d.Fact == events.FactOwnershipTransferred {
		return s.ownerObserved(e, d, t, u)
	}
	ro, r := s.tokenRole(events.ManagedTokenAgent)
	if r != nil {
		return r
	}
	is := u != nil && u.has(ro, d.Token)
	switch {
	case d.Fact == events.FactAgentAdded && !is:
		d.Role = ro.id
		d.Subject, d.Added, r = s.seen(e, d, u)
		return r
	case d.Fact == events.FactAgentRemoved && is:
		d.Role = ro.id
	}
	if u != nil {
		d.Subject = u.id
	}
	return nil
}

func (s *State) ownerObserved(e *events.Event, d *events.ChainObserved, t *token, u *subject) *Refusal {
	ro, r := s.tokenRole(events.ManagedTokenOwner)
	if r != nil {
		return r
	}
	switch {
	case d.Account == eip155.Zero: // the ownership was renounced
	case u != nil && u.id == t.owner:
		d.Subject = u.id
		return nil
	default:
		if d.Subject, d.Added, r = s.seen(e, d, u); r != nil {
			return r
		}
	}
	if d.From = t.owner; d.From != ulidZero || d.Subject != ulidZero {
		d.Role = ro.id
	}
	return nil
}

// seen gives the wallet of an observation; a deactivated one too, for the chain does not ask.
func (s *State) seen(e *events.Event, d *events.ChainObserved, u *subject) (ulid.ULID, bool, *Refusal) {
	if u != nil {
		return u.id, false, nil
	}
	return s.enlist(e, d.Token, d.Account)
}

// signsWith gives the purpose of the key that a subject signs a command with.
func signsWith(d events.Data) string {
	if _, observed := d.(*events.ChainObserved); observed {
		return events.PurposeAttestor
	}
	return events.PurposeCredential
}

// attestor judges a key with which somebody is to sign what it sees on a chain.
func (s *State) attestor(e *events.Event, d *events.KeyRegistered) *Refusal {
	if s.opened.Rules == 1 {
		return refuse(Invalid, "A key for %q is rotated, not registered beside the one there is", d.Purpose)
	}
	u, r := s.receiver(d.Subject)
	if r != nil {
		return r
	}
	if u.kind != events.KindTechnical {
		return refuse(Invalid, "%s is a %s; a chain is watched by a technical subject", u.key, u.kind)
	}
	return s.guardSubject(e, u)
}

// AttestorOf gives the active subject that signs with a key what it sees on a chain.
func (s *State) AttestorOf(did string) (ulid.ULID, bool) {
	k, ok := s.keys[did]
	if !ok || k.revoked != 0 || k.purpose != events.PurposeAttestor || !s.acts(s.subjects.get(k.subject)) {
		return ulid.ULID{}, false
	}
	return k.subject, true
}
