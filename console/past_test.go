package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console"
)

// Given addresses of forms that nobody follows a link to, when they are asked for as of an earlier event, then no page has a form that
// changes something, and a form that is sent to one is refused.
func TestNoAddressWritesIntoThePast(t *testing.T) {
	w := lived(t)
	w.do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/1"})
	b := w.signedIn("owner")
	csrf := b.get("/console/acme/account").csrf()
	before, err := w.As(w.bearer("owner")).Whoami(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"desk", "ben", "tool"} {
		for _, a := range console.Addresses() {
			path := strings.NewReplacer("{org}", acme, "{key}", key, "{id}", "x", "{review}", "x", "{item}", "1", "{token}", "x", "{kind}", "policy", "{path...}", "policy/1", "{ref}", "5", "{$}", "").Replace(a[1])
			if path == "/console/" || strings.Contains(path, "sign-in") || strings.HasSuffix(path, "/join") {
				continue // for who is nobody yet
			}
			if a[0] == http.MethodPost {
				form := everything("x", before.AsOf.Seq)
				form.Set("csrf", csrf)
				if got := b.post(path+"?at=8", form); got.status != http.StatusConflict {
					t.Errorf("%s takes a form in the past: %d %s", path, got.status, got.text())
				}
				continue
			}
			page := b.get(path + "?at=8")
			if page.status >= http.StatusInternalServerError {
				t.Errorf("%s: %d %s", path, page.status, page.text())
			}
			if forms := page.writes(); len(forms) > 0 && strings.Contains(page.address, "at=8") {
				t.Errorf("%s is of the past, and has forms that change something: %q", page.address, forms)
			}
		}
	}
	if after, err := w.As(w.bearer("owner")).Whoami(t.Context(), acme); err != nil || after.AsOf.Seq != before.AsOf.Seq {
		t.Errorf("something was recorded: %d, before %d, %v", after.AsOf.Seq, before.AsOf.Seq, err)
	}
}
