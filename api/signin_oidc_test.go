package api_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/oidc"
	"github.com/permledger/permledger/api/oidc/oidctest"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/node"
)

// newOIDCSite serves acme with an issuer that vouches for people by e-mail (corp) and by their numbers (machines), and beta
// with the same issuer for nobody.
func newOIDCSite(t *testing.T) (*site, *oidctest.Issuer) { return newOIDCSiteWith(t, api.Options{}) }

func newOIDCSiteWith(t *testing.T, o api.Options) (*site, *oidctest.Issuer) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.open("beta", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "ida", SubjectKind: "human", Auth: events.AuthOIDC})
	commitment, text := client.Commit("eve@acme.example")
	if _, err := w.record("acme", wire.Intent{Kind: wire.AddSubject, Subject: "eve", SubjectKind: "human", Email: commitment}, text); err != nil {
		t.Fatal(err)
	}
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "eve", Permission: "ledger:roles.read"})
	i := oidctest.New(t, "permledger")
	for _, c := range []oidc.Config{
		{Organization: "acme", Name: "corp", Email: true, Audience: "https://ledger.example"},
		{Organization: "acme", Name: "numbers", Subjects: map[string]string{"7": "ida", "8": "owner", "9": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "10": "svc"}},
		{Organization: "beta", Name: "corp", Claim: "sub", Audience: "https://ledger.example"},
	} {
		c.Issuer, c.ClientID = i.URL, i.Client
		p, err := oidc.New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Providers = append(o.Providers, p)
	}
	return newSite(w, o, true), i
}

// record records a change as the owner, with texts.
func (w *world) record(org string, in wire.Intent, texts ...wire.Text) (wire.Receipt, error) {
	in.Credential = did(org + "/owner")
	p, err := w.Prepare(w.t.Context(), org, in)
	if err != nil {
		return wire.Receipt{}, err
	}
	return w.SignAndRecord(w.t.Context(), org, p, keyOf(org+"/owner"), texts)
}

// visit goes to an address as a browser does, and follows where it is sent.
func (b *tab) visit(at string) (*http.Response, string) {
	t := b.site.t
	t.Helper()
	resp, err := b.http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(bodyFrom(t, resp))
}

// Given somebody for whom an identity provider vouches, when it signs in there, then it is in a session here, reads what it
// may, and is told that its provider signs nothing.
func TestOIDCSession(t *testing.T) {
	s, i := newOIDCSite(t)
	i.Who = map[string]any{"sub": "1", "email": "Eve@acme.example", "email_verified": true}
	b := s.browser()
	_, ways := b.send(http.MethodGet, "/v1/orgs/acme/sign-in", "")
	if all, _ := ways["providers"].([]any); len(all) != 2 || all[0].(map[string]any)["url"] != s.https.URL+"/v1/orgs/acme/oidc/corp" {
		t.Errorf("the ways in are %v", ways)
	}
	resp, page := b.visit(s.https.URL + "/v1/orgs/acme/oidc/corp?return=/v1/orgs?x=%22%3E%3Cscript%3E")
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || strings.Contains(page, "<script>") || !strings.Contains(page, "url=/v1/orgs?x=") {
		t.Fatalf("it comes back to %d %s", resp.StatusCode, page)
	}
	var session, away string
	for _, c := range resp.Header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "__Host-permledger-acme=") {
			session = c
		} else {
			away = c
		}
	}
	if !strings.Contains(session, "SameSite=Strict") || !strings.Contains(session, "HttpOnly") || !strings.Contains(away, "Max-Age=0") {
		t.Errorf("its cookies are %q and %q", session, away)
	}
	_, me := b.send(http.MethodGet, "/v1/orgs/acme/whoami", "")
	if me["subject"] != "eve" || me["kind"] != "oidc" || me["credential"] != nil {
		t.Errorf("whoami: %v", me)
	}
	b.csrf, _ = me["csrf"].(string)
	if got := b.status(http.MethodGet, "/v1/orgs/acme/roles", ""); got != http.StatusOK {
		t.Errorf("what it may read: %d", got)
	}
	if got := b.status(http.MethodGet, "/v1/orgs/acme/keys", ""); got != http.StatusForbidden {
		t.Errorf("what it may not read: %d", got)
	}
	if resp, got := b.send(http.MethodPost, "/v1/orgs/acme/do", `{"kind":"create-role","role":"x"}`); resp.StatusCode != http.StatusForbidden || !strings.Contains(got["detail"].(string), "signs nothing") {
		t.Errorf("do: %d %v", resp.StatusCode, got)
	}
	s.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "eve"})
	if got := b.status(http.MethodGet, "/v1/orgs/acme/whoami", ""); got != http.StatusUnauthorized {
		t.Errorf("deactivated: %d", got)
	}
	s.noted("acme", node.ActivitySignedIn, "eve")
}

