package rules_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

var tokeny = events.Profile{Name: "tokeny", UniqueNames: true}

// The tokens and wallets of these tests. Nobody is said to have the keys.
const (
	tokenA = "eip155:137:0x000000000000000000000000000000000000dEaD"
	tokenB = "eip155:1:0x000000000000000000000000000000000000dEaD"
	boss   = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	clerk  = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
	holder = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"
	other  = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"
)

// servicing opens an organization with tokens: ann deploys, boss owns token A, clerk is its agent.
func servicing(t reporter) *world {
	w := open(t, tokeny, catalogue("tokeny"),
		system("owners", events.ManagedTokenOwner, "tokeny:token.ownership.transfer", "tokeny:token.agent.add", "tokeny:token.agent.remove",
			"tokeny:token.identity_registry.set", "tokeny:token.compliance.set", "tokeny:token.compliance.manage"),
		system("agents", events.ManagedTokenAgent, "tokeny:token.pause", "tokeny:token.unpause", "tokeny:token.mint", "tokeny:token.block",
			"tokeny:token.unblock", "tokeny:investor.qualify", "tokeny:investor.disqualify"),
		system("investors", events.ManagedTokenHolder, "tokeny:token.hold", "tokeny:token.transact"),
		system("issuer admin", events.ManagedOperator, "tokeny:platform.token.deploy"),
		add("ann"), assign("ann", "issuer admin").byOperator(), deploy(tokenA, boss).by("ann"))
	w.do(agent(tokenA, clerk).wallet(boss))
	return w
}

func deploy(token, owner string) step {
	return step{data: &events.TokenDeployed{Token: token, Name: "ABC TOKEN", Owner: owner}}
}
func agent(token, wallet string) step {
	return step{data: &events.AgentAdded{Token: token, Agent: wallet}}
}
func qualify(token, wallet, country string) step {
	return step{data: &events.InvestorQualified{Token: token, Wallet: wallet, Investor: "INV-1", Country: country}}
}

// wallet has a step asked by the wallet of an address, which signs by EIP-712.
func (st step) wallet(address string) step {
	return st.butIn(func(w *world, c *events.Command) {
		c.Actor, _ = w.s.Wallet(tokenA, address)
		c.Auth = events.Auth{Method: events.MethodEIP712, Credential: address}
	})
}

func (w *world) may(address, permission, resource string) bool {
	id, known := w.s.Wallet(tokenA, address)
	return known && w.s.Check(id, permission, resource, w.s.Time())
}

// T5, T6, T25 to T30, T37 to T39.
func TestOwnersAndAgents(t *testing.T) {
	w := servicing(t)
	onA := events.TokenScope(tokenA)
	if !w.may(boss, "tokeny:token.agent.add", onA) || w.may(boss, "tokeny:token.mint", onA) || !w.may(clerk, "tokeny:token.mint", onA) ||
		w.may(clerk, "tokeny:token.agent.add", onA) || w.may(clerk, "tokeny:token.mint", events.TokenScope(tokenB)) {
		t.Error("an owner sets agents and an agent mints, each on its token alone")
	}
	for words, st := range map[string]step{
		"Ownable: caller is not the owner":           agent(tokenA, other).wallet(clerk),
		"Sign with the wallet":                       agent(tokenA, other),
		clerk + " is an agent of the token already":  agent(tokenA, clerk).wallet(boss),
		other + " is no agent of the token":          step{data: &events.AgentRemoved{Token: tokenA, Agent: other}}.wallet(boss),
		"AgentRole: caller does not have the Agent":  step{data: &events.TokenUpdated{Token: tokenA, State: events.TokenPaused}}.wallet(boss),
		"AgentRole: caller does not have the Agent ": step{data: &events.TokenActed{Token: tokenA, Permission: "tokeny:token.mint"}}.wallet(boss),
		"Deploy it first":                            agent(tokenB, other).wallet(boss),
	} {
		if r := w.refused(st); !strings.Contains(r.Hint, words) {
			t.Errorf("%v; want the hint %q", &r, words)
		}
	}
	if r := w.refused(agent(tokenA, "0x0000000000000000000000000000000000000000").wallet(boss)); r.Reason != "invalid argument - zero address" {
		t.Error(&r)
	}

	w.do(step{data: &events.TokenTransferred{Token: tokenA, To: other}}.wallet(boss))
	if w.may(boss, "tokeny:token.agent.add", onA) || !w.may(other, "tokeny:token.agent.add", onA) {
		t.Error("the new owner owns, and the one before does not")
	}
	w.do(step{data: &events.AgentRemoved{Token: tokenA, Agent: clerk}}.wallet(other))
	if w.may(clerk, "tokeny:token.mint", onA) {
		t.Error("a removed agent mints")
	}
	act := step{data: &events.TokenActed{Token: tokenA, Permission: "tokeny:token.mint"}}
	w.do(agent(tokenA, clerk).wallet(other))
	owner, _ := w.s.Wallet(tokenA, other)
	if e := w.do(act.wallet(clerk)); e.Data.(*events.TokenActed).OnBehalfOf != owner {
		t.Error("an agent acts on behalf of the owner")
	}
}

