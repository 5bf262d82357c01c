package console_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

// reviewed is a world with things to look over: of ben a role and a permission, of dora the same role, of a wallet one, and of
// ben one that lets him make roles.
func reviewed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	w.role("chief", "Chief", "a.read", "ledger:role.create")
	w.join("ben", "ben@acme.example", "desk", "chief")
	w.join("dora", "dora@acme.example", "desk")
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "dora", Permission: "b.read", Scope: "assets/1", Reason: "TICKET-118"})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "did:pkh:eip155:1:0x00000000000000000000000000000000000000AA", SubjectKind: events.KindWallet, Roles: []string{"desk"}})
	return w
}

// item gives the number of the row of a page that a person and an access stand in.
func (s shown) item(t *testing.T, subject, what string) string {
	t.Helper()
	_, rest, ok := strings.Cut(s.html, `<legend class="sr">`+subject+", "+what)
	if !ok {
		t.Fatalf("there is no row of %s, %s:\n%s", subject, what, s.text())
	}
	_, rest, _ = strings.Cut(rest, `name="decision-`)
	number, _, _ := strings.Cut(rest, `"`)
	return number
}

// Given what was given, when somebody starts a review, decides of each item and closes it, then what goes is taken away, and the record
// says who decided what; what is privileged or held from outside is decided by itself.
func TestReview(t *testing.T) {
	w := reviewed(t)
	b := w.signedIn("owner")
	form := b.get("/console/acme/start-review")
	form.has(t, "Everything that was given")
	empty := b.submit(form, "/console/acme/start-review", url.Values{"title": {" "}, "scope": {"role"}, "due": {"soon"}})
	if empty.status != http.StatusUnprocessableEntity {
		t.Errorf("a form without a title is answered with %d", empty.status)
	}
	empty.has(t, "Say what is looked over", "Say which.", "A day, as 2026-12-31.")
	review := b.submit(form, "/console/acme/start-review", url.Values{"title": {"Second quarter"}, "scope": {"all"}, "due": {"2999-12-31"}})
	review.has(t, "Start the access review “Second quarter” of everything that was given")
	list := b.confirm(review, "it is due")
	list.has(t, "Second quarter", "0 of 5 decided", "Open")

	reviews, err := w.Reviews(t.Context(), acme, client.Read{})
	if err != nil || len(reviews.Items) != 1 {
		t.Fatalf("%d reviews, %v", len(reviews.Items), err)
	}
	at := "/console/acme/reviews/" + reviews.Items[0].ID
	page := b.get(at)
	page.has(t, "0 of 5 decided", "TICKET-118", "by owner", "Privileged", "External", "not within a quarter")
	nothing := b.submit(page, at, nil)
	if nothing.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing chosen is answered with %d", nothing.status)
	}
	nothing.has(t, "Nothing is chosen")

	together := b.submit(page, at, url.Values{
		"decision-" + page.item(t, "ben", "role desk"):           {wire.Keep},
		"decision-" + page.item(t, "dora", "role desk"):          {wire.Keep},
		"decision-" + page.item(t, "dora", "b.read on assets/1"): {wire.Revoke},
	})
	together.has(t, "“Second quarter”: keep 2, revoke 1", "ben keeps role desk", "dora loses b.read on assets/1", "dora loses b.read on assets/1")
	if !strings.Contains(together.html, `value="3 items of “Second quarter” decided together"`) {
		t.Errorf("nothing says that they are decided together: %s", together.text())
	}
	unexplained := b.confirm(together, "")
	if unexplained.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason it is answered with %d", unexplained.status)
	}
	unexplained.has(t, "Say why it is taken away")
	page = b.confirm(unexplained, "left the desk")
	page.has(t, "3 of 5 decided", "Recorded")
	page.hasNot(t, "b.read on assets/1")
	b.get(at+"?show=decided").has(t, "✗ Revoke", "left the desk", "✓ Keep")
	if check, err := w.Check(t.Context(), acme, "dora", "b.read", "assets/1", client.Read{}); err != nil || check.Allowed {
		t.Errorf("dora may still b.read: %v", err)
	}

	// What is privileged is not taken with the rest, whatever the form says.
	privileged := regexpFind(page.html, `/items/(\d+)">Decide<span class="sr"> of ben, role chief`)
	forged := b.submit(page, at, url.Values{"decision-" + privileged: {wire.Keep}})
	if forged.status != http.StatusBadRequest {
		t.Errorf("a privileged item with others is answered with %d: %s", forged.status, forged.text())
	}
	one := b.get(at + "/items/" + privileged)
	one.has(t, "ben: role chief", "It lets its holder change who may do what", "Keep it", "Revoke it")
	if refused := b.submit(one, at+"/close", nil); refused.status != http.StatusUnprocessableEntity {
		t.Errorf("closing with undecided items is answered with %d", refused.status)
	}
	page = b.confirm(b.submit(one, at+"/items/"+privileged, url.Values{"decision-" + privileged: {wire.Revoke}}), "two are enough")
	page.has(t, "4 of 5 decided")
	closing := b.submit(page, at+"/close", url.Values{"rest": {wire.Keep}})
	closing.has(t, "Close “Second quarter” into a signed record, with 1 item that nobody decided of")
	closed := b.confirm(closing, "done")
	closed.has(t, "Closed", "The signed record, to print", "Left as it was", "two are enough")
	closed.hasNot(t, "Close the review", "Review these decisions")

	past := b.get(at + "?show=all&at=" + strconv.FormatUint(reviews.Items[0].Started, 10))
	past.has(t, "As of event", "undecided")
	past.hasNot(t, "Review these decisions", "Close into", "left the desk")
}

