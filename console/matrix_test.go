package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/node/nodetest"
)

// wide is an organization of many roles and permissions, and a browser in which its owner signed in.
func wide(t *testing.T, s nodetest.Size) (*world, *visitor) {
	t.Helper()
	w := newWorld(t, "plain")
	nodetest.Open(t, w.node, "wide", s)
	w.setPassword("wide")
	b := w.visitor()
	if in := b.post("/console/wide/sign-in", url.Values{"name": {"owner"}, "password": {password}}); in.status != http.StatusOK {
		t.Fatalf("signing in is answered with %d: %s", in.status, in.text())
	}
	return w, b
}

var (
	cellOfMatrix    = regexp.MustCompile(`<t[dh][ >]`) // headings are cells, too
	nextLink        = regexp.MustCompile(`rel="next" href="([^"]*)"`)
	rowOfMatrix     = regexp.MustCompile(`(?s)<tr><th scope="row"><code>([^<]*)</code>.*?</tr>`)
	columnsOfMatrix = regexp.MustCompile(`(?s)<th scope="col"><a href="/console/wide/roles/([^"?]*)`)
)

// Given 500 roles and 1,000 permissions, when any of them are chosen in any way, then no page of the matrix has more than 5,000 cells,
// and its pages together have each permission once.
func TestMatrixIsBounded(t *testing.T) {
	w, b := wide(t, nodetest.Size{Subjects: 5, Roles: 500, Permissions: 1000})
	all := url.Values{"open": {"*"}}
	for i := range 500 {
		all.Add("role", nodetest.Role(i))
	}
	for name, query := range map[string]string{
		"first view": "", "all open": "open=*", "all roles": all.Encode(), "differences": "differences=1", "a filter": "q=area", "far behind": "open=*&from=999999", "none open": "open=-", "no number": "from=x",
	} {
		page := b.get("/console/wide/matrix?" + query)
		_, table, _ := strings.Cut(page.html, `id="matrix"`)
		if cells := len(cellOfMatrix.FindAllString(table, -1)); page.status != http.StatusOK || cells == 0 || cells > 5000 {
			t.Errorf("%s: %d, with %d cells", name, page.status, cells)
		}
	}
	if page := b.get("/console/wide/matrix?" + all.Encode()); !strings.Contains(page.text(), "450 more roles were chosen than one page shows") {
		t.Error(page.text()[:2000])
	}
	b.get("/console/wide/roles").has(t, "Roles 500", "1 to 50 of 500")
	known, err := w.Permissions(t.Context(), "wide", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	address := "/console/wide/matrix?open=*"
	for pages := 0; address != ""; pages++ {
		page := b.get(address)
		for _, m := range rowOfMatrix.FindAllStringSubmatch(page.html, -1) {
			seen[html.UnescapeString(m[1])]++
		}
		address = ""
		if m := nextLink.FindStringSubmatch(page.html); m != nil {
			address = html.UnescapeString(m[1])
		}
		if pages > 20 {
			t.Fatal("the pages do not end")
		}
	}
	for _, p := range known.Items {
		_, bare, _ := strings.Cut(p.Name, ":")
		if seen[bare] != 1 {
			t.Errorf("%s is there %d times", p.Name, seen[bare])
		}
	}
}

// Given any roles, a filter, and whether only differences are wanted, when the matrix is read cell by cell, then it says what the roles
// hold, of all permissions that the choice leaves.
func TestMatrixSaysWhatRolesHold(t *testing.T) {
	w, b := wide(t, nodetest.Size{Subjects: 5, Roles: 9, Permissions: 60})
	known, err := w.Permissions(t.Context(), "wide", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	holds := map[string]map[string]bool{}
	for i := range 9 {
		one, err := w.Role(t.Context(), "wide", nodetest.Role(i), client.Read{})
		if err != nil {
			t.Fatal(err)
		}
		set := map[string]bool{}
		for _, name := range one.Item.Permissions {
			set[name] = true
		}
		holds[nodetest.Role(i)] = set
	}
	rapid.Check(t, func(t *rapid.T) {
		chosen := rapid.SliceOfNDistinct(rapid.IntRange(0, 8), 1, 9, rapid.ID).Draw(t, "roles")
		slices.Sort(chosen)
		query := rapid.SampledFrom([]string{"", "thing1", "AREA0", "number 4", "nothing has this", "role."}).Draw(t, "filter")
		differences := rapid.Bool().Draw(t, "only differences")
		v := url.Values{"open": {"*"}, "q": {query}}
		var roles []string
		for _, i := range chosen {
			roles = append(roles, nodetest.Role(i))
		}
		v["role"] = roles
		if differences {
			v.Set("differences", "1")
		}
		page := b.get("/console/wide/matrix?" + v.Encode())
		var heads []string
		for _, m := range columnsOfMatrix.FindAllStringSubmatch(page.html, -1) {
			heads = append(heads, m[1])
		}
		if !slices.Equal(heads, roles) {
			t.Fatalf("the columns are %v; want %v", heads, roles)
		}
		have := map[string]string{}
		for _, m := range rowOfMatrix.FindAllStringSubmatch(page.html, -1) {
			_, cells, _ := strings.Cut(m[0], "</th>")
			have[m[1]] = strings.TrimSpace(tags.ReplaceAllString(strings.ReplaceAll(cells, "</td>", ","), ""))
		}
		want := map[string]string{}
		for _, p := range known.Items {
			title := p.Category
			if p.Catalogue == "ledger" {
				title = "Of the ledger itself"
			}
			if !allWordsIn(query, p.Name, p.Description, title) {
				continue
			}
			var line strings.Builder
			granted := 0
			for _, r := range roles {
				if holds[r][p.Name] {
					granted++
					line.WriteString("granted,")
				} else {
					line.WriteString("not granted,")
				}
			}
			if differences && (granted == 0 || granted == len(roles)) {
				continue
			}
			_, bare, _ := strings.Cut(p.Name, ":")
			want[bare] = line.String()
		}
		if fmt.Sprint(have) != fmt.Sprint(want) {
			t.Fatalf("the matrix says\n%v\nand should\n%v", have, want)
		}
	})
}

// allWordsIn says whether each word of a query is in one of the texts.
func allWordsIn(query string, texts ...string) bool {
	all := strings.ToLower(strings.Join(texts, "\n"))
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}
