package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// past is a ledger with some life: at 3 and 4 two roles, at 5 ben, 6 to 8 what happens to them.
//
//	3 role desk with a.read      4 role night with a.read, b.write   5 ben is added, kept by TICKET-1
//	6 ben gets desk              7 desk gets b.read                  8 ben loses desk: left the desk
func past(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	w.role("night", "Night <b>desk</b>", "a.read", "b.write")
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "ben", SubjectKind: "human", Reason: "TICKET-1"})
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "desk", Reason: "TICKET-1"})
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"b.read"}, Reason: "more to do"})
	w.do(wire.Intent{Kind: wire.RevokeRole, Subject: "ben", Role: "desk", Reason: "left the <i>desk</i>"})
	return w
}

// Given a ledger, when its history is read, then the newest stands first, what belongs together stands together, and each moment
// has an address.
func TestHistory(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/history")
	page.has(t, "Live at event 8", "Events 5 – 6", "TICKET-1", "left the <i>desk</i>", "What the last change did", "Between event 7 and event 8", "First event", "Yesterday: the first event is of")
	if strings.Index(page.html, `id="event-8"`) > strings.Index(page.html, `id="event-6"`) {
		t.Error("the newest does not stand first")
	}
	then := b.get("/console/acme/history?at=6")
	then.has(t, "As of event 6", "Events 5 – 6", "One change back", "One change forward", "Between event 4 and event 6")
	then.hasNot(t, "more to do", "left the")
	for what, want := range map[string]string{"prev": "/console/acme/history?at=4", "next": "/console/acme/history?at=7"} {
		if !strings.Contains(then.html, `rel="`+what+`" href="`+want+`"`) {
			t.Errorf("%s does not lead to %s:\n%s", what, want, then.html)
		}
	}
}

// Given the form that chooses a moment, when it is sent, then it leads to the address of that moment, and at the head to live.
func TestChooseAMoment(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	for form, want := range map[string]string{
		"event=6":                       "/console/acme/history?at=6",
		"event=6&actor=owner":           "/console/acme/history?actor=owner&at=6",
		"event=8":                       "/console/acme/history",
		"event=":                        "/console/acme/history",
		"time=2100-01-01T00:00&event=6": "/console/acme/history?at=2100-01-01T00%3A00Z",
		"event=3&at=5&cursor=4":         "/console/acme/history?at=3",
		"event=900":                     "/console/acme/history",
	} {
		if page := b.get("/console/acme/history?" + form); page.status != http.StatusOK || page.address != want {
			t.Errorf("%s leads to %s (%d), and not to %s", form, page.address, page.status, want)
		}
	}
}

// Given filters, when history is searched, then what fits all of them is shown; what cannot be is said beside the form.
func TestHistoryFilters(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	for query, want := range map[string]struct{ has, hasNot string }{
		"about=role:desk":                        {"more to do", "TICKET-1"},
		"subject=ben":                            {"TICKET-1", "more to do"},
		"type=role.revoked":                      {"left the", "TICKET-1"},
		"permission=b.read":                      {"more to do", "left the"},
		"role=desk&to=6":                         {"TICKET-1", "left the"},
		"actor=owner&from=7&at=7":                {"more to do", "left the"},
		"since=2000-01-01&from=8":                {"left the", "more to do"},
		"until=2000-01-01":                       {"Nothing.", "TICKET-1"},
		"actor=nobody-of-this-name":              {"nobody-of-this-name", "TICKET-1"},
		"about=nonsense":                         {"about is role:", "TICKET-1"},
		"since=yesterday":                        {"a day is written as 2026-12-31", "TICKET-1"},
		"from=x":                                 {"the first event is a number", "TICKET-1"},
		"type=no.such.type":                      {"There is no type of event", "TICKET-1"},
		"subject=" + strings.Repeat("long", 500): {"", "TICKET-1"},
	} {
		page := b.get("/console/acme/history?" + query)
		if page.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", query, page.status)
		}
		page.has(t, want.has)
		page.hasNot(t, want.hasNot)
	}
}

// Given more events than a page has, when one goes on, then older ones come, all as of the same moment, and then no more.
func TestHistoryPages(t *testing.T) {
	w := newWorld(t, "plain")
	for _, name := range strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff gg hh ii jj kk ll mm nn oo pp qq rr ss tt uu vv ww xx yy zz") {
		w.role("role-"+name, "Role "+name)
	}
	b := w.signedIn("owner")
	page := b.get("/console/acme/history?at=54")
	page.has(t, "As of event 54", "role-zz", "Older")
	page.hasNot(t, "role-b ")
	older := b.get("/console/acme/history?at=54&cursor=4")
	older.has(t, "As of event 54", "role-b", "Newest")
	older.hasNot(t, "Older", "role-zz")
}

