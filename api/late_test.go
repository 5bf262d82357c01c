package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given requests that wait for the next position, when that is the entry which takes the key, the right or the subject of
// their caller away, then they are refused: being let in before is not enough.
func TestWhoWaitsIsLookedAtAgain(t *testing.T) {
	for name, take := range map[string]wire.Intent{
		"key revoked":         {Kind: wire.RevokeKey, Key: did("acme/k")},
		"right revoked":       {Kind: wire.RevokeRole, Role: "reader", Subject: "k"},
		"subject deactivated": {Kind: wire.DeactivateSubject, Subject: "k"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open("acme", "plain")
			w.add("acme", "k")
			w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "reader", Permissions: []string{"ledger:roles.read"}})
			w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "reader", Subject: "k"})
			paths := []string{"/v1/orgs/acme/roles"}
			if name != "right revoked" { // who may act may always see what is its own
				paths = append(paths, "/v1/orgs/acme/access/k", "/v1/orgs/acme/history")
			}
			answers := make(chan string, len(paths))
			next := w.head("acme") + 1
			for _, path := range paths {
				go func() {
					resp := w.raw(http.MethodGet, fmt.Sprintf("%s?at_least=%d", path, next), "", "Bearer "+apiKey("acme", "k"), "")
					answers <- fmt.Sprint(path, " ", resp.StatusCode)
				}()
			}
			for range 20 { // meanwhile those are let in; one that came later is refused all the same
				if resp := w.raw(http.MethodGet, "/v1/orgs/acme/roles", "", "Bearer "+apiKey("acme", "k"), ""); resp.StatusCode != http.StatusOK {
					t.Fatalf("before: %d", resp.StatusCode)
				}
			}
			w.do("acme", take)
			for range paths {
				if got := within(t, answers); !strings.HasSuffix(got, " 401") && !strings.HasSuffix(got, " 403") {
					t.Errorf("%s", got)
				}
			}
		})
	}
}
