package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// climbing are addresses that look as if they were of acme's pages, and lead elsewhere, as a browser or a cleaned path has it.
var climbing = []string{
	`/console/acme/../../\evil.example/x`, `/console/acme/..%2f..%2f\evil.example`, `/console/acme/../../%5cevil.example`,
	"/console/acme/\t/evil", `/console/acme/../other/overview`, `/console/acme/.%2e/x`, "/console/acme/../..//evil.example",
	`\\evil.example`, "//evil.example/console/acme/", "https://evil.example/console/acme/x", "javascript:/console/acme/x", "/console/acme/..",
}

// leads gives where a form leads without going there.
func (b *visitor) leads(path string, form url.Values) string {
	b.t.Helper()
	once := *b.http
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := once.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("Location")
}

// Given somebody who follows a link to the page of signing in, when it has signed in, then it is at a page of the organization,
// whatever the link says to go on with.
func TestSigningInLeadsNowhereElse(t *testing.T) {
	w := newWorld(t, "plain")
	for _, then := range climbing {
		if to := w.visitor().leads("/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {password}, "then": {then}}); to != "/console/acme/overview" {
			t.Errorf("then %q leads to %q", then, to)
		}
	}
	if to := w.visitor().leads("/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {password}, "then": {"/console/acme/roles/a%2Fb?q=%5C"}}); to != "/console/acme/roles/a%2Fb?q=%5C" {
		t.Errorf("a page leads to %q", to)
	}
}

// Given a change that is shown for review, when its hidden address is another, then recording it leads to a page of the organization.
func TestRecordingLeadsNowhereElse(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk")
	b := w.signedIn("owner")
	for _, back := range climbing {
		form := b.submit(b.get("/console/acme/roles/desk/members"), "/console/acme/roles/desk/members", url.Values{"who": {"owner"}}).hidden()
		form.Set("back", back)
		form.Set("step", `{"kind":"update-role","role":"desk","description":`+"\"d"+url.QueryEscape(back)+`"}`)
		if to := b.leads("/console/acme/change", form); !strings.HasPrefix(to, "/console/acme/overview?recorded=") {
			t.Errorf("back %q leads to %q", back, to)
		}
	}
}

// Given a change of two subjects that is shown, when somebody else changes the second one before it is confirmed, then that is shown,
// and the second step is not recorded over it; without it all steps are.
func TestEachStepGoesByWhatWasShown(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk")
	w.role("other", "Other")
	w.join("ben", "ben@acme.example")
	w.join("carl", "carl@acme.example")
	b := w.signedIn("owner")
	review := b.submit(b.get("/console/acme/roles/desk/members"), "/console/acme/roles/desk/members", url.Values{"who": {"ben, carl"}})
	review.has(t, "Give the role desk to 2 subjects")
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "carl", Role: "other"})
	shown := b.confirm(review, "both")
	if shown.status != http.StatusConflict {
		t.Errorf("the second step was recorded over what somebody else did: %d, %s", shown.status, shown.address)
	}
	shown.has(t, "Somebody else changed the same thing meanwhile", "1 step is recorded already")
	if again := b.confirm(shown, "both"); again.status != http.StatusOK {
		t.Errorf("once it was looked at: %d %s", again.status, again.text())
	}
	// Somebody else changes something that is none of the steps': they go on, over what they did themselves.
	w.role("third", "Third")
	w.role("fourth", "Fourth")
	at := "/console/acme/members/ben/roles"
	review = b.submit(b.get(at), at, url.Values{"role": {"desk", "other", "third", "fourth"}, "until": {"2099-12-31"}})
	if n := len(review.hidden()["step"]); n != 3 {
		t.Fatalf("%d steps: %s", n, review.text())
	}
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Description: new("meanwhile")})
	if shown := b.confirm(review, "all"); shown.status != http.StatusOK {
		t.Errorf("%d %s", shown.status, shown.text())
	}
}
