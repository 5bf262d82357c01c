package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

var madeSecret = regexp.MustCompile(`pl[ik]_[0-9A-Za-z]{49}`)

// secretOn gives the secret that a page shows.
func (s shown) secretOn(t testing.TB) string {
	t.Helper()
	found := madeSecret.FindString(html.UnescapeString(s.html))
	if found == "" || s.status != http.StatusOK {
		t.Fatalf("%s (%d) shows no secret: %s", s.address, s.status, s.text())
	}
	if strings.Contains(s.address, found) {
		t.Error("the secret is in the address")
	}
	return found
}

// works says whether a secret is a key that works, and whose.
func (w *world) works(key string) (who string, ok bool) {
	me, err := w.As(key).Whoami(w.t.Context(), acme)
	return me.Subject, err == nil
}

// Given an administrator, when it creates an API key, replaces its secret with an overlap and revokes it, then each secret is shown once,
// and works for as long as was said.
func TestAPIKeys(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("owner")
	form := b.get("/console/acme/create-key")
	bad := b.submit(form, "/console/acme/create-key", url.Values{"key": {"ben"}, "role": {"night"}})
	if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.html, `aria-describedby="key-hint key-error" aria-invalid="true"`) || !strings.Contains(bad.html, `value="night" checked`) {
		t.Errorf("a key that somebody has: %d %s", bad.status, bad.html)
	}
	if none := b.submit(form, "/console/acme/create-key", url.Values{"role": {"night"}}); none.status != http.StatusUnprocessableEntity {
		t.Errorf("no key: %d", none.status)
	}
	review := b.submit(form, "/console/acme/create-key", url.Values{"key": {"etl"}, "role": {"night"}, "holder": {"ben"}})
	review.has(t, "Create the API key etl", "gains", "c.read")
	if strings.Contains(review.html, "plk_") {
		t.Error("a secret is shown before anything is recorded")
	}
	made := b.submit(review, "/console/acme/create-key", url.Values{"reason": {"TICKET-3"}})
	first := made.secretOn(t)
	made.has(t, "This is shown once")
	if who, ok := w.works(first); !ok || who != "etl" {
		t.Errorf("the secret is %q's, %v", who, ok)
	}
	listed := b.get("/console/acme/keys")
	listed.has(t, "etl", "night", "ben", "Rotate", "last used")
	if strings.Contains(listed.html, first) || strings.Contains(listed.html, "plk_") {
		t.Error("the list shows a secret")
	}

	rotate := b.get("/console/acme/keys/etl/rotate")
	old := regexp.MustCompile(`name="old" value="([^"]*)"`).FindStringSubmatch(rotate.html)
	if old == nil {
		t.Fatalf("no secret to replace: %s", rotate.text())
	}
	again := b.submit(rotate, "/console/acme/keys/etl/rotate", url.Values{"old": {old[1]}, "overlap": {"24h"}})
	again.has(t, "Replace the secret of etl")
	second := b.submit(again, "/console/acme/keys/etl/rotate", nil).secretOn(t)
	for _, secret := range []string{first, second} {
		if who, ok := w.works(secret); !ok || who != "etl" {
			t.Errorf("in the overlap a secret is %q's, %v", who, ok)
		}
	}
	third := b.submit(b.submit(b.get("/console/acme/keys/etl/rotate"), "/console/acme/keys/etl/rotate", url.Values{"old": {standing(t, b)}, "overlap": {"0"}}), "/console/acme/keys/etl/rotate", nil).secretOn(t)
	if _, ok := w.works(second); ok {
		t.Error("a secret that was replaced at once works")
	}
	removed := b.confirm(b.post("/console/acme/members/etl/change", url.Values{"csrf": {listed.csrf()}, "act": {"remove"}}), "")
	removed.has(t, "Recorded: event", "removed")
	if _, ok := w.works(third); ok {
		t.Error("a key that was revoked works")
	}
}

// standing gives the public key of the secret of etl that has no end.
func standing(t testing.TB, b *visitor) string {
	t.Helper()
	for _, m := range regexp.MustCompile(`name="old" value="([^"]*)"[^>]*> <span><code[^>]*>[^<]*</code> since event \d+</span>`).FindAllStringSubmatch(b.get("/console/acme/keys/etl/rotate").html, -1) {
		return m[1]
	}
	t.Fatal("no secret is without an end")
	return ""
}

// Given a profile in which an API key has exactly one role, when one is created or its role changed, then exactly one is to be chosen.
func TestOneRoleForEachKey(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("reads", "Reads", "ipaware:api.key.view")
	w.role("lists", "Lists", "ipaware:ip.query")
	b := w.signedIn("owner")
	form := b.get("/console/acme/create-key")
	if !strings.Contains(form.html, `type="radio" name="role" value="reads"`) {
		t.Error("more than one role can be chosen")
	}
	none := b.submit(form, "/console/acme/create-key", url.Values{"key": {"k"}})
	none.has(t, "An API key has exactly one role here")
	b.submit(b.submit(form, "/console/acme/create-key", url.Values{"key": {"k"}, "role": {"reads"}}), "/console/acme/create-key", nil).secretOn(t)
	roles := b.get("/console/acme/members/k/roles")
	review := b.submit(roles, "/console/acme/members/k/roles", url.Values{"role": {"lists"}})
	review.has(t, "take reads away", "give lists", "gains", "ip.query", "loses", "api.key.view")
	b.confirm(review, "").has(t, "Recorded: event", "role lists")
}

// Given somebody to whom an API key is assigned, when it looks at keys, then it sees its own alone.
func TestOwnKeysAlone(t *testing.T) {
	w := peopleWorld(t)
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "hers", SubjectKind: events.KindAPIKey})
	b := w.signedIn("ben")
	b.get("/console/acme/keys").has(t, "You see the API keys that are assigned to you", "None")
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "his", SubjectKind: events.KindAPIKey, Holder: "ben"})
	page := b.get("/console/acme/keys")
	page.has(t, "his")
	page.hasNot(t, "hers", "Create an API key")
	b.get("/console/acme/account").has(t, "API keys assigned to you", "his")
	if other := b.get("/console/acme/keys/hers"); other.status != http.StatusForbidden {
		t.Errorf("another's key: %d", other.status)
	}
}
