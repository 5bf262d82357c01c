package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
)

// The document of the API stands in docs/openapi.json, so that a change of the API is seen where it is made.
func TestOpenAPIIsInDocs(t *testing.T) {
	path := filepath.Join("..", "docs", "openapi.json")
	want, err := json.MarshalIndent(api.OpenAPI(nil), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	have, err := os.ReadFile(path)
	if err == nil && bytes.Equal(have, want) {
		return
	}
	if !*rewrite {
		t.Fatalf("%s is not the API as it is; run `go test ./api -run 'TestOpenAPIIsInDocs|TestRoutesAreDocumented' -rewrite`", path)
	}
	if err := os.WriteFile(path, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The page of the API names every route and every kind of change, asks for nothing but itself, and its links lead
// somewhere: so it can be read where there is no network.
func TestTheManualStandsAlone(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "stokr")
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"})
	for path, auth := range map[string]string{"/v1/docs": "", "/v1/orgs/acme/docs": "Bearer " + apiKey("acme", "owner")} {
		resp := w.raw(http.MethodGet, path, "", auth, "")
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s comes with the policy %q", path, policy)
		}
		root, err := html.Parse(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		ids, links := map[string]bool{}, map[string]bool{}
		for n := range root.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if slices.Contains([]string{"script", "img", "link", "iframe", "object", "form", "base"}, n.Data) {
				t.Errorf("%s has the element %s", path, n.Data)
			}
			if n.Data == "style" {
				sum := sha256.Sum256([]byte(n.FirstChild.Data))
				if !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) {
					t.Errorf("%s: its own style is not the one that its policy lets in", path)
				}
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("%s: the id %s is there twice", path, a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case a.Key == "href":
					links[a.Val] = true
				case a.Key == "style" || a.Key == "src" || strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s: %s has the attribute %s", path, n.Data, a.Key)
				}
			}
		}
		for link := range links {
			if id, ok := strings.CutPrefix(link, "#"); !ok || !ids[id] {
				t.Errorf("%s: the link %s leads nowhere", path, link)
			}
		}
		for _, r := range api.Routes() {
			if want := "<b>" + r.Method + "</b> " + strings.ReplaceAll(r.Path, "...}", "}"); !bytes.Contains(b, []byte(want)) {
				t.Errorf("%s does not have %s %s", path, r.Method, r.Path)
			}
		}
		for _, kind := range []string{wire.CreateRole, wire.AssignRole, wire.ObserveChain} {
			if !ids["type-Intent."+kind] {
				t.Errorf("%s does not have the change %s", path, kind)
			}
		}
		own := bytes.Contains(b, []byte("<code>stokr:role.create</code>"))
		if own != (auth != "") {
			t.Errorf("%s names the organization's own permissions: %v", path, own)
		}
	}
}

// Every operation, and every kind of change, says in x-permission what it takes, or why nothing; of an organization, in
// its own words.
func TestOpenAPINamesPermissions(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "stokr")
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"})
	resp := w.raw(http.MethodGet, "/v1/orgs/acme/openapi.json", "", "Bearer "+apiKey("acme", "owner"), "")
	type demand struct {
		Action      string   `json:"action"`
		Permissions []string `json:"permissions"`
		Why         string   `json:"why"`
	}
	type named struct {
		ID     string  `json:"operationId"`
		Demand *demand `json:"x-permission"`
	}
	var doc struct {
		Paths      map[string]map[string]named
		Components struct{ Schemas map[string]named }
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	look := func(name string, one named) {
		n++
		if d := one.Demand; d == nil || (d.Action == "") == (d.Why == "") || (d.Action != "") != (len(d.Permissions) > 0) {
			t.Errorf("%s takes %+v", name, d)
		}
	}
	for _, r := range api.Routes() {
		one, ok := doc.Paths[strings.ReplaceAll(r.Path, "...}", "}")][strings.ToLower(r.Method)]
		if !ok {
			t.Errorf("%s %s is not there", r.Method, r.Path)
		}
		look(r.Method+" "+r.Path, one)
	}
	for name, one := range doc.Components.Schemas {
		if strings.HasPrefix(name, "Intent.") {
			look(name, one)
		}
	}
	if n < 100 {
		t.Errorf("only %d operations and changes", n)
	}
	if d := doc.Components.Schemas["Intent.create-role"].Demand; d == nil || d.Permissions[0] != "stokr:role.create" {
		t.Errorf("create-role takes %+v", d)
	}
}
