package console_test

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/console"
)

// everything is a form that any screen finds its fields in.
func everything(session string, seq uint64) url.Values {
	return url.Values{
		"title": {"x"}, "back": {"/console/acme/roles"}, "seq": {strconv.FormatUint(seq, 10)}, "done": {"0"}, "once": {ulid.Make().String()},
		"step": {`{"kind":"update-role","role":"desk","description":"forged"}`}, "confirmed": {"yes"}, "key": {"forged"}, "name": {"forged"}, "kind": {"human"},
		"email": {"forged@acme.example"}, "auth": {"email"}, "act": {"end-sessions"}, "id": {session}, "password": {password}, "new": {"another horse battery"},
		"again": {"another horse battery"}, "do": {"delete"}, "sure": {"yes"}, "url": {"https://evil.example/"}, "overlap": {"0"}, "wallet": {"0x0000000000000000000000000000000000000001"},
	}
}

// Given somebody who is signed in, when another site has its browser send a form to any screen, or one that lacks what shows that a
// page of this server made it, then nothing is recorded, no session begins or ends, and it is refused.
func TestNoScreenTakesAForgedForm(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk")
	w.join("ben", "ben@acme.example")
	b := w.signedIn("owner")
	theirs, own := w.signedIn("ben").get("/console/acme/account").csrf(), b.get("/console/acme/account").csrf()
	asOwner := w.As(w.bearer("owner"))
	sessions, err := asOwner.Sessions(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	before, err := asOwner.Whoami(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	session := sessions.Items[0].ID
	for _, a := range console.Addresses() {
		if a[0] != http.MethodPost {
			continue
		}
		path := strings.NewReplacer("{org}", acme, "{key}", "desk", "{id}", "x", "{review}", "x", "{item}", "1", "{token}", "x", "{kind}", "policy", "{path...}", "policy/1", "{$}", "").Replace(a[1])
		for name, forged := range map[string]struct {
			csrf, origin string
		}{"none": {"", ""}, "wrong": {"FPXWSVJKPK6H3KEJUYJW25ZQVR", ""}, "of another session": {theirs, ""}, "another site": {own, "https://evil.example"}} {
			if strings.HasSuffix(path, "/acme/sign-in") && forged.origin == "" {
				continue // who signs in has no session yet that it could show
			}
			form := everything(session, before.AsOf.Seq)
			form.Set("csrf", forged.csrf)
			req, err := http.NewRequestWithContext(t.Context(), a[0], w.url+path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if forged.origin != "" {
				req.Header.Set("Origin", forged.origin)
				req.Header.Set("Sec-Fetch-Site", "cross-site")
			}
			once := *b.http
			once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			resp, err := once.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.Cookies()) > 0 {
				t.Errorf("%s, %s: it sets %v", path, name, resp.Cookies())
			}
			if resp.StatusCode == http.StatusOK && strings.Contains(string(answer), "Secret") {
				t.Errorf("%s, %s: a secret is shown", path, name)
			}
			if to := resp.Header.Get("Location"); to != "" && to != "/console/" {
				t.Errorf("%s, %s: it is taken, and leads to %s", path, name, to)
			}
		}
	}
	after, err := asOwner.Whoami(t.Context(), acme)
	if err != nil || after.AsOf.Seq != before.AsOf.Seq {
		t.Errorf("something was recorded: %d, before %d, %v", after.AsOf.Seq, before.AsOf.Seq, err)
	}
	if now, err := asOwner.Sessions(t.Context(), acme); err != nil || len(now.Items) != len(sessions.Items) {
		t.Errorf("sessions ended or began: %d, before %d, %v", len(now.Items), len(sessions.Items), err)
	}
	if hooks, err := asOwner.Webhooks(t.Context(), acme); err != nil || len(hooks.Items) != 0 {
		t.Errorf("a webhook was made: %v %v", hooks.Items, err)
	}
}
