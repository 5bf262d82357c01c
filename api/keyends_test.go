package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// Given an API key that ends, when it comes before its end, then it is let in, and it is known when it was used; from its end
// on it is refused everywhere with when that was, at the decision point too.
func TestAPIKeysEnd(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := newSite(w, api.Options{}, true)
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "ci", SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey})
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	w.do("acme", wire.Intent{Kind: wire.RegisterKey, Subject: "ci", Key: did("acme/ci"), Purpose: events.PurposeCredential, Until: ends.Format(time.RFC3339Nano)})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ci", Permission: "ledger:roles.read"})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ci", Permission: "ledger:role.create"})
	b := s.browser()
	as := func(who, method, path, body string) (int, string) {
		t.Helper()
		resp, got := b.send(method, path, body, "Authorization", "Bearer "+apiKey("acme", who))
		detail, _ := got["detail"].(string)
		return resp.StatusCode, detail
	}
	const question = `{"subject":{"type":"user","id":"ci"},"action":{"name":"ledger:roles.read"},"resource":{"type":"x","id":"1"}}`
	tries := []struct{ method, path, body string }{
		{http.MethodGet, "/v1/orgs/acme/roles", ""}, {http.MethodPost, "/v1/orgs/acme/do", `{"kind":"create-role","role":"NAME"}`},
		{http.MethodPost, "/orgs/acme/access/v1/evaluation", question}, {http.MethodPost, "/access/v1/evaluation", question},
	}
	for _, c := range tries {
		if status, detail := as("ci", c.method, c.path, strings.Replace(c.body, "NAME", "before", 1)); status != http.StatusOK {
			t.Errorf("%s before its end: %d %s", c.path, status, detail)
		}
	}
	keys, err := w.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.Items {
		if k.DID != did("acme/ci") {
			continue
		}
		last, err := time.Parse(time.RFC3339, used(s, k.DID))
		if err != nil || time.Since(last) > 11*time.Minute {
			t.Errorf("it was used last at %s, %v", last, err)
		}
		if at, err := time.Parse(time.RFC3339, k.Until); err != nil || !at.Equal(ends) {
			t.Errorf("it is listed as ending at %q, %v", k.Until, err)
		}
	}

	s.ahead.Store(int64(time.Hour))
	for _, c := range tries {
		status, detail := as("ci", c.method, c.path, strings.Replace(c.body, "NAME", "after", 1))
		if status != http.StatusUnauthorized || strings.HasPrefix(c.path, "/v1") && !strings.Contains(detail, "ended at "+ends.Format("2006-01-02T15:04:05")) {
			t.Errorf("%s after its end: %d %s", c.path, status, detail)
		}
	}
	s.ahead.Store(0)

	// Replaced with an overlap both work, until it is over.
	soon := time.Now().Add(30 * time.Minute).UTC()
	w.do("acme", wire.Intent{Kind: wire.RotateKey, Old: did("acme/ci"), Key: did("acme/ci2"), Beside: soon.Format(time.RFC3339Nano)})
	for _, who := range []string{"ci", "ci2"} {
		if status, detail := as(who, http.MethodGet, "/v1/orgs/acme/roles", ""); status != http.StatusOK {
			t.Errorf("%s in the overlap: %d %s", who, status, detail)
		}
	}
	s.ahead.Store(int64(31 * time.Minute))
	if status, _ := as("ci", http.MethodGet, "/v1/orgs/acme/roles", ""); status != http.StatusUnauthorized {
		t.Errorf("the old one after the overlap: %d", status)
	}
	if status, detail := as("ci2", http.MethodGet, "/v1/orgs/acme/roles", ""); status != http.StatusOK {
		t.Errorf("the new one after the overlap: %d %s", status, detail)
	}
	if _, _, err := w.try("acme", "ci2", wire.Intent{Kind: wire.RotateKey, Old: did("acme/ci2"), Key: did("acme/ci3"), Until: "2001-01-01T00:00:00Z"}); problemIn(err).Code() != string(rules.Invalid) {
		t.Errorf("with an end that is over: %v", err)
	}
}

// used gives when a site's node says that a key was used last.
func used(s *site, did string) string {
	s.t.Helper()
	_, got := s.browser().send(http.MethodGet, "/v1/orgs/acme/keys", "", "Authorization", "Bearer "+token)
	items, _ := got["items"].([]any)
	for _, k := range items {
		if k := k.(map[string]any); k["did"] == did {
			at, _ := k["lastUsed"].(string)
			return at
		}
	}
	return ""
}
