package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/oidc"
	"github.com/permledger/permledger/api/oidc/oidctest"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/wallet"
)

// Given somebody who is invited, when it types the code in and chooses a password, then it is in, and the code is spent.
func TestJoin(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("owner")
	form := b.get("/console/acme/invite")
	taken := b.submit(form, "/console/acme/invite", url.Values{"key": {"ben"}, "email": {"x@acme.example"}})
	if taken.status != http.StatusUnprocessableEntity || !strings.Contains(taken.html, "x@acme.example") {
		t.Errorf("a key that somebody has: %d %s", taken.status, taken.text())
	}
	taken.has(t, "Somebody has the key")
	review := b.submit(form, "/console/acme/invite", url.Values{"key": {"dora"}, "email": {"dora@acme.example"}, "name": {"Dora"}, "auth": {"email"}, "role": {"night"}})
	review.has(t, "Invite dora", "dora gains", "c.read")
	made := b.submit(review, "/console/acme/invite", url.Values{"reason": {"TICKET-5"}})
	code := made.secretOn(t)
	if !strings.Contains(made.html, w.url+"/console/acme/join#"+code) {
		t.Errorf("there is no link to join with: %s", made.text())
	}
	b.get("/console/acme/members/dora").has(t, "invited until", "Withdraw the invitation", "Invite again")

	d := w.visitor()
	start := d.get("/console/acme/join")
	mistyped := code[:len(code)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(code, "0")]
	for bad, says := range map[string]string{"": "Say the code", "pli_x": "This is no code", mistyped: "This is no code"} {
		page := d.submit(start, "/console/acme/join", url.Values{"code": {bad}})
		if page.status != http.StatusUnprocessableEntity {
			t.Errorf("code %q: %d", bad, page.status)
		}
		page.has(t, says)
	}
	known := d.submit(start, "/console/acme/join", url.Values{"code": {code}})
	known.has(t, "You are invited to Acme Registry", "as dora")
	if strings.Contains(known.address, "pli_") {
		t.Error("the code is in the address")
	}
	for _, wrong := range []struct{ password, again, says string }{{"short", "short", "fewer than 15 characters"}, {"a staple for the horses", "another for the horses", "The two are not the same"}} {
		page := d.submit(known, "/console/acme/join", url.Values{"password": {wrong.password}, "again": {wrong.again}})
		if page.status != http.StatusUnprocessableEntity || strings.Contains(page.html, wrong.password+`"`) {
			t.Errorf("answered with %d: %s", page.status, page.html)
		}
		page.has(t, wrong.says)
	}
	in := d.submit(known, "/console/acme/join", url.Values{"password": {"a staple for the horses"}, "again": {"a staple for the horses"}})
	if in.address != "/console/acme/overview" {
		t.Fatalf("joined, and led to %s (%d): %s", in.address, in.status, in.text())
	}
	d.get("/console/acme/account").has(t, "dora", "Dora", "role night", "c.read")
	spent := w.visitor().submit(start, "/console/acme/join", url.Values{"code": {code}})
	spent.has(t, "There is no such invitation")
}

