package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/node"
)

// site is a server over TLS as people call it, with a clock that can be put ahead.
type site struct {
	*world
	ahead atomic.Int64
	https *httptest.Server
}

// newSite serves a node of a world as options say. Its URL is that of the server.
func newSite(w *world, o api.Options, secure bool) *site {
	w.t.Helper()
	s := &site{world: w, https: httptest.NewUnstartedServer(nil)}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	o.Token, o.URL = token, scheme+s.https.Listener.Addr().String()
	o.Now = func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	s.https.Config.Handler = api.New(w.node, o)
	if secure {
		s.https.StartTLS()
	} else {
		s.https.Start()
	}
	w.t.Cleanup(s.https.Close)
	return s
}

// tab is a browser: what keeps cookies, and names the page that its requests come from.
type tab struct {
	site   *site
	http   *http.Client
	origin string
	csrf   string
}

func (s *site) browser() *tab {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := s.https.Client()
	return &tab{site: s, http: &http.Client{Transport: c.Transport, Jar: jar}, origin: s.https.URL}
}

// send sends a request and gives its status and answer.
func (b *tab) send(method, path, body string, header ...string) (*http.Response, map[string]any) {
	t := b.site.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.site.https.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if b.origin != "" {
		req.Header.Set("Origin", b.origin)
	}
	if b.csrf != "" {
		req.Header.Set("X-CSRF-Token", b.csrf)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(bodyFrom(t, resp), &out)
	return resp, out
}

func (b *tab) signIn(org, key string) *http.Response {
	b.site.t.Helper()
	resp, got := b.send(http.MethodPost, "/v1/orgs/"+org+"/sessions", `{"key":"`+key+`","password":"`+password+`","cookie":true}`)
	if resp.StatusCode != http.StatusOK {
		b.site.t.Fatalf("sign in: %d %v", resp.StatusCode, got)
	}
	b.csrf, _ = got["csrf"].(string)
	if got["token"] != nil || b.csrf == "" {
		b.site.t.Fatalf("signing in for a cookie answers %v", got)
	}
	return resp
}

func (b *tab) status(method, path, body string, header ...string) int {
	b.site.t.Helper()
	resp, _ := b.send(method, path, body, header...)
	return resp.StatusCode
}

func newSignInSite(t *testing.T, o api.Options, secure bool) *site {
	w := newWorld(t)
	w.open("acme", "plain")
	w.join("acme", "ben", "ben@acme.example", password)
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "ledger:subject.add"})
	return newSite(w, o, secure)
}

const addSomebody = `{"kind":"add-subject","subject":"NAME","subjectKind":"human"}`

