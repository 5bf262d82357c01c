package api_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/wallet"
)

const abcToken = "eip155:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

// Given a token, when what a wallet is to sign is prepared, then whoever may read roles is shown who would gain and lose what, wallets
// that are nobody here yet among them; others are shown nothing of it.
func TestPreviewAtAToken(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "tokeny")
	if _, err := w.Found(t.Context(), "acme", "tokeny", keyOf("acme/owner")); err != nil {
		t.Fatal(err)
	}
	owner, agent := walletKey(t, "owner"), walletKey(t, "agent")
	from, to := owner.Address().String(), agent.Address().String()
	deployed, _ := w.do("acme", wire.Intent{Kind: wire.DeployToken, AtToken: wire.AtToken{Token: abcToken, Wallet: from}})
	gained(t, "deploying", deployed.Preview, from, "tokeny:token.agent.add", true)

	in := wire.Intent{Kind: wire.AddAgent, Credential: from, AtToken: wire.AtToken{Token: abcToken, Wallet: to}}
	reader, other := w.Client.As(apiKey("acme", "owner")), w.Client.As(w.reading("acme", "nobody")[len("Bearer "):])
	p, err := reader.Prepare(t.Context(), "acme", in)
	if err != nil || p.Refusal != nil {
		t.Fatal(err, p.Refusal)
	}
	gained(t, "an agent", p.Preview, to, "tokeny:token.mint", true)
	unread, err := other.Prepare(t.Context(), "acme", in)
	if err != nil || unread.Wallet == nil || unread.Preview != nil {
		t.Errorf("who may not read roles is shown %+v, %v", unread.Preview, err)
	}
	if got := w.outcome("acme", signedBy(p.Wallet, browser(t, p.Wallet, owner))); got != "ok" {
		t.Fatal(got)
	}

	in.Kind = wire.RemoveAgent
	if p, err = reader.Prepare(t.Context(), "acme", in); err != nil {
		t.Fatal(err)
	}
	gained(t, "taking an agent away", p.Preview, to, "tokeny:token.mint", false)
	in.Kind = wire.TransferToken
	if p, err = reader.Prepare(t.Context(), "acme", in); err != nil {
		t.Fatal(err)
	}
	gained(t, "a transfer", p.Preview, to, "tokeny:token.agent.add", true)
	gained(t, "a transfer", p.Preview, from, "tokeny:token.agent.add", false)
}

func gained(t *testing.T, what string, p *wire.Preview, who, permission string, gains bool) {
	t.Helper()
	if p == nil {
		t.Errorf("%s has no preview", what)
		return
	}
	list := p.Gains
	if !gains {
		list = p.Losses
	}
	if e := (wire.Effective{Subject: who, Permission: permission, Scope: "token/" + abcToken}); !slices.Contains(list, e) {
		t.Errorf("%s: %+v is not in %+v", what, e, list)
	}
}

// Given a wallet that owns a token and is nobody's, when it asks for the tokens that it sees, then it is that one.
func TestTokensOfAWallet(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "tokeny")
	if _, err := w.Found(t.Context(), "acme", "tokeny", keyOf("acme/owner")); err != nil {
		t.Fatal(err)
	}
	owner := wallet.ID{Address: walletKey(t, "owner").Address()}.String()
	w.do("acme", wire.Intent{Kind: wire.DeployToken, AtToken: wire.AtToken{Token: abcToken, Wallet: owner}})
	list, err := w.Tokens(t.Context(), "acme", "", owner, client.Read{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Token != abcToken || !slices.Equal(list.Items[0].As, []string{"owner"}) {
		t.Errorf("it sees %+v, %v", list.Items, err)
	}
}
