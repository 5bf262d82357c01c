package console_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"html"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/console"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node"
)

const (
	token    = "the local operator's token"
	password = "correct horse battery staple"
	acme     = "acme"
)

// keyOf gives the same key for the same name in every run.
func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func did(name string) string { return didkey.Encode(keyOf(name).Public().(ed25519.PublicKey)) }

// world is a node with its API and its console, served on a loopback address, with the organization acme.
type world struct {
	t    testing.TB
	node *node.Node
	url  string // of the server
	*client.Client
}

// newWorld serves acme, of a profile, whose owner signs in as "owner" with password.
func newWorld(t testing.TB, profile string) *world {
	t.Helper()
	return newWorldWith(t, profile, api.Options{})
}

// newWorldWith serves it with some options of the API.
func newWorldWith(t testing.TB, profile string, o api.Options) *world {
	t.Helper()
	w := emptyWorld(t, o)
	w.open(acme, profile)
	w.setPassword(acme)
	return w
}

// emptyWorld serves a node without organizations.
func emptyWorld(t testing.TB, o api.Options) *world {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := node.Init(dir, "ledger.test"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(t.Context(), dir, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	srv := httptest.NewUnstartedServer(nil)
	at := "http://" + srv.Listener.Addr().String()
	o.Token, o.Version, o.URL, o.Logger = token, "test", at, logger
	srv.Config.Handler = console.New(api.New(n, o), console.Options{Logger: logger})
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections() // pages that are live
		srv.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, node: n, url: at, Client: client.New(at, token, srv.Client())}
}

// open opens an organization whose owner is "owner", and makes it complete.
func (w *world) open(org, profile string) {
	w.t.Helper()
	p, err := w.PrepareOpening(w.t.Context(), wire.Opening{
		Organization: org, Name: strings.ToUpper(org[:1]) + org[1:] + " Registry", Profile: profile, OwnerKey: "owner", OwnerKind: events.KindHuman,
		Credential: did(org + "/owner"), Root: did(org + "/root"), OperatorKey: did("operator"),
	})
	if err == nil {
		_, err = w.SignAndRecord(w.t.Context(), org, p, keyOf(org+"/owner"), nil)
	}
	if err == nil {
		_, err = w.Found(w.t.Context(), org, profile, keyOf(org+"/owner"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// setPassword gives the owner of an organization its password.
func (w *world) setPassword(org string) {
	w.t.Helper()
	key := keyOf(org + "/owner")
	wrapped, err := login.Wrap(key, password)
	if err != nil {
		w.t.Fatal(err)
	}
	w.doIn(org, wire.Intent{Kind: wire.ChangeLogin, Subject: "owner", Key: didkey.Encode(key.Public().(ed25519.PublicKey)), Login: wrapped})
}

// do records a change of acme as its owner. Private texts are in words.
func (w *world) do(in wire.Intent) wire.Receipt {
	w.t.Helper()
	return w.doIn(acme, in)
}

func (w *world) doIn(org string, in wire.Intent) wire.Receipt {
	w.t.Helper()
	author, err := w.Author(org, keyOf(org+"/owner"))
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := author.Do(w.t.Context(), in)
	if err != nil {
		w.t.Fatalf("%s: %v", in.Kind, err)
	}
	return r
}

// join has somebody join acme, with a password, and gives it roles.
func (w *world) join(who, email string, roles ...string) {
	w.t.Helper()
	code := secret.New(secret.Invitation)
	w.do(wire.Intent{Kind: wire.InviteSubject, Subject: who, SubjectKind: events.KindHuman, Email: email, Auth: events.AuthEmail, Invitation: code.DID()})
	key := secret.New(secret.APIKey).Key()
	wrapped, err := login.Wrap(key, password)
	if err != nil {
		w.t.Fatal(err)
	}
	anybody := w.As("")
	in, err := anybody.Invitation(w.t.Context(), acme, code)
	if err != nil {
		w.t.Fatal(err)
	}
	_, text := client.Commit(wrapped)
	if _, err := anybody.Accept(w.t.Context(), acme, in, code, key, &text); err != nil {
		w.t.Fatal(err)
	}
	for _, role := range roles {
		w.do(wire.Intent{Kind: wire.AssignRole, Subject: who, Role: role})
	}
}

// role creates a role of acme.
func (w *world) role(key, name string, permissions ...string) {
	w.t.Helper()
	w.do(wire.Intent{Kind: wire.CreateRole, Role: key, Name: &name, Permissions: permissions})
}

// A visitor is a browser without script: it keeps cookies, follows links and sends forms.
type visitor struct {
	t    testing.TB
	url  string
	http *http.Client
}

// visitor gives a browser that nobody signed in with.
func (w *world) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{w.t, w.url, &http.Client{Jar: jar}}
}

// signedIn gives a browser in which somebody of acme signed in.
func (w *world) signedIn(who string) *visitor {
	w.t.Helper()
	b := w.visitor()
	if got := b.post("/console/acme/sign-in", url.Values{"name": {who}, "password": {password}}); got.status != http.StatusOK || !strings.HasSuffix(got.address, "/overview") {
		w.t.Fatalf("signing in leads to %s (%d): %s", got.address, got.status, got.text())
	}
	return b
}

// bearer gives a token of a session of somebody of acme.
func (w *world) bearer(who string) string {
	w.t.Helper()
	in, err := w.As("").SignIn(w.t.Context(), acme, wire.SignIn{Key: who, Password: password})
	if err != nil {
		w.t.Fatal(err)
	}
	return in.Token
}

// shown is a page.
type shown struct {
	status  int
	address string // path and query, after redirects
	html    string
	name    string // of a file, as the server calls it
}

func (b *visitor) get(path string) shown {
	b.t.Helper()
	return b.send(http.MethodGet, path, nil)
}

// post sends a form. The field csrf is taken from the page before, where it is not named.
func (b *visitor) post(path string, form url.Values) shown {
	b.t.Helper()
	return b.send(http.MethodPost, path, form)
}

func (b *visitor) send(method, path string, form url.Values) shown {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	_, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
	return shown{resp.StatusCode, resp.Request.URL.RequestURI(), string(all), params["filename"]}
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// text gives what a person reads of a page.
func (s shown) text() string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(s.html, " ")), " "))
}

// has says whether a page shows all of some texts.
func (s shown) has(t testing.TB, texts ...string) {
	t.Helper()
	all := s.text()
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("%s (%d) does not say %q:\n%s", s.address, s.status, text, all)
		}
	}
}

