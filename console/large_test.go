package console_test

import (
	"html"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
	"github.com/permledger/permledger/node/nodetest"
)

// big has as many roles and permissions as the largest organization that the console is made for, and more of everything else
// than a page shows. With PERMLEDGER_LONG it has as many members and events, too.
func big() nodetest.Size {
	if os.Getenv("PERMLEDGER_LONG") != "" {
		return nodetest.Large
	}
	return nodetest.Size{Subjects: 300, Roles: nodetest.Large.Roles, Permissions: nodetest.Large.Permissions, Entries: 2500}
}

// largeWorld serves acme of a size, whose owner signs in as "owner" with password.
func largeWorld(t testing.TB, s nodetest.Size) *world {
	t.Helper()
	w := emptyWorld(t, api.Options{})
	nodetest.Open(t, w.node, acme, s)
	w.setPassword(acme)
	title := "Everything"
	w.do(wire.Intent{Kind: wire.StartReview, Name: &title, Until: time.Now().UTC().AddDate(0, 1, 0).Format(time.RFC3339)})
	return w
}

// who and what are of the large organization: somebody, and a permission.
var who, what = nodetest.Subject(42), nodetest.Permission(42)

// lists are screens that show a part of what there may be much of.
var lists = map[string]string{
	"overview": "/overview", "roles": "/roles", "role": "/roles/role-042", "role members": "/roles/role-042/members", "role reports": "/role-reports",
	"members": "/members", "members found": "/members?q=lovelace&names=1", "member": "/members/" + who,
	"history": "/history", "history of a role": "/history?role=role-042", "access": "/access?subject=" + who,
	"access explained": "/access?subject=" + who + "&permission=" + url.QueryEscape(what), "policies": "/policies", "account": "/account",
	"keys": "/keys", "credentials": "/credentials", "activity": "/activity", "streams": "/streams", "reviews": "/reviews", "review": "/reviews/Everything",
	"tokens": "/tokens", "difference": "/diff?from=2", "entry": "/entries/2000",
}

// choices are screens on which everything that can be chosen is there.
var choices = map[string]string{
	"matrix": "/matrix", "create role": "/create-role", "edit role": "/roles/role-042/edit", "roles of a member": "/members/" + who + "/roles",
	"permissions of a member": "/members/" + who + "/permissions", "exports": "/exports", "verify": "/verify",
}

// Most bytes of what a browser gets when it comes for the first time, and of a list.
const (
	mostAtFirst = 50_000
	mostOfList  = 200_000
)

var fileNames = regexp.MustCompile(`(?:src|href)="(/console-files/[^"]+)"`)

// weight is how many bytes a browser gets that has nothing yet: a page, and each of its files once, compressed where they are.
func (b *visitor) weight(path string) int {
	b.t.Helper()
	get := func(path string) []byte {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Accept-Encoding", "gzip") // which leaves the answer as it came
		resp, err := b.http.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || resp.Request.URL.Path != strings.SplitN(path, "?", 2)[0] {
			b.t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		return body
	}
	page := get(path)
	total, seen := len(page), map[string]bool{}
	for _, m := range fileNames.FindAllSubmatch(page, -1) {
		if name := html.UnescapeString(string(m[1])); !seen[name] {
			seen[name] = true
			total += len(get(name))
		}
	}
	if len(seen) < 3 {
		b.t.Fatalf("%s names only the files %v", path, seen)
	}
	return total
}

// Given a large organization, when somebody comes to its console for the first time, then the page of signing in and the one behind
// it are few bytes, files included; and no list is long, however much there is.
func TestPagesOfALargeOrganizationAreSmall(t *testing.T) {
	w := largeWorld(t, big())
	if n := w.visitor().weight("/console/acme/sign-in"); n > mostAtFirst {
		t.Errorf("the page of signing in takes %d bytes with its files", n)
	}
	b := w.signedIn("owner")
	if n := b.weight("/console/acme/overview"); n > mostAtFirst {
		t.Errorf("the first page takes %d bytes with its files", n)
	}
	for name, path := range lists {
		for _, at := range []string{"", "2000"} {
			if name == "review" && at != "" {
				continue // it was not there then
			}
			page := b.get("/console/acme" + asOf(path, at))
			if page.status != http.StatusOK || len(page.html) > mostOfList {
				t.Errorf("%s, at %q: %d, %d bytes", name, at, page.status, len(page.html))
			}
		}
	}
}

func asOf(path, at string) string {
	switch {
	case at == "":
		return path
	case strings.Contains(path, "?"):
		return path + "&at=" + at
	}
	return path + "?at=" + at
}

// BenchmarkScreens is each screen of an organization of 10,000 subjects, 500 roles, 1,000 permissions and 100,000 events, from
// asking for it to its last byte over loopback, now and as of an earlier position.
func BenchmarkScreens(b *testing.B) {
	w := largeWorld(b, nodetest.Large)
	v := w.signedIn("owner")
	for _, screens := range []map[string]string{lists, choices} {
		for name, path := range screens {
			for moment, at := range map[string]string{"now": "", "past": "60000"} {
				if name == "review" && at != "" {
					continue
				}
				b.Run(strings.ReplaceAll(name, " ", "-")+"/"+moment, func(b *testing.B) {
					size := 0
					for b.Loop() {
						page := v.get("/console/acme" + asOf(path, at))
						if page.status != http.StatusOK {
							b.Fatalf("%d: %s", page.status, page.text())
						}
						size = len(page.html)
					}
					b.ReportMetric(float64(size), "bytes")
				})
			}
		}
	}
}

// BenchmarkFirstView is how long a browser takes from asking for a page until it shows the first of it, and until all of it is
// there and its scripts have run: the shortest of all rounds, for the rest of the machine is not part of it.
func BenchmarkFirstView(b *testing.B) {
	w := largeWorld(b, nodetest.Large)
	p := browsertest.Open(b, w.url)
	p.Go("/console/acme/sign-in")
	p.Fill("E-mail, or your key in the organization", "owner")
	p.Fill("Password", password)
	p.Click("Sign in")
	p.At("/console/acme/overview")
	for name, path := range map[string]string{"overview": "/overview", "matrix": "/matrix", "matrix-full": "/matrix?open=*", "members": "/members", "history": "/history"} {
		b.Run(name, func(b *testing.B) {
			seen, ready := math.Inf(1), math.Inf(1)
			for b.Loop() {
				p.Go("/console/acme" + path)
				ms := browsertest.Eval[[2]float64](p, `() => new Promise(tell => new PerformanceObserver((list, watch) => {
					const [paint] = list.getEntriesByName("first-contentful-paint"), [page] = performance.getEntriesByType("navigation");
					if (paint) { watch.disconnect(); tell([paint.startTime, page.domContentLoadedEventEnd]); }
				}).observe({type: "paint", buffered: true}))`)
				seen, ready = min(seen, ms[0]), min(ready, ms[1])
			}
			b.ReportMetric(seen, "ms-seen")
			b.ReportMetric(ready, "ms-ready")
		})
	}
}
