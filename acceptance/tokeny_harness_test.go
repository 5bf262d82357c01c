package acceptance_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/wallet"
)

// The tokens of these tests: ABC TOKEN at Polygon mainnet, another one there, and one at the same address of another chain.
const (
	abc      = "eip155:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	xyz      = "eip155:137:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
	abcOnOne = "eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
)

// servicing is the Servicing Platform of ABC ISSUER, with the roles of the guide.
type servicing struct{ *org }

// openServicing opens one in which user1@tokeny.com is issuer admin, the wallet "owner" owns ABC TOKEN and the wallet
// "agent" is its agent.
func openServicing(t *testing.T) *servicing {
	t.Helper()
	s := openIssuer(t)
	s.Add("user1@tokeny.com")
	s.As("operator").Assign("issuer-admin", "user1@tokeny.com")
	s.Deploy(abc, "owner")
	s.Wallet("owner").AddAgent(abc, "agent")
	return s
}

// openIssuer opens one in which there is nobody and no token yet.
func openIssuer(t *testing.T) *servicing {
	t.Helper()
	s := &servicing{open(t, "tokeny")}
	if _, err := s.Found(t.Context(), s.ID, "tokeny", s.Key("owner")); err != nil {
		t.Fatal(err)
	}
	return s
}

// key gives the key of somebody's wallet: the same for the same name.
func (s *servicing) key(name string) *wallet.Key {
	s.t.Helper()
	seed := sha256.Sum256([]byte("wallet of " + s.ID + "/" + name))
	k, err := wallet.KeyOf(seed[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// At gives the address of somebody's wallet. What is an address already stays so.
func (s *servicing) At(name string) string {
	s.t.Helper()
	if strings.HasPrefix(name, "0x") {
		return name
	}
	return s.key(name).Address().String()
}

func deployOwnedBy(token, owner string) wire.Intent {
	name := "ABC TOKEN"
	return wire.Intent{Kind: wire.DeployToken, Name: &name, AtToken: wire.AtToken{Token: token, Wallet: owner}}
}

// Deploy has user1@tokeny.com deploy a token, owned by somebody's wallet.
func (s *servicing) Deploy(token, owner string) wire.Receipt {
	s.t.Helper()
	return s.As("user1@tokeny.com").Do(deployOwnedBy(token, s.At(owner)))
}

// holder is somebody's wallet, which signs what it does.
type holder struct {
	s    *servicing
	name string
}

// Wallet gives somebody's wallet. It need not be known.
func (s *servicing) Wallet(name string) *holder { return &holder{s, name} }

// Do records a change that the wallet signs, and fails the test where it is refused.
func (h *holder) Do(in wire.Intent) wire.Receipt {
	h.s.t.Helper()
	r, err := h.send(in)
	if err != nil {
		h.s.t.Fatalf("%s, by the wallet of %s: %v", in.Kind, h.name, err)
	}
	return r
}

// Try tries a change. Where it is refused the ledger must be as it was.
func (h *holder) Try(in wire.Intent) error {
	h.s.t.Helper()
	before := h.s.Head()
	_, err := h.send(in)
	if after := h.s.Head(); err != nil && after != before {
		h.s.t.Errorf("%s, by the wallet of %s, was refused (%v), and the ledger went from %d to %d", in.Kind, h.name, err, before, after)
	}
	return err
}

func (h *holder) send(in wire.Intent) (wire.Receipt, error) {
	h.s.t.Helper()
	in.Credential = h.s.At(h.name)
	p, err := h.s.Prepare(h.s.t.Context(), h.s.ID, in)
	if err != nil {
		return wire.Receipt{}, err
	}
	return h.s.Record(h.s.t.Context(), h.s.ID, p, client.WalletSigner(h.s.key(h.name), 0, chain.AlgorithmEIP712), nil)
}

// at makes an intent about a token and somebody's wallet.
func (s *servicing) at(kind, token, name string) wire.Intent {
	s.t.Helper()
	return wire.Intent{Kind: kind, AtToken: wire.AtToken{Token: token, Wallet: s.At(name)}}
}

func state(token, state string) wire.Intent {
	return wire.Intent{Kind: wire.UpdateToken, AtToken: wire.AtToken{Token: token, State: state}}
}

func act(token, permission string) wire.Intent {
	return wire.Intent{Kind: wire.ActOnToken, Permission: permission, AtToken: wire.AtToken{Token: token}}
}

func (h *holder) AddAgent(token, name string) wire.Receipt {
	h.s.t.Helper()
	return h.Do(h.s.at(wire.AddAgent, token, name))
}

// qualify makes the intent that qualifies an investor's wallet.
func (s *servicing) qualify(token, investor, country string) wire.Intent {
	s.t.Helper()
	in := s.at(wire.QualifyInvestor, token, investor)
	in.Investor, in.Country = investor, country
	return in
}

// Can and Cannot say whether somebody's wallet may do something at a token.
func (s *servicing) Can(name, permission, token string) {
	s.t.Helper()
	s.Allowed(s.At(name), permission, "token/"+token)
}

func (s *servicing) Cannot(name, permission, token string) wire.Check {
	s.t.Helper()
	return s.Denied(s.At(name), permission, "token/"+token)
}

// Owns fails the test unless somebody's wallet, and nobody else's, owns a token.
func (s *servicing) Owns(name, token string) {
	s.t.Helper()
	if one := s.Token1(token); one.Owner != s.At(name) {
		s.t.Errorf("%s is owned by %s, not by %s of %s", token, one.Owner, s.At(name), name)
	}
}

// Token1 gives a token as it is.
func (s *servicing) Token1(token string) wire.Token {
	s.t.Helper()
	one, err := s.Token(s.t.Context(), s.ID, token, client.Read{})
	if err != nil {
		s.t.Fatal(err)
	}
	return one.Item
}

// Seen gives the ids of the tokens that a wallet or, with account, an account sees.
func (s *servicing) Seen(wallet, account string) []string {
	s.t.Helper()
	list, err := s.Tokens(s.t.Context(), s.ID, wallet, account, client.Read{})
	if err != nil {
		s.t.Fatal(err)
	}
	ids := []string{}
	for _, one := range list.Items {
		ids = append(ids, one.Token)
	}
	return ids
}
