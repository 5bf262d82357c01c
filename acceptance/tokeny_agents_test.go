package acceptance_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

func TestT24WhatTheChainSaysIsTakenOver(t *testing.T) {
	// given somebody who watches the chain, with a key registered for that
	s := openServicing(t)
	s.As("owner").Do(addSubject(s.org, "watcher", events.KindTechnical))
	s.As("operator").Assign("chain-observer", "watcher")
	s.As("owner").Do(wire.Intent{Kind: wire.RegisterKey, Purpose: events.PurposeAttestor, Subject: "watcher", Key: s.DID("eye")})
	log := func(fact, account, previous string, index uint64) wire.Intent {
		return wire.Intent{Kind: wire.ObserveChain, AtToken: wire.AtToken{Token: abc, Observed: &wire.Observed{
			Fact: fact, Account: account, Previous: previous, Block: 63_000_000, Index: index,
			Hash: "0x" + strings.Repeat("ab", 32), Tx: "0x" + strings.Repeat("cd", 32),
		}}}
	}

	// when the owner acts directly on the contract, then what the contract tells is so here, too
	s.As("eye").Do(log("AgentAdded", s.At("chain agent"), "", 1))
	s.Can("chain agent", "token.mint", abc)
	s.As("eye").Do(log("AgentRemoved", s.At("agent"), "", 2))
	s.Cannot("agent", "token.mint", abc)
	s.As("eye").Do(log("OwnershipTransferred", s.At("chain owner"), s.At("owner"), 3))
	s.Owns("chain owner", abc)
	s.Cannot("owner", "token.agent.add", abc)
	s.Recorded("watcher", "chain.observed", "OwnershipTransferred", "block 63000000", "log 3")

	// and each log counts once
	before := s.Head()
	if err := s.As("eye").Try(log("OwnershipTransferred", s.At("owner"), s.At("chain owner"), 3)); err == nil {
		t.Error("another observation of the same log is recorded")
	}
	if p := s.As("eye").Preview(log("AgentAdded", s.At("chain agent"), "", 1)); p.Refusal == nil || p.Refusal.Code() != "repeated" || s.Head() != before {
		t.Errorf("the same log again: %+v", p.Refusal)
	}

	// and nobody else's word is taken for the chain's
	s.Refused(s.As("watcher").Try(log("AgentAdded", s.At("x"), "", 4)), "not-proven", "", "")
	s.Refused(s.As("user1@tokeny.com").Try(log("AgentAdded", s.At("x"), "", 4)), "not-proven", "", "")
	s.Refused(s.As("eye").Try(createRole("Mine", "token.mint")), "not-proven", "", "")
}

func TestT35AnAgentActsOnBehalfOfTheOwner(t *testing.T) {
	s := openServicing(t)
	s.Wallet("agent").Do(act(abc, "token.mint"))
	s.Wallet("agent").Do(state(abc, "paused"))
	for _, typ := range []string{"token.acted", "token.updated"} {
		s.Recorded(s.At("agent"), typ, "on behalf of its owner "+s.At("owner"))
	}
	// and after a transfer on behalf of the new one
	s.Wallet("owner").Do(s.at(wire.TransferToken, abc, "buyer"))
	s.Wallet("agent").Do(state(abc, "active"))
	s.Recorded(s.At("agent"), "token.updated", "it is active", "on behalf of its owner "+s.At("buyer"))
}

func TestT36AnAgentActsThroughThePlatformOrOnTheContract(t *testing.T) {
	// given an agent that the platform knows and one that was set on the contract
	s := openServicing(t)
	s.As("owner").Do(addSubject(s.org, "watcher", events.KindTechnical))
	s.As("operator").Assign("chain-observer", "watcher")
	s.As("owner").Do(wire.Intent{Kind: wire.RegisterKey, Purpose: events.PurposeAttestor, Subject: "watcher", Key: s.DID("eye")})
	s.As("eye").Do(wire.Intent{Kind: wire.ObserveChain, AtToken: wire.AtToken{Token: abc, Observed: &wire.Observed{
		Fact: "AgentAdded", Account: s.At("direct"), Hash: "0x" + strings.Repeat("01", 32), Tx: "0x" + strings.Repeat("02", 32),
	}}})

	// then both act, each with its wallet's signature, which stands in the log
	for _, name := range []string{"agent", "direct"} {
		at := s.Wallet(name).Do(act(abc, "token.mint"))
		entry := string(s.HTTP("GET", "/entries/"+at.CID, nil).Body)
		if !strings.Contains(entry, s.At(name)) || !strings.Contains(entry, "eip712") {
			t.Errorf("the entry of %s has no signature of its wallet: %.300s", name, entry)
		}
	}
	s.Refused(s.As("owner").Try(act(abc, "token.mint")), "not-proven", "wallet", "")
}

