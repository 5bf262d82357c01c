package acceptance_test

import (
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

const (
	wallet1  = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
	abcToken = "token/eip155:137:0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
)

// systemRole makes a role of the system, which the organization begins with.
func systemRole(name, managed string, permissions ...string) wire.Intent {
	in := createRole(name, permissions...)
	in.System, in.Managed = true, managed
	return in
}

func TestT1TokenLevelPermissionsAreBoundToTheWallet(t *testing.T) {
	o := open(t, "tokeny")
	o.As("owner").Do(systemRole("Agent", "", "token.agent.add"))
	o.Add("user1@tokeny.com")
	o.As("owner").Do(wire.Intent{Kind: wire.AddSubject, Subject: wallet1, SubjectKind: events.KindWallet, Auth: "wallet"})
	o.As("owner").Do(wire.Intent{Kind: wire.LinkSubject, Subject: "user1@tokeny.com", To: wallet1})
	// When the wallet and the account that it is linked with are both given a role of the token level.
	o.As("owner").Assign("agent", wallet1, abcToken)
	o.As("owner").Assign("agent", "user1@tokeny.com", abcToken)
	// Then it counts for the wallet alone.
	o.Allowed(wallet1, "token.agent.add", abcToken)
	o.Denied("user1@tokeny.com", "token.agent.add", abcToken)
	if u := o.subject("user1@tokeny.com"); len(u.Links) != 1 || u.Links[0] != wallet1 {
		t.Errorf("the account is shown with %v", u.Links)
	}
	// And an address that is mistyped is nobody's.
	o.Refused(o.As("owner").Try(wire.Intent{Kind: wire.AddSubject, Subject: "0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", SubjectKind: events.KindWallet}),
		"invalid", "has a wrong checksum, EIP-55 writes "+wallet1, "")
}

func TestT8PlatformLevelPermissionsAreBoundToTheAccount(t *testing.T) {
	o := open(t, "tokeny")
	o.Add("user1@tokeny.com")
	o.As("owner").Do(wire.Intent{Kind: wire.AddSubject, Subject: wallet1, SubjectKind: events.KindWallet})
	o.As("owner").Do(wire.Intent{Kind: wire.LinkSubject, Subject: "user1@tokeny.com", To: wallet1})
	o.As("operator").Assign("marketplace-admin", "user1@tokeny.com")
	o.As("operator").Assign("marketplace-admin", wallet1)
	o.Allowed("user1@tokeny.com", "marketplace.project.remove")
	o.Denied(wallet1, "marketplace.project.remove")
}

func TestT11WhatTheChainDoesLeavesAnIssuerAdminAsItIs(t *testing.T) {
	o := open(t, "tokeny")
	o.Add("admin of ABC ISSUER")
	o.As("operator").Assign("issuer-admin", "admin of ABC ISSUER")
	o.Allowed("admin of ABC ISSUER", "platform.token.deploy")
	// When its wallet comes, goes, and is nobody any more.
	o.As("owner").Do(wire.Intent{Kind: wire.AddSubject, Subject: wallet1, SubjectKind: events.KindWallet})
	o.As("owner").Do(wire.Intent{Kind: wire.LinkSubject, Subject: "admin of ABC ISSUER", To: wallet1})
	o.As("owner").Do(wire.Intent{Kind: wire.UnlinkSubject, Subject: "admin of ABC ISSUER", To: wallet1})
	o.As("owner").Do(remove(wallet1))
	o.Allowed("admin of ABC ISSUER", "platform.token.deploy")
	// It ends where the platform says so.
	o.As("operator").Do(revoke("issuer-admin", "admin of ABC ISSUER"))
	o.Denied("admin of ABC ISSUER", "platform.token.deploy")
}