// T60, T61: what transacting needs.
func TestNeedsOfTransacting(t *testing.T) {
	w := servicing(t)
	onA := events.TokenScope(tokenA)
	want := func(may bool, when string) {
		t.Helper()
		if w.may(holder, "tokeny:token.transact", onA) != may {
			t.Errorf("%s: the holder may transact: %v", when, !may)
		}
	}
	update := func(d events.TokenUpdated) *events.TokenUpdated { d.Token = tokenA; return &d }
	want(false, "unknown")
	w.do(qualify(tokenA, holder, "LU").wallet(clerk))
	want(true, "qualified")
	w.do(step{data: update(events.TokenUpdated{State: events.TokenPaused})}.wallet(clerk))
	want(false, "paused")
	w.do(step{data: update(events.TokenUpdated{State: events.TokenActive})}.wallet(clerk))
	w.do(step{data: &events.WalletBlocked{Token: tokenA, Wallet: holder}}.wallet(clerk))
	want(false, "blocked")
	w.do(step{data: &events.WalletUnblocked{Token: tokenA, Wallet: holder}}.wallet(clerk))
	w.do(step{data: update(events.TokenUpdated{Condition: new(`subject.properties.country != "LU"`)})}.wallet(boss))
	want(false, "against the compliance")
	w.do(qualify(tokenA, holder, "DE").wallet(clerk))
	want(true, "compliant again")
	w.do(step{data: &events.InvestorDisqualified{Token: tokenA, Wallet: holder}}.wallet(clerk))
	want(false, "disqualified")
}

// T24: what the chain says is taken over, each log once, and only from an attestor.
func TestObservations(t *testing.T) {
	w := servicing(t)
	w.do(addKind("watcher", events.KindTechnical), register("eye", events.PurposeAttestor, "watcher"))
	w.do(create("attestors", "ledger:chain.attest"), assign("watcher", "attestors"))
	onA := events.TokenScope(tokenA)
	w.do(seen(events.FactAgentAdded, other, "", 1))
	if !w.may(other, "tokeny:token.mint", onA) {
		t.Error("an agent that the chain added may not mint")
	}
	if r := w.refused(seen(events.FactAgentAdded, other, "", 1)); r.Code != rules.Repeated {
		t.Errorf("the same log again: %v", &r)
	}
	if e := w.do(seen(events.FactAgentAdded, other, "", 2)); e.Data.(*events.ChainObserved).Role != (events.ChainObserved{}).Role {
		t.Error("an agent that is one is added again")
	}
	w.do(seen(events.FactOwnershipTransferred, holder, boss, 3))
	if w.may(boss, "tokeny:token.agent.add", onA) || !w.may(holder, "tokeny:token.agent.add", onA) {
		t.Error("the owner that the chain says is not the owner")
	}
	w.do(seen(events.FactAgentRemoved, other, "", 4))
	if w.may(other, "tokeny:token.mint", onA) {
		t.Error("an agent that the chain removed may mint")
	}
	if r := w.refused(seen(events.FactAgentAdded, other, "", 5).signedWith(did("watcher"))); r.Code != rules.NotProven {
		t.Errorf("with another key of its own: %v", &r)
	}
	if r := w.refused(create("mine", "ledger:chain.attest").by("watcher").signedWith(did("eye"))); r.Code != rules.NotProven {
		t.Errorf("another command with the attestor's key: %v", &r)
	}
}

// T48, T49: a marketplace admin needs a wallet that owns the token or is its agent.
func TestNeedOfTokenRole(t *testing.T) {
	w := servicing(t)
	w.do(create("market", "tokeny:marketplace.project.create"), add("mia"), assign("mia", "market"))
	project := events.TokenScope(tokenA) + "/project/1"
	for address, want := range map[string]bool{boss: true, clerk: true, other: false, "": false} {
		with, _ := w.s.Wallet(tokenA, address)
		if got := w.s.CheckIn(id("mia"), "tokeny:marketplace.project.create", project, w.s.Time(), rules.Context{With: with}); got != want {
			t.Errorf("with %q: %v; want %v", address, got, want)
		}
	}
}