// Given somebody who may read roles and decide of nothing, when it looks at a review, then it sees the items and no way to decide.
func TestReviewToRead(t *testing.T) {
	w := reviewed(t)
	w.role("auditor", "Auditor", "ledger:roles.read", "ledger:history.read")
	w.join("eve", "eve@acme.example", "auditor")
	title := "<script>alert(1)</script> review"
	w.do(wire.Intent{Kind: wire.StartReview, Name: &title})
	b := w.signedIn("eve")
	list := b.get("/console/acme/reviews")
	list.has(t, "<script>alert(1)</script>")
	list.hasNot(t, "Start a review")
	if strings.Contains(list.html, "<script>alert") {
		t.Error("a title is taken for markup")
	}
	id := regexpFind(list.html, `/console/acme/reviews/([0-9A-Z]{26})"`)
	page := b.get("/console/acme/reviews/" + id)
	page.has(t, "dora", "undecided")
	page.hasNot(t, "Review these decisions", "Close the review", "keep revoke later")
	if form := b.submit(page, "/console/acme/reviews/"+id+"/close", url.Values{"rest": {wire.Keep}}); !strings.Contains(form.text(), "Not permitted") {
		t.Errorf("closing it is answered with %d: %s", form.status, form.text())
	}
}

// Given a review in a browser, when somebody decides with keys, then the rows that had the focus are decided; and every screen can be read
// by everybody.
func TestReviewInABrowser(t *testing.T) {
	w := reviewed(t)
	title := "Second quarter"
	w.do(wire.Intent{Kind: wire.StartReview, Name: &title, Until: inDays(14)})
	p := w.browse(t, "owner")
	p.Click("Reviews")
	p.See("0 of 5 decided")
	p.Inspect("reviews")
	p.Click("Second quarter")
	p.See("Keep all of this page")
	p.Press("k", "k", "r")
	p.Inspect("review")
	p.Click("Review these decisions")
	p.See("keep 1, revoke 1")
	p.Screenshot("review-decisions")
	p.Fill("Reason", "left the desk")
	p.Click("Record this change")
	p.See("2 of 5 decided")
	p.Click("Decide of ben, role chief")
	p.See("It lets its holder change who may do what")
	p.Inspect("review-item")
	p.Go("/console/acme/start-review?about=role:desk")
	p.Inspect("start-review")
}