// Given somebody signed in on two devices, when it ends one, all others, or changes its password, then those are signed out.
func TestDevices(t *testing.T) {
	w := peopleWorld(t)
	first, second, third := w.signedIn("ben"), w.signedIn("ben"), w.signedIn("ben")
	page := first.get("/console/acme/account")
	page.has(t, "Signed-in devices 3", "This one", "Sign out everywhere else")
	out := func(b *visitor) bool {
		return strings.HasPrefix(b.get("/console/acme/account").address, "/console/acme/sign-in")
	}
	ids := regexp.MustCompile(`name="id" value="([^"]*)"`).FindAllStringSubmatch(page.html, -1)
	if len(ids) != 3 {
		t.Fatalf("%d sessions can be ended", len(ids))
	}
	mine := regexp.MustCompile(`(?s)This one.*?name="id" value="([^"]*)"`).FindStringSubmatch(page.html)[1]
	for _, id := range ids {
		if id[1] != mine {
			first.post("/console/acme/account/sessions", url.Values{"csrf": {page.csrf()}, "id": {id[1]}}).has(t, "Signed out there", "Signed-in devices 2")
			break
		}
	}
	if out(second) == out(third) {
		t.Error("not one of the two others is signed out")
	}
	first.post("/console/acme/account/sessions", url.Values{"csrf": {page.csrf()}}).has(t, "Signed-in devices 1")
	if !out(second) || !out(third) || out(first) {
		t.Error("not all others are signed out")
	}

	second = w.signedIn("ben")
	to, next := "/console/acme/account/password", "an entirely new staple"
	for field, form := range map[string]url.Values{
		"password": {"password": {"not the password it has"}, "new": {next}, "again": {next}},
		"new":      {"password": {password}, "new": {"short"}, "again": {"short"}},
		"again":    {"password": {password}, "new": {next}, "again": {next + "s"}},
	} {
		form.Set("csrf", page.csrf())
		wrong := first.post(to, form)
		if wrong.status != http.StatusUnprocessableEntity || !strings.Contains(wrong.html, `id="`+field+`-error"`) || strings.Contains(wrong.html, next) {
			t.Errorf("%s: answered with %d: %s", field, wrong.status, wrong.text())
		}
	}
	first.post(to, url.Values{"csrf": {page.csrf()}, "password": {password}, "new": {next}, "again": {next}}).has(t, "Recorded: event")
	if out(first) || !out(second) {
		t.Error("a new password signs out the others, and not oneself")
	}
	b := w.visitor()
	if got := b.post("/console/acme/sign-in", url.Values{"name": {"ben"}, "password": {next}}); got.address != "/console/acme/overview" {
		t.Errorf("the new password leads to %s", got.address)
	}
	ended := first.post("/console/acme/account/sessions", url.Values{"csrf": {page.csrf()}, "id": {mine}})
	if !strings.HasPrefix(ended.address, "/console/acme/sign-in") || !out(first) {
		t.Errorf("its own session ended, and it is led to %s", ended.address)
	}
}

// Given an administrator, when it ends somebody's sessions, then that one is signed out at once.
func TestEndSessionsOfAnother(t *testing.T) {
	w := peopleWorld(t)
	ben, b := w.signedIn("ben"), w.signedIn("owner")
	csrf := b.get("/console/acme/members/ben").csrf()
	b.post("/console/acme/members/ben/change", url.Values{"csrf": {csrf}, "act": {"end-sessions"}}).has(t, "Its sessions are ended")
	if page := ben.get("/console/acme/account"); !strings.HasPrefix(page.address, "/console/acme/sign-in") {
		t.Errorf("ben goes on at %s", page.address)
	}
}

// Given somebody who guesses passwords, when it has guessed often, then it is told how long it has to wait.
func TestGuessing(t *testing.T) {
	w := peopleWorld(t)
	b := w.visitor()
	var page shown
	for range 12 {
		if page = b.post("/console/acme/sign-in", url.Values{"name": {"ben"}, "password": {"guessed, and wrong"}}); page.status == http.StatusTooManyRequests {
			break
		}
	}
	if page.status != http.StatusTooManyRequests || !regexp.MustCompile(`Try again in \d+ s`).MatchString(page.text()) {
		t.Errorf("answered with %d: %s", page.status, page.text())
	}
}

