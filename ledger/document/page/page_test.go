package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/page"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

func facts(t testing.TB, file []byte) page.Facts {
	t.Helper()
	legacy, _ := credential.LegacyCID(file)
	return page.Facts{
		File: file, CID: credential.CID(file), LegacyCID: legacy, Organization: "ACME", Ledger: "ledger.example/acme", About: "role:auditor",
		Position: 3, EntryCID: credential.CID([]byte("an entry")), EntryType: "document.issued", AsOf: 9,
		Category: func(name string) string { return strings.Split(name, "_")[0] },
	}
}

// The pages of the golden documents are what they were: read one before committing another.
func TestGolden(t *testing.T) {
	for _, name := range []string{"key/00-role.created", "web/07-permission.granted", "key/08-review.closed", "one/09-role.deleted", "key/06-document.issued"} {
		file, err := os.ReadFile(filepath.Join("..", "testdata", filepath.FromSlash(name)+".json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := page.HTML(facts(t, file))
		if err != nil {
			t.Fatal(err)
		}
		sound(t, got)
		path := filepath.Join("testdata", strings.ReplaceAll(name, "/", "-")+".html")
		if *rewrite {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v: it is another page; run go test -rewrite and read it", path, err)
		}
	}
}

// sound checks of a page that nothing in it runs or loads, that it says its language, and that headings and tables are
// such that they can be read aloud.
func sound(t testing.TB, b []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	count, policy, level := map[string]int{}, "", 0
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			count[n.Data]++
			attr := map[string]string{}
			for _, a := range n.Attr {
				attr[a.Key] = a.Val
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || a.Key == "style" || a.Key == "action" {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
			switch n.Data {
			case "html":
				if attr["lang"] != "en" {
					t.Error("the page does not say its language")
				}
			case "meta":
				if attr["http-equiv"] == "Content-Security-Policy" {
					policy = attr["content"]
				}
			case "style":
				sum := sha256.Sum256([]byte(n.FirstChild.Data))
				if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
					t.Error("the policy is not of this style")
				}
			case "h1", "h2", "h3", "h4":
				now := int(n.Data[1] - '0')
				if now > level+1 {
					t.Errorf("<%s> stands below a heading of level %d", n.Data, level)
				}
				level = now
			case "th":
				if attr["scope"] == "" {
					t.Error("a table's heading does not say what it is of")
				}
			case "script", "iframe", "object", "embed", "link", "img", "form", "base", "svg", "a":
				t.Errorf("<%s>", n.Data)
			}
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(root)
	if count["h1"] != 1 || count["title"] != 1 || count["main"] != 1 || count["table"] != count["caption"] || count["table"] != count["thead"] {
		t.Errorf("%v", count)
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") {
		t.Errorf("policy %q", policy)
	}
}

// Given names that would run, hide or turn the text around, when the page is made, then they stand there as text.
func TestHostileText(t *testing.T) {
	hostile := []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</style><script>", "{{.File}}", "javascript:alert(1)",
		"ab\u202Ecd\u2066ef", "\u200Bzero\uFEFF", "a\x00b", "</title><h1>", "&lt;script&gt;", strings.Repeat("W", 5000), "</pre><script>", "-->",
	}
	for _, text := range hostile {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		q := string(quoted)
		for _, subject := range []string{
			`{"type":"Role","name":` + q + `,"description":` + q + `,"uuid":` + q + `,"permissions":[` + q + `]}`,
			`{"type":"UserPermissions","userId":` + q + `,"state":` + q + `,"organizationOwner":true,"permissions":[{"name":` + q + `,"scope":` + q + `,"until":` + q + `,"condition":` + q + `}],"roles":[{"name":` + q + `,"uuid":` + q + `,"delegatedBy":` + q + `}]}`,
			`{"type":"AccessReview","title":` + q + `,"scope":` + q + `,"items":[{"userId":` + q + `,"role":` + q + `,"by":` + q + `,"decision":` + q + `}]}`,
		} {
			f := facts(t, []byte(`{"issuer":`+q+`,"validFrom":`+q+`,"credentialSubject":`+subject+`,"proof":{"verificationMethod":`+q+`,"created":`+q+`,"cryptosuite":`+q+`,"proofValue":`+q+
				`},"credentialStatus":[{"statusPurpose":`+q+`,"statusListIndex":`+q+`,"statusListCredential":`+q+`}]}`))
			f.Organization, f.Ledger, f.About, f.EntryType, f.Proof = text, text, text, text, text
			f.Category = func(string) string { return text }
			b, err := page.HTML(f)
			if err != nil {
				t.Fatal(err)
			}
			sound(t, b)
			if regexp.MustCompile("[\x00\u202A-\u202E\u2066-\u2069\u200B\uFEFF]").Match(b) {
				t.Errorf("%.60q: what cannot be seen is on the page", text)
			}
		}
	}
}

// Given a document that names a list by its digest, when the page is made with the list, then all of it is there; with
// another list there is no page; with none it says where to get it.
func TestListsOfLargeDocuments(t *testing.T) {
	var names []string
	for i := range 13_568 {
		names = append(names, fmt.Sprintf("service-%05d.resources.get", i))
	}
	array, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	list := document.List{Member: "permissions", Array: array}
	file := []byte(`{"credentialSubject":{"type":"Role","name":"Owner","permissionSet":` + setOf(t, names) + `}}`)
	if err := document.CheckList(file, list); err != nil {
		t.Fatal(err)
	}
	f := facts(t, file)
	bare, err := page.HTML(f)
	if err != nil || !strings.Contains(string(bare), "--lists") || strings.Contains(string(bare), names[0]) {
		t.Errorf("%v: without the list the page does not say where to get it", err)
	}
	f.Lists = []byte(`{"permissions":` + string(array) + `}`)
	whole, err := page.HTML(f)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, whole)
	for _, name := range []string{names[0], names[7000], names[13_567], "Permissions (13568)"} {
		if !strings.Contains(string(whole), name) {
			t.Errorf("the page does not hold %s", name)
		}
	}
	f.Lists = bytes.Replace(f.Lists, []byte("service-00007"), []byte("service-90007"), 1)
	if _, err := page.HTML(f); err == nil {
		t.Error("another list than that of the digest is shown")
	}
}

// Whatever a file holds, a page is made or refused, and is sound.
func FuzzPage(f *testing.F) {
	for _, name := range []string{"key/00-role.created", "web/07-permission.granted", "key/08-review.closed"} {
		file, err := os.ReadFile(filepath.Join("..", "testdata", filepath.FromSlash(name)+".json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if b, err := page.HTML(facts(t, file)); err == nil {
			sound(t, b)
		}
	})
}

// setOf gives what stands in a document in the place of a list.
func setOf(t testing.TB, names []string) string {
	t.Helper()
	digest := events.SetDigest(names)
	return fmt.Sprintf(`{"count":%d,"digest":%q}`, len(names), base64.RawURLEncoding.EncodeToString(digest[:]))
}
