package api_test

import (
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

// Given a review, when somebody looks at it, then each item says since when it is so, who gave it and whether it is privileged; and at
// an earlier moment nothing is decided that was decided later, also of a review that is closed.
func TestReviewItems(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "ben", SubjectKind: events.KindHuman, SubjectKey: did("acme/ben")}) // 2
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"a.read"}})                              // 3
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "chief", Permissions: []string{"a.read", "ledger:role.create"}})       // 4
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "ben"})                                               // 5
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "chief", Subject: "ben", Scope: "assets/1"})                           // 6
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Permission: "b.read", Subject: "ben"})                                  // 7
	title := "Second quarter"
	w.do("acme", wire.Intent{Kind: wire.StartReview, Name: &title})                                                                // 8
	w.do("acme", wire.Intent{Kind: wire.DecideReview, Review: title, Decision: wire.Keep, Subject: "ben", Role: "desk"})           // 9
	w.do("acme", wire.Intent{Kind: wire.RevokePermission, Permission: "b.read", Subject: "ben"})                                   // 10
	w.do("acme", wire.Intent{Kind: wire.DecideReview, Review: title, Decision: wire.Revoke, Subject: "ben", Permission: "b.read"}) // 11
	look := func(asOf string) map[string]wire.ReviewItem {
		t.Helper()
		one, err := w.Reviews(t.Context(), "acme", client.Read{AsOf: asOf})
		if err != nil || len(one.Items) != 1 {
			t.Fatalf("as of %q: %d reviews, %v", asOf, len(one.Items), err)
		}
		got, err := w.ReviewAsOf(t.Context(), "acme", one.Items[0].ID, true, client.Read{AsOf: asOf})
		if err != nil {
			t.Fatalf("as of %q: %v", asOf, err)
		}
		if got.Item.Undecided != one.Items[0].Undecided || got.AsOf.Seq != one.AsOf.Seq {
			t.Errorf("as of %q: %d undecided as of %d; the list says %d as of %d", asOf, got.Item.Undecided, got.AsOf.Seq, one.Items[0].Undecided, one.AsOf.Seq)
		}
		items := map[string]wire.ReviewItem{}
		undecided := 0
		for _, i := range got.Item.Items {
			items[i.Role+i.Permission] = i
			if i.Decision == "" || i.Decision == "none" {
				undecided++
			}
		}
		if got.Item.Open && undecided != got.Item.Undecided {
			t.Errorf("as of %q: %d items are undecided, and it says %d", asOf, undecided, got.Item.Undecided)
		}
		return items
	}
	now := look("")
	for name, want := range map[string]wire.ReviewItem{
		"desk":   {Given: 5, Decision: wire.Keep, At: 9},
		"chief":  {Given: 6, Privileged: true},
		"b.read": {Given: 7, Decision: wire.Revoke, At: 11},
	} {
		got := now[name]
		if got.Given != want.Given || got.Privileged != want.Privileged || got.Decision != want.Decision || got.At != want.At ||
			got.GivenBy != "owner" || got.Since == "" || got.Kind != events.KindHuman {
			t.Errorf("%s: %+v; want %+v", name, got, want)
		}
	}
	before := look("9")
	if before["desk"].Decision != wire.Keep || before["b.read"].Decision != "" || before["b.read"].At != 0 {
		t.Errorf("as of 9: %+v", before)
	}

	w.do("acme", wire.Intent{Kind: wire.CloseReview, Review: title, Decision: wire.Keep}) // 12
	if closed := look(""); closed["desk"].Decision != wire.Keep || closed["desk"].At != 9 || closed["desk"].Given != 5 || closed["b.read"].At != 11 {
		t.Errorf("closed: %+v", closed)
	}
	if before := look("9"); before["desk"].Decision != wire.Keep || before["b.read"].Decision != "" || before["chief"].Decision != "" {
		t.Errorf("closed, and as of 9: %+v", before)
	}
	if _, err := w.ReviewAsOf(t.Context(), "acme", title, false, client.Read{AsOf: "3"}); client.CodeOf(err) != "not-found" {
		t.Errorf("before it started: %v", err)
	}
}