// Given people for whom an identity provider vouches and who are nobody here, or come in another way, and answers that belong
// to other browsers, then nobody is signed in.
func TestOIDCRefused(t *testing.T) {
	s, i := newOIDCSite(t)
	s.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "svc", SubjectKind: events.KindAPIKey, SubjectKey: did("acme/svc")})
	s.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", SubjectKind: events.KindWallet})
	for name, c := range map[string]struct {
		at   string
		who  map[string]any
		want int
	}{
		"by number":                    {"numbers", map[string]any{"sub": "7"}, http.StatusOK},
		"the owner":                    {"numbers", map[string]any{"sub": "8"}, http.StatusOK},
		"a wallet":                     {"numbers", map[string]any{"sub": "9"}, http.StatusUnauthorized},
		"an API key":                   {"numbers", map[string]any{"sub": "10"}, http.StatusUnauthorized},
		"a number that is nobody's":    {"numbers", map[string]any{"sub": "11"}, http.StatusUnauthorized},
		"an address of nobody":         {"corp", map[string]any{"sub": "1", "email": "x@acme.example", "email_verified": true}, http.StatusUnauthorized},
		"an address that is not known": {"corp", map[string]any{"sub": "1", "email": "eve@acme.example"}, http.StatusUnauthorized},
		"no address":                   {"corp", map[string]any{"sub": "1", "email_verified": true}, http.StatusUnauthorized},
		"who comes with a password":    {"corp", map[string]any{"sub": "1", "email": "ben@acme.example", "email_verified": true}, http.StatusUnauthorized},
		"an address that is verified":  {"corp", map[string]any{"sub": "1", "email": "eve@acme.example", "email_verified": true}, http.StatusOK},
	} {
		i.With(func() { i.Who = c.who })
		if resp, page := s.browser().visit(s.https.URL + "/v1/orgs/acme/oidc/" + c.at); resp.StatusCode != c.want {
			t.Errorf("%s: %d %s", name, resp.StatusCode, page)
		}
	}
	i.With(func() { i.Who = map[string]any{"sub": "7"} })
	for _, path := range []string{"/v1/orgs/acme/oidc/nobody", "/v1/orgs/beta/oidc/numbers", "/v1/orgs/nowhere/oidc/corp"} {
		if resp, _ := s.browser().visit(s.https.URL + path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	for _, to := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "evil", "/a%0d%0ab"} {
		if resp, _ := s.browser().visit(s.https.URL + "/v1/orgs/acme/oidc/numbers?return=" + url.QueryEscape(to)); to != "/a%0d%0ab" && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("to return to %s: %d", to, resp.StatusCode)
		}
	}

	// What one browser began, another does not end; nor does it end twice, or late.
	alone := func(b *tab) *url.URL { // until the answer
		t.Helper()
		b.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == "/v1/oidc/callback" {
				return http.ErrUseLastResponse
			}
			return nil
		}
		resp, _ := b.visit(s.https.URL + "/v1/orgs/acme/oidc/numbers")
		at, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	attacker, victim := s.browser(), s.browser()
	his := alone(attacker)
	if resp, _ := victim.visit(his.String()); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a browser that began nothing: %d", resp.StatusCode)
	}
	alone(victim)
	if resp, _ := victim.visit(his.String()); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a browser that began something else: %d", resp.StatusCode)
	}
	late := s.browser()
	at := alone(late)
	s.ahead.Store(int64(11 * time.Minute))
	if resp, _ := late.visit(at.String()); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("after eleven minutes: %d", resp.StatusCode)
	}
	s.ahead.Store(0)
	twice := s.browser()
	at = alone(twice)
	if resp, page := twice.visit(at.String() + "&session_state=of+others"); resp.StatusCode != http.StatusOK {
		t.Errorf("with a parameter of the provider's own: %d %s", resp.StatusCode, page)
	}
	if resp, _ := twice.visit(at.String()); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the same again: %d", resp.StatusCode)
	}
}

