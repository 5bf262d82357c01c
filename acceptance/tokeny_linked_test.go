package acceptance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

// link has an account linked with somebody's wallet.
func (s *servicing) link(account, wallet string) {
	s.t.Helper()
	s.As("owner").Do(wire.Intent{Kind: wire.LinkSubject, Subject: account, To: s.At(wallet)})
}

func TestT17TheAssignedWalletOwnsWhatTheAdminDeploys(t *testing.T) {
	// given account user1@tokeny.com, issuer admin, with an assigned wallet, which stands in for 0x346afc71b5…
	s := openServicing(t)
	s.link("user1@tokeny.com", "assigned wallet")

	// when it deploys a token, then that wallet owns it
	s.As("user1@tokeny.com").Do(deployOwnedBy(xyz, ""))
	s.Owns("assigned wallet", xyz)
}

func TestT18WithoutAnAssignedWalletNothingIsDeployed(t *testing.T) {
	s := openServicing(t)
	s.Refused(s.As("user1@tokeny.com").Try(deployOwnedBy(xyz, "")), "invalid", "no assigned wallet", "Link a wallet")
	if list, err := s.Tokens(t.Context(), s.ID, "", "", client.Read{}); err != nil || len(list.Items) != 1 {
		t.Errorf("the tokens are %+v, %v", list.Items, err)
	}
	// while with one it is
	s.link("user1@tokeny.com", "assigned wallet")
	s.As("user1@tokeny.com").Do(deployOwnedBy(xyz, ""))
	s.Owns("assigned wallet", xyz)
}

func TestT7OwnersAndAgentsOfTheChainAreFoundOnThePlatform(t *testing.T) {
	// given an account that sees no token
	s := openServicing(t)
	if seen := s.Seen("", "user1@tokeny.com"); len(seen) > 0 {
		t.Errorf("it sees %v", seen)
	}

	// when a wallet is linked with it that is an agent, then it finds that token
	s.link("user1@tokeny.com", "agent")
	if seen := s.Seen("", "user1@tokeny.com"); !slices.Equal(seen, []string{abc}) {
		t.Errorf("with the agent's wallet it sees %v", seen)
	}

	// and so does another, with the wallet of the owner, or with one that was made agent on the contract itself
	s.Add("user2@tokeny.com", "user3@tokeny.com")
	s.link("user2@tokeny.com", "owner")
	s.As("owner").Do(addSubject(s.org, "watcher", events.KindTechnical))
	s.As("operator").Assign("chain-observer", "watcher")
	s.As("owner").Do(wire.Intent{Kind: wire.RegisterKey, Purpose: events.PurposeAttestor, Subject: "watcher", Key: s.DID("eye")})
	s.As("eye").Do(wire.Intent{Kind: wire.ObserveChain, AtToken: wire.AtToken{Token: abc, Observed: &wire.Observed{
		Fact: "AgentAdded", Account: s.At("chain agent"), Hash: "0x" + strings.Repeat("01", 32), Tx: "0x" + strings.Repeat("02", 32),
	}}})
	s.link("user3@tokeny.com", "chain agent")
	for account, as := range map[string]string{"user1@tokeny.com": "agent", "user2@tokeny.com": "owner", "user3@tokeny.com": "agent"} {
		list, err := s.Me(account).Tokens(t.Context(), s.ID, "", account, client.Read{})
		if err != nil || len(list.Items) != 1 || list.Items[0].Token != abc || !slices.Equal(list.Items[0].As, []string{as}) {
			t.Errorf("%s finds %+v, %v; want %s as %s", account, list.Items, err, abc, as)
		}
	}
}

func TestT20AnIssuerAdminSeesNoTokenOfOthers(t *testing.T) {
	// given an issuer admin who is neither owner nor agent, and tokens of others
	s := openServicing(t)
	s.Deploy(xyz, "owner")

	// then it gets in, and sees none of them, also with a wallet that is nothing at them
	s.Allowed("user1@tokeny.com", "platform.servicing.access")
	s.link("user1@tokeny.com", "assigned wallet")
	if seen := s.Seen("", "user1@tokeny.com"); len(seen) > 0 {
		t.Errorf("an issuer admin only sees %v", seen)
	}
	if who, err := s.Me("user1@tokeny.com").Whoami(t.Context(), s.ID); err != nil || !slices.Contains(who.Roles, "issuer-admin") {
		t.Errorf("it gets in as %+v, %v", who, err)
	}

	// while it sees the one that its wallet owns, as soon as that is
	s.As("user1@tokeny.com").Do(deployOwnedBy(abcOnOne, ""))
	if seen := s.Seen("", "user1@tokeny.com"); !slices.Equal(seen, []string{abcOnOne}) {
		t.Errorf("it sees %v", seen)
	}
}

func TestT21AnotherWalletOfTheAccountLeavesOldTokensAsTheyAre(t *testing.T) {
	// given an account whose wallet owns what it deployed
	s := openServicing(t)
	s.link("user1@tokeny.com", "old wallet")
	s.As("user1@tokeny.com").Do(deployOwnedBy(xyz, ""))

	// when another wallet takes its place
	s.As("owner").Do(wire.Intent{Kind: wire.UnlinkSubject, Subject: "user1@tokeny.com", To: s.At("old wallet")})
	s.link("user1@tokeny.com", "new wallet")

	// then the old token's owner is still the old wallet, and the next one's is the new
	s.As("user1@tokeny.com").Do(deployOwnedBy(abcOnOne, ""))
	s.Owns("old wallet", xyz)
	s.Owns("new wallet", abcOnOne)
}