// Given two moments, when they are compared, then it is said who gained and lost what and how roles changed, with the events; a role
// that is new lists its permissions.
func TestDiff(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/diff?from=3&at=7")
	page.has(t, "What changed between event 3 and event 7", "As of event 7", "ben", "b.read event 5 event 6 event 7", "night New", "2 permissions", "b.write", "Has it now: ben", "The events that did it")
	b.get("/console/acme/diff").has(t, "between event 7 and event 8", "Live at event 8", "Has it no more: ben")
	b.get("/console/acme/diff?at=6").has(t, "between event 5 and event 6", "As of event 6")
	b.get("/console/acme/diff?at=1").has(t, "This is the first event")
	b.get("/console/acme/diff?from=3&at=7&subject=owner").has(t, "Nobody gained or lost anything")
	b.get("/console/acme/diff?from=5&at=3").has(t, "The range ends before it begins")
	b.get("/console/acme/diff?from=rubbish").has(t, "names no time or position")
	b.get("/console/acme/diff?from=3&at=rubbish").has(t, "names no time or position")
}

// Given an event, when its page is read, then it says who did what, when and why, and has the exact bytes, their CID, what vouches for
// them and the ways on.
func TestEntryPage(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/entries/8")
	page.has(t, "Event 8", "role.revoked", "left the <i>desk</i>", "Live at event 8", "signed by did:key:", "sealed by did:key:", `"specversion": "1.0"`)
	e, err := w.Entry(t.Context(), acme, "8")
	if err != nil {
		t.Fatal(err)
	}
	page.has(t, e.CID, string(e.Entry))
	if byCID := b.get("/console/acme/entries/" + e.CID); byCID.status != http.StatusOK || !strings.Contains(byCID.html, "<h1>Event 8</h1>") {
		t.Errorf("by its CID: %d", byCID.status)
	}
	if raw := b.get("/ipfs/" + e.CID + "?format=raw&filename=8.entry"); raw.html != string(e.Entry) {
		t.Errorf("the exact bytes are %q", raw.html)
	}
	if proof := b.get("/v1/orgs/acme/entries/8/proof"); proof.status != http.StatusOK || !strings.HasPrefix(proof.html, "c2sp.org/tlog-proof@v1") {
		t.Errorf("the proof is %d: %s", proof.status, proof.html)
	}
	if !strings.Contains(page.html, `rel="prev" href="/console/acme/entries/7"`) || strings.Contains(page.html, `rel="next"`) {
		t.Error("the ways on are others")
	}
	b.get("/console/acme/entries/1").has(t, "nothing: it is the first")
	b.get("/console/acme/entries/6?at=7").has(t, "As of event 7", "Event 6")
	for address, want := range map[string]string{"8?at=7": "As of event 7 there was no event 8", "9": "There is no event 9", "0": "There is no event 0", "bafkreinothing": "bafkreinothing"} {
		page := b.get("/console/acme/entries/" + address)
		if page.status != http.StatusNotFound {
			t.Errorf("%s: %d", address, page.status)
		}
		page.has(t, want)
	}
}

// Given somebody who may not read the history, when it looks there, then it sees what it did itself, and no more.
func TestOwnHistory(t *testing.T) {
	w := past(t)
	w.join("dora", "dora@example.com")
	b := w.signedIn("dora")
	page := b.get("/console/acme/history")
	page.has(t, "Live at event 10", "subject.joined")
	page.hasNot(t, "TICKET-1", "left the", "Compare with event", "What the last change did")
	b.get("/console/acme/entries/10").has(t, "subject.joined", "shown to who may read the history")
	if page := b.get("/console/acme/entries/8"); page.status != http.StatusNotFound {
		t.Errorf("an event of others: %d", page.status)
	}
	if page := b.get("/console/acme/diff?from=3&at=7"); page.status != http.StatusForbidden {
		t.Errorf("the difference: %d", page.status)
	}
	if page := b.post("/console/acme/history", url.Values{}); page.status != http.StatusNotFound {
		t.Errorf("a form: %d", page.status)
	}
}

