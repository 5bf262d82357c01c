package verify_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/verify"
)

const (
	coin     = "eip155:137:0x000000000000000000000000000000000000dEaD" // on the chain of one of cow's wallets
	investor = "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"            // a wallet whose key nobody has here
)

// atToken is a permission of the token level that lets wallets do something.
func atToken(name string, guards ...string) events.Permission {
	return events.Permission{Name: name, Category: "TOKEN", Entity: "TOKEN", Action: strings.ToUpper(name), Level: events.LevelToken, Guards: guards}
}

// tokenRoles records the catalogue of tokens and the roles that the rules give to wallets; they are made while an
// organization is opened.
func (w *world) tokenRoles() {
	deploy := atToken("deploy", "token.deploy")
	deploy.Level = ""
	w.do(ask{as: "coin"}, &events.CataloguePublished{Catalogue: "coin", Title: "Coin", Permissions: []events.Permission{
		atToken("act"), atToken("add", "agent.add"), atToken("block", "wallet.block", "wallet.unblock"), deploy, atToken("hold"),
		atToken("pause", "token.pause", "token.unpause"), atToken("qualify", "investor.disqualify", "investor.qualify"),
		atToken("remove", "agent.remove"), atToken("transfer", "token.transfer"),
	}})
	for _, r := range []events.RoleCreated{
		{Key: "coin-owners", Managed: events.ManagedTokenOwner, Permissions: []string{"coin:add", "coin:remove", "coin:transfer"}},
		{Key: "coin-agents", Managed: events.ManagedTokenAgent, Permissions: []string{"coin:act", "coin:block", "coin:pause", "coin:qualify"}},
		{Key: "coin-holders", Managed: events.ManagedTokenHolder, Permissions: []string{"coin:hold"}},
	} {
		r.Role, r.Name, r.System = id(r.Key), r.Key, true
		w.do(ask{as: r.Key}, &r)
	}
}

// tokens records what there is of tokens: cow owns one, dog is its agent, and somebody watches its chain.
func (w *world) tokens() {
	w.do(ask{}, &events.PermissionGranted{Subject: id("ann"), Permission: "coin:deploy"})
	w.do(ask{as: "deployed", by: "ann", with: "ann2"}, &events.TokenDeployed{Token: coin, Name: "Coin", Owner: cow.Address().String()})
	owner := func(as string, d events.Data) { w.do(ask{as: as, scheme: chain.AlgorithmEIP712, on: 137}, d) }
	agent := func(as, scheme string, d events.Data) { w.do(ask{as: as, scheme: scheme, wallet: dog}, d) }
	owner("dog an agent", &events.AgentAdded{Token: coin, Agent: dog.Address().String()})
	owner("another agent", &events.AgentAdded{Token: coin, Agent: investor})
	owner("another agent gone", &events.AgentRemoved{Token: coin, Agent: investor})
	agent("qualified", chain.AlgorithmEIP712, &events.InvestorQualified{Token: coin, Wallet: investor, Investor: "INV-1", Country: "LU"})
	agent("blocked", chain.AlgorithmEIP191, &events.WalletBlocked{Token: coin, Wallet: investor})
	agent("unblocked", chain.AlgorithmEIP4361, &events.WalletUnblocked{Token: coin, Wallet: investor})
	agent("disqualified", chain.AlgorithmEIP712, &events.InvestorDisqualified{Token: coin, Wallet: investor})
	agent("paused", chain.AlgorithmEIP712, &events.TokenUpdated{Token: coin, State: events.TokenPaused})
	agent("acted", chain.AlgorithmEIP712, &events.TokenActed{Token: coin, Permission: "coin:act", Payload: events.Digest{7}})
	w.do(ask{as: "watcher added"}, &events.SubjectAdded{Subject: id("watcher"), Key: "watcher", Kind: events.KindTechnical, Credential: did("watcher")})
	w.do(ask{as: "eye registered"}, &events.KeyRegistered{Key: did("eye"), Purpose: events.PurposeAttestor, Subject: id("watcher")})
	w.do(ask{}, &events.PermissionGranted{Subject: id("watcher"), Permission: "ledger:chain.attest"})
	seen := &events.ChainObserved{
		Token: coin, Fact: events.FactAgentAdded, Account: investor, Index: 3,
		Block: events.Block{Hash: "0x" + strings.Repeat("ab", 32), Number: 7}, Tx: "0x" + strings.Repeat("cd", 32),
	}
	i := seen.Import()
	w.do(ask{as: "observed", by: "watcher", with: "eye", origin: events.Origin{Import: &i}}, seen)
	owner("transferred", &events.TokenTransferred{Token: coin, To: investor})
}

