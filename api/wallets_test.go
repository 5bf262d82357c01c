package api_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/node"
)

// chainCatalogue has a permission of the token level that lets its holder issue documents.
const chainCatalogue = `{"catalogue":"chain","title":"Chain","permissions":[{"name":"report","category":"c","entity":"e","action":"a","level":"token","description":"d","guards":["document.issue"]}]}`

func walletKey(t testing.TB, name string) *wallet.Key {
	t.Helper()
	sum := wallet.Keccak256([]byte(name))
	k, err := wallet.KeyOf(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// withWallets opens an organization with wallets that may issue documents, by their keys in it.
func (w *world) withWallets(org string, wallets ...string) {
	w.t.Helper()
	w.open(org, "plain")
	w.do(org, wire.Intent{Kind: wire.PublishCatalogue, Catalogue: json.RawMessage(chainCatalogue)})
	for _, key := range wallets {
		w.do(org, wire.Intent{Kind: wire.AddSubject, Subject: key, SubjectKind: "wallet"})
		w.do(org, wire.Intent{Kind: wire.GrantPermission, Subject: key, Permission: "chain:report"})
	}
}

// ask prepares a document about the owner in a wallet's name.
func (w *world) ask(org, key, scheme string) wire.Prepared {
	w.t.Helper()
	p, err := w.Prepare(w.t.Context(), org, wire.Intent{Kind: wire.IssueDocument, About: "subject:owner", Credential: key, Scheme: scheme})
	if err != nil {
		w.t.Fatal(err)
	}
	if p.Refusal != nil || p.Wallet == nil || p.Wallet.Wallet != key {
		w.t.Fatalf("prepared %+v", p)
	}
	return p
}

// browser signs what it is asked, as a wallet does that knows nothing but the JSON it is handed.
func browser(t testing.TB, r *wire.WalletRequest, key *wallet.Key) wallet.Signature {
	t.Helper()
	if r.TypedData != nil {
		td, err := wallet.ParseTypedData(r.TypedData)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := td.Hash()
		if err != nil {
			t.Fatal(err)
		}
		return key.Sign(hash)
	}
	text, err := hex.DecodeString(strings.TrimPrefix(r.Hex, "0x"))
	if err != nil || string(text) != r.Text {
		t.Fatalf("the text %q is %q in hexadecimal, %v", r.Text, text, err)
	}
	return key.Sign(wallet.TextHash(r.Text))
}

func signedBy(r *wire.WalletRequest, sig wallet.Signature) wire.Submission {
	return wire.Submission{Command: r.Command, Wallet: &wire.WalletSignature{Wallet: r.Wallet, Method: r.Method, Signature: sig.String()}}
}

// outcome submits one command and gives "ok", "again" or the code of the problem.
func (w *world) outcome(org string, s wire.Submission) string {
	w.t.Helper()
	o, err := w.Submit(w.t.Context(), org, []wire.Submission{s}, client.StopNever)
	if err != nil {
		w.t.Fatal(err)
	}
	return codes(o)
}

// Given wallets of all chains and of one, when they sign what prepare answers, as wallets do that know nothing else, then
// the commands are recorded with that signature, in each scheme, and once.
func TestWalletSigns(t *testing.T) {
	w := newWorld(t)
	cow := walletKey(t, "cow")
	every, one := wallet.ID{Address: cow.Address()}.String(), wallet.ID{Chain: 137, Address: cow.Address()}.String()
	w.withWallets("acme", every, one)
	for _, key := range []string{every, one} {
		for scheme, algorithm := range map[string]string{"": "EIP-712", "eip712": "EIP-712", "eip191": "EIP-191", "eip4361": "EIP-4361"} {
			p := w.ask("acme", key, scheme)
			s := signedBy(p.Wallet, browser(t, p.Wallet, cow))
			if got := w.outcome("acme", s); got != "ok" {
				t.Fatalf("%s by %s: %s", key, scheme, got)
			}
			if got := w.outcome("acme", s); got != "again" {
				t.Errorf("the same again: %s", got)
			}
			entry, err := w.Entry(t.Context(), "acme", strconv.FormatUint(w.head("acme"), 10))
			if err != nil {
				t.Fatal(err)
			}
			if entry.Actor != key || !strings.Contains(string(entry.Entry), `"evidence":{"algorithm":"`+algorithm+`"`) {
				t.Errorf("recorded %s", entry.Entry)
			}
		}
	}
}

// Given what a wallet signed, when it is sent in any other way than it was signed, then it is refused and nothing is
// recorded.
func TestWalletRefused(t *testing.T) {
	w := newWorld(t)
	cow, dog := walletKey(t, "cow"), walletKey(t, "dog")
	every, others := cow.Address().String(), dog.Address().String()
	one := wallet.ID{Chain: 137, Address: cow.Address()}.String()
	w.withWallets("acme", every, one, others)
	w.withWallets("beta", every)
	tests := []struct {
		name, org, want string
		change          func(*wire.Prepared, *wire.Submission)
	}{
		{"to another ledger", "beta", "wrong-ledger", func(*wire.Prepared, *wire.Submission) {}},
		{"by another wallet, in the name of this one", "acme", "not-proven", func(p *wire.Prepared, s *wire.Submission) {
			s.Wallet.Signature = browser(t, p.Wallet, dog).String()
		}},
		{"by another wallet, in its own name", "acme", "not-proven", func(p *wire.Prepared, s *wire.Submission) {
			s.Wallet.Wallet, s.Wallet.Signature = others, browser(t, p.Wallet, dog).String()
		}},
		{"as the wallet of one chain", "acme", "not-proven", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet.Wallet = one }},
		{"in another scheme", "acme", "not-proven", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet.Method = "eip191" }},
		{"with a key's signature", "acme", "not-proven", func(p *wire.Prepared, s *wire.Submission) {
			s.Wallet, s.Evidence = nil, json.RawMessage(`{"algorithm":"Ed25519","expires":"`+p.Wallet.Expires+`","key":"`+did("acme/owner")+`","sig":"`+strings.Repeat("A", 86)+`"}`)
		}},
		{"with a longer expiry", "acme", "not-proven", func(p *wire.Prepared, s *wire.Submission) {
			at, err := time.Parse(time.RFC3339Nano, p.Wallet.Expires)
			if err != nil {
				t.Fatal(err)
			}
			s.Command = json.RawMessage(strings.Replace(string(s.Command), p.Wallet.Expires, at.Add(time.Second).Format("2006-01-02T15:04:05.000Z"), 1))
		}},
		{"with a high s", "acme", "bad-command", func(_ *wire.Prepared, s *wire.Submission) {
			b, _ := hex.DecodeString(s.Wallet.Signature[2:])
			b[32] |= 0x80
			s.Wallet.Signature = "0x" + hex.EncodeToString(b)
		}},
		{"with a contract wallet's signature", "acme", "bad-command", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet.Signature += "00" }},
		{"with half a signature", "acme", "bad-command", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet.Signature = s.Wallet.Signature[:66] }},
		{"in a scheme that is none", "acme", "bad-request", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet.Method = "eip1271" }},
		{"with the wallet in lower case", "acme", "bad-command", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet.Wallet = strings.ToLower(every) }},
		{"with evidence beside it", "acme", "bad-command", func(_ *wire.Prepared, s *wire.Submission) { s.Evidence = json.RawMessage(`{}`) }},
		{"with neither", "acme", "bad-command", func(_ *wire.Prepared, s *wire.Submission) { s.Wallet = nil }},
		{"of a wallet that was deactivated since", "acme", "inactive", func(*wire.Prepared, *wire.Submission) {
			w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: every})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := w.ask("acme", every, "")
			s := signedBy(p.Wallet, browser(t, p.Wallet, cow))
			tt.change(&p, &s)
			before := w.head(tt.org)
			if got := w.outcome(tt.org, s); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if after := w.head(tt.org); after != before {
				t.Errorf("it went from %d to %d", before, after)
			}
		})
	}
	// Nobody prepares for a wallet that is none here, or in a way that no wallet signs.
	for _, in := range []wire.Intent{
		{Kind: wire.IssueDocument, About: "subject:owner", Credential: every}, // deactivated
		{Kind: wire.IssueDocument, About: "subject:owner", Credential: strings.ToLower(others)},
		{Kind: wire.IssueDocument, About: "subject:owner", Credential: others, Scheme: "eip1271"},
		{Kind: wire.IssueDocument, About: "subject:owner", Credential: others, Expires: "2020-01-01T00:00:00Z"},
		{Kind: wire.IssueDocument, About: "subject:owner", Credential: others, Expires: time.Now().Add(25 * time.Hour).Format(time.RFC3339)},
		{Kind: wire.IssueDocument, About: "subject:owner", Credential: did("acme/owner"), Scheme: "eip712"},
	} {
		if p, err := w.Prepare(t.Context(), "acme", in); err == nil && p.Refusal == nil {
			t.Errorf("prepared %+v", in)
		}
	}
}

