package console_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// attack is a text that breaks out of wherever it is not escaped: of elements, attributes, titles, script, templates and spreadsheets.
const attack = `=HYPERLINK("http://evil.example/") '"><script>alert(1)</script><img src=x onerror=alert(2)></title></textarea>` +
	"{{.Me}} ${7*7} javascript:alert(3) аdmin --> ]]>"

// raw is what no page may have: markup that only the hostile text brings, a handler, an address that is a program, a style.
var raw = regexp.MustCompile(`(?i)<script>|<img src=x|</title></textarea|(href|src|action)="\s*(javascript|data|vbscript):|(href|src|action)="(https?:)?//`)

// handler is an attribute that is a program or a style, in a page without the values of its attributes (quotes).
var (
	handler = regexp.MustCompile(`(?i)<[^>]*\s(on[a-z]+|style)\s*=`)
	quotes  = regexp.MustCompile(`"[^"]*"`)
)

// unescaped says what stands unescaped in a page.
func (s shown) unescaped() string {
	if found := raw.FindString(s.html); found != "" {
		return found
	}
	return handler.FindString(quotes.ReplaceAllString(s.html, `""`))
}

// Given names, descriptions, reasons and labels that are hostile, when all pages are looked at, now and as of an earlier event, then
// nothing of it stands there but as a text; what it would do in a spreadsheet is taken from it.
func TestHostileTexts(t *testing.T) {
	w := newWorld(t, "plain")
	long := strings.Repeat("W", 4096) + attack
	name := attack
	w.do(wire.Intent{Kind: wire.CreateRole, Role: "evil", Name: &name, Description: &name, Permissions: []string{"a.read", "b.read"}, Reason: attack})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "mallory", SubjectKind: events.KindHuman, DisplayName: long, Email: `"<script>alert(4)</script>"@evil.example`, Reason: attack})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "<b>'\"=1+1", SubjectKind: events.KindTechnical, DisplayName: "оwner", Reason: long})
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "mallory", Role: "evil", Reason: attack})
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "mallory", Permission: "b.read", Scope: "things/1", Reason: attack})
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "evil", Remove: []string{"b.read"}, Reason: attack})
	w.do(wire.Intent{Kind: wire.IssueDocument, About: "role:evil", Reason: attack})
	b := w.signedIn("owner")
	for _, letter := range []string{"\u202e", "\u2066", "\u200b\u202d"} { // what turns letters around enters no ledger
		form := url.Values{"name": {"gnp" + letter + "exe"}, "permission": {"a.read"}, "csrf": {b.get("/console/acme/create-role").csrf()}}
		if page := b.post("/console/acme/create-role", form); page.status < 400 || strings.Contains(page.html, "Record this change") {
			t.Errorf("a role is called with %q: %d %s", letter, page.status, page.text())
		}
	}
	var said bool
	n := crawl(b, func(page shown) {
		if found := page.unescaped(); found != "" {
			t.Errorf("%s holds %q", page.address, found)
		}
		if strings.Contains(page.html, "&lt;script&gt;alert(1)") {
			said = true
		}
	}, "/console/acme/overview", "/console/acme/overview?at=7", "/console/acme/members?names=true")
	if n < 20 || !said {
		t.Errorf("%d pages, and the texts stand in one: %t", n, said)
	}
	for _, format := range []string{"csv"} {
		sheet := b.get("/v1/orgs/acme/export?format=" + format)
		for line := range strings.Lines(sheet.html) {
			for cell := range strings.SplitSeq(line, ",") {
				if cell = strings.Trim(strings.TrimSpace(cell), `"`); cell != "" && strings.ContainsAny(cell[:1], "=+@\t") {
					t.Errorf("a cell of the %s begins with %q", format, cell[:1])
				}
			}
		}
		if sheet.status != 200 {
			t.Errorf("%s is answered with %d: %s", format, sheet.status, sheet.html)
		}
	}
	for _, q := range []string{"roles?q=", "members?q=", "history?about=", "access?subject=", "exports?what=role&role=", "overview?at=", "sign-in?then=", "diff?from="} {
		if page := b.get("/console/acme/" + q + `%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E`); page.unescaped() != "" {
			t.Errorf("%s: %q", page.address, page.unescaped())
		}
	}
}

// Given the same, when a browser shows it, then nothing of it runs, asks another host or breaks a policy: else browsertest fails.
func TestHostileTextsInABrowser(t *testing.T) {
	w := newWorld(t, "plain")
	name := attack
	w.do(wire.Intent{Kind: wire.CreateRole, Role: "evil", Name: &name, Description: &name, Permissions: []string{"a.read"}, Reason: attack})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "mallory", SubjectKind: events.KindHuman, DisplayName: strings.Repeat("W", 4096), Reason: attack})
	p := w.browse(t, "owner")
	for _, at := range []string{"overview", "roles", "roles/evil", "roles/evil/edit", "members?names=true", "members/mallory", "history", "entries/3", "exports?what=role&role=evil", "activity", "streams"} {
		p.Go("/console/acme/" + at)
		p.NoSideways()
	}
	p.Go("/console/acme/roles/evil")
	p.Screenshot("hostile")
	if title := p.Title(); !strings.Contains(title, "permledger") {
		t.Errorf("the title is %q", title)
	}
}