// hasNot says whether a page shows none of some texts.
func (s shown) hasNot(t testing.TB, texts ...string) {
	t.Helper()
	all := s.text()
	for _, text := range texts {
		if strings.Contains(all, text) {
			t.Errorf("%s says %q:\n%s", s.address, text, all)
		}
	}
}

// hidden gives the hidden fields of the forms of a page's main part.
func (s shown) hidden() url.Values {
	v := url.Values{}
	_, main, _ := strings.Cut(s.html, "<main")
	for _, m := range hidden.FindAllStringSubmatch(main, -1) {
		v.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return v
}

// csrf gives what forms of a page repeat.
func (s shown) csrf() string {
	for _, m := range hidden.FindAllStringSubmatch(s.html, -1) {
		if m[1] == "csrf" {
			return m[2]
		}
	}
	return ""
}

// submit sends the form of a page that was given, with what its hidden fields hold and some more.
func (b *visitor) submit(from shown, to string, more url.Values) shown {
	b.t.Helper()
	form := from.hidden()
	if form.Get("csrf") == "" {
		form.Set("csrf", from.csrf())
	}
	for name, values := range more {
		form[name] = values
	}
	return b.post(to, form)
}

// confirm records a change that a page shows for review.
func (b *visitor) confirm(review shown, reason string) shown {
	b.t.Helper()
	return b.submit(review, "/console/acme/change", url.Values{"reason": {reason}})
}

// regexpFind gives what the first group of a pattern finds; empty: nothing.
func regexpFind(text, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
