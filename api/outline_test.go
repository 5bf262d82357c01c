package api_test

import (
	"net/http"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given a history, when it is divided into parts, then each part counts the lines that the history shows of it to the same
// caller, in all and of those that took something away.
func TestTheOutlineCountsWhatTheHistoryShows(t *testing.T) {
	w := peopled(t)
	w.add("acme", "k")
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "k", Permission: "ledger:role.create"})
	if _, _, err := w.try("acme", "k", wire.Intent{Kind: wire.CreateRole, Role: "own", Permissions: []string{}}); err != nil {
		t.Fatal(err)
	}
	w.do("acme", wire.Intent{Kind: wire.RevokePermission, Subject: "k", Permission: "ledger:role.create"})
	for who, most := range map[string]int{"owner": 1000, "k": 1} { // what k itself did is all that it may read
		me := w.As(apiKey("acme", who))
		for _, q := range []wire.HistoryQuery{{}, {AsOf: "200"}, {Type: "role.updated", From: 20, To: 290}, {Role: "role-003"}, {Taking: true}, {AsOf: "head~2", Taking: true}} {
			for _, byTime := range []bool{false, true} {
				list, err := me.HistoryOutline(t.Context(), "acme", q, 9, byTime)
				if err != nil || len(list.Items) == 0 || len(list.Items) > 9 {
					t.Fatalf("%s, %+v: %d parts, %v", who, q, len(list.Items), err)
				}
				sum := 0
				for _, part := range list.Items {
					if sum += part.Entries; part.To < part.From {
						continue
					}
					within := q
					within.From, within.To, within.Limit = part.From, part.To, 1000
					all, err1 := me.History(t.Context(), "acme", within)
					within.Taking = true
					took, err2 := me.History(t.Context(), "acme", within)
					if err1 != nil || err2 != nil || len(all.Items) != part.Entries || len(took.Items) != part.Took || all.AsOf.Seq != list.AsOf.Seq {
						t.Errorf("%s, %+v: part %+v; the history shows %d and %d, %v, %v", who, q, part, len(all.Items), len(took.Items), err1, err2)
					}
				}
				if q == (wire.HistoryQuery{}) && (sum == 0 || sum > most) {
					t.Errorf("%s is shown %d entries", who, sum)
				}
			}
		}
	}
	for _, bad := range []string{"parts=0", "parts=1001", "by=day", "taking=1", "limit=2", "role=nobody", "from=x"} {
		if resp, body := w.call("owner", http.MethodGet, "/v1/orgs/acme/history/outline?"+bad, ""); resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered with %d %s", bad, resp.StatusCode, body)
		}
	}
}
