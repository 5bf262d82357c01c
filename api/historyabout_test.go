package api_test

import (
	"fmt"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given things of several kinds, when the history is asked for what is about one of them, then it is that, from both ends and
// page by page.
func TestHistoryOfAThing(t *testing.T) {
	w := administered(t)
	w.do("acme", wire.Intent{Kind: wire.RegisterResource, Resource: "docs/a"})
	w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "editor", Add: []string{"b"}})
	w.do("acme", wire.Intent{Kind: wire.RegisterResource, Resource: "docs/b"})
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "editor", Subject: "cleo"})
	w.do("acme", wire.Intent{Kind: wire.UpdateResource, Resource: "docs/a", Publish: true})
	for about, want := range map[string]string{
		"role:editor": "[role.created role.updated]", "resource:docs/a": "[resource.registered resource.updated]", "resource:docs/c": "[]",
		"subject:cleo": "[subject.added role.assigned]",
	} {
		for _, newest := range []bool{false, true} {
			var types []string
			q := wire.HistoryQuery{About: about, Newest: newest, Limit: 1}
			for range 10 {
				list, err := w.History(t.Context(), "acme", q)
				if err != nil {
					t.Fatal(err)
				}
				for _, i := range list.Items {
					if newest {
						types = append([]string{i.Type}, types...)
					} else {
						types = append(types, i.Type)
					}
				}
				if q.Cursor = list.Next; q.Cursor == "" {
					break
				}
			}
			if fmt.Sprint(types) != want {
				t.Errorf("about %s (newest first: %v) is %v, want %s", about, newest, types, want)
			}
		}
	}
	for _, bad := range []string{"editor", "group:x", "role:", ":x"} {
		if _, err := w.History(t.Context(), "acme", wire.HistoryQuery{About: bad}); problemIn(err).Code() != wire.CodeBadRequest {
			t.Errorf("about %q: %v", bad, err)
		}
	}
	// What is refused to be read is not found by it either.
	w.do("acme", wire.Intent{Kind: wire.GrantPermission, Subject: "cleo", Permission: "ledger:resources.read"})
	if list, err := w.As(apiKey("acme", "cleo")).History(t.Context(), "acme", wire.HistoryQuery{About: "resource:docs/a"}); err != nil || len(list.Items) != 0 {
		t.Errorf("to who may not read what others did: %+v, %v", list, err)
	}
}
