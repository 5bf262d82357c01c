package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/webhook"
)

// Given two organizations and a webhook of one, when things are recorded in both, then its receiver gets the changes of the
// one, as the API shows them, signed with the secret that was shown once, and nothing of the other; the other's administrator
// neither sees it nor can do anything to it.
func TestWebhooksOfAnOrganization(t *testing.T) {
	w := newWorldWith(t, filepath.Join(t.TempDir(), "data"), node.Options{Webhooks: webhook.Options{
		Deliver: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Pause: time.Millisecond,
	}})
	w.open("acme", "plain")
	w.open("beta", "plain")
	type delivery struct {
		header http.Header
		body   []byte
	}
	came := make(chan delivery, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		came <- delivery{r.Header.Clone(), b}
	}))
	defer srv.Close()
	owner, other := w.As(apiKey("acme", "owner")), w.As(apiKey("beta", "owner"))
	hook, err := owner.CreateWebhook(t.Context(), "acme", wire.NewWebhook{URL: srv.URL + "/hook?token=hidden", Kinds: []string{"role"}})
	if err != nil || !strings.HasPrefix(hook.Secret, "whsec_") || hook.By != "owner" {
		t.Fatalf("%+v, %v", hook, err)
	}
	w.do("beta", wire.Intent{Kind: wire.CreateRole, Role: "theirs", Permissions: []string{"a"}})
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human"})
	_, r := w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "ours", Permissions: []string{"a"}})
	got := within(t, came)
	if err := webhook.Verify(got.header, got.body, hook.Secret, time.Now()); err != nil {
		t.Error(err)
	}
	page, err := owner.Changes(t.Context(), "acme", wire.ChangesQuery{From: r.Seq})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	data, err := json.Marshal(page.Items[0])
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"type":"permledger.change.role","timestamp":"%s","data":%s}`, page.Items[0].Time, data)
	if string(got.body) != want || got.header.Get("Webhook-Id") != fmt.Sprintf("change-acme-%d", r.Seq) {
		t.Errorf("got  %s as %s\nwant %s", got.body, got.header.Get("Webhook-Id"), want)
	}
	if err := owner.TestWebhook(t.Context(), "acme", hook.ID); err != nil {
		t.Error(err)
	}
	if got := within(t, came); !strings.Contains(string(got.body), "permledger.test") {
		t.Errorf("got %s", got.body)
	}

	// Nobody of another organization has to do with it
	for what, err := range map[string]error{
		"test":   other.TestWebhook(t.Context(), "beta", hook.ID),
		"delete": second(other.DeleteWebhook(t.Context(), "beta", hook.ID)),
		"rotate": second(other.RotateWebhook(t.Context(), "beta", hook.ID, "")),
		"replay": second(other.ReplayWebhook(t.Context(), "beta", hook.ID, 1)),
		"dead":   second(other.DeadLetters(t.Context(), "beta", hook.ID)),
	} {
		if client.CodeOf(err) != "not-found" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"test": other.TestWebhook(t.Context(), "acme", hook.ID), "list": second(other.Webhooks(t.Context(), "acme")),
	} {
		if client.CodeOf(err) != wire.CodeUnauthenticated {
			t.Errorf("%s in the other's name: %v", what, err)
		}
	}
	if list, err := other.Webhooks(t.Context(), "beta"); err != nil || len(list.Items) != 0 {
		t.Errorf("%+v, %v", list, err)
	}

	// What is done to it is noted, without what may be secret; no answer but the first has the secret
	if _, err := owner.ReplayWebhook(t.Context(), "acme", hook.ID, 1); err != nil {
		t.Fatal(err)
	}
	if again := within(t, came); again.header.Get("Webhook-Id") != got.header.Get("Webhook-Id") {
		t.Errorf("replayed as %s", again.header.Get("Webhook-Id"))
	}
	list, err := owner.Webhooks(t.Context(), "acme")
	if err != nil || len(list.Items) != 1 || list.Items[0].Secret != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := owner.DeleteWebhook(t.Context(), "acme", hook.ID); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "it is noted", func() bool {
		all, err := w.FindActivity(t.Context(), "acme", wire.ActivityQuery{Kind: "webhook", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all.Items {
			if strings.Contains(a.Reason+a.Request, "hidden") || a.Actor != "owner" {
				t.Fatalf("noted is %+v", a)
			}
		}
		return len(all.Items) == 4 // created, tested, replayed, deleted
	})
	for name, in := range map[string]wire.NewWebhook{
		"address": {URL: "http://10.0.0.1/"}, "kind": {URL: srv.URL, Kinds: []string{"roles"}}, "position": {URL: srv.URL, From: 99}, "scheme": {URL: "ftp://example.com/"},
	} {
		if _, err := owner.CreateWebhook(t.Context(), "acme", in); client.CodeOf(err) != wire.CodeBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Given a webhook that an administrator made, when the right to read the history, or the subject, is taken away, then it is
// stopped before it sends what was recorded from that entry on; the owner's goes on, and the owner can start the other.
func TestWebhooksEndWithTheRight(t *testing.T) {
	for name, take := range map[string]wire.Intent{
		"right revoked":       {Kind: wire.RevokePermission, Subject: "ann", Permission: "ledger:history.read"},
		"subject deactivated": {Kind: wire.DeactivateSubject, Subject: "ann"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWith(t, filepath.Join(t.TempDir(), "data"), node.Options{Webhooks: webhook.Options{
				Deliver: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Pause: time.Millisecond,
			}})
			w.open("acme", "plain")
			w.add("acme", "ann")
			for _, p := range []string{"ledger:history.read", "ledger:organization.update"} {
				w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ann", Permission: p})
			}
			came := make(chan string, 100)
			srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r.URL.Path + " " + r.Header.Get("Webhook-Id") }))
			defer srv.Close()
			owner := w.As(apiKey("acme", "owner"))
			hers, err1 := w.As(apiKey("acme", "ann")).CreateWebhook(t.Context(), "acme", wire.NewWebhook{URL: srv.URL + "/hers"})
			_, err2 := owner.CreateWebhook(t.Context(), "acme", wire.NewWebhook{URL: srv.URL + "/owners"})
			if err := errors.Join(err1, err2); err != nil || hers.By != "ann" {
				t.Fatalf("%+v, %v", hers, err)
			}
			_, r := w.do("acme", take)
			w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "secret"})
			for range 2 {
				if got := within(t, came); !strings.HasPrefix(got, "/owners ") {
					t.Errorf("delivered: %s", got)
				}
			}
			find := func() (one wire.Webhook) {
				t.Helper()
				list, err := owner.Webhooks(t.Context(), "acme")
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range list.Items {
					if h.ID == hers.ID {
						one = h
					}
				}
				return one
			}
			waitFor(t, "it is stopped", func() bool { return find().Stopped != "" })
			if got := find(); got.Position != r.Seq-1 || got.By != "ann" {
				t.Errorf("got %+v", got)
			}
			started, err := owner.ReplayWebhook(t.Context(), "acme", hers.ID, r.Seq)
			if err != nil || started.By != "owner" {
				t.Fatalf("%+v, %v", started, err)
			}
			if got, want := within(t, came), fmt.Sprintf("/hers change-acme-%d", r.Seq); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
