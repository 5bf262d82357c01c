package console_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given refusals and sign-ins, when somebody looks at the activity, then it sees those that it may, narrowed as it asks, and page by page.
func TestActivity(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	w.join("ben", "ben@acme.example", "desk")
	ben := w.signedIn("ben")
	csrf := ben.get("/console/acme/overview").csrf()
	for range 60 {
		ben.post("/console/acme/create-role", url.Values{"csrf": {csrf}, "name": {"Mine"}, "key": {"mine"}})
		ben.get("/console/acme/roles")
	}
	w.visitor().post("/console/acme/sign-in", url.Values{"name": {"owner"}, "password": {"a wrong one, surely"}})

	b := w.signedIn("owner")
	page := b.get("/console/acme/activity")
	page.has(t, "You see everybody's.", "a request was refused", "ben", "a sign-in was refused", "signed in", "Older")
	if n := strings.Count(page.html, "<tr>"); n != 51 {
		t.Errorf("the page has %d lines", n-1)
	}
	older := regexpFind(page.html, `href="(/console/acme/activity\?cursor=[^"]*)" rel="next"`)
	if next := b.get(older); next.status != http.StatusOK || !strings.Contains(next.html, "<tr>") {
		t.Errorf("the older ones: %d", next.status)
	}
	narrow := b.get("/console/acme/activity?kind=sign-in-refused")
	narrow.has(t, "a sign-in was refused")
	if strings.Contains(narrow.html, `class="badge bad">✗ a request was refused`) {
		t.Error("what was not asked for is shown")
	}
	if page := b.get("/console/acme/activity?since=yesterday"); page.status != http.StatusUnprocessableEntity {
		t.Errorf("a day that is none is answered with %d", page.status)
	}
	if page := b.get("/console/acme/activity?actor=nobody-at-all"); page.status != http.StatusNotFound {
		t.Errorf("an actor that is none is answered with %d", page.status)
	}

	own := ben.get("/console/acme/activity")
	own.has(t, "You see your own alone")
	own.hasNot(t, "a wrong one", "a sign-in was refused owner")
	if rows := own.html[strings.Index(own.html, "<tbody>"):]; strings.Contains(rows, "<bdi>owner</bdi>") {
		t.Error("a member reads what the owner did")
	}

	last := w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"b.read"}})
	past := b.get("/console/acme/activity?at=" + strconv.FormatUint(last.Seq-1, 10))
	past.has(t, "As of event "+strconv.FormatUint(last.Seq-1, 10), "before this moment")
}
