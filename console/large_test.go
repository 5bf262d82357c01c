package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/node/nodetest"
)

// largeWorld serves acme of a size, whose owner signs in as "owner" with password.
func largeWorld(t testing.TB, s nodetest.Size) *world {
	t.Helper()
	w := emptyWorld(t, api.Options{})
	nodetest.Open(t, w.node, acme, s)
	w.setPassword(acme)
	return w
}

var screens = map[string]string{
	"overview": "/overview", "roles": "/roles", "matrix": "/matrix", "role": "/roles/role-042", "roleEdit": "/roles/role-042/edit", "roleMembers": "/roles/role-042/members",
	"members": "/members", "member": "/members/" + nodetest.Subject(42), "memberRoles": "/members/" + nodetest.Subject(42) + "/roles", "memberPermissions": "/members/" + nodetest.Subject(42) + "/permissions",
	"keys": "/keys", "history": "/history", "access": "/access?subject=" + nodetest.Subject(42), "accessWhy": "/access?subject=" + nodetest.Subject(42) + "&permission=" + nodetest.Permission(42),
	"policies": "/policies", "exports": "/exports", "verify": "/verify", "account": "/account", "createRole": "/create-role", "reports": "/role-reports",
	"search": "/members?q=lovelace&names=1",
}

func TestX(t *testing.T) {
	if os.Getenv("PERMLEDGER_LONG") == "" {
		t.Skip("long")
	}
	s := nodetest.Size{Subjects: 300, Roles: 500, Permissions: 1000, Entries: 2500}
	if os.Getenv("PERMLEDGER_LONG") != "" {
		s = nodetest.Large
	}
	w := largeWorld(t, s)
	b := w.signedIn("owner")
	for name, path := range screens {
		for _, at := range []string{"", "at=2000"} {
			p := path
			if at != "" {
				if strings.Contains(p, "?") {
					p += "&" + at
				} else {
					p += "?" + at
				}
			}
			got := b.get("/console/acme" + p)
			best := time.Hour
			for range 5 {
				begun := time.Now()
				got = b.get("/console/acme" + p)
				best = min(best, time.Since(begun))
			}
			fmt.Printf("%-18s %-8s %d %7d bytes %8.1f ms td=%d\n", name, at, got.status, len(got.html), float64(best.Microseconds())/1000, strings.Count(got.html, "<td")+strings.Count(got.html, "<th"))
		}
	}
	for _, path := range []string{"/console/acme/sign-in", "/console/acme/overview"} {
		got := b.get(path)
		total := len(got.html)
		for _, m := range regexp.MustCompile(`(?:src|href)="(/console-files/[^"]+)"`).FindAllStringSubmatch(got.html, -1) {
			req, _ := http.NewRequest("GET", b.url+strings.ReplaceAll(m[1], "&amp;", "&"), nil)
			req.Header.Set("Accept-Encoding", "gzip")
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			buf := make([]byte, 65536)
			for {
				k, err := resp.Body.Read(buf)
				n += k
				if err != nil {
					break
				}
			}
			fmt.Println(path, m[1], n, resp.Header.Get("Content-Encoding"))
			total += n
		}
		fmt.Println(path, len(got.html), total)
	}
	_ = url.Values{}
}