func TestT40PauseAndUnpause(t *testing.T) {
	s := openServicing(t)
	s.Wallet("agent").Do(state(abc, "paused"))
	if one := s.Token1(abc); one.State != "paused" {
		t.Errorf("%+v", one)
	}
	s.Refused(s.Wallet("agent").Try(state(abc, "paused")), "no-change", "Pausable: paused", "")
	s.Wallet("agent").Do(state(abc, "active"))
	if one := s.Token1(abc); one.State != "active" {
		t.Errorf("%+v", one)
	}
	s.Refused(s.Wallet("agent").Try(state(abc, "active")), "no-change", "Pausable: not paused", "")
}

// does says that an agent may do something at its token and records it, and that nobody else does.
func (s *servicing) does(permission string) {
	s.t.Helper()
	s.Can("agent", permission, abc)
	s.Wallet("agent").Do(act(abc, permission))
	s.Recorded(s.At("agent"), "token.acted", permission, abc)
	s.Cannot("owner", permission, abc)
	s.Refused(s.Wallet("owner").Try(act(abc, permission)), "not-permitted", permission, notAgent)
}

func TestT41MintAndBurn(t *testing.T) {
	s := openServicing(t)
	s.does("token.mint")
	s.does("token.burn")
}

func TestT42BlockAndUnblock(t *testing.T) {
	s := openServicing(t)
	s.Wallet("agent").Do(s.qualify(abc, "investor", "LU"))
	s.Wallet("agent").Do(s.at(wire.BlockWallet, abc, "investor"))
	s.Cannot("investor", "token.transact", abc)
	s.Refused(s.Wallet("agent").Try(s.at(wire.BlockWallet, abc, "investor")), "no-change", "is blocked since", "")
	s.Wallet("agent").Do(s.at(wire.UnblockWallet, abc, "investor"))
	s.Can("investor", "token.transact", abc)
	s.Refused(s.Wallet("owner").Try(s.at(wire.BlockWallet, abc, "investor")), "not-permitted", "token.block", notAgent)
}

func TestT43ForceATransfer(t *testing.T) { openServicing(t).does("token.force_transfer") }
func TestT44ValidateAConditionalTransfer(t *testing.T) {
	openServicing(t).does("token.conditional_transfer.validate")
}
func TestT45ManageCentralizedExchanges(t *testing.T) { openServicing(t).does("token.cex.manage") }

func TestT46AnAgentWhoIsNotOwnerDoesNoOwnersWork(t *testing.T) {
	s := openServicing(t)
	agent := s.Wallet("agent")
	for permission, in := range map[string]wire.Intent{
		"token.ownership.transfer":    s.at(wire.TransferToken, abc, "agent"),
		"token.agent.add":             s.at(wire.AddAgent, abc, "friend"),
		"token.agent.remove":          s.at(wire.RemoveAgent, abc, "agent"),
		"token.identity_registry.set": {Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: abc, IdentityRegistry: s.At("r")}},
		"token.compliance.set":        {Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: abc, Compliance: s.At("c")}},
	} {
		s.Refused(agent.Try(in), "not-permitted", "Don't have "+permission+" permission", notOwner)
		s.Cannot("agent", permission, abc)
		s.Can("owner", permission, abc)
	}
	s.Owns("owner", abc)
}

// market adds a marketplace admin to a Servicing Platform.
func market(t *testing.T) *servicing {
	t.Helper()
	s := openServicing(t)
	s.Add("mia")
	s.As("operator").Assign("marketplace-admin", "mia")
	return s
}

// with asks whether somebody may create a project of a token, with a wallet.
func (s *servicing) with(subject, token, name string) bool {
	s.t.Helper()
	q := wire.Question{Subject: subject, Permission: "marketplace.project.create", Resource: "token/" + token + "/project/p1"}
	if name != "" {
		q.With = s.At(name)
	}
	c, err := s.CheckWith(s.t.Context(), s.ID, q, client.Read{})
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Allowed
}

