package rules

import (
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
)

// What contracts of T-REX say to those who may not.
const (
	notAgent = "AgentRole: caller does not have the Agent role"
	notOwner = "Ownable: caller is not the owner"
)

func (s *State) decideDeployed(e *events.Event, d *events.TokenDeployed) *Refusal {
	if r := s.need(e.Actor, ActionTokenDeploy, "", e.Time); r != nil {
		return r
	}
	if t := s.tokens[d.Token]; t != nil {
		return refuse(Taken, "The token %s is deployed since %d", d.Token, t.deployed)
	}
	ro, r := s.tokenRole(events.ManagedTokenOwner)
	if r != nil {
		return r
	}
	d.Role = ro.id
	d.Subject, d.Added, r = s.enlist(e, d.Token, d.Owner)
	return r
}

// atToken judges who does something at a token: a wallet, with its own signature, that may do it there. Neither a
// password nor any other key stands in for the wallet's.
func (s *State) atToken(e *events.Event, id, action, words string) (*token, *Refusal) {
	t, r := s.token(id)
	if r != nil {
		return nil, r
	}
	if r := s.byWallet(e); r != nil {
		return nil, r
	}
	if r := s.need(e.Actor, action, events.TokenScope(id), e.Time); r != nil {
		return nil, r.hint("%s", words)
	}
	return t, nil
}

// byWallet demands the signature of a wallet.
func (s *State) byWallet(e *events.Event) *Refusal {
	u := s.subjects.get(e.Actor)
	if u == nil || u.kind != events.KindWallet || !events.SignsWithWallet(e.Auth.Method) {
		return refuse(NotProven, "What is done at a token is proven by the signature of a wallet").
			hint("Sign with the wallet that owns the token or is its agent")
	}
	return nil
}

func (s *State) decideTokenTransferred(e *events.Event, d *events.TokenTransferred) *Refusal {
	t, r := s.atToken(e, d.Token, ActionTokenTransfer, notOwner)
	if r != nil {
		return r
	}
	ro, r := s.tokenRole(events.ManagedTokenOwner)
	if r != nil {
		return r
	}
	if d.Subject, d.Added, r = s.enlist(e, d.Token, d.To); r != nil {
		return r
	}
	if d.Subject == t.owner {
		return refuse(NoChange, "%s owns the token already", d.To)
	}
	d.Role, d.From = ro.id, t.owner
	return nil
}

func (s *State) decideAgentAdded(e *events.Event, d *events.AgentAdded) *Refusal {
	if _, r := s.atToken(e, d.Token, ActionAgentAdd, notOwner); r != nil {
		return r
	}
	ro, r := s.tokenRole(events.ManagedTokenAgent)
	if r != nil {
		return r
	}
	if d.Subject, d.Added, r = s.enlist(e, d.Token, d.Agent); r != nil {
		return r
	}
	if u := s.subjects.get(d.Subject); u != nil && u.has(ro, d.Token) {
		return refuse(NoChange, "Roles: account already has role").hint("%s is an agent of the token already", d.Agent)
	}
	d.Role = ro.id
	return nil
}

func (s *State) decideAgentRemoved(e *events.Event, d *events.AgentRemoved) *Refusal {
	if _, r := s.atToken(e, d.Token, ActionAgentRemove, notOwner); r != nil {
		return r
	}
	ro, r := s.tokenRole(events.ManagedTokenAgent)
	if r != nil {
		return r
	}
	if d.Agent == eip155.Zero {
		return refuse(Invalid, "invalid argument - zero address").hint("Name the address of a wallet")
	}
	u := s.walletOf(d.Token, d.Agent)
	if u == nil || !u.has(ro, d.Token) {
		return refuse(NotFound, "Roles: account does not have role").hint("%s is no agent of the token", d.Agent)
	}
	d.Subject, d.Role = u.id, ro.id
	return nil
}

func (s *State) decideTokenUpdated(e *events.Event, d *events.TokenUpdated) *Refusal {
	type part struct {
		said          bool
		same          bool
		action, words string
	}
	t, r := s.token(d.Token)
	if r != nil {
		return r
	}
	state := ActionTokenPause
	if d.State == events.TokenActive {
		state = ActionTokenUnpause
	}
	said, same := false, true
	for _, p := range []part{
		{d.State != "", t.paused == (d.State == events.TokenPaused), state, notAgent},
		{d.IdentityRegistry != "", t.registry == d.IdentityRegistry, ActionTokenRegistry, notOwner},
		{d.Compliance != "", t.compliance == d.Compliance, ActionTokenCompliance, notOwner},
		{d.Condition != nil, d.Condition != nil && t.condition == *d.Condition, ActionTokenCondition, notOwner},
	} {
		if !p.said {
			continue
		}
		if _, r := s.atToken(e, d.Token, p.action, p.words); r != nil {
			return r
		}
		said, same = true, same && p.same
	}
	switch {
	case d.IdentityRegistry == eip155.Zero || d.Compliance == eip155.Zero:
		return refuse(Invalid, "invalid argument - zero address").hint("Name the address of a contract")
	case !said:
		return refuse(Invalid, "The command says nothing of the token")
	case same && d.State == events.TokenPaused:
		return refuse(NoChange, "Pausable: paused")
	case same && d.State == events.TokenActive:
		return refuse(NoChange, "Pausable: not paused")
	case same:
		return refuse(NoChange, "The token says this already")
	}
	d.OnBehalfOf = t.owner
	return nil
}

// decideActed judges whatever else is done at a token: the permission itself says what it is.
func (s *State) decideActed(e *events.Event, d *events.TokenActed) *Refusal {
	t, r := s.token(d.Token)
	if r != nil {
		return r
	}
	if r := s.byWallet(e); r != nil {
		return r
	}
	p, known := s.perms.lookup(d.Permission)
	if !known {
		return s.unknownPermission(d.Permission)
	}
	if !p.token {
		return refuse(Invalid, "%s is not of the token level", d.Permission).hint("It is for accounts, not for wallets")
	}
	n, scope := s.perms.number[d.Permission], events.TokenScope(d.Token)
	switch u := s.subjects.get(e.Actor); {
	case !s.allowed(u, n, scope, e.Time, &Context{}):
		return s.without(d.Permission).hint(notAgent)
	case s.lacks(u, n, scope, e.Time, &Context{}) != "":
		return s.without(d.Permission).hint("%s", NeedText(s.lacks(u, n, scope, e.Time, &Context{})))
	}
	d.OnBehalfOf = t.owner
	return nil
}
