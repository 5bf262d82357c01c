package acceptance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/chain"
)

func TestT58AnInvestorIsVerifiedThroughItsOnchainID(t *testing.T) {
	// given an investor that was qualified with its ONCHAINID
	s := openServicing(t)
	in := s.at(wire.QualifyInvestor, abc, "investor")
	in.OnchainID, in.Country = s.At("onchain id of the investor"), "LU"
	s.Wallet("agent").Do(in)

	// then the ONCHAINID names it, and its wallet is the one that is verified
	list := s.Positions("", in.OnchainID)
	if len(list) != 1 || list[0].Wallet != s.At("investor") || list[0].OnchainID != in.OnchainID {
		t.Errorf("%+v", list)
	}
	s.Can("investor", "token.transact", abc)
	s.Cannot("somebody else", "token.transact", abc)

	// and as soon as the token knows it no more, neither is so
	s.Wallet("agent").Do(s.at(wire.DisqualifyInvestor, abc, "investor"))
	s.Cannot("investor", "token.transact", abc)
	s.Refused(s.Wallet("investor").Try(act(abc, "token.transact")), "not-permitted", "token.transact", "")
	if list := s.Positions("", in.OnchainID); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestT59AnInvestorUsesItsWallet(t *testing.T) {
	s := openServicing(t)
	s.Wallet("agent").Do(s.qualify(abc, "investor", "LU"))
	s.Wallet("investor").Do(act(abc, "token.transact"))
	s.Recorded(s.At("investor"), "token.acted", "token.transact", abc)
	s.Refused(s.Wallet("stranger").Try(act(abc, "token.transact")), "not-proven", "is no key that somebody signs commands with here", "")
	// nor does another's signature, an account's key, or a wallet that is known and no investor
	s.Refused(s.As("user1@tokeny.com").Try(act(abc, "token.transact")), "not-proven", "proven by the signature of a wallet", "")
	s.Refused(s.Wallet("owner").Try(act(abc, "token.transact")), "not-permitted", "Don't have token.transact permission", "")
}

func TestT60AQualifiedInvestorHoldsAndTransacts(t *testing.T) {
	s := openServicing(t)
	s.Deploy(xyz, "owner")
	s.Cannot("investor", "token.hold", abc)
	s.Cannot("investor", "token.transact", abc)
	s.Wallet("agent").Do(s.qualify(abc, "investor", "LU"))
	s.Wallet("owner").Do(wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: abc, HolderCondition: new(`subject.properties.country != "US"`)}})
	s.Can("investor", "token.hold", abc)
	s.Can("investor", "token.transact", abc)
	s.Wallet("investor").Do(act(abc, "token.transact"))
	s.Cannot("investor", "token.transact", xyz)
	s.Refused(s.Wallet("investor").Try(act(xyz, "token.transact")), "not-permitted", "token.transact", "")
}

func TestT61WhatStandsAgainstATransfer(t *testing.T) {
	s := openServicing(t)
	holders := func(condition string) {
		s.Wallet("owner").Do(wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: abc, HolderCondition: &condition}})
	}
	denied := func(words string) {
		t.Helper()
		if c := s.Cannot("investor", "token.transact", abc); !strings.Contains(missing(c), words) {
			t.Errorf("the reason is %q, and not %q", missing(c), words)
		}
		s.Refused(s.Wallet("investor").Try(act(abc, "token.transact")), "not-permitted", "Don't have token.transact permission", "")
	}
	s.Wallet("agent").Do(s.qualify(abc, "investor", "US"))
	s.Can("investor", "token.transact", abc)

	// a paused token
	s.Wallet("agent").Do(state(abc, "paused"))
	denied("a token that is not paused")
	s.Wallet("agent").Do(state(abc, "active"))
	// a blocked wallet
	s.Wallet("agent").Do(s.at(wire.BlockWallet, abc, "investor"))
	denied("a wallet that is not blocked")
	s.Wallet("agent").Do(s.at(wire.UnblockWallet, abc, "investor"))
	// against the compliance rules
	holders(`subject.properties.country != "US"`)
	denied("compliance with the token's rules")
	holders("")
	s.Can("investor", "token.transact", abc)
	// not qualified any more
	s.Wallet("agent").Do(s.at(wire.DisqualifyInvestor, abc, "investor"))
	denied("had that role, given at")
	// and as of before it was so as it was
	if one := s.Positions(abc, ""); len(one) != 0 {
		t.Errorf("%+v", one)
	}
}

// Positions gives the holder records of a token, or of an investor.
func (s *servicing) Positions(token, investor string) []wire.HolderRecord {
	s.t.Helper()
	list, err := s.Investors(s.t.Context(), s.ID, token, investor, client.Read{})
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Items
}

