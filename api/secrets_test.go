package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

// Given somebody with nothing but HTTP, when it has an API key or an invitation made, then the secret works, is nowhere in the
// ledger, and cannot be asked for again; who may not make one gets none.
func TestSecretsAreMadeAndShownOnce(t *testing.T) {
	w := administered(t)
	owner := w.As(apiKey("acme", "owner"))
	made, err := owner.MakeAPIKey(t.Context(), "acme", wire.NewAPIKey{Key: "backend", Roles: []string{"editor"}, Reason: "TICKET-9"})
	if err != nil || !strings.HasPrefix(made.Secret, "plk_") || made.Recorded.Seq == 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	if who, err := w.As(made.Secret).Whoami(t.Context(), "acme"); err != nil || who.Subject != "backend" || who.Credential != made.DID {
		t.Errorf("with it one is %+v, %v", who, err)
	}
	invited, err := owner.MakeInvitation(t.Context(), "acme", wire.NewInvitation{Key: "dora", Name: "Dora", Until: time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)})
	if err != nil || !strings.HasPrefix(invited.Secret, "pli_") {
		t.Fatalf("%+v, %v", invited, err)
	}
	if resp, body := w.call("owner", "GET", "/v1/orgs/acme/invitations/"+invited.DID, ""); resp.StatusCode != 200 || !strings.Contains(body, `"dora"`) {
		t.Errorf("the invitation: %s", body)
	}
	for _, m := range []wire.MadeSecret{made, invited} {
		en, err := w.Entry(t.Context(), "acme", m.Recorded.CID)
		if err != nil || strings.Contains(string(en.Entry), m.Secret[4:20]) || !strings.Contains(string(en.Entry), m.DID) {
			t.Errorf("the entry of %s: %s, %v", m.Key, en.Entry, err)
		}
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	ends, err := owner.MakeAPIKey(t.Context(), "acme", wire.NewAPIKey{Key: "for-an-hour", Roles: []string{"editor"}, Until: until.Format(time.RFC3339)})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := w.As(ends.Secret).Whoami(t.Context(), "acme"); err != nil || who.Subject != "for-an-hour" {
		t.Errorf("with one that ends one is %+v, %v", who, err)
	}
	keys, err := w.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(keys.Items, func(k wire.Key) bool { return k.DID == ends.DID }); i < 0 || keys.Items[i].Until != until.Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("it is listed as %+v", keys.Items)
	}
	seen := w.head("acme")
	if _, err := owner.MakeAPIKey(t.Context(), "acme", wire.NewAPIKey{Key: "over", Until: "2001-01-01T00:00:00Z"}); problemIn(err).Code() != wire.CodeBadRequest || problemIn(err).Pointer != "/until" {
		t.Errorf("one that has ended: %v", err)
	}
	if _, err := w.As(apiKey("acme", "ben")).MakeAPIKey(t.Context(), "acme", wire.NewAPIKey{Key: "mine"}); problemIn(err).Code() != string(rules.NotPermitted) {
		t.Errorf("by who may not: %v", err)
	}
	if _, body := w.call("owner", "POST", "/v1/orgs/acme/api-keys", `{"key":"x"}`, "Idempotency-Key", ulid.Make().String()); !strings.Contains(body, wire.CodeBadRequest) {
		t.Errorf("with a key for doing it once: %s", body)
	}
	if w.head("acme") != seen {
		t.Error("something was recorded")
	}
}
