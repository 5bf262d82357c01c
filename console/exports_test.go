package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

var download = regexp.MustCompile(`href="(/v1/orgs/acme/export[^"]*)"`)

// file gives what the page's link to a file leads to.
func (s shown) file(t *testing.T, b *visitor) shown {
	t.Helper()
	m := download.FindStringSubmatch(s.html)
	if m == nil {
		t.Fatalf("%s offers no file:\n%s", s.address, s.text())
	}
	return b.get(strings.ReplaceAll(m[1], "&amp;", "&"))
}

// Given a ledger, when somebody chooses what to take out of it, then the page leads to that file, names the command that writes the same
// one, says how to check it, and shows what was signed.
func TestExports(t *testing.T) {
	w := pictured(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/exports")
	page.has(t, "Everything in Acme Registry", "permledger export --all --org acme -f bundle --as-of 12 -O acme-all-12.zip", "python3 verify.py", "Compliance Officer (officer)")
	if got := page.file(t, b); got.status != http.StatusOK || !strings.HasPrefix(got.html, "PK") {
		t.Errorf("the file: %d %.20q", got.status, got.html)
	}

	page = b.get("/console/acme/exports?what=role&role=officer&format=vc&texts=reasons&at=")
	page.has(t, "permledger export --role officer --org acme -f vc --as-of 12 -O acme-role-officer-12.json", "The signed document", "Compliance Officer", "POLICIES_POLICY_READ", "eddsa-jcs-2022", "Current")
	signed := page.text()[strings.Index(page.text(), "The signed document"):]
	if before, _, _ := strings.Cut(signed, "The file, indented"); strings.Contains(before, "SCHEMAS_SCHEMA_READ") {
		t.Errorf("it names a permission that was taken away: %s", before)
	}
	if got := page.file(t, b); got.name != "acme-role-officer-12.json" {
		t.Errorf("the file is called %q, otherwise than the page says", got.name)
	}
	if got := page.file(t, b); !strings.HasPrefix(got.html, `{"@context":`) || !strings.Contains(got.html, `"Compliance Officer"`) {
		t.Errorf("the file: %d %s", got.status, got.html)
	}

	then := b.get("/console/acme/exports?what=role&role=officer&format=vc&at=11")
	then.has(t, "As of event 11", "--as-of 11", "The signed document as of event 11", "SCHEMAS_SCHEMA_READ")
	if got := then.file(t, b); !strings.Contains(got.html, "SCHEMAS_SCHEMA_READ") {
		t.Errorf("the file as of then: %s", got.html)
	}

	b.get("/console/acme/exports?what=subject&subject=dora&format=csv&texts=personal").has(t, "permledger export --subject dora --personal --org acme -f csv", "A spreadsheet proves nothing", "What a person has", "officer")
}

// Given what is not there, or may not be asked, then the page says so at its place, and keeps what was chosen.
func TestExportsRefused(t *testing.T) {
	w := pictured(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/exports?what=role&role=nobody&format=car")
	page.has(t, "CAR file")
	if page.status != http.StatusNotFound || download.MatchString(page.html) {
		t.Errorf("status %d, and a file is offered: %s", page.status, page.text())
	}
	b.get("/console/acme/exports?what=subject&subject=%27%3B%20rm%20-rf%20x%3Cscript%3E").hasNot(t, "--subject '")
	if got := b.get("/console/acme/exports?what=subject;subject=x"); got.status != http.StatusBadRequest {
		t.Errorf("an address that cannot be read: %d %s", got.status, got.text())
	}
	b.get("/console/acme/exports?what=role&role=officer&format=nonsense&texts=nonsense").has(t, "-f bundle")
	w.join("eve", "eve@acme.example")
	if got := w.signedIn("eve").get("/console/acme/exports"); got.status != http.StatusForbidden {
		t.Errorf("who may not read the history gets %d: %s", got.status, got.text())
	}
	w.do(wire.Intent{Kind: wire.RevokeRole, Subject: "dora", Role: "officer"})
	w.do(wire.Intent{Kind: wire.DeleteRole, Role: "officer", Confirm: true})
	b.get("/console/acme/exports?what=role&role=officer&at=12").has(t, "The signed document as of event 12")
}

// Given names that mean ill, then they are shown as what they are.
func TestHostileExports(t *testing.T) {
	w := pictured(t)
	const name = `<img src=x onerror=alert(1)>"'</script><style>*{display:none}</style>`
	w.role("ill", name, "POLICIES_POLICY_READ")
	w.role("long", strings.Repeat("Long", 120), "POLICIES_POLICY_READ")
	b := w.signedIn("owner")
	for _, role := range []string{"ill", "long"} {
		page := b.get("/console/acme/exports?what=role&role=" + role + "&format=vc")
		for _, raw := range []string{"<img src=x", "<style", "</script><"} {
			if strings.Contains(page.html, raw) {
				t.Errorf("%s stands in the page of %s", raw, role)
			}
		}
	}
	b.get("/console/acme/exports?what=role&role=ill&format=vc").has(t, name)
	b.get("/console/acme/exports?what=subject&subject="+url.QueryEscape(name)).has(t, "subject")
}

// Given many documents, then they stand on pages, each of which leads to the next.
func TestManyDocuments(t *testing.T) {
	w := pictured(t)
	for range 12 {
		w.do(wire.Intent{Kind: wire.UpdateRole, Role: "officer", Add: []string{"SCHEMAS_SCHEMA_READ"}})
		w.do(wire.Intent{Kind: wire.UpdateRole, Role: "officer", Remove: []string{"SCHEMAS_SCHEMA_READ"}})
	}
	b := w.signedIn("owner")
	seen := map[string]bool{}
	print := regexp.MustCompile(`/v1/orgs/acme/documents/(bafkrei[a-z2-7]{52})/print`)
	more := regexp.MustCompile(`href="([^"]*)">Later ones`)
	for address := "/console/acme/exports"; address != ""; {
		page := b.get(address)
		for _, m := range print.FindAllStringSubmatch(page.html, -1) {
			seen[m[1]] = true
		}
		address = ""
		if m := more.FindStringSubmatch(page.html); m != nil {
			address = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	all, err := w.Documents(t.Context(), acme, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != len(all.Items) || len(seen) <= 20 {
		t.Errorf("%d documents are on the pages, of %d", len(seen), len(all.Items))
	}
}

// Given a browser, when an auditor takes a role's signed document with them, then the file is the very one that the page shows.
func TestExportsInABrowser(t *testing.T) {
	w := pictured(t)
	p := w.browse(t, "owner")
	p.Click("Exports")
	p.At("/console/acme/exports")
	p.Inspect("exports")
	p.Select("Which role", "Compliance Officer (officer)") // which chooses that it is a role
	p.Check("#format-vc", true)
	p.Click("Show the file")
	p.See("The signed document")
	p.See("acme-role-officer-12.json")
	p.Inspect("exports-document")
	if name, b := p.Download("Download"); !strings.Contains(string(b), `"Compliance Officer"`) {
		t.Errorf("%s: %s", name, b)
	}
	p.Click("Verify it in this browser")
	p.See("The signed document bafkrei")
	p.Within("#verify-form", "").Click("Verify")
	p.See("The document holds")
	p.See("Event 12 of the ledger names this very file")
}