// Given a page, when it is cited, then the citation names the ledger, the position with its CID and time, and an address that shows
// the same again.
func TestCitation(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	e, err := w.Entry(t.Context(), acme, "8")
	if err != nil {
		t.Fatal(err)
	}
	page := b.get("/console/acme/access?subject=ben&permission=b.read")
	page.has(t, "May ben b.read?: ledger.test/acme, event 8 ("+e.CID+") of 20", w.url+"/console/acme/access?at=8&permission=b.read&subject=ben")
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "desk"})
	ago := b.get("/console/acme/history?at=1ms")
	for strings.Contains(ago.text(), "As of event 8") || !strings.Contains(ago.text(), ", the last by") { // the event may be of this very millisecond
		ago = b.get("/console/acme/history?at=1ms")
	}
	ago.has(t, "As of event 9", ", the last by 20", w.url+"/console/acme/history?at=20")
	b.get("/console/acme/history?at=occurred:2100-01-01").has(t, "the last of those that had happened by 2100-01-01", w.url+"/console/acme/history?at=occurred%3A2100-01-01")
	b.get("/console/acme/access?at=8&permission=b.read&subject=ben").has(t, "Denied as of event 8", w.url+"/console/acme/access?at=8&permission=b.read&subject=ben")
}

// Given a history, when it is shown, then bars say how much happened when, and how much of that took something away; a table says the
// same, and each number leads to its events.
func TestHistoryBars(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/history?at=7&bars=events")
	page.has(t, "8 events, by number", "the 1 that took something away", "The same as a table", "as of 3")
	for _, address := range []string{
		`href="/console/acme/history?at=7&amp;bars=events&amp;from=3&amp;to=3"`, `href="/console/acme/history?at=3&amp;bars=events"`,
		`href="/console/acme/history?bars=events&amp;from=8&amp;to=8&amp;taking=true"`, `href="/console/acme/history?at=7"`,
	} {
		if !strings.Contains(page.html, address) {
			t.Errorf("nothing leads to %s", address)
		}
	}
	b.get("/console/acme/history?bars=events&from=8&to=8&taking=true").has(t, "left the <i>desk</i>")
	b.get("/console/acme/history?taking=true").hasNot(t, "more to do")
	b.get("/console/acme/history").has(t, "8 events, by time")
	b.get("/console/acme/history?about=role:desk&bars=events").has(t, "4 events, by number")
}

var hrefs = regexp.MustCompile(`href="(/[^"]*)"`)

// Given the pages of what happened and who may what, now and in the past, when each link on them is followed, then it leads somewhere,
// and in the past only to the past where it says so.
func TestHistoryLinks(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	seen := map[string]bool{}
	for _, from := range []string{"history", "history?at=6&bars=events", "diff?from=2&at=7", "entries/6", "entries/6?at=7", "access?subject=ben&permission=b.read", "access?subject=ben&permission=b.read&at=7"} {
		page := b.get("/console/acme/" + from)
		_, main, _ := strings.Cut(page.html, "<main")
		for _, m := range hrefs.FindAllStringSubmatch(main, -1) {
			to := html.UnescapeString(m[1])
			if seen[to] {
				continue
			}
			seen[to] = true
			if got := b.get(to); got.status != http.StatusOK {
				t.Errorf("%s leads to %s: %d", from, to, got.status)
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d links", len(seen))
	}
}

// Given names and reasons that try to be more than text, when pages show them, then they are text.
func TestHistoryOfHostileText(t *testing.T) {
	w := newWorld(t, "plain")
	const script = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	hebrew := "\u05d0\u05d1\u05d2 " + strings.Repeat("long", 100)
	w.do(wire.Intent{Kind: wire.CreateRole, Role: "'\"><svg/onload=alert(1)>", Name: new(script), Permissions: []string{"a.<b>"}, Reason: script})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "$(reboot)\"'<i>", SubjectKind: "human", DisplayName: hebrew, Reason: hebrew})
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "$(reboot)\"'<i>", Role: "'\"><svg/onload=alert(1)>"})
	b := w.signedIn("owner")
	for _, address := range []string{
		"history", "diff?from=2", "entries/3", "entries/4", "entries/5", "history?about=" + url.QueryEscape(script), "history?since=" + url.QueryEscape(script),
		"access?subject=" + url.QueryEscape("$(reboot)\"'<i>") + "&permission=" + url.QueryEscape("a.<b>"), "diff?from=" + url.QueryEscape(script),
		"access?subject=" + url.QueryEscape("\u202eevil"+script) + "&permission=" + url.QueryEscape(script) + "&resource=" + url.QueryEscape(script),
		"entries/" + url.PathEscape(script), "history?at=" + url.QueryEscape(script), "history?event=" + url.QueryEscape(script), "history?time=" + url.QueryEscape(script),
	} {
		page := b.get("/console/acme/" + address)
		if page.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", address, page.status)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", "<svg/onload", "<i>\"", "a.<b>"} {
			if strings.Contains(page.html, bad) {
				t.Errorf("%s: there is %s in the page", address, bad)
			}
		}
		if title, _, _ := strings.Cut(page.html, "</title>"); strings.Contains(title, "\u202e") {
			t.Errorf("%s: the title can be turned", address)
		}
	}
	b.get("/console/acme/history").has(t, script, hebrew)
}

