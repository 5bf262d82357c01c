package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/permledger/permledger/api/wire"
)

// Given a served ledger, when somebody comes with a browser, then it is led to signing in, and back to where it wanted to go.
func TestSignIn(t *testing.T) {
	w := newWorld(t, "plain")
	b := w.visitor()
	page := b.get("/console/acme/roles?at=1")
	if !strings.HasPrefix(page.address, "/console/acme/sign-in?then=") {
		t.Fatalf("without a session: %s", page.address)
	}
	wrong := b.submit(page, "/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {"a wrong one, surely"}})
	if wrong.status != http.StatusUnauthorized {
		t.Errorf("a wrong password is answered with %d", wrong.status)
	}
	wrong.has(t, "Nobody can sign in here with this name and this password")
	in := b.submit(page, "/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {password}})
	if in.address != "/console/acme/roles?at=1" {
		t.Errorf("signed in, and led to %s", in.address)
	}
	in.has(t, "As of event 1", "read-only")
	out := b.submit(in, "/console/acme/sign-out", nil)
	if out.address != "/console/acme/sign-in" {
		t.Errorf("signed out, and led to %s", out.address)
	}
	if again := b.get("/console/acme/roles"); !strings.HasPrefix(again.address, "/console/acme/sign-in") {
		t.Errorf("the session goes on: %s", again.address)
	}
}

// Given somebody who signs in, when the address to go on at is another site's, then it is led to its own.
func TestThenIsOurs(t *testing.T) {
	w := newWorld(t, "plain")
	for _, then := range []string{"https://evil.example/", "//evil.example/console/acme/", "/\\evil.example", "/console/beta/overview", "/console/acme/../../v1", "javascript:alert(1)"} {
		b := w.visitor()
		b.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path != "/console/acme/overview" && r.URL.Host != strings.TrimPrefix(w.url, "http://") {
				t.Errorf("%q leads to %s", then, r.URL)
			}
			return nil
		}
		b.post("/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {password}, "then": {then}})
	}
}

// Given a change that somebody confirms, when another changed the same thing meanwhile, then nothing is recorded, and what the other
// did is shown.
func TestConflict(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	b := w.signedIn("owner")
	csrf := b.get("/console/acme/overview").csrf()
	form := url.Values{
		"csrf": {csrf}, "title": {"Change Desk"}, "back": {"/console/acme/roles"}, "seq": {"3"}, "done": {"0"}, "reason": {"mine"},
		"once": {ulid.Make().String()}, "step": {`{"kind":"update-role","role":"desk","add":["b.read"]}`},
	}
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"c.read"}, Reason: "theirs"})
	page := b.post("/console/acme/change", form)
	if page.status != http.StatusConflict {
		t.Fatalf("answered with %d: %s", page.status, page.text())
	}
	page.has(t, "Somebody else changed the same thing meanwhile", "theirs", "c.read")
	done := b.confirm(page, "mine, knowing theirs")
	if !strings.HasPrefix(done.address, "/console/acme/roles?recorded=") {
		t.Fatalf("confirmed, and led to %s: %s", done.address, done.text())
	}
	done.has(t, "Recorded: event 5")
}

// Given a form of another site, or none of ours, when a browser sends it, then nothing is recorded.
func TestForgedForm(t *testing.T) {
	w := newWorld(t, "plain")
	b := w.signedIn("owner")
	form := url.Values{"title": {"x"}, "seq": {"2"}, "done": {"0"}, "once": {ulid.Make().String()}, "step": {`{"kind":"create-role","role":"forged"}`}}
	for _, csrf := range []string{"", "guessed"} {
		form.Set("csrf", csrf)
		if page := b.post("/console/acme/change", form); page.status != http.StatusForbidden {
			t.Errorf("csrf %q: answered with %d: %s", csrf, page.status, page.text())
		}
	}
	b.get("/console/acme/roles").hasNot(t, "forged")
}

// Given a session that has ended, when its browser goes on, then it is told so, whether it looks or confirms.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t, "plain")
	b := w.signedIn("owner")
	page := b.get("/console/acme/roles")
	if _, err := w.As(w.bearer("owner")).EndSessionsOf(t.Context(), acme, "owner"); err != nil {
		t.Fatal(err)
	}
	b.get("/console/acme/roles").has(t, "The session has ended", "Sign in to acme")
	form := url.Values{"title": {"x"}, "seq": {"2"}, "done": {"0"}, "once": {ulid.Make().String()}, "step": {`{"kind":"create-role","role":"late"}`}, "csrf": {page.csrf()}}
	b.post("/console/acme/change", form).has(t, "The session has ended", "is not recorded")
	b = w.signedIn("owner")
	b.get("/console/acme/roles").hasNot(t, "late")
	if in := b.submit(b.get("/console/acme/sign-in"), "/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {password}}); in.address != "/console/acme/overview" {
		t.Errorf("signing in again leads to %s: %s", in.address, in.text())
	}
}

// Given a moment before the ledger began, or none at all, when a page is asked for as of it, then the page says so, and leads to now.
func TestNoSuchMoment(t *testing.T) {
	w := newWorld(t, "plain")
	b := w.signedIn("owner")
	for _, at := range []string{"2001-01-01T00:00:00Z", "99999", "0", "yesterday-ish", "head~700", "<script>"} {
		page := b.get("/console/acme/roles?at=" + url.QueryEscape(at))
		if page.status != http.StatusBadRequest && page.status != http.StatusNotFound {
			t.Errorf("%s is answered with %d: %s", at, page.status, page.text())
		}
		page.has(t, "The same page, live", "Choose another moment")
		page.hasNot(t, "as of 0")
	}

	w.role("late", "Late", "a.read")
	early := b.get("/console/acme/roles/late?at=2")
	early.has(t, "Not found", "There is one now: it was made later", "The same page, live")
	early.hasNot(t, "Did you mean")
}

// Given a browser with the cookies of another organization on the same host, when it comes here for the first time, then nobody tells it
// that a session has ended.
func TestCookiesOfOthers(t *testing.T) {
	w := newWorld(t, "plain")
	b := w.visitor()
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: "permledger-other", Value: "x", Path: "/"}, {Name: "theme", Value: "dark", Path: "/"}})
	page := b.get("/console/acme/roles")
	page.has(t, "Sign in to acme")
	page.hasNot(t, "The session has ended")
}