func TestT62OnlyAnAgentQualifies(t *testing.T) {
	s := openServicing(t)
	in := s.qualify(abc, "investor", "LU")
	s.Refused(s.Wallet("owner").Try(in), "not-permitted", "Don't have investor.qualify permission", notAgent)
	s.Refused(s.As("user1@tokeny.com").Try(in), "not-proven", "wallet", "")
	s.Wallet("agent").Do(in)
	s.Can("investor", "token.hold", abc)
	s.Recorded(s.At("agent"), "investor.qualified", "investor investor qualified", "on behalf of its owner "+s.At("owner"))
}

func TestT63OneHolderRecordForEachToken(t *testing.T) {
	// given one investor with tokens of several types
	s := openServicing(t)
	s.Deploy(xyz, "owner")
	s.Wallet("owner").AddAgent(xyz, "agent")
	in := s.qualify(abc, "investor", "LU")
	in.Investor = "INV-1"
	s.Wallet("agent").Do(in)
	in.Token, in.Country = xyz, "DE"
	s.Wallet("agent").Do(in)

	// then it has one holder record for each, with its own state
	list := s.Positions("", "INV-1")
	if len(list) != 2 || list[0].Token != abc || list[0].Country != "LU" || list[1].Token != xyz || list[1].Country != "DE" {
		t.Errorf("%+v", list)
	}
	s.Wallet("agent").Do(s.at(wire.BlockWallet, xyz, "investor"))
	s.Can("investor", "token.transact", abc)
	s.Cannot("investor", "token.transact", xyz)
	if n := len(s.Positions(xyz, "")); n != 1 {
		t.Errorf("%d holders of one token", n)
	}
}

func TestT64TheOwnerIsGrantedAtDeploymentByTheIssuerAdmin(t *testing.T) {
	s := openServicing(t)
	c := s.Allowed(s.At("owner"), "token.agent.add", "token/"+abc)
	if by := c.Because[0].By; by != "user1@tokeny.com" {
		t.Errorf("granted by %s", by)
	}
	s.Recorded("user1@tokeny.com", "token.deployed", abc, "owned by "+s.At("owner"))
}

