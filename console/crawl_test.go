package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

var (
	links  = regexp.MustCompile(`<a\b[^>]*\shref="([^"]*)"`)
	posts  = regexp.MustCompile(`<form\b[^>]*method="post"[^>]*>`)
	action = regexp.MustCompile(`action="([^"]*)"`)
	digits = regexp.MustCompile(`[0-9]+`)
)

// most is how many pages of one shape (an address whose numbers are left out) a crawl looks at.
const most = 4

// crawl follows every link of the console from some pages on, and gives all pages it came to.
func crawl(b *visitor, look func(shown), from ...string) (pages int) {
	b.t.Helper()
	seen, shapes := map[string]bool{}, map[string]int{}
	for len(from) > 0 {
		at := from[0]
		from = from[1:]
		u, err := url.Parse(at)
		if err != nil {
			b.t.Errorf("a link leads to %q: %v", at, err)
			continue
		}
		u.Fragment = ""
		shape := digits.ReplaceAllString(u.Path, "0") + "?" + strings.Join(slices.Sorted(keysOf(u.Query())), "&")
		if at = u.String(); seen[at] || shapes[shape] >= most {
			continue
		}
		seen[at] = true
		shapes[shape]++
		page := b.get(at)
		pages++
		if page.absent() {
			continue
		}
		if page.status != http.StatusOK {
			b.t.Errorf("%s is offered, and answered with %d: %s", at, page.status, page.text())
			continue
		}
		look(page)
		for _, m := range links.FindAllStringSubmatch(page.html, -1) {
			to := html.UnescapeString(m[1])
			switch {
			case strings.HasPrefix(to, "#"), strings.HasPrefix(to, "/v1/"), strings.HasPrefix(to, "/ipfs/"), strings.HasPrefix(to, "/orgs/"):
			case strings.HasPrefix(to, "/console/"):
				from = append(from, to)
			default:
				b.t.Errorf("%s leads to %q, out of the console", at, to)
			}
		}
	}
	return pages
}

func keysOf(q url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range q {
			if !yield(name) {
				return
			}
		}
	}
}

// absent says whether a page says that what it is about was not there at its moment, or that an event, whose number anybody may
// know, is not for the reader.
func (s shown) absent() bool {
	if s.status != http.StatusNotFound && s.status != http.StatusBadRequest {
		return false
	}
	text := s.text()
	return strings.Contains(s.address, "at=") && (strings.Contains(text, "as of then") || strings.Contains(text, "there was no ")) || strings.Contains(text, "that you may read")
}

// writes are the forms of a page that change something, but for signing out.
func (s shown) writes() (all []string) {
	for _, form := range posts.FindAllString(s.html, -1) {
		m := action.FindStringSubmatch(form)
		if m == nil {
			all = append(all, form)
		} else if to := html.UnescapeString(m[1]); !strings.HasSuffix(to, "/sign-out") {
			all = append(all, to)
		}
	}
	return all
}

// lived gives a ledger in which something of each kind is.
func lived(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read", "a.write", "b.read")
	w.role("night", "Night desk", "b.read")
	w.join("eve", "eve@acme.example", "night")
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "ben", SubjectKind: events.KindHuman, DisplayName: "Ben", Email: "ben@acme.example", Reason: "joins"})
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "desk", Reason: "TICKET-1"})
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "b.read", Scope: "things/1", Reason: "TICKET-2"})
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Remove: []string{"a.write"}, Reason: "TICKET-3"})
	w.do(wire.Intent{Kind: wire.IssueDocument, About: "role:desk", Reason: "for the file"})
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "tool", SubjectKind: events.KindTechnical})
	w.do(wire.Intent{Kind: wire.RevokeRole, Subject: "ben", Role: "desk"})
	return w
}

// Given somebody of an organization, when every link of every page is followed, now and as of an earlier event, then each leads
// to a page that is shown, and pages of the past have nothing that changes anything.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	w := lived(t)
	for _, who := range []string{"owner", "eve"} {
		t.Run(who, func(t *testing.T) {
			b := w.signedIn(who)
			b.t = t
			n := crawl(b, func(page shown) {
				u, err := url.Parse(page.address)
				if err != nil {
					t.Fatal(err)
				}
				if forms := page.writes(); u.Query().Get("at") != "" && len(forms) > 0 {
					t.Errorf("%s is of the past, and has forms that change something: %q", page.address, forms)
				}
				if who == "eve" {
					for _, form := range page.writes() {
						if !strings.Contains(form, "/account") {
							t.Errorf("%s offers eve %s", page.address, form)
						}
					}
				}
			}, "/console/acme/overview", "/console/acme/overview?at=9")
			if n < 15 {
				t.Errorf("only %d pages", n)
			}
		})
	}
}

// Given any answer of the console, then no page of another site may frame it, and no script but the program's files may run in it.
func TestNoFrameAndNoForeignScript(t *testing.T) {
	w := newWorld(t, "plain")
	for _, path := range []string{"/console/", "/console/acme/sign-in", "/console/acme/overview", "/console/acme/nowhere", "/console-files/console.css"} {
		r, err := http.Get(w.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		policy := r.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, part) || strings.Contains(policy, "unsafe") {
				t.Errorf("the policy of %s is %q, without %s", path, policy, part)
			}
		}
	}
}
