package api_test

import (
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
)

// Given grants, keys, invitations and a review, when somebody asks what to look at, then what ends within the time is listed, the next
// to end first, and what was taken away, given anew or ends later is not.
func TestAttention(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	const day = 24 * time.Hour
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "ben", SubjectKind: events.KindHuman, SubjectKey: did("acme/ben")})
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"a.read"}})
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "ben", Until: in(3 * day)})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "b.read", Scope: "assets/1", Until: in(2 * day)})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "c.read", Until: in(30 * day)})
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "d.read", Until: in(2 * day)})
	w.do("acme", wire.Intent{Kind: wire.RevokePermission, Subject: "ben", Permission: "d.read"})
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "etl", SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey})
	w.do("acme", wire.Intent{Kind: wire.RegisterKey, Subject: "etl", Key: did("acme/etl"), Purpose: events.PurposeCredential, Until: in(day)})
	w.do("acme", wire.Intent{Kind: wire.InviteSubject, Subject: "dora", SubjectKind: events.KindHuman, Auth: events.AuthEmail, Invitation: secret.New(secret.Invitation).DID(), Until: in(2 * day)})
	title := "Second quarter"
	w.do("acme", wire.Intent{Kind: wire.StartReview, Name: &title, Until: in(9 * day)})

	got, err := w.Attention(t.Context(), "acme", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Ends) != 2 || got.Ends[0].Permission != "b.read" || got.Ends[0].Scope != "assets/1" || got.Ends[1].Role != "desk" || got.Ends[1].Subject != "ben" {
		t.Errorf("what ends within a week: %+v", got.Ends)
	}
	if len(got.Keys) != 1 || got.Keys[0].Subject != "etl" {
		t.Errorf("keys to look at: %+v", got.Keys)
	}
	if len(got.Invitations) != 1 || got.Invitations[0].Subject != "dora" {
		t.Errorf("invitations that lapse: %+v", got.Invitations)
	}
	if len(got.Reviews) != 1 || got.Reviews[0].Title != title || got.Reviews[0].Undecided == 0 {
		t.Errorf("open reviews: %+v", got.Reviews)
	}
	if got.Undescribed == 0 || got.Unreviewed != 0 {
		t.Errorf("roles: %d undocumented, %d unreviewed", got.Undescribed, got.Unreviewed)
	}
	more, err := w.Attention(t.Context(), "acme", 60, 0)
	if err != nil || len(more.Ends) != 3 {
		t.Errorf("within 60 days %d things end, %v", len(more.Ends), err)
	}
	if _, err := w.Attention(t.Context(), "acme", 5000, 0); client.CodeOf(err) != wire.CodeBadRequest {
		t.Errorf("5000 days: %v", err)
	}
}

// Given an API key that nobody used for a quarter, when somebody asks what to look at, then it is listed until it is revoked.
func TestAttentionToIdleKeys(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	s := newSite(w, api.Options{}, false)
	asked := client.New(s.https.URL, token, s.https.Client())
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "etl", SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey, SubjectKey: did("acme/etl")})
	idle := func() []wire.Key {
		t.Helper()
		got, err := asked.Attention(t.Context(), "acme", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return got.Keys
	}
	if got := idle(); len(got) != 0 {
		t.Errorf("a new key is listed: %+v", got)
	}
	s.ahead.Store(int64(100 * 24 * time.Hour))
	if got := idle(); len(got) != 1 || got[0].LastUsed != "" || got[0].Subject != "etl" {
		t.Errorf("after 100 days: %+v", got)
	}
	w.do("acme", wire.Intent{Kind: wire.RevokeKey, Key: did("acme/etl")})
	if got := idle(); len(got) != 0 {
		t.Errorf("a revoked key is listed: %+v", got)
	}
}
