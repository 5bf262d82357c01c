package acceptance_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

const (
	notOwner = "Ownable: caller is not the owner"
	notAgent = "AgentRole: caller does not have the Agent role"
)

func TestT4AnAgentIsAgentOfOneContractOfOneChain(t *testing.T) {
	// given "I am an agent for ABC TOKEN at Polygon mainnet"
	s := openServicing(t)

	// then the scope is chain and contract, written as the contract says, however it was typed
	s.Wallet("owner").Do(wire.Intent{Kind: wire.AddAgent, AtToken: wire.AtToken{Token: "eip155:137:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", Wallet: s.At("clerk")}})
	c := s.Allowed(s.At("clerk"), "token.mint", "token/"+abc)
	if c.Because[0].Scope != "token/"+abc {
		t.Errorf("the scope is %s", c.Because[0].Scope)
	}
	in := s.at(wire.AddAgent, "eip155:137:0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "other")
	s.Refused(s.Wallet("owner").Try(in), "bad-request", "which is no CAIP-10 id of a contract", "")
	s.Cannot("other", "token.mint", abc)
}

func TestT5AnotherTokenOrChainIsDenied(t *testing.T) {
	// given an agent of ABC TOKEN at Polygon
	s := openServicing(t)
	s.Deploy(xyz, "owner")
	s.Deploy(abcOnOne, "owner")

	// when the same wallet acts on another token, or on the same address of another chain, then it is denied
	s.Can("agent", "token.mint", abc)
	for _, token := range []string{xyz, abcOnOne} {
		s.Cannot("agent", "token.mint", token)
		s.Refused(s.Wallet("agent").Try(act(token, "token.mint")), "not-permitted", "token.mint", notAgent)
	}
	s.Wallet("agent").Do(act(abc, "token.mint"))
}

func TestT6EachTokenHasItsOwnOwnerAndAgents(t *testing.T) {
	// given an issuer with tokens A and B
	s := openServicing(t)
	s.Deploy(xyz, "second owner")
	s.Wallet("second owner").AddAgent(xyz, "second agent")

	// then each has its own owner and agents
	s.Owns("owner", abc)
	s.Owns("second owner", xyz)
	if a, b := s.Token1(abc).Agents, s.Token1(xyz).Agents; !slices.Equal(a, []string{s.At("agent")}) || !slices.Equal(b, []string{s.At("second agent")}) {
		t.Errorf("agents: %v and %v", a, b)
	}
}

func TestT12AnIssuerHasSeveralAdmins(t *testing.T) {
	// given an issuer platform with an admin, when a second one is added
	s := openServicing(t)
	s.Add("user2@tokeny.com")
	s.Refused(s.As("user2@tokeny.com").Try(deployOwnedBy(xyz, s.At("owner"))), "not-permitted", "Don't have platform.token.deploy permission", "")
	s.As("operator").Assign("issuer-admin", "user2@tokeny.com")

	// then both deploy
	s.As("user2@tokeny.com").Do(deployOwnedBy(xyz, s.At("owner")))
	s.Allowed("user1@tokeny.com", "platform.token.deploy")
	s.Allowed("user2@tokeny.com", "platform.token.deploy")
	s.Recorded("user2@tokeny.com", "token.deployed", xyz)
	s.Deploy(abcOnOne, "owner")
	s.Recorded("ledger-operator", "role.assigned", "user2@tokeny.com", "issuer-admin")
}

func TestT13AnIssuerAdminDeploys(t *testing.T) {
	// given an issuer admin, and an account that is none
	s := openServicing(t)
	s.Add("visitor")

	// when they deploy a token, then the one does and the other is denied
	s.Deploy(xyz, "owner")
	s.Refused(s.As("visitor").Try(deployOwnedBy(abcOnOne, s.At("owner"))), "not-permitted", "Don't have platform.token.deploy permission", "")
	s.Turned("visitor", "token.deployed", "not-permitted")
	s.Recorded("user1@tokeny.com", "token.deployed", xyz, "ABC TOKEN", s.At("owner"))
}

func TestT15OnlyTheOperatorGrantsIssuerAdmin(t *testing.T) {
	// given an issuer admin
	s := openServicing(t)
	s.Add("friend")

	// when it grants another, then it is denied; so is the organization's owner
	s.Refused(s.As("user1@tokeny.com").Try(assign("issuer-admin", "friend")), "not-permitted", "Don't have ledger:role.assign permission", "Ask an Owner or Admin for permission")
	s.Refused(s.As("owner").Try(assign("issuer-admin", "friend")), "not-permitted", "Only the operator of the ledger assigns and revokes Issuer Admin", "")
	s.Denied("friend", "platform.token.deploy")

	// and the CSM team grants it, and takes it away
	s.As("operator").Assign("issuer-admin", "friend")
	s.Allowed("friend", "platform.token.deploy")
	s.As("operator").Revoke("issuer-admin", "friend")
	s.Denied("friend", "platform.token.deploy")
}

func TestT16AnIssuerAdminOnlyDeploys(t *testing.T) {
	// given an issuer admin who is nothing else
	s := openServicing(t)
	admin := s.As("user1@tokeny.com")

	// when it mints, pauses or adds an agent, then it is denied
	for _, in := range []wire.Intent{act(abc, "token.mint"), state(abc, "paused"), s.at(wire.AddAgent, abc, "x")} {
		s.Refused(admin.Try(in), "not-proven", "proven by the signature of a wallet", "Sign with the wallet")
	}
	s.Denied("user1@tokeny.com", "token.mint", "token/"+abc)
	s.Denied("user1@tokeny.com", "marketplace.project.remove")

	// and it deploys
	s.Deploy(xyz, "owner")
}

func TestT19AnIssuerAdminNeedBeNeitherAgentNorOwner(t *testing.T) {
	// given an issuer admin whose tokens other wallets own
	s := openServicing(t)

	// then it holds what issuer admins hold, and may go on
	s.Holds("user1@tokeny.com", "platform.servicing.access", "platform.token.deploy", "platform.token.owner.define")
	s.Owns("owner", abc)
	s.Deploy(xyz, "somebody else")
	s.Owns("somebody else", xyz)
	s.Recorded("user1@tokeny.com", "token.deployed", xyz)
	// and is neither owner nor agent of any of them
	for _, token := range []string{abc, xyz} {
		s.Denied("user1@tokeny.com", "token.mint", "token/"+token)
		s.Denied("user1@tokeny.com", "token.agent.add", "token/"+token)
	}
	if seen := s.Seen("", "user1@tokeny.com"); len(seen) > 0 {
		t.Errorf("it is owner or agent of %v", seen)
	}
}

func TestT25TheOwnerIsNamedAtDeployment(t *testing.T) {
	// given a token that is being deployed, when the issuer admin names the owner
	s := openServicing(t)
	at := s.Deploy(xyz, "named")

	// then that wallet is owner from that moment
	s.Owns("named", xyz)
	if one := s.Token1(xyz); one.OwnerSince != at.Seq {
		t.Errorf("owner since %d, deployed at %d", one.OwnerSince, at.Seq)
	}
	s.Can("named", "token.agent.add", xyz)
}

func TestT26OwnerAndAgentOfTheSameToken(t *testing.T) {
	s := openServicing(t)
	s.Cannot("owner", "token.mint", abc)
	s.Wallet("owner").AddAgent(abc, "owner")
	s.Can("owner", "token.mint", abc)
	s.Can("owner", "token.agent.add", abc)
	s.Wallet("owner").Do(act(abc, "token.mint"))
	s.Owns("owner", abc)
	if agents := s.Token1(abc).Agents; len(agents) != 2 || !slices.Contains(agents, s.At("owner")) {
		t.Errorf("the agents are %v", agents)
	}
}

func TestT27OneWalletOwnsManyTokens(t *testing.T) {
	s := openServicing(t)
	s.Deploy(xyz, "owner")
	s.Deploy(abcOnOne, "owner")
	if seen := s.Seen(s.At("owner"), ""); !slices.Equal(seen, []string{abc, xyz, abcOnOne}) {
		t.Errorf("the wallet owns %v", seen)
	}
	for _, token := range []string{abc, xyz, abcOnOne} {
		s.Owns("owner", token)
		s.Cannot("clerk", "token.mint", token)
		s.Wallet("owner").AddAgent(token, "clerk")
		s.Can("clerk", "token.mint", token)
	}
	s.Cannot("somebody else", "token.agent.add", abc)
}

func TestT28ATransferHasOneOwnerAfterAndBefore(t *testing.T) {
	// when the owner transfers the ownership
	s := openServicing(t)
	s.Wallet("owner").Do(s.at(wire.TransferToken, abc, "buyer"))

	// then the new wallet is owner and the old one is not
	s.Owns("buyer", abc)
	s.Can("buyer", "token.agent.add", abc)
	s.Cannot("owner", "token.agent.add", abc)
	s.Refused(s.Wallet("owner").Try(s.at(wire.TransferToken, abc, "owner")), "not-permitted", "token.ownership.transfer", notOwner)
	s.Recorded(s.At("owner"), "token.transferred", abc, s.At("buyer"))

	// and exactly one owns it, at every moment
	who, err := s.WhoCan(t.Context(), s.ID, "tokeny:token.ownership.transfer", "token/"+abc, client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	var wallets []string
	for _, h := range who.Items {
		if h.Kind == "wallet" {
			wallets = append(wallets, h.Subject)
		}
	}
	if !slices.Equal(wallets, []string{s.At("buyer")}) {
		t.Errorf("who owns it: %v", wallets)
	}
}

func TestT29AnAgentThatTheOwnerSetMayAct(t *testing.T) {
	s := openServicing(t)
	s.Cannot("clerk", "token.pause", abc)
	s.Wallet("owner").AddAgent(abc, "clerk")
	s.Wallet("clerk").Do(state(abc, "paused"))
	s.Recorded(s.At("owner"), "agent.added", "+ agent "+s.At("clerk"))
}

func TestT30ARevokedAgentMayNotAct(t *testing.T) {
	// given an agent of two tokens
	s := openServicing(t)
	s.Deploy(xyz, "owner")
	s.Wallet("owner").AddAgent(xyz, "agent")

	// when the owner revokes it on one
	s.Wallet("owner").Do(s.at(wire.RemoveAgent, abc, "agent"))

	// then it may not act there any more; the other is untouched
	s.Refused(s.Wallet("agent").Try(act(abc, "token.mint")), "not-permitted", "token.mint", notAgent)
	s.Wallet("agent").Do(act(xyz, "token.mint"))
}

func TestT31RevokingWhoIsNoAgentIsRefused(t *testing.T) {
	s := openServicing(t)
	s.Refused(s.Wallet("owner").Try(s.at(wire.RemoveAgent, abc, "stranger")), "not-found", "Roles: account does not have role", "is no agent")
	s.Refused(s.Wallet("owner").Try(s.at(wire.AddAgent, abc, "agent")), "no-change", "Roles: account already has role", "")
	s.Refused(s.Wallet("owner").Try(s.at(wire.AddAgent, abc, "0x0000000000000000000000000000000000000000")), "invalid", "invalid argument - zero address", "")
}

func TestT32TheOwnerSetsTheIdentityRegistry(t *testing.T) {
	s := openServicing(t)
	in := wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: abc, IdentityRegistry: s.At("registry")}}
	s.Refused(s.Wallet("agent").Try(in), "not-permitted", "token.identity_registry.set", notOwner)
	s.Wallet("owner").Do(in)
	if one := s.Token1(abc); one.IdentityRegistry != s.At("registry") {
		t.Errorf("%+v", one)
	}
}

