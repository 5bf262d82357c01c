package api_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/node"
)

// challenged asks for what a wallet signs to sign in.
func (b *tab) challenged(org, who string) string {
	b.site.t.Helper()
	resp, got := b.send(http.MethodPost, "/v1/orgs/"+org+"/sessions/challenge", `{"wallet":"`+who+`"}`)
	if resp.StatusCode != http.StatusOK {
		b.site.t.Fatalf("challenge: %d %v", resp.StatusCode, got)
	}
	return got["message"].(string)
}

func (b *tab) bring(org, message, signature string) (int, map[string]any) {
	b.site.t.Helper()
	body, err := json.Marshal(wire.SignIn{Wallet: &wire.WalletSignIn{Message: message, Signature: signature}, Cookie: true})
	if err != nil {
		b.site.t.Fatal(err)
	}
	resp, got := b.send(http.MethodPost, "/v1/orgs/"+org+"/sessions", string(body))
	b.csrf, _ = got["csrf"].(string)
	return resp.StatusCode, got
}

// Given a wallet of an organization, when it signs the challenge of a server, then it is in a session, reads what it may, and
// changes something by its own signature alone.
func TestWalletSignsIn(t *testing.T) {
	w := newWorld(t)
	cow := walletKey(t, "cow")
	every, one := wallet.ID{Address: cow.Address()}.String(), wallet.ID{Chain: 137, Address: cow.Address()}.String()
	w.withWallets("acme", every, one)
	s := newSite(w, api.Options{}, true)
	for _, who := range []string{every, one} {
		b := s.browser()
		message := b.challenged("acme", who)
		if !strings.HasPrefix(message, s.https.URL+" wants you to sign in with your Ethereum account:\n"+cow.Address().String()) {
			t.Errorf("the message is %q", message)
		}
		if status, got := b.bring("acme", message, cow.Sign(wallet.TextHash(message)).String()); status != http.StatusOK || got["subject"] != who {
			t.Fatalf("%s signs in: %d %v", who, status, got)
		}
		if _, me := b.send(http.MethodGet, "/v1/orgs/acme/whoami", ""); me["subject"] != who || me["kind"] != "wallet" || me["credential"] != who {
			t.Errorf("whoami: %v", me)
		}
		intent := `{"kind":"issue-document","about":"subject:owner"}`
		if resp, got := b.send(http.MethodPost, "/v1/orgs/acme/do", intent); resp.StatusCode != http.StatusForbidden || !strings.Contains(got["detail"].(string), "own signature") {
			t.Errorf("do: %d %v", resp.StatusCode, got)
		}
		resp, got := b.send(http.MethodPost, "/v1/orgs/acme/prepare", intent)
		text, err := json.Marshal(got)
		var p wire.Prepared
		if err != nil || json.Unmarshal(text, &p) != nil || resp.StatusCode != http.StatusOK || p.Wallet == nil || p.Wallet.Wallet != who {
			t.Fatalf("prepare: %d %v", resp.StatusCode, got)
		}
		if got := w.outcome("acme", signedBy(p.Wallet, browser(t, p.Wallet, cow))); got != "ok" {
			t.Errorf("what it signed itself: %s", got)
		}
	}
	s.noted("acme", node.ActivitySignedIn, every)
}

