package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// Given more activity than a page holds, when each next page is asked for with the cursor of the one before, then all of it
// comes, each record once.
func TestActivityPageByPage(t *testing.T) {
	w := administered(t)
	const refusals = 5
	for range refusals {
		if _, _, err := w.try("acme", "owner", wire.Intent{Kind: wire.AddSubject, Subject: "owner", SubjectKind: "human"}); err == nil {
			t.Fatal("a key is taken twice")
		}
	}
	q := wire.ActivityQuery{Kind: "refused", Limit: 100}
	var all wire.List[wire.Activity]
	var err error
	for end := time.Now().Add(time.Minute); len(all.Items) < refusals; time.Sleep(time.Millisecond) {
		if all, err = w.FindActivity(t.Context(), "acme", q); err != nil || time.Now().After(end) {
			t.Fatalf("%d refusals, %v", len(all.Items), err)
		}
	}
	var paged []wire.Activity
	q.Limit = 2
	for {
		page, err := w.FindActivity(t.Context(), "acme", q)
		if err != nil || len(page.Items) > q.Limit {
			t.Fatalf("%d records, %v", len(page.Items), err)
		}
		paged = slices.Concat(page.Items, paged)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(paged, all.Items) {
		t.Errorf("page by page it is %+v; in whole %+v", paged, all.Items)
	}
}