func TestT33TheOwnerSetsTheCompliance(t *testing.T) {
	s := openServicing(t)
	in := wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: abc, Compliance: s.At("compliance")}}
	s.Refused(s.Wallet("agent").Try(in), "not-permitted", "token.compliance.set", notOwner)
	s.Wallet("owner").Do(in)
	if one := s.Token1(abc); one.Compliance != s.At("compliance") {
		t.Errorf("%+v", one)
	}
}

func TestT34AnOwnerWhoIsNotAgentDoesNoAgentsWork(t *testing.T) {
	s := openServicing(t)
	owner := s.Wallet("owner")
	for permission, in := range map[string]wire.Intent{
		"token.mint": act(abc, "token.mint"), "token.force_transfer": act(abc, "token.force_transfer"),
		"token.pause": state(abc, "paused"), "token.block": s.at(wire.BlockWallet, abc, "investor"),
	} {
		s.Refused(owner.Try(in), "not-permitted", "Don't have "+permission+" permission", notAgent)
		s.Cannot("owner", permission, abc)
	}
}

func TestT37OnlyTheOwnerOfTheTokenSetsAgents(t *testing.T) {
	// given an agent, an issuer admin and the owner of another token
	s := openServicing(t)
	s.Deploy(xyz, "second owner")
	in := s.at(wire.AddAgent, abc, "clerk")

	// when they designate an agent, then they are denied
	s.Refused(s.Wallet("agent").Try(in), "not-permitted", "token.agent.add", notOwner)
	s.Refused(s.Wallet("second owner").Try(in), "not-permitted", "token.agent.add", notOwner)
	s.Refused(s.As("user1@tokeny.com").Try(in), "not-proven", "wallet", "")
	s.Wallet("owner").Do(in)
}

func TestT38AnyNumberOfAgents(t *testing.T) {
	s := openServicing(t)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		s.Wallet("owner").AddAgent(abc, name)
	}
	if n := len(s.Token1(abc).Agents); n != 11 {
		t.Errorf("%d agents", n)
	}
	s.Can("j", "token.mint", abc)
}

func TestT39OneWalletIsAgentOfManyTokens(t *testing.T) {
	s := openServicing(t)
	s.Deploy(xyz, "second owner")
	s.Wallet("second owner").AddAgent(xyz, "agent")
	s.Can("agent", "token.mint", abc)
	s.Can("agent", "token.mint", xyz)
	if seen := s.Seen(s.At("agent"), ""); !slices.Equal(seen, []string{abc, xyz}) {
		t.Errorf("an agent of %v", seen)
	}
}
