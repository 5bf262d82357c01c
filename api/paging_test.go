package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// Given a list that comes in pages, when it is read page by page while others write, then it is what it was as a whole when
// the first page was read: nothing is left out, and nothing is there twice.
func TestPagesAreOfOneMoment(t *testing.T) {
	w := administered(t)
	for i := range 7 {
		w.add("acme", fmt.Sprintf("user%d", i))
		w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: fmt.Sprintf("role%d", i), Permissions: []string{"a"}})
		w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: fmt.Sprintf("role%d", i), Subject: fmt.Sprintf("user%d", i)})
		w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: fmt.Sprintf("role%d", i), Subject: "cleo", Until: "2099-01-01T00:00:00Z"})
	}
	about := map[string]string{"/who-can": "permission=a", "/blame": "role=editor", "/access/{subject}": ""}
	paged, n := 0, 0
	for _, r := range api.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/orgs/{org}/") || !slices.Contains(r.Query, "cursor") || slices.Contains(r.Query, "newest") || strings.HasSuffix(r.Path, "/documents") || strings.HasSuffix(r.Path, "/activity") || !slices.Contains(r.Query, "as_of") && !strings.HasSuffix(r.Path, "/keys") {
			continue // others count their pages in another way, and have tests of their own
		}
		paged++
		path := strings.NewReplacer("{org}", "acme", "{subject}", "cleo").Replace(r.Path)
		query := about[strings.TrimPrefix(r.Path, "/v1/orgs/{org}")]
		whole := w.list(path + "?" + query)
		var pages []string
		cursor := ""
		for i := 0; ; i++ {
			n++
			page := w.list(path + "?" + query + "&limit=2" + cursor)
			if len(page.Items) > 2 || len(page.Items) < 2 && page.Next != "" {
				t.Errorf("%s: a page of %d", path, len(page.Items))
			}
			for _, one := range page.Items {
				pages = append(pages, string(one))
			}
			if i == 0 { // what comes before all that is there
				w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: fmt.Sprintf("a%d", n), Permissions: []string{"a"}})
				w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: fmt.Sprintf("a%d", n), SubjectKind: "human"})
				w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: fmt.Sprintf("a%d", n), Subject: "cleo"})
			}
			if page.Next == "" {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(page.Next)
		}
		var want []string
		for _, one := range whole.Items {
			want = append(want, string(one))
		}
		if strings.Join(pages, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: in pages it is\n%s\nand as a whole\n%s", path, strings.Join(pages, "\n"), strings.Join(want, "\n"))
		}
		for _, bad := range []string{"cursor=x", "cursor=YXQgMSAyIDM", "limit=0", "limit=1001", "cursor=" + url.QueryEscape("YXQgMCA5OTk5OSAxIDA")} {
			if resp, body := w.call("owner", "GET", path+"?"+query+"&"+bad, ""); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s?%s: %d %.200s", path, bad, resp.StatusCode, body)
			}
		}
	}
	if paged < 12 {
		t.Errorf("only %d lists come in pages", paged)
	}
	seen := 0
	for s, err := range client.Pages(client.Read{Limit: 3}, func(r client.Read) (wire.List[wire.Subject], error) { return w.Subjects(t.Context(), "acme", r) }) {
		if err != nil || s.Key == "" || s.ID == "" {
			t.Errorf("%+v, %v", s, err)
		}
		seen++
	}
	if all, err := w.Subjects(t.Context(), "acme", client.Read{}); err != nil || len(all.Items) != seen {
		t.Errorf("%d of %d subjects, %v", seen, len(all.Items), err)
	}
}

type rawList struct {
	Items []json.RawMessage
	Next  string
}

func (w *world) list(path string) rawList {
	w.t.Helper()
	resp, body := w.call("owner", "GET", path, "")
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s", path, body)
	}
	return read[rawList](w.t, body)
}