func TestT65ThePermissionGoesWithTheWallet(t *testing.T) {
	// given a wallet that changed hands: somebody else has its key. Whoever signs with it is the owner.
	s := openServicing(t)
	s.Wallet("owner").AddAgent(abc, "clerk")

	// then nothing but the wallet counts: not who deployed the token, nor what they are called
	s.Refused(s.As("owner").Try(s.at(wire.AddAgent, abc, "x")), "not-proven", "wallet", "")
	s.Refused(s.As("user1@tokeny.com").Try(s.at(wire.AddAgent, abc, "x")), "not-proven", "wallet", "")
	s.Owns("owner", abc)
	s.Cannot("x", "token.mint", abc)

	// and whoever signs with it does, whatever account it comes through
	s.Add("eve")
	in := s.at(wire.AddAgent, abc, "x")
	in.Credential = s.At("owner")
	p, err := s.Me("eve").Prepare(t.Context(), s.ID, in)
	if err == nil {
		_, err = s.Me("eve").Record(t.Context(), s.ID, p, client.WalletSigner(s.key("owner"), 0, chain.AlgorithmEIP712), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Can("x", "token.mint", abc)
	s.Recorded(s.At("owner"), "agent.added", "+ agent "+s.At("x"))
}

func TestT66TheOwnerGrantsAgents(t *testing.T) {
	s := openServicing(t)
	c := s.Allowed(s.At("agent"), "token.mint", "token/"+abc)
	if by := c.Because[0].By; by != s.At("owner") {
		t.Errorf("granted by %s", by)
	}
	s.Recorded(s.At("owner"), "agent.added", abc, "+ agent "+s.At("agent"))
	s.Refused(s.As("operator").Try(assign("token-agent", s.At("agent"), "token/"+xyz)), "invalid", "Token Agent is assigned with a token", "")
}

func TestT67OneByForm(t *testing.T) {
	s := openServicing(t)
	r := s.WalletCLI("agent", "investor", "qualify", abc, s.At("investor"), "--investor", "INV-1", "--country", "lu")
	if r.Code != 0 || !strings.Contains(r.Out, "investor.qualified") {
		t.Fatalf("%+v", r)
	}
	if list := s.Positions(abc, "INV-1"); len(list) != 1 || list[0].Country != "LU" {
		t.Errorf("%+v", list)
	}
}

// WalletCLI runs the program with somebody's wallet.
func (s *servicing) WalletCLI(name string, args ...string) ran {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "wallet")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%x\n", s.key(name).Bytes()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.CLI("", append(args, "--wallet", file)...)
}

func TestT68ManyByCSV(t *testing.T) {
	// given a file with a bad row, as a spreadsheet writes it
	s := openServicing(t)
	file := filepath.Join(t.TempDir(), "investors.csv")
	write := func(lines ...string) {
		if err := os.WriteFile(file, []byte("\ufeff"+strings.Join(lines, "\r\n")+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	head := "wallet,investor,country,property:note"
	write(head, s.At("one")+",INV-1,LU,\"first, of many\"", "0x12,INV-2,LU,", s.At("three")+",INV-3,de,=1+1", s.At("one")+",INV-4,LU,")

	// when it is imported, then the bad rows are reported by line, and nothing is recorded
	before := s.Head()
	r := s.WalletCLI("agent", "investor", "import", file, "--token", abc)
	if r.Code == 0 || s.Head() != before || !strings.Contains(r.Err, "line 3: wallet: \"0x12\" is no address") ||
		!strings.Contains(r.Err, "line 5: the wallet "+s.At("one")+" stands on line 2 already") {
		t.Fatalf("%+v", r)
	}

	// and by choice the good rows are kept
	r = s.WalletCLI("agent", "investor", "import", file, "--token", abc, "--keep-good")
	if r.Code != 0 || !strings.Contains(r.Out, "2 investors qualified") {
		t.Fatalf("%+v", r)
	}
	s.Can("one", "token.transact", abc)

	// and once more, nothing is done twice
	if r = s.WalletCLI("agent", "investor", "import", file, "--token", abc, "--keep-good"); !strings.Contains(r.Out, "0 investors qualified, 2 already") {
		t.Errorf("%+v", r)
	}

	// and what is exported holds no formula, and is read back unchanged
	out := s.CLI("owner", "investor", "export", "--token", abc)
	if !strings.Contains(out.Out, ",'=1+1\n") {
		t.Errorf("%+v", out)
	}
	write(strings.Split(strings.TrimSpace(out.Out), "\n")...)
	if r = s.WalletCLI("agent", "investor", "import", file, "--token", abc); !strings.Contains(r.Out, "0 investors qualified, 2 already") {
		t.Errorf("%+v", r)
	}
	if r = s.WalletCLI("owner", "investor", "import", file, "--token", xyz); r.Code == 0 {
		t.Errorf("for a token that there is not: %+v", r)
	}
}

func TestT69ByAPI(t *testing.T) {
	// given the bytes that the API prepares, when the agent's wallet signs them, then the investor is qualified
	s := openServicing(t)
	in := s.qualify(abc, "investor", "LU")
	in.Properties = map[string]string{"class": "professional"}
	s.Refused(s.Wallet("owner").Try(in), "not-permitted", "Don't have investor.qualify permission", notAgent)
	s.Cannot("investor", "token.hold", abc)
	r := s.Wallet("agent").Do(in)
	if r.Type != "investor.qualified" {
		t.Errorf("%+v", r)
	}
	got := read[wire.List[wire.HolderRecord]](s.org, s.HTTP("GET", "/investors?token="+abc, nil))
	if len(got.Items) != 1 || got.Items[0].Properties["class"] != "professional" || got.Items[0].Since != r.Seq {
		t.Errorf("%+v", got)
	}
	s.Can("investor", "token.hold", abc)
}

func TestT70TheGuideOfTheRoles(t *testing.T) {
	// when a reader asks what the roles are
	s := openServicing(t)
	list, err := s.Guide(t.Context(), s.ID, client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	guide := map[string]wire.RoleGuide{}
	for _, g := range list.Items {
		guide[g.Name] = g
	}

	// then it is told the type, how it is proven, what it is able to and what not, and who grants it
	const account, wallet = "the account's credentials", "the signature of the wallet that has it"
	for name, want := range map[string][5]string{
		"Issuer Admin":      {"platform", account, "platform.token.deploy", "token.mint", "the operator of the platform"},
		"Token Owner":       {"token", wallet, "token.agent.add", "token.mint", "whoever deploys the token; then the owner before, by a transfer"},
		"Token Agent":       {"token", wallet, "token.mint", "token.agent.add", "the owner of the token"},
		"Marketplace Admin": {"platform", account, "marketplace.project.create", "platform.token.deploy", "the operator of the platform"},
		"Investor":          {"token", wallet, "token.transact", "token.mint", "an agent of the token, by qualification"},
	} {
		g := guide[name]
		if g.Type != want[0] || g.Proof != want[1] || !slices.Contains(g.Abilities, want[2]) || slices.Contains(g.Abilities, want[3]) || g.GrantedBy != want[4] {
			t.Errorf("%s: %+v", name, g)
		}
	}
	if r := s.CLI("owner", "role", "guide"); !strings.Contains(r.Out, "Token Agent (token)") {
		t.Errorf("%+v", r)
	}
}
