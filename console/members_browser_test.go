package console_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/ledger/wallet"
)

// Given members and keys of all kinds, when their screens are looked at, then everybody can use them: in both schemes, on a telephone,
// with a screen reader.
func TestMemberScreens(t *testing.T) {
	w := peopleWorld(t)
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "etl", SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey, Holder: "ben", Roles: []string{"night"}, SubjectKey: did("etl")})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", SubjectKind: events.KindWallet})
	w.do(wire.Intent{Kind: wire.LinkSubject, Subject: "ben", To: "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"})
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "d.read", Scope: "policy/1", Until: "2099-01-01T00:00:00Z", Reason: "TICKET-9"})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "cara", SubjectKind: events.KindHuman, DisplayName: "Cara Long-Name of the Upper Valley", Email: "cara@acme.example"})
	w.do(wire.Intent{Kind: wire.DeactivateSubject, Subject: "cara", Reason: "left"})
	w.signedIn("owner")
	p := w.browse(t, "owner")
	for _, path := range []string{
		"members?names=1", "members/ben", "members/ben/roles", "members/ben/permissions", "members/ben/edit", "invite", "add-member", "keys", "create-key", "keys/etl/rotate", "account", "members/ben?at=9",
	} {
		p.Go("/console/acme/" + path)
		p.Inspect(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(path))
	}
}

// Given an administrator at a browser, when it invites somebody, and that one opens the link, then the code is in the form and not in the
// address, and who was invited is in.
func TestInviteAndJoin(t *testing.T) {
	w := peopleWorld(t)
	p := w.browse(t, "owner")
	p.Click("Members")
	p.Click("Invite somebody")
	p.Fill("Key", "dora")
	p.Fill("E-mail", "dora@acme.example")
	p.Check("Night desk night", true)
	p.Click("Review the invitation")
	p.See("Who gains and loses what")
	p.Inspect("review")
	p.Fill("Reason", "TICKET-4")
	p.Click("Make the invitation")
	p.See("This is shown once")
	p.Inspect("made")
	link := browsertest.Eval[string](p, `() => document.querySelector("pre.secret").textContent`)

	d := browsertest.Open(t, w.url)
	d.Go(strings.TrimPrefix(link, w.url))
	if code, at := browsertest.Eval[string](d, `() => document.getElementById("code").value`), browsertest.Eval[string](d, `() => location.href`); !strings.HasPrefix(code, "pli_") || strings.Contains(at, "pli_") {
		t.Errorf("the code is %.4s… in the form, at %.40s", code, at)
	}
	d.Inspect("join")
	d.Click("Go on")
	d.See("You are invited to Acme Registry")
	d.Fill("The password that you want to have", "a staple for the horses")
	d.Fill("The same again", "a staple for the horses")
	d.Inspect("join-password")
	d.Click("Join")
	d.At("/console/acme/overview")
	d.Click("dora")
	d.See("What you may do, and why")
	d.See("c.read")
}

// Given a browser with a wallet, when its owner signs in with it, then the wallet is asked who it is and to sign the message, and what
// it says when its owner says no is on the page.
func TestAWalletInTheBrowser(t *testing.T) {
	w := newWorld(t, "plain")
	key, err := wallet.ParseKey("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: key.Address().String(), SubjectKind: events.KindWallet})
	p := browsertest.Open(t, w.url)
	var willing atomic.Bool
	p.Wallet(func(method string, params json.RawMessage) (any, error) {
		var given []string
		switch {
		case method == "eth_requestAccounts":
			return []string{strings.ToLower(key.Address().String())}, nil
		case !willing.Load():
			return nil, errors.New("the owner said no")
		case method != "personal_sign":
			return nil, errors.New("no such method: " + method)
		}
		if err := json.Unmarshal(params, &given); err != nil {
			return nil, err
		}
		message, err := hex.DecodeString(strings.TrimPrefix(given[0], "0x"))
		if err != nil {
			return nil, err
		}
		return key.Sign(wallet.TextHash(string(message))).String(), nil
	})
	p.Go("/console/acme/sign-in?then=%2Fconsole%2Facme%2Faccount")
	p.Click("With a wallet")
	p.Click("Ask the wallet of this browser")
	p.See("wants you to sign in with your Ethereum account")
	p.Inspect("message")
	p.Click("Sign with the wallet of this browser")
	p.See("The wallet says: the owner said no")
	willing.Store(true)
	p.Click("Sign with the wallet of this browser")
	p.At("/console/acme/account")
	p.See("a wallet: what you change, the wallet signs")
}

// Given the link of an invitation that the command line made, when a browser opens it, then it comes to the page of joining, with the code.
func TestLinkOfTheCommandLine(t *testing.T) {
	w := newWorld(t, "plain")
	code := secret.New(secret.Invitation)
	w.do(wire.Intent{Kind: wire.InviteSubject, Subject: "dora", SubjectKind: events.KindHuman, Invitation: code.DID()})
	p := browsertest.Open(t, w.url)
	p.Go("/v1/orgs/acme/join#" + code.Text())
	if got := browsertest.Eval[string](p, `() => document.getElementById("code").value`); got != code.Text() {
		t.Errorf("the code is %q", got)
	}
	p.Click("Go on")
	p.See("You are invited to Acme Registry")
}