func (w *world) head(org string) uint64 {
	w.t.Helper()
	o, err := w.Organization(w.t.Context(), org, client.Read{})
	if err != nil {
		w.t.Fatal(err)
	}
	return o.AsOf.Seq
}

// Given what a wallet signed until an instant, when that instant has come, then it is void.
func TestWalletExpires(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := node.Init(dir, "ledger.test"); err != nil {
		t.Fatal(err)
	}
	var skew atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	n, err := node.Open(t.Context(), dir, node.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api.New(n, api.Options{Token: token, Version: "test", Now: now, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}))
	defer func() {
		srv.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := &world{t: t, node: n, url: srv.URL, Client: client.New(srv.URL, token, srv.Client())}
	cow := walletKey(t, "cow")
	every := cow.Address().String()
	w.withWallets("acme", every)
	first, second := w.ask("acme", every, ""), w.ask("acme", every, "eip4361")
	skew.Store(int64(59 * time.Minute))
	if got := w.outcome("acme", signedBy(first.Wallet, browser(t, first.Wallet, cow))); got != "ok" {
		t.Errorf("within the hour: %s", got)
	}
	skew.Store(int64(time.Hour))
	if got := w.outcome("acme", signedBy(second.Wallet, browser(t, second.Wallet, cow))); got != "not-proven" {
		t.Errorf("after the hour: %s", got)
	}
}

// Given a prepared command for a wallet, then the client makes what is signed itself, and takes nothing else that a server
// says is to be signed.
func TestWalletElsewhere(t *testing.T) {
	w := newWorld(t)
	cow := walletKey(t, "cow")
	every := cow.Address().String()
	w.withWallets("acme", every)
	p := w.ask("acme", every, "")
	ask, err := client.AskWallet("acme", p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask.Sign(walletKey(t, "dog")); !errors.Is(err, wallet.ErrSigner) {
		t.Errorf("signed with another key: %v", err)
	}
	other := w.ask("acme", every, "")
	forged := p
	forged.Wallet = other.Wallet
	if _, err := client.AskWallet("acme", forged, nil); !errors.Is(err, client.ErrNotAsked) {
		t.Errorf("another command for the wallet: %v", err)
	}
	if _, err := client.AskWallet("beta", p, nil); !errors.Is(err, client.ErrNotAsked) {
		t.Errorf("for another organization: %v", err)
	}
	sig, err := ask.Sign(cow)
	if err != nil {
		t.Fatal(err)
	}
	if sig != browser(t, p.Wallet, cow) {
		t.Error("what the client makes is not what the server asks")
	}
	wrong := sig
	wrong[10] ^= 1
	if _, err := w.RecordSigned(t.Context(), ask, wrong); err == nil {
		t.Error("a signature that does not hold was sent")
	}
	if r, err := w.RecordSigned(t.Context(), ask, sig); err != nil || r.Type != "document.issued" {
		t.Errorf("%+v, %v", r, err)
	}
}