// Given access tokens of an identity provider, when they come, then who they are of acts in its own organization alone, and
// reads.
func TestOIDCBearer(t *testing.T) {
	s, i := newOIDCSite(t)
	i.Who = map[string]any{"sub": "1", "email": "eve@acme.example", "email_verified": true}
	token := i.Keys[0].Sign(t, i.Claims("https://ledger.example", time.Now()), map[string]any{"typ": "at+jwt"})
	b := s.browser()
	as := func(path, token string) (int, map[string]any) {
		t.Helper()
		resp, got := b.send(http.MethodGet, path, "", "Authorization", "Bearer "+token)
		return resp.StatusCode, got
	}
	if status, me := as("/v1/orgs/acme/whoami", token); status != http.StatusOK || me["subject"] != "eve" || me["kind"] != "oidc" {
		t.Errorf("whoami: %d %v", status, me)
	}
	if status, all := as("/v1/orgs", token); status != http.StatusOK || len(all["items"].([]any)) != 1 {
		t.Errorf("the organizations: %d %v", status, all)
	}
	beta, stranger := i.Keys[0].Sign(t, i.Claims("https://ledger.example", time.Now()), nil), oidctest.NewKey(t, "first", "ES256")
	for name, c := range map[string][2]string{
		"in another organization": {"/v1/orgs/beta/whoami", beta}, "in none that is there": {"/v1/orgs/nowhere/whoami", token},
		"forged":               {"/v1/orgs/acme/whoami", stranger.Sign(t, i.Claims("https://ledger.example", time.Now()), nil)},
		"for another audience": {"/v1/orgs/acme/whoami", i.Keys[0].Sign(t, i.Claims("https://other.example", time.Now()), nil)},
	} {
		status, got := as(c[0], c[1])
		if status != http.StatusUnauthorized || strings.Contains(got["detail"].(string), c[1]) {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	i.With(func() { i.Down = true })
	fresh, _ := newOIDCSite(t) // whose provider is another, and up: this one's keys are none of its
	if resp, _ := fresh.browser().send(http.MethodGet, "/v1/orgs/acme/whoami", "", "Authorization", "Bearer "+token); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("at a server of another issuer: %d", resp.StatusCode)
	}
}

// Given streams that were opened with an identity provider's token, when that ends, then they end too.
func TestStreamsEndWithTheToken(t *testing.T) {
	s, i := newOIDCSite(t)
	s.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "eve", Permission: "ledger:history.read"})
	i.Who = map[string]any{"sub": "1", "email": "eve@acme.example", "email_verified": true}
	token := i.Keys[0].Sign(t, i.Claims("https://ledger.example", time.Now()), map[string]any{"typ": "at+jwt"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.https.URL+"/v1/orgs/acme/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.https.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d", resp.StatusCode)
	}
	events := &eventStream{t: t, body: resp.Body, in: bufio.NewReader(resp.Body)}
	s.ahead.Store(int64(time.Hour))
	if one, _ := events.next(); one.name != "closed" || !strings.Contains(one.data, wire.ClosedRevoked) {
		t.Errorf("got %+v", one)
	}
}

// Given somebody who comes with an identity provider's token, when it asks a decision point too often, then it is held to
// its own rate and to that of its organization, as all are.
func TestVouchedCallersAreHeldToTheirRate(t *testing.T) {
	ask := `{"subject":{"type":"human","id":"eve"},"action":{"name":"a"},"resource":{"type":"x","id":"y"}}`
	for name, l := range map[string]api.Limits{
		"its own":             {CallerReads: api.Rate{PerSecond: 0.001, Burst: 3}},
		"of its organization": {Reads: api.Rate{PerSecond: 0.001, Burst: 3}},
	} {
		s, i := newOIDCSiteWith(t, api.Options{Limits: l})
		i.Who = map[string]any{"sub": "1", "email": "eve@acme.example", "email_verified": true}
		token := i.Keys[0].Sign(t, i.Claims("https://ledger.example", time.Now()), map[string]any{"typ": "at+jwt"})
		b, refused := s.browser(), 0
		for range 5 {
			resp, _ := b.send(http.MethodPost, "/orgs/acme/access/v1/evaluation", ask, "Authorization", "Bearer "+token)
			if resp.StatusCode == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 2 {
			t.Errorf("by the rate %s %d of 5 are refused; want 2", name, refused)
		}
	}
}
