package rules_test

import (
	"strings"

	"github.com/permledger/permledger/events"
)

// goldenTokenRoles are the catalogue and the roles of the tokens of the golden history.
func goldenTokenRoles() []step {
	return []step{
		publish("coin", perm("act", tokenLevel), perm("add", tokenLevel, guards("agent.add")), perm("block", tokenLevel, guards("wallet.block", "wallet.unblock")),
			perm("deploy", guards("token.deploy")), perm("pause", tokenLevel, guards("token.pause", "token.unpause")),
			perm("project", need(events.NeedTokenRole)), perm("qualify", tokenLevel, guards("investor.disqualify", "investor.qualify")),
			perm("remove", tokenLevel, guards("agent.remove")), perm("rules", tokenLevel, guards("token.compliance", "token.condition", "token.registry")),
			perm("transact", tokenLevel, need(events.NeedCompliant, events.NeedQualified, events.NeedUnblocked, events.NeedUnpaused)),
			perm("transfer", tokenLevel, guards("token.transfer"))),
		system("coin owners", events.ManagedTokenOwner, "coin:add", "coin:remove", "coin:rules", "coin:transfer"),
		system("coin agents", events.ManagedTokenAgent, "coin:act", "coin:block", "coin:pause", "coin:qualify"),
		system("coin holders", events.ManagedTokenHolder, "coin:transact"),
	}
}

// goldenTokens make use of every type of event about tokens.
func goldenTokens() []step {
	update := func(d events.TokenUpdated) step {
		d.Token = tokenA
		return step{data: &d}
	}
	return []step{
		addWallet("did:pkh:eip155:137:" + other), create("deployer", "coin:deploy"), assign("job", "deployer"), deploy(tokenA, boss).by("job"), deploy(tokenB, boss).by("job"),
		agent(tokenA, clerk).wallet(boss), agent(tokenB, clerk).wallet(boss), agent(tokenA, other).wallet(boss),
		step{data: &events.AgentRemoved{Token: tokenB, Agent: clerk}}.wallet(boss),
		update(events.TokenUpdated{IdentityRegistry: other, Compliance: holder, Condition: new(`subject.properties.country != "US"`)}).wallet(boss),
		qualify(tokenA, holder, "LU").wallet(clerk), qualify(tokenA, holder, "US").wallet(clerk), qualify(tokenA, boss, "DE").wallet(clerk),
		step{data: &events.InvestorDisqualified{Token: tokenA, Wallet: boss}}.wallet(clerk),
		step{data: &events.WalletBlocked{Token: tokenA, Wallet: holder}}.wallet(clerk), step{data: &events.WalletUnblocked{Token: tokenA, Wallet: holder}}.wallet(clerk),
		step{data: &events.WalletBlocked{Token: tokenA, Wallet: "0xdeaDDeADDEaDdeaDdEAddEADDEAdDeadDEADDEaD"}}.wallet(clerk),
		update(events.TokenUpdated{State: events.TokenPaused}).wallet(clerk), step{data: &events.TokenActed{Token: tokenA, Permission: "coin:act", Payload: events.Digest{3}}}.wallet(clerk),
		step{data: &events.TokenTransferred{Token: tokenA, To: holder}}.wallet(boss),
		addKind("watcher", events.KindTechnical), register("eye", events.PurposeAttestor, "watcher"), create("attestors", "ledger:chain.attest"), assign("watcher", "attestors"),
		seen(events.FactAgentAdded, boss, "", 1), seen(events.FactAgentRemoved, clerk, "", 2), seen(events.FactOwnershipTransferred, clerk, holder, 3), seen(events.FactAgentAdded, boss, "", 4),
	}
}

// seen is what the watcher saw of token A on its chain.
func seen(fact, account, previous string, index uint64) step {
	d := &events.ChainObserved{
		Token: tokenA, Fact: fact, Account: account, Previous: previous, Index: index,
		Block: events.Block{Hash: "0x" + strings.Repeat("ab", 32), Number: 7}, Tx: "0x" + strings.Repeat("cd", 32),
	}
	return step{data: d}.by("watcher").signedWith(did("eye")).but(func(c *events.Command) {
		i := d.Import()
		c.Origin.Import, c.ID = &i, events.ImportID(i)
	})
}
