package console_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/console/browsertest"
)

// pictured is a ledger with roles whose documents are signed, and a person with hostile names.
func pictured(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "guardian")
	w.role("officer", "Compliance Officer", "POLICIES_POLICY_READ", "SCHEMAS_SCHEMA_READ")
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "dora", SubjectKind: "human", Reason: "joins <script>alert(1)</script>"})
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "dora", Role: "officer", Reason: "TICKET-7"})
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "officer", Remove: []string{"SCHEMAS_SCHEMA_READ"}})
	return w
}

// Given the page Verify without script, then it says that it takes script, and how to check without.
func TestVerifyWithoutScript(t *testing.T) {
	w := pictured(t)
	b := w.signedIn("owner")
	page := b.get("/console/acme/verify")
	page.has(t, "This takes script", "permledger verify BUNDLE.zip", "This page comes from the ledger's own operator", "ledger.test/acme+")
	keys, _ := w.Policy(t.Context(), acme)
	vkey := strings.Fields(string(keys))[1]
	page.has(t, vkey)
	if page.status != http.StatusOK {
		t.Errorf("status %d", page.status)
	}
	b.get("/console/acme/verify?document=%3Cscript%3E").hasNot(t, "The signed document")
	b.get("/console/acme/verify?at=5").has(t, "As of event 5", "The 5 events")
}

// Given the modules of the verifier, when a browser has them, then it asks only whether they are the same still.
func TestModulesAreKept(t *testing.T) {
	w := newWorld(t, "plain")
	get := func(tag string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/console-files/verify/run.js", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", tag)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	first := get("")
	if first.StatusCode != http.StatusOK || first.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%s %v", first.Status, first.Header)
	}
	if again := get(first.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: %s", again.Status)
	}
	if other := get(`W/"another"`); other.StatusCode != http.StatusOK {
		t.Errorf("another one is kept: %s", other.Status)
	}
}

// Given somebody who may not read the history, then only files are offered to verify.
func TestVerifyForWhoMayNotRead(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	w.join("eve", "eve@acme.example", "desk")
	page := w.signedIn("eve").get("/console/acme/verify")
	page.hasNot(t, "events that this server has", "download a bundle")
	page.has(t, "A file: a bundle")
}

// exportOf writes a file of the ledger, and gives its path.
func (w *world) exportOf(t *testing.T, name string, q wire.ExportQuery) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := w.Export(t.Context(), acme, q, f); err != nil {
		t.Fatal(err)
	}
	return path
}

// Given a browser, when an auditor verifies what the server has, a bundle, a role's document, and what somebody tampered with, then the
// page says what holds and what does not, and where.
func TestVerifyInABrowser(t *testing.T) {
	w := pictured(t)
	p := w.browse(t, "owner")
	p.Click("Roles")
	p.Click("Verify") // by a link, so that the page is swapped in
	p.At("/console/acme/verify")
	p.See("events that this server has")
	p.Inspect("verify")
	verify := p.Within("#verify-form", "")
	verify.Click("Verify")
	p.See("The ledger holds")
	p.See("are complete, in their order and unchanged")
	p.See("its keys were taken from itself")
	p.See("That the rules permitted each change")
	if got := p.Focused(); got != "region The ledger holds" {
		t.Errorf("the focus is on %s", got)
	}
	p.Inspect("verify-holds")

	p.Fill("Key or policy that you trust", strings.Fields(p.Text("#verify-keys"))[0])
	verify.Click("Verify")
	p.See("The key that you gave has signed it")
	p.See("It begins with the history that this browser verified before")
	p.Fill("Key or policy that you trust", "nonsense")
	verify.Click("Verify")
	p.See("This cannot be read")
	p.Fill("Key or policy that you trust", did("stranger"))
	verify.Click("Verify")
	p.See("The ledger does not hold")
	p.See("a signature of the log that you trust")
	p.Fill("Key or policy that you trust", "")

	bundle := w.exportOf(t, "acme.zip", wire.ExportQuery{})
	p.Upload("#verify-file", bundle)
	verify.Click("Verify")
	p.See("The file holds")
	p.See("signed documents are the very ones that events name")

	document := w.exportOf(t, "officer.json", wire.ExportQuery{Format: wire.ExportVC, Role: "officer"})
	p.Upload("#verify-file", document)
	verify.Click("Verify")
	p.See("The file holds")
	p.See("of the ledger names this very file and this key")
	p.Screenshot("verify-document")

	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	p.Upload("#verify-file", written(t, "officer.json", bytes.Replace(b, []byte("Compliance Officer"), []byte("Compliance 0fficer"), 1)))
	verify.Click("Verify")
	p.See("The file does not hold")
	p.See("did not sign it")

	if b, err = os.ReadFile(bundle); err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte(`"Compliance Officer"`))
	if i < 0 {
		t.Fatal("the name does not stand in the bundle")
	}
	b[i+1] = 'X'
	p.Upload("#verify-file", written(t, "acme.zip", b))
	verify.Click("Verify")
	p.See("The file does not hold")
	p.See("they do not fit the checksum of the zip file")

	entries := w.segment(t, 1, 12)
	p.Upload("#verify-file", written(t, "acme.seg", bytes.Replace(entries, []byte(`"Compliance Officer"`), []byte(`"Xompliance Officer"`), 1)))
	verify.Click("Verify")
	p.See("The file does not hold")
	p.See("did not sign this event")
	p.See(`"Xompliance Officer"`) // the bytes are shown
	p.Inspect("verify-broken")
	p.Click("Forget that")
	p.Gone("what it verifies now has to begin with them")
	p.NoSideways()
}

// Given a page of an earlier moment, when the ledger is verified there, then what the bar says is held against it; where the browser
// offers no cryptography, as over plain http, the page says so.
func TestVerifyThenInABrowser(t *testing.T) {
	w := pictured(t)
	p := w.browse(t, "owner")
	p.Go("/console/acme/verify?at=5")
	p.Within("#verify-form", "").Click("Verify")
	p.See("Event 5 is the very one that this page shows in its bar")
	p.See("12 events of ledger.test/acme hold")
	p.Fill("An event that you know", p.Text(".cite q"))
	p.Within("#verify-form", "").Click("Verify")
	p.See("Event 5 is the very one that you know")
	p.Click("Roles")
	browsertest.Eval[bool](p, `() => !!Object.defineProperty(crypto, "subtle", {value: undefined})`)
	p.Click("Verify")
	p.See("This page was loaded over plain http")
	p.See("Use the command line below")
}

// written writes a file for an upload, and gives its path.
func written(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// segment gives entries as the API streams them.
func (w *world) segment(t *testing.T, from, to uint64) []byte {
	t.Helper()
	var b []byte
	for raw, err := range w.Entries(t.Context(), acme, from, to) {
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(b, byte(len(raw)>>8), byte(len(raw))), raw...)
	}
	return b
}
