package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// hostile are names that somebody chose to harm whoever reads them: markup, another direction, great length, and letters that look
// like others. (Characters that turn the direction around, and control characters, no ledger takes.)
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)`, `javascript:alert(1)`, `{{.}}`, "אבגד (1)", strings.Repeat("W", 400), "bеn",
}

// Given names, reasons and properties that are hostile, when the screens show them, then they are text.
func TestHostileMembers(t *testing.T) {
	w := newWorld(t, "plain")
	for i, text := range hostile {
		key := "member-" + string(rune('a'+i))
		w.do(wire.Intent{Kind: wire.AddSubject, Subject: key, SubjectKind: events.KindHuman, DisplayName: text, Reason: text, Properties: map[string]string{"note": text}})
		name := text
		w.do(wire.Intent{Kind: wire.CreateRole, Role: "role-" + string(rune('a'+i)), Name: &name, Description: &name, Permissions: []string{"a.read"}})
	}
	b := w.signedIn("owner")
	for i, text := range hostile {
		key := "member-" + string(rune('a'+i))
		for _, path := range []string{"members/" + key, "members/" + key + "/roles", "members/" + key + "/edit", "members?names=1", "invite", "create-key"} {
			page := b.get("/console/acme/" + path)
			if page.status != http.StatusOK {
				t.Errorf("%s: %d %s", path, page.status, page.text())
			}
			safe(t, page, text)
		}
		page := b.submit(b.get("/console/acme/invite"), "/console/acme/invite", url.Values{"key": {"owner"}, "name": {text}, "email": {text}, "until": {text}})
		safe(t, page, text)
	}
}

// safe says whether a page shows a text as text: what it holds is no element and no attribute, and stands apart from what is around it,
// in an element of its own, in a cell or on a line.
func safe(t *testing.T, page shown, text string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", " onfocus='alert", "href=\"javascript:"} {
		if strings.Contains(page.html, bad) {
			t.Errorf("%s: %q acts on the page", page.address, text)
		}
	}
	if strings.Contains(text, "אב") {
		for _, m := range regexp.MustCompile(`(<[a-z]+[^<>]*>)[^<>]*אב`).FindAllStringSubmatch(page.html, -1) {
			if tag := regexp.MustCompile(`^<(bdi|textarea|option|title|td|br)\b`); !tag.MatchString(m[1]) {
				t.Errorf("%s: %q can change the order of what is around it, in %s", page.address, text, m[0])
			}
		}
	}
}

// Given keys with what means something in an address, when they are followed from the list, then they lead to whom they are of.
func TestKeysInAddresses(t *testing.T) {
	w := newWorld(t, "plain")
	keys := []string{"..", ".", "a/b", "a?b=c", "a#b", "a%2Fb", `"><i>`, "change", "https://evil.example/", "a b", "a&b;c"}
	for _, key := range keys {
		w.do(wire.Intent{Kind: wire.AddSubject, Subject: key, SubjectKind: events.KindHuman})
	}
	b := w.signedIn("owner")
	list := b.get("/console/acme/members")
	found := 0
	for _, m := range regexp.MustCompile(`href="([^"]*)"><bdi>([^<]*)</bdi></a>`).FindAllStringSubmatch(list.html, -1) {
		key := html.UnescapeString(m[2])
		page := b.get(html.UnescapeString(m[1]))
		page.has(t, "Key "+key+" Kind person", "Added event")
		if page.status != http.StatusOK {
			t.Errorf("%q leads to %s: %d", key, page.address, page.status)
		}
		review := b.post(strings.SplitN(html.UnescapeString(m[1]), "?at", 2)[0]+"/change", url.Values{"csrf": {page.csrf()}, "act": {"deactivate"}})
		if key != "owner" {
			review.has(t, "Deactivate "+key, "Record this change")
		}
		found++
	}
	if found != len(keys)+1 {
		t.Errorf("%d are listed", found)
	}
}
