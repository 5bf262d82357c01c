package acceptance_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
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
}

func TestT7T20T21AnAccountSeesTheTokensOfItsWallets(t *testing.T) {
	s := openServicing(t)
	if seen := s.Seen("", "user1@tokeny.com"); len(seen) > 0 {
		t.Errorf("an issuer admin only sees %v", seen)
	}
	s.link("user1@tokeny.com", "agent")
	if seen := s.Seen("", "user1@tokeny.com"); !slices.Equal(seen, []string{abc}) {
		t.Errorf("with the agent's wallet it sees %v", seen)
	}
	s.As("owner").Do(wire.Intent{Kind: wire.UnlinkSubject, Subject: "user1@tokeny.com", To: s.At("agent")})
	s.Owns("owner", abc)
}