// Given messages that are not what this server gave for this organization, now, to this wallet, when somebody brings them,
// then nobody is signed in.
func TestWalletIsRefused(t *testing.T) {
	w := newWorld(t)
	cow, pig := walletKey(t, "cow"), walletKey(t, "pig")
	id := wallet.ID{Address: cow.Address()}.String()
	w.withWallets("acme", id)
	w.open("beta", "plain")
	w.do("beta", wire.Intent{Kind: wire.AddSubject, Subject: id, SubjectKind: "wallet"})
	s, elsewhere := newSite(w, api.Options{}, true), newSite(w, api.Options{}, true)
	b := s.browser()
	sign := func(message string) string { return cow.Sign(wallet.TextHash(message)).String() }
	changed := func(old, replacement string) string {
		m := b.challenged("acme", id)
		if !strings.Contains(m, old) {
			t.Fatalf("%q is not in %q", old, m)
		}
		return strings.Replace(m, old, replacement, 1)
	}
	host := strings.TrimPrefix(s.https.URL, "https://")
	nonce := func(m string) string {
		_, rest, _ := strings.Cut(m, "\nNonce: ")
		n, _, _ := strings.Cut(rest, "\n")
		return n
	}
	given := b.challenged("acme", id)
	for name, message := range map[string]string{
		"another domain":        changed(host+" wants", "evil.example wants"),
		"another scheme":        changed("https://"+host+" wants", "http://"+host+" wants"),
		"another URI":           changed("URI: "+s.https.URL, "URI: https://evil.example"),
		"another organization":  changed("/v1/orgs/acme/sessions", "/v1/orgs/beta/sessions"),
		"a nonce of beta":       strings.Replace(given, nonce(given), nonce(b.challenged("beta", id)), 1),
		"a nonce of elsewhere":  strings.ReplaceAll(elsewhere.browser().challenged("acme", id), elsewhere.https.URL, s.https.URL),
		"a nonce of nobody":     changed("\nNonce: ", "\nNonce: a"),
		"a nonce in capitals":   strings.Replace(given, nonce(given), strings.ToUpper(nonce(given)), 1),
		"not a message":         "hello",
		"a message of old":      changed("Expiration Time: 2", "Expiration Time: 1"),
		"nothing":               "",
		"with another line":     b.challenged("acme", id) + "\n",
		"another wallet's name": b.challenged("acme", wallet.ID{Address: pig.Address()}.String()),
	} {
		if status, got := b.bring("acme", message, sign(message)); status != http.StatusUnauthorized && status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	message := b.challenged("acme", id)
	for name, signature := range map[string]string{
		"another wallet's": pig.Sign(wallet.TextHash(message)).String(), "of another text": sign(message + " "), "none": "", "short": "0x1234",
	} {
		if status, got := b.bring("acme", message, signature); status != http.StatusUnauthorized {
			t.Errorf("signature: %s: %d %v", name, status, got)
		}
	}
	stranger := b.challenged("acme", wallet.ID{Address: pig.Address()}.String())
	if status, _ := b.bring("acme", stranger, pig.Sign(wallet.TextHash(stranger)).String()); status != http.StatusUnauthorized {
		t.Errorf("a wallet that is nobody's: %d", status)
	}
	if status, got := b.bring("acme", message, sign(message)); status != http.StatusOK {
		t.Fatalf("the message itself: %d %v", status, got)
	}
	if status, _ := s.browser().bring("acme", message, sign(message)); status != http.StatusUnauthorized {
		t.Errorf("the same again: %d", status)
	}
	late := b.challenged("acme", id)
	s.ahead.Store(int64(5 * time.Minute))
	if status, _ := b.bring("acme", late, sign(late)); status != http.StatusUnauthorized {
		t.Errorf("after five minutes: %d", status)
	}
	s.ahead.Store(0)
	w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: id})
	if got := b.status(http.MethodGet, "/v1/orgs/acme/whoami", ""); got != http.StatusUnauthorized {
		t.Errorf("deactivated, the session goes on: %d", got)
	}
	after := b.challenged("acme", id)
	if status, _ := b.bring("acme", after, sign(after)); status != http.StatusUnauthorized {
		t.Errorf("deactivated, it signs in: %d", status)
	}
}

// Given an address that tried many names, when it tries another, then it waits, others do not, and who comes through a
// trusted proxy is told apart from who says so.
func TestAddressesWait(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	s := newSite(w, api.Options{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, true)
	now := time.Now()
	tried := 0
	try := func(from string) int {
		t.Helper()
		tried++
		// A wallet's message is tried, for it takes no time; what is counted is the same.
		resp, _ := s.browser().send(http.MethodPost, "/v1/orgs/acme/sessions", `{"wallet":{"message":"x","signature":""}}`, "X-Forwarded-For", from)
		return resp.StatusCode
	}
	for range 30 {
		if got := try("203.0.113.9, 192.0.2.1"); got != http.StatusUnprocessableEntity {
			t.Fatalf("attempt %d: %d", tried, got)
		}
	}
	// The proxy's word counts, and not what was said to the proxy.
	for from, want := range map[string]int{
		"192.0.2.1": http.StatusTooManyRequests, "198.51.100.1, 192.0.2.1": http.StatusTooManyRequests, "192.0.2.2": http.StatusUnprocessableEntity,
		"192.0.2.1, 192.0.2.3": http.StatusUnprocessableEntity,
	} {
		if got := try(from); got != want {
			t.Errorf("from %s: %d; want %d", from, got, want)
		}
	}
	for range 30 {
		try("2001:db8::1")
	}
	if a, b := try("2001:db8::2"), try("2001:db8:0:1::2"); a != http.StatusTooManyRequests || b != http.StatusUnprocessableEntity {
		t.Errorf("in the same network: %d; in another: %d", a, b)
	}
	body := `{"key":"ben","password":"` + password + `"}`
	resp, _ := s.browser().send(http.MethodPost, "/v1/orgs/acme/sessions", body, "X-Forwarded-For", "192.0.2.1")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("with the right password: %d", resp.StatusCode)
	}
	s.ahead.Store(int64(time.Since(now) + 6*time.Minute))
	resp, _ = s.browser().send(http.MethodPost, "/v1/orgs/acme/sessions", body, "X-Forwarded-For", "192.0.2.1")
	if resp.StatusCode != http.StatusOK {
		t.Errorf("after six minutes: %d", resp.StatusCode)
	}
	untrusted := newSite(w, api.Options{}, true)
	for range 40 {
		resp, _ := untrusted.browser().send(http.MethodPost, "/v1/orgs/acme/sessions", `{"wallet":{"message":"x","signature":""}}`, "X-Forwarded-For", "192.0.2.1")
		if resp.StatusCode != http.StatusUnprocessableEntity {
			t.Fatalf("a peer of the machine itself is counted by what it says: %d", resp.StatusCode)
		}
	}
}
