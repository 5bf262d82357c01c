package rules

import (
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eip155"
)

// Actions at tokens. Those of wallets are allowed by permissions of the token level that guard them, on the token's scope.
const (
	ActionAgentAdd           = "agent.add"
	ActionAgentRemove        = "agent.remove"
	ActionChainAttest        = "chain.attest"
	ActionInvestorDisqualify = "investor.disqualify"
	ActionInvestorQualify    = "investor.qualify"
	ActionTokenCompliance    = "token.compliance"
	ActionTokenCondition     = "token.condition"
	ActionTokenDeploy        = "token.deploy"
	ActionTokenPause         = "token.pause"
	ActionTokenRegistry      = "token.registry"
	ActionTokenTransfer      = "token.transfer"
	ActionTokenUnpause       = "token.unpause"
	ActionWalletBlock        = "wallet.block"
	ActionWalletUnblock      = "wallet.unblock"
)

var tokenActions = []string{
	ActionAgentAdd, ActionAgentRemove, ActionChainAttest, ActionInvestorDisqualify, ActionInvestorQualify, ActionTokenCompliance,
	ActionTokenCondition, ActionTokenDeploy, ActionTokenPause, ActionTokenRegistry, ActionTokenTransfer, ActionTokenUnpause,
	ActionWalletBlock, ActionWalletUnblock,
}

// A token as it is. Who owns it, and who its agents and holders are, stands beside in what these wallets hold on its
// scope: the roles that the rules give and take. What is kept here is what no role says.
type token struct {
	id         string
	name       string
	deployed   uint64    // position
	owner      ulid.ULID // zero: nobody owns it
	paused     bool
	registry   string               // address of the Identity Registry; empty: not said
	compliance string               // address of the Compliance contract; empty: not said
	condition  string               // that holder records have to meet; empty: none
	holders    map[ulid.ULID]holder // by wallet
	blocked    map[ulid.ULID]uint64 // position since which a wallet is
}

// holder is the record of an investor's position in a token.
type holder struct {
	investor   string
	onchainID  string
	properties []events.Property // the country among them
}

// meets says whether the record of a holder is as the token's compliance demands.
func (t *token) meets(h holder) bool { return events.RecordMeets(t.condition, h.properties) }

// same says whether two records say the same.
func (h *holder) same(o *holder) bool {
	return h.investor == o.investor && h.onchainID == o.onchainID && slices.Equal(h.properties, o.properties)
}

// token gives the token of an id.
func (s *State) token(id string) (*token, *Refusal) {
	t := s.tokens[id]
	if t == nil {
		return nil, refuse(NotFound, "There is no token %s", id).hint("Deploy it first")
	}
	return t, nil
}

// tokenRole gives the role that the rules give to owners, agents or holders of tokens.
func (s *State) tokenRole(managed string) (*role, *Refusal) {
	if r := s.roles[s.managed[managed]]; r != nil && r.deleted == 0 {
		return r, nil
	}
	return nil, refuse(NotFound, "The organization has no role that is managed as %s", managed).
		hint("Open the organization with a profile that has tokens, or create that role")
}

// walletOf gives the subject that is the wallet of an address: on the chain of a token, or on all chains. It gives nil
// where there is none.
func (s *State) walletOf(token, address string) *subject {
	chain, _, _ := eip155.Cut(token)
	for _, key := range [...]string{"did:pkh:" + chain + ":" + address, address} {
		if u := s.subjects.withKey(key); u != nil && u.kind == events.KindWallet {
			return u
		}
	}
	return nil
}

// enlist gives the subject of a wallet that an event names, and whether it becomes one by the event. A new one's id
// follows from the command's, so that nobody can have it before.
func (s *State) enlist(e *events.Event, token, address string) (id ulid.ULID, added bool, r *Refusal) {
	if address == eip155.Zero {
		return id, false, refuse(Invalid, "invalid argument - zero address").hint("Name the address of a wallet")
	}
	if u := s.walletOf(token, address); u != nil {
		if u.deactivated != 0 {
			return id, false, refuse(Inactive, "%s is deactivated since %d", u.key, u.deactivated)
		}
		return u.id, false, nil
	}
	if s.subjects.withKey(address) != nil {
		return id, false, refuse(Taken, "Somebody who is no wallet has the key %q", address)
	}
	id = events.WalletID(e.ID, address)
	if s.subjects.get(id) != nil {
		return id, false, refuse(Taken, "The id %s is another subject's", id)
	}
	return id, true, nil
}

// has says whether a wallet has a role on the scope of a token.
func (u *subject) has(r *role, token string) bool {
	return u.get(whatRole(r.number), events.TokenScope(token)) != nil
}