func TestT47AMarketplaceAdminProvesItselfWithItsCredentials(t *testing.T) {
	// given a marketplace admin, then its permissions are of the account, and a wallet has none of them
	s := market(t)
	s.Allowed("mia", "marketplace.project.set_status")
	s.Allowed("mia", "platform.servicing.access")
	s.Denied(s.At("owner"), "marketplace.project.set_status")
	s.Denied(s.At("owner"), "platform.servicing.access", "token/"+abc)
	// and they are proven with the account's credentials
	if c, err := s.Me("mia").Check(t.Context(), s.ID, "mia", "marketplace.project.set_status", "", client.Read{}); err != nil || !c.Allowed {
		t.Errorf("with its credentials: %+v, %v", c, err)
	}
	_, err := s.Client.As("").Check(t.Context(), s.ID, "mia", "marketplace.project.set_status", "", client.Read{})
	s.Refused(err, "unauthenticated", "without a token", "")
	s.Refused(s.As("operator").Try(assign("marketplace-admin", s.At("nobody"))), "not-found", "", "")
}

func TestT48AMarketplaceAdminWithTheTokensWalletCreatesAProject(t *testing.T) {
	s := market(t)
	for _, name := range []string{"owner", "agent"} {
		if !s.with("mia", abc, name) {
			t.Errorf("with the wallet of the %s it may not create a project", name)
		}
	}
}

func TestT49WithoutTheTokensWalletThereIsNoProject(t *testing.T) {
	s := market(t)
	s.Deploy(xyz, "second owner")
	for name, token := range map[string]string{"": abc, "second owner": abc, "owner": xyz} {
		if s.with("mia", token, name) {
			t.Errorf("with the wallet of %q it may create a project of %s", name, token)
		}
	}
	c := s.Denied("mia", "marketplace.project.create", "token/"+abc+"/project/p1")
	if !strings.Contains(missing(c), "a wallet that owns the token or is its agent") {
		t.Errorf("the reason is %q", missing(c))
	}
	// and who is an agent no more is none
	s.Wallet("owner").Do(s.at(wire.RemoveAgent, abc, "agent"))
	if s.with("mia", abc, "agent") {
		t.Error("with the wallet of a former agent it may create a project")
	}
}

func TestT50AnAgentWhoIsNoMarketplaceAdminCreatesNoProject(t *testing.T) {
	s := market(t)
	if s.with(s.At("agent"), abc, "agent") || s.with("user1@tokeny.com", abc, "agent") {
		t.Error("somebody who is no marketplace admin may create a project")
	}
	if !s.with("mia", abc, "agent") {
		t.Error("the marketplace admin may not")
	}
}

// manages says that a marketplace admin may do something with a project, and an issuer admin may not.
func manages(t *testing.T, permission string) {
	t.Helper()
	s := market(t)
	resource := "token/" + abc + "/project/p1"
	s.Allowed("mia", permission, resource)
	s.Denied("user1@tokeny.com", permission, resource)
	s.As("operator").Revoke("marketplace-admin", "mia")
	s.Denied("mia", permission, resource)
}

func TestT51EditTheDescriptionOfAProject(t *testing.T) {
	manages(t, "marketplace.project.edit_description")
}
func TestT52RemoveAProject(t *testing.T)            { manages(t, "marketplace.project.remove") }
func TestT53SetTheStatusOfAProject(t *testing.T)    { manages(t, "marketplace.project.set_status") }
func TestT54SetTheAllowedCurrencies(t *testing.T)   { manages(t, "marketplace.offer.set_currencies") }
func TestT55ControlOffersOfInvestors(t *testing.T)  { manages(t, "marketplace.offer.control") }
func TestT56SetTheExpiryDateOfAnOffer(t *testing.T) { manages(t, "marketplace.offer.set_expiry") }

func TestT57AMarketplaceAdminDoesNothingAtATokenItself(t *testing.T) {
	s := market(t)
	for _, in := range []wire.Intent{act(abc, "token.mint"), state(abc, "paused"), s.at(wire.AddAgent, abc, "x"), s.qualify(abc, "x", "LU")} {
		s.Refused(s.As("mia").Try(in), "not-proven", "wallet", "")
	}
	s.Denied("mia", "token.mint", "token/"+abc)
	s.Refused(s.As("mia").Try(deployOwnedBy(xyz, s.At("x"))), "not-permitted", "platform.token.deploy", "")
}