// Given a ledger with tokens, when its operator, who holds the event keys, has somebody do at a token what they did not
// or may not do, or changes what follows from it, then the entry does not hold.
func TestTokenForgeries(t *testing.T) {
	type edit = func(*world, *chain.Entry)
	evidence := func(name, check, found string, f edit) attack {
		return attack{check: check, at: name, found: found, tamper: func(w *world) []verify.Raw {
			return w.forged(name, func(en *chain.Entry) { f(w, en) })
		}}
	}
	named := func(name string, a attack) attack { a.name = name; return a }
	fails(t, history(t, plain), []attack{
		named("the owner does the agent's work", evidence("paused", chain.CheckRules, "not-permitted", func(w *world, en *chain.Entry) {
			en.Event.Actor, en.Event.Auth.Credential = id(walletOn(137)), walletOn(137)
			en.Evidence = w.signWallet(en.Event, en.Evidence.Signed, chain.AlgorithmEIP712, 137, cow)
		})),
		named("the owner of the organization does", evidence("paused", chain.CheckRules, "the signature of a wallet", func(w *world, en *chain.Entry) {
			en.Event.Actor, en.Event.Auth = id("owner"), events.Auth{Method: events.MethodSignature, Credential: did("owner")}
			en.Evidence = w.evidence(en.Event, "owner")
		})),
		named("another investor than the agent signed", evidence("blocked", chain.CheckEvidence, "another wallet, or of something else", func(_ *world, en *chain.Entry) {
			en.Event.Data.(*events.WalletBlocked).Wallet = dog.Address().String()
		})),
		named("on behalf of another", evidence("acted", chain.CheckRules, "another effect", func(_ *world, en *chain.Entry) {
			en.Event.Data.(*events.TokenActed).OnBehalfOf = id("bob")
		})),
		named("the agent's role to another", evidence("dog an agent", chain.CheckRules, "another effect", func(_ *world, en *chain.Entry) {
			en.Event.Data.(*events.AgentAdded).Subject = id("bob")
		})),
		named("an observation with the credential of its author", evidence("observed", chain.CheckRules, "", func(w *world, en *chain.Entry) {
			en.Event.Auth.Credential = did("watcher")
			en.Evidence = w.evidence(en.Event, "watcher")
		})),
		named("an observation by the owner", evidence("observed", chain.CheckRules, "", func(w *world, en *chain.Entry) {
			en.Event.Actor, en.Event.Auth.Credential = id("owner"), did("owner")
			en.Evidence = w.evidence(en.Event, "owner")
		})),
		named("another log than was seen", evidence("observed", chain.CheckEvidence, "did not sign", func(_ *world, en *chain.Entry) {
			en.Event.Data.(*events.ChainObserved).Account = dog.Address().String()
		})),
		named("an observation that changes less", evidence("observed", chain.CheckRules, "another effect", func(_ *world, en *chain.Entry) {
			en.Event.Data.(*events.ChainObserved).Role = id("nobody's")
		})),
		named("the attestor's key for something else", attack{check: chain.CheckRules, found: "not a credential", tamper: func(w *world) []verify.Raw {
			return w.forced(ask{by: "watcher", with: "eye"}, &events.DocumentIssued{Thing: "subject/" + id("bob").String()}, nil)
		}}),
	})
}