// Given somebody who signs in for a cookie over https, then the cookie is of this host alone, hidden from scripts and from
// other sites' requests; what changes something takes the CSRF token and a page of this origin; what reads does not; and a
// request with a bearer token knows no cookie.
func TestCookies(t *testing.T) {
	s := newSignInSite(t, api.Options{}, true)
	b := s.browser()
	resp := b.signIn("acme", "ben")
	cookie := resp.Header.Get("Set-Cookie")
	if name, rest, _ := strings.Cut(cookie, "="); name != "__Host-permledger-acme" || !strings.HasPrefix(rest, "pls_") {
		t.Errorf("the cookie is %q", cookie)
	}
	for _, attribute := range []string{"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"} {
		if !strings.Contains(cookie, attribute) {
			t.Errorf("the cookie %q has no %s", cookie, attribute)
		}
	}
	if strings.Contains(cookie, "Domain") || resp.Header.Get("Strict-Transport-Security") == "" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer's header is %v", resp.Header)
	}
	if _, me := b.send(http.MethodGet, "/v1/orgs/acme/whoami", ""); me["subject"] != "ben" || me["kind"] != "session" || me["csrf"] != b.csrf {
		t.Errorf("whoami: %v", me)
	}
	if got := b.status(http.MethodGet, "/v1/orgs", ""); got != http.StatusOK {
		t.Errorf("a route of no organization: %d", got)
	}
	token, csrf := strings.TrimPrefix(strings.SplitN(cookie, ";", 2)[0], "__Host-permledger-acme="), b.csrf
	add := func(name string) string { return strings.Replace(addSomebody, "NAME", name, 1) }
	const do = "/v1/orgs/acme/do"
	for name, c := range map[string]struct {
		header []string
		csrf   string
		want   int
	}{
		"in order":                   {nil, csrf, http.StatusOK},
		"no-csrf":                    {nil, "", http.StatusForbidden},
		"wrong-csrf":                 {nil, csrf[1:] + "A", http.StatusForbidden},
		"cross-site":                 {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, csrf, http.StatusForbidden},
		"same-site":                  {[]string{"Sec-Fetch-Site", "same-site", "Origin", "https://sub.ledger.example"}, csrf, http.StatusForbidden},
		"same-origin":                {[]string{"Sec-Fetch-Site", "same-origin"}, csrf, http.StatusOK},
		"another-origin":             {[]string{"Origin", "https://evil.example"}, csrf, http.StatusForbidden},
		"null-origin":                {[]string{"Origin", "null"}, csrf, http.StatusForbidden},
		"cookie-and-wrong-bearer":    {[]string{"Authorization", "Bearer nonsense"}, csrf, http.StatusUnauthorized},
		"cookie-token-as-bearer":     {[]string{"Authorization", "Bearer " + token}, csrf, http.StatusUnauthorized},
		"bearer-from-another-origin": {[]string{"Authorization", "Bearer " + apiKey("acme", "owner"), "Sec-Fetch-Site", "cross-site"}, "", http.StatusOK},
	} {
		b.csrf = c.csrf
		resp, got := b.send(http.MethodPost, do, add(strings.ReplaceAll(name, " ", "-")), c.header...)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d %v; want %d", name, resp.StatusCode, got, c.want)
		}
		if c.want == http.StatusForbidden && got["type"] != wire.ProblemType+wire.CodeCrossSite {
			t.Errorf("%s: %v", name, got)
		}
	}
	b.csrf = csrf
	if got := b.status(http.MethodPost, "/v1/orgs/acme/sessions", `{"key":"ben","password":"`+password+`","cookie":true}`, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); got != http.StatusForbidden {
		t.Errorf("another site signs somebody in: %d", got)
	}
	if got := b.status(http.MethodPost, "/v1/orgs/acme/sessions", `{"key":"ben","password":"`+password+`"}`, "Content-Type", "text/plain"); got != http.StatusUnsupportedMediaType {
		t.Errorf("a form of another site: %d", got)
	}
	if got := b.status(http.MethodGet, "/v1/orgs/acme/whoami", "", "Cookie", "__Host-permledger-beta="+token); got != http.StatusOK { // beside the jar's own
		t.Errorf("with another cookie beside: %d", got)
	}

	// A token from a cookie that was there before signing in again is worth nothing after it.
	old := b.http.Jar.Cookies(mustURL(t, s.https.URL))
	b.signIn("acme", "ben")
	other := s.browser()
	other.http.Jar.SetCookies(mustURL(t, s.https.URL), old)
	if got := other.status(http.MethodGet, "/v1/orgs/acme/whoami", ""); got != http.StatusUnauthorized {
		t.Errorf("the token from before: %d", got)
	}
	if resp, _ := b.send(http.MethodDelete, "/v1/orgs/acme/sessions", ""); resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("sign out: %d %q", resp.StatusCode, resp.Header.Get("Set-Cookie"))
	}
	if n := len(b.http.Jar.Cookies(mustURL(t, s.https.URL))); n != 0 {
		t.Errorf("signed out, %d cookies are left", n)
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Given cookies of two organizations, when requests name one of them, then each is that one's.
func TestCookiesOfTwoOrganizations(t *testing.T) {
	s := newSignInSite(t, api.Options{}, true)
	s.open("beta", "plain")
	s.join("beta", "eve", "eve@beta.example", password)
	b := s.browser()
	b.signIn("acme", "ben")
	b.signIn("beta", "eve")
	for org, want := range map[string]string{"acme": "ben", "beta": "eve"} {
		if _, me := b.send(http.MethodGet, "/v1/orgs/"+org+"/whoami", ""); me["subject"] != want {
			t.Errorf("at %s: %v", org, me)
		}
	}
	stolen := b.http.Jar.Cookies(mustURL(t, s.https.URL))
	for _, c := range stolen {
		other := s.browser()
		if org := strings.TrimPrefix(c.Name, "__Host-permledger-"); org == "acme" {
			c.Name = "__Host-permledger-beta"
		} else {
			c.Name = "__Host-permledger-acme"
		}
		other.http.Jar.SetCookies(mustURL(t, s.https.URL), []*http.Cookie{c})
		if got := other.status(http.MethodGet, "/v1/orgs/"+strings.TrimPrefix(c.Name, "__Host-permledger-")+"/whoami", ""); got != http.StatusUnauthorized {
			t.Errorf("a cookie under another organization's name: %d", got)
		}
	}
}

// Given a session in a cookie, when no request comes for half an hour, or half a day has passed since it began, then it has
// ended; a program's token is not idle.
func TestCookieSessionsEnd(t *testing.T) {
	s := newSignInSite(t, api.Options{}, true)
	b := s.browser()
	b.signIn("acme", "ben")
	whoami := func() int { t.Helper(); return b.status(http.MethodGet, "/v1/orgs/acme/whoami", "") }
	at := func(d time.Duration) { s.ahead.Store(int64(d)) }
	at(29 * time.Minute)
	if got := whoami(); got != http.StatusOK {
		t.Errorf("after 29 min: %d", got)
	}
	at(58 * time.Minute)
	if got := whoami(); got != http.StatusOK {
		t.Errorf("29 min after that: %d", got)
	}
	at(58*time.Minute + 31*time.Minute)
	if got := whoami(); got != http.StatusUnauthorized {
		t.Errorf("31 min after that: %d", got)
	}
	b.signIn("acme", "ben")
	begun := 89 * time.Minute
	for d := begun; d < begun+12*time.Hour-time.Minute; d += 25 * time.Minute {
		if at(d); whoami() != http.StatusOK {
			t.Fatalf("used every 25 min, it has ended %s after it began", d-begun)
		}
	}
	if at(begun + 12*time.Hour + time.Minute); whoami() != http.StatusUnauthorized {
		t.Error("used every 25 min, it lasts more than 12 h")
	}
}

// Given somebody with several sessions, then it sees its own and ends one, or all others; whoever may deactivate it ends them
// all, and nobody else does.
func TestSessionsAreListedAndEnded(t *testing.T) {
	s := newSignInSite(t, api.Options{}, true)
	s.join("acme", "eve", "eve@acme.example", password)
	one, two, three, eve := s.browser(), s.browser(), s.browser(), s.browser()
	for _, b := range []*tab{one, two, three} {
		b.signIn("acme", "ben")
	}
	eve.signIn("acme", "eve")
	list := func(b *tab) []any {
		t.Helper()
		_, got := b.send(http.MethodGet, "/v1/orgs/acme/sessions", "")
		items, _ := got["items"].([]any)
		return items
	}
	items := list(one)
	if len(items) != 3 || len(list(eve)) != 1 {
		t.Fatalf("ben has %v, and eve %v", items, list(eve))
	}
	var others []string
	for _, i := range items {
		if i := i.(map[string]any); i["current"] == nil {
			others = append(others, i["id"].(string))
		}
		if text, err := json.Marshal(i); err != nil || strings.Contains(string(text), "pls_") {
			t.Errorf("a session is listed as %s, %v", text, err)
		}
	}
	if len(others) != 2 {
		t.Fatalf("of %v, not one is the current one", items)
	}
	if got := eve.status(http.MethodDelete, "/v1/orgs/acme/sessions/"+others[0], ""); got != http.StatusNotFound {
		t.Errorf("eve ends one of ben's: %d", got)
	}
	if got := eve.status(http.MethodDelete, "/v1/orgs/acme/subjects/ben/sessions", ""); got != http.StatusForbidden {
		t.Errorf("eve ends ben's: %d", got)
	}
	if got := one.status(http.MethodDelete, "/v1/orgs/acme/sessions/"+others[0], ""); got != http.StatusOK || len(list(one)) != 2 {
		t.Errorf("ben ends one of its own: %d, and has %v", got, list(one))
	}
	if _, got := one.send(http.MethodDelete, "/v1/orgs/acme/subjects/ben/sessions", ""); got["ended"] != 1.0 || len(list(one)) != 1 {
		t.Errorf("ben ends its others: %v, and has %v", got, list(one))
	}
	if _, got := eve.send(http.MethodDelete, "/v1/orgs/acme/subjects/ben/sessions", "", "Authorization", "Bearer "+apiKey("acme", "owner")); got["ended"] != 1.0 {
		t.Errorf("the owner ends ben's: %v", got)
	}
	if got := one.status(http.MethodGet, "/v1/orgs/acme/whoami", ""); got != http.StatusUnauthorized {
		t.Errorf("ben, whose sessions were ended: %d", got)
	}
	s.noted("acme", node.ActivitySignedOut, "ben")
}

// Given a server without https, when a browser is to sign in, then it may on the machine's own address, with a cookie of
// another name, and not where the network could read it.
func TestCookiesWithoutHTTPS(t *testing.T) {
	s := newSignInSite(t, api.Options{}, false)
	b := s.browser()
	if cookie := b.signIn("acme", "ben").Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "permledger-acme=pls_") || strings.Contains(cookie, "Secure") {
		t.Errorf("the cookie is %q", cookie)
	}
	if got := b.status(http.MethodGet, "/v1/orgs/acme/whoami", ""); got != http.StatusOK {
		t.Errorf("whoami: %d", got)
	}
	srv := httptest.NewServer(api.New(s.node, api.Options{URL: "http://ledger.example:8420"}))
	defer srv.Close()
	plain := &tab{site: &site{world: s.world, https: srv}, http: &http.Client{}}
	if resp, got := plain.send(http.MethodPost, "/v1/orgs/acme/sessions", `{"key":"ben","password":"`+password+`","cookie":true}`); resp.StatusCode != http.StatusForbidden || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("over plain HTTP: %d %v", resp.StatusCode, got)
	}
	proxied := httptest.NewServer(api.New(s.node, api.Options{URL: "https://ledger.example"}))
	defer proxied.Close()
	plain.site = &site{world: s.world, https: proxied}
	plain.origin = "https://ledger.example"
	if cookie := plain.signIn("acme", "ben").Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-permledger-acme=") {
		t.Errorf("behind a proxy that speaks https the cookie is %q", cookie)
	}
}
