package console_test

import (
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
)

// inDays gives an instant so many days ahead, as intents take it.
func inDays(n int) string { return time.Now().AddDate(0, 0, n).UTC().Format(time.RFC3339) }

// busy gives acme something of everything that somebody should look at.
func (w *world) busy() {
	w.t.Helper()
	w.role("desk", "Desk", "a.read", "a.write")
	w.join("ben", "ben@acme.example")
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "desk", Until: inDays(3), Reason: "TICKET-118"})
	w.do(wire.Intent{Kind: wire.InviteSubject, Subject: "dora", SubjectKind: events.KindHuman, Email: "dora@acme.example", Auth: events.AuthEmail, Invitation: secret.New(secret.Invitation).DID(), Until: inDays(5)})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "etl-nightly", SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey, Roles: []string{"desk"}})
	w.do(wire.Intent{Kind: wire.RegisterKey, Subject: "etl-nightly", Key: did("etl"), Purpose: events.PurposeCredential, Until: inDays(2)})
	title := "Second quarter"
	w.do(wire.Intent{Kind: wire.StartReview, Name: &title, Until: inDays(14)})
}

// Given an organization, when its owner opens the console, then it says what there is, how the ledger stands and what to look at, and
// each leads to where that is looked at.
func TestOverview(t *testing.T) {
	w := newWorld(t, "plain")
	w.busy()
	b := w.signedIn("owner")
	page := b.get("/console/acme/overview")
	page.has(t, "2 active members", "1 invited", "1 API key", "1 open review", "✓ Writing", "✓ Chain", "Checkpoint", "Nobody else cosigns",
		"Second quarter : 2 of 2 undecided, due in 14 days", "ben loses desk in 3 days", "etl-nightly ends in 2 days", "that of dora lapses in 5 days",
		"that lack a description or a guideline", "TICKET-118")
	for _, link := range []string{"/console/acme/roles", "/console/acme/members?state=active", "/console/acme/keys", "/console/acme/reviews/", "/console/acme/members/ben", "/console/acme/roles/desk", "/console/acme/role-reports#undocumented"} {
		if !strings.Contains(page.html, `href="`+link) {
			t.Errorf("nothing leads to %s", link)
		}
	}
	past := b.get("/console/acme/overview?at=2")
	past.has(t, "As of event 2", "1 active member", "known of now alone")
	past.hasNot(t, "Needs attention", "TICKET-118")
}

// Given somebody who may read nothing of others, when it opens the console, then it sees its own doings, and is told why there is no more.
func TestOverviewOfAMember(t *testing.T) {
	w := newWorld(t, "plain")
	w.busy()
	page := w.signedIn("ben").get("/console/acme/overview")
	page.has(t, "You may not read roles")
	page.hasNot(t, "TICKET-118", "Second quarter", "etl-nightly", "1 invited")
	if page.status != 200 {
		t.Errorf("answered with %d", page.status)
	}
}

// Given a page and what it loads, when it comes for the first time, then all of it is less than 50 KB over the wire.
func TestFirstPageIsSmall(t *testing.T) {
	w := newWorld(t, "plain")
	w.busy()
	b := w.signedIn("owner")
	page := b.get("/console/acme/overview")
	size := len(page.html)
	for _, m := range regexp.MustCompile(`(?:href|src)="(/console-files/[^"]*)"`).FindAllStringSubmatch(page.html, -1) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+html.UnescapeString(m[1]), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := b.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", m[1], resp.Status, err)
		}
		resp.Body.Close()
		size += int(n)
	}
	if size >= 50_000 {
		t.Errorf("%d bytes, of which the page has %d", size, len(page.html))
	}
	t.Logf("%d bytes, of which the page has %d", size, len(page.html))
}

// Given the first page in a browser, then it can be read by everybody, in both schemes and on a narrow screen.
func TestOverviewInABrowser(t *testing.T) {
	w := newWorld(t, "plain")
	w.busy()
	p := w.browse(t, "owner")
	p.See("Needs attention")
	p.Inspect("overview")
}
