package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/secret"
)

// Given an organization in which things come and go, when it is asked for as of each of its positions, then what it has is
// counted as it was.
func TestAnOrganizationCountsWhatItHas(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	title, members := "First quarter", func(n int) wire.Counts { return wire.Counts{Members: n} }
	want := map[uint64]wire.Counts{1: members(1)}
	seen := func(r wire.Receipt, c wire.Counts) { want[r.Seq] = c }
	_, r := w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "editor", Permissions: []string{"a"}})
	seen(r, wire.Counts{Members: 1, Roles: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human"})
	seen(r, wire.Counts{Members: 2, Roles: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "k", SubjectKind: "api-key", SubjectKey: did("acme/k"), Roles: []string{"editor"}})
	seen(r, wire.Counts{Members: 2, Roles: 1, APIKeys: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.InviteSubject, Subject: "eve", SubjectKind: "human", Invitation: secret.New(secret.Invitation).DID()})
	seen(r, wire.Counts{Members: 2, Roles: 1, APIKeys: 1, Invited: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.StartReview, Name: &title, Until: time.Now().UTC().Add(time.Hour).Format(time.RFC3339)})
	seen(r, wire.Counts{Members: 2, Roles: 1, APIKeys: 1, Invited: 1, Reviews: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.DeactivateSubject, Subject: "bob"})
	seen(r, wire.Counts{Members: 1, Roles: 1, APIKeys: 1, Invited: 1, Reviews: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.CloseReview, Review: title, Decision: wire.Keep})
	seen(r, wire.Counts{Members: 1, Roles: 1, APIKeys: 1, Invited: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.RevokeRole, Role: "editor", Subject: "k"})
	seen(r, wire.Counts{Members: 1, Roles: 1, APIKeys: 1, Invited: 1})
	_, r = w.do("acme", wire.Intent{Kind: wire.DeleteRole, Role: "editor", Confirm: true})
	seen(r, wire.Counts{Members: 1, APIKeys: 1, Invited: 1})
	for at, counts := range want {
		o, err := w.Organization(t.Context(), "acme", client.Read{AsOf: strconv.FormatUint(at, 10)})
		if err != nil || o.Counts == nil || *o.Counts != counts {
			t.Errorf("as of %d it has %+v, %v; want %+v", at, o.Counts, err, counts)
		}
	}
}

// Given a checkpoint, when it is asked for, then the answer says when it was kept.
func TestACheckpointSaysWhenItWasKept(t *testing.T) {
	w := newWorld(t)
	before := time.Now().Truncate(time.Second)
	w.open("acme", "plain")
	o, err := w.node.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.Log.Committed(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	resp := w.raw(http.MethodGet, "/orgs/acme/log/checkpoint", "", "", "")
	kept, err := http.ParseTime(resp.Header.Get("Last-Modified"))
	if err != nil || kept.Before(before) || kept.After(time.Now()) {
		t.Errorf("it was kept at %q, %v", resp.Header.Get("Last-Modified"), err)
	}
}