// Given a wallet of the organization, when it signs the message that the page shows, then it is signed in; another wallet is not.
func TestSignInWithAWallet(t *testing.T) {
	w := newWorld(t, "plain")
	key, err := wallet.ParseKey("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
	if err != nil {
		t.Fatal(err)
	}
	other, err := wallet.ParseKey("0x0000000000000000000000000000000000000000000000000000000000000007")
	if err != nil {
		t.Fatal(err)
	}
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: key.Address().String(), SubjectKind: events.KindWallet})
	b := w.visitor()
	start := b.get("/console/acme/sign-in?then=%2Fconsole%2Facme%2Faccount")
	start.has(t, "With a wallet")
	bad := b.submit(start, "/console/acme/sign-in/challenge", url.Values{"wallet": {"0x12"}})
	bad.has(t, "Sign in to acme")
	if bad.status < 400 || !strings.Contains(bad.html, `value="0x12"`) {
		t.Errorf("no wallet: %d %s", bad.status, bad.text())
	}
	ask := b.submit(start, "/console/acme/sign-in/challenge", url.Values{"wallet": {key.Address().String()}})
	ask.has(t, "Sign in with a wallet", "wants you to sign in with your Ethereum account", "Sign in to acme")
	message := ask.hidden().Get("message")
	wrong := b.submit(ask, "/console/acme/sign-in/wallet", url.Values{"signature": {other.Sign(wallet.TextHash(message)).String()}})
	if wrong.status != http.StatusUnauthorized {
		t.Errorf("another wallet's signature: %d", wrong.status)
	}
	in := b.submit(ask, "/console/acme/sign-in/wallet", url.Values{
		"message": {strings.ReplaceAll(message, "\n", "\r\n")}, "signature": {key.Sign(wallet.TextHash(message)).String()},
	})
	if in.address != "/console/acme/account" {
		t.Fatalf("signed in, and led to %s (%d): %s", in.address, in.status, in.text())
	}
	in.has(t, key.Address().String(), "a wallet: what you change, the wallet signs")
	in.hasNot(t, "Change the password")
	if again := w.visitor().submit(ask, "/console/acme/sign-in/wallet", url.Values{"signature": {key.Sign(wallet.TextHash(message)).String()}}); again.status != http.StatusUnauthorized {
		t.Errorf("the message is taken twice: %d", again.status)
	}
}

// Given an identity provider, when somebody comes back from it, then it is signed in where it wanted to go; whoever is nobody here is
// told so on a page.
func TestSignInWithAProvider(t *testing.T) {
	i := oidctest.New(t, "permledger")
	p, err := oidc.New(oidc.Config{Organization: acme, Name: "corp", Subjects: map[string]string{"7": "ida"}, Issuer: i.URL, ClientID: i.Client}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, "plain", api.Options{Providers: []*oidc.Provider{p}})
	w.role("desk", "Desk", "ledger:roles.read", "ledger:role.create", "ledger:role.update")
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "ida", SubjectKind: events.KindHuman, Auth: events.AuthOIDC, Roles: []string{"desk"}})
	b := w.visitor()
	start := b.get("/console/acme/sign-in?then=%2Fconsole%2Facme%2Faccount")
	start.has(t, "Sign in with corp")
	link := regexp.MustCompile(`href="([^"]*oidc/corp[^"]*)"`).FindStringSubmatch(start.html)
	if link == nil {
		t.Fatal("there is no link to the provider")
	}
	path := strings.ReplaceAll(strings.TrimPrefix(link[1], w.url), "&amp;", "&")

	i.With(func() { i.Who = map[string]any{"sub": "8"} })
	nobody := b.get(path)
	if nobody.status != http.StatusUnauthorized {
		t.Errorf("nobody is answered with %d: %s", nobody.status, nobody.text())
	}
	nobody.has(t, "vouches for somebody who is nobody in this organization", "Start")

	i.With(func() { i.Who = map[string]any{"sub": "7"} })
	back := b.get(path)
	back.has(t, "You are signed in")
	if !strings.Contains(back.html, "url=/console/acme/account") {
		t.Errorf("it goes on elsewhere: %s", back.html)
	}
	in := b.get("/console/acme/account")
	in.has(t, "ida", "an identity provider: you can read here", "role desk")
	in.hasNot(t, "Change the password")
	// and what nobody would sign for is not offered, whatever it may do otherwise
	b.get("/console/acme/roles").has(t, "Desk", "View")
	b.get("/console/acme/roles").hasNot(t, "Create role", "Edit")
	b.get("/console/acme/roles/desk").hasNot(t, "Edit")
}