// Given more changes than a page has room for, when two moments are compared, then it shows the first, says how many more there are,
// and leads to them.
func TestLargeDiff(t *testing.T) {
	w := newWorld(t, "plain")
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("area.verb%03d", i))
	}
	w.role("desk", "Desk", names...)
	for i := range 60 {
		who := fmt.Sprintf("user-%02d", i)
		w.do(wire.Intent{Kind: wire.AddSubject, Subject: who, SubjectKind: "human", Roles: []string{"desk"}})
	}
	b := w.signedIn("owner")
	page := b.get("/console/acme/diff?from=2")
	page.has(t, "60 people and keys gained or lost something, 1 role changed", "user-49", "60 more permissions", "and 128 more", "The next of 40 more")
	page.has(t, "user-19 person area.verb000")
	page.hasNot(t, "user-20 person area.verb000")
	if most := 1 << 20; len(page.html) > most {
		t.Errorf("the page has %d bytes", len(page.html))
	}
	next := b.get("/console/acme/diff?from=2&skip=20")
	next.has(t, "From number 21 on", "user-20 person area.verb000", "user-39 person area.verb000")
	next.hasNot(t, "user-19 person area.verb000", "user-40 person area.verb000")
	one := b.get("/console/acme/diff?from=2&at=63&subject=user-07")
	one.has(t, "1 person or key gained", "area.verb199", "188 more permissions")
	one.hasNot(t, "and 128 more")
	b.get("/console/acme/history").has(t, "Between event 62 and event 63", "and 128 more")
}

// Given an event that carries a signed document, when its page is read, then the document can be read, printed and saved from there.
func TestEntryWithADocument(t *testing.T) {
	w := past(t)
	r := w.do(wire.Intent{Kind: wire.IssueDocument, About: "role:desk"})
	b := w.signedIn("owner")
	page := b.get(fmt.Sprintf("/console/acme/entries/%d", r.Seq))
	page.has(t, "The document it carries", "role:desk", "Read and print it")
	var found int
	for _, m := range hrefs.FindAllStringSubmatch(page.html, -1) {
		if to := html.UnescapeString(m[1]); strings.Contains(to, "/documents/") {
			if found++; b.get(to).status != http.StatusOK {
				t.Errorf("%s cannot be had", to)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d addresses of the document", found)
	}
}

// Given a page of which somebody wants to see an earlier moment, when it is chosen in the history, then that leads back to the same page
// at that moment, and to no other place.
func TestAnEarlierMomentOfAPage(t *testing.T) {
	w := past(t)
	b := w.signedIn("owner")
	link := regexp.MustCompile(`<a href="([^"]*)">View an earlier moment</a>`).FindStringSubmatch(b.get("/console/acme/roles?q=desk").html)
	if link == nil {
		t.Fatal("no link to earlier moments")
	}
	to := html.UnescapeString(link[1])
	history := b.get(to + "&event=4")
	back := regexp.MustCompile(`href="([^"]*)">Show the page you came from as of event 4<`).FindStringSubmatch(history.html)
	if back == nil {
		t.Fatalf("%s does not lead back: %s", history.address, history.text())
	}
	if got := html.UnescapeString(back[1]); got != "/console/acme/roles?q=desk&at=4" {
		t.Errorf("it leads to %s", got)
	}
	b.get(html.UnescapeString(back[1])).has(t, "As of event 4", "Desk")
	for _, elsewhere := range []string{"https://evil.example/", "//evil.example", "javascript:alert(1)", "/console/beta/roles", "/console/acme/../../v1"} {
		b.get("/console/acme/history?at=4&page="+url.QueryEscape(elsewhere)).hasNot(t, "Show the page you came from")
	}
}
