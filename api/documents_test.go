package api_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
)

// fetch gets a path with header fields, as anybody where auth is empty.
func (w *world) fetch(path, auth string, header ...string) (*http.Response, []byte) {
	w.t.Helper()
	return w.send(http.MethodGet, path, auth, header...)
}

func (w *world) send(method, path, auth string, header ...string) (*http.Response, []byte) {
	w.t.Helper()
	return w.request(method, path, auth, nil, header...)
}

// given an organization without documents of its own accord, with a role and a user that documents were asked for about.
func documented(t *testing.T, profile string) *world {
	w := newWorld(t)
	w.open("acme", profile)
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"a.read", "a.write"}}) // 2
	w.add("acme", "ben")                                                                                       // 3
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "ben"})                             // 4
	w.do("acme", wire.Intent{Kind: wire.IssueDocument, About: "role:desk"})                                    // 5
	w.do("acme", wire.Intent{Kind: wire.IssueDocument, About: "subject:ben"})                                  // 6
	return w
}

// Given documents that were asked for, when they are read, then each has both CIDs, says where it stands and what it is
// about, and its file is a credential that verifies.
func TestDocumentsOnRequest(t *testing.T) {
	w := documented(t, "plain")
	list, err := w.Documents(t.Context(), "acme", "", "")
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []struct {
		seq uint64
		key string
	}{{5, "role:desk"}, {6, "subject:ben"}} {
		d := list.Items[i]
		if d.Seq != want.seq || d.Key != want.key || d.Number != uint64(i) || d.Format != document.Format || !strings.HasPrefix(d.LegacyCID, "Qm") || d.Revoked != 0 || d.Refreshed != 0 {
			t.Errorf("%+v", d)
		}
		for _, name := range []string{d.CID, d.LegacyCID} {
			file, err := w.Document(t.Context(), "acme", name)
			if err != nil || chain.CID(file) != d.CID {
				t.Fatalf("%s: %v", name, err)
			}
			if v, err := credential.Verify(file); err != nil || !v.SelfIssued() {
				t.Errorf("%+v, %v", v, err)
			}
			one, err := w.DocumentRecord(t.Context(), "acme", name)
			if r := one.Item; err != nil || r.Document != d || r.Size != len(file) || r.Type != "document.issued" || len(r.Status) != 2 || r.Issuer == "" || len(r.Lists) != 0 {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if resp, b := w.fetch("/v1/orgs/acme/documents/"+d.CID+"/lists", token); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%d %s", resp.StatusCode, b)
		}
	}
}

// statusList reads and verifies a status list, and gives the bits of the first documents.
func (w *world) statusList(t *testing.T, query string, key ed25519.PublicKey) (position string, bits map[string]credential.Bits) {
	t.Helper()
	bits = map[string]credential.Bits{}
	for _, purpose := range []string{"revocation", "refresh"} {
		path := "/orgs/acme/status/" + purpose + "/0"
		resp, b := w.fetch(path+query, "")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/vc" {
			t.Fatalf("%s%s: %d %s", path, query, resp.StatusCode, b)
		}
		var options []credential.Option
		if key != nil {
			options = append(options, credential.WithKey(key))
		}
		if _, err := credential.Verify(b, options...); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		var list struct {
			ID, Issuer string
			Type       []string
			Subject    struct{ ID, Type, StatusPurpose, EncodedList string } `json:"credentialSubject"`
		}
		if err := json.Unmarshal(b, &list); err != nil {
			t.Fatal(err)
		}
		if list.ID != "https://ledger.test"+path || list.Subject.ID != list.ID+"#list" || list.Subject.Type != "BitstringStatusList" || list.Subject.StatusPurpose != purpose ||
			!slices.Equal(list.Type, []string{"VerifiableCredential", "BitstringStatusListCredential"}) {
			t.Errorf("%+v", list)
		}
		got, err := credential.DecodeBits(list.Subject.EncodedList, 131_072/8)
		if err != nil || len(got) != 131_072/8 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		bits[purpose], position = got, resp.Header.Get(wire.PositionHeader)
		// The same again: the same bytes, and who has them is told so.
		again, same := w.fetch(path+query, "", "If-None-Match", "W/"+resp.Header.Get("ETag")+`, "x"`)
		if again.StatusCode != http.StatusNotModified || len(same) != 0 {
			t.Errorf("asked again: %d %s", again.StatusCode, same)
		}
		if head, b := w.send(http.MethodHead, path+query, ""); head.StatusCode != http.StatusOK || len(b) != 0 || head.Header.Get("ETag") != resp.Header.Get("ETag") {
			t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
		}
	}
	return position, bits
}

// Given documents whose things change, when status lists are asked for by anybody, now and as of a time, then the bits
// are those of the last entry of that time, signed with the key of now, also after a rotation.
func TestStatusLists(t *testing.T) {
	w := documented(t, "plain")
	at := func(seq uint64) string {
		e, err := w.Entry(t.Context(), "acme", fmt.Sprint(seq))
		if err != nil {
			t.Fatal(err)
		}
		var entry struct{ Event struct{ Time string } }
		if err := json.Unmarshal(e.Entry, &entry); err != nil {
			t.Fatal(err)
		}
		return entry.Event.Time
	}
	bit := func(query string, want [4]bool) {
		t.Helper()
		_, bits := w.statusList(t, query, nil)
		got := [4]bool{bits["revocation"].Get(0), bits["revocation"].Get(1), bits["refresh"].Get(0), bits["refresh"].Get(1)}
		if got != want {
			t.Errorf("%s: %v; want %v", query, got, want)
		}
	}
	bit("", [4]bool{})
	tick := func() { // so that the next entry has a later time
		for now := time.Now().UnixMilli(); time.Now().UnixMilli() <= now; {
			runtime.Gosched()
		}
	}
	tick()
	w.do("acme", wire.Intent{Kind: wire.RevokeRole, Role: "desk", Subject: "ben"}) // 7
	bit("", [4]bool{false, true, false, false})
	tick()
	w.do("acme", wire.Intent{Kind: wire.IssueDocument, About: "role:desk"}) // 8
	bit("", [4]bool{false, true, true, false})
	old, err := w.Organization(t.Context(), "acme", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	tick()
	w.do("acme", wire.Intent{Kind: wire.RotateKey, Old: old.DID}) // 9
	bit("", [4]bool{false, true, true, false})
	bit("?timestamp="+at(7), [4]bool{false, true, false, false})
	bit("?timestamp="+at(6), [4]bool{})
	local, err := time.Parse(time.RFC3339Nano, at(7))
	if err != nil {
		t.Fatal(err)
	}
	bit("?timestamp="+url.QueryEscape(local.In(time.FixedZone("", 7200)).Format(time.RFC3339Nano)), [4]bool{false, true, false, false})
	for path, want := range map[string]int{
		"revocation/0?timestamp=" + at(1):             http.StatusNotFound, // before the first document
		"revocation/0?timestamp=1999-01-01T00:00:00Z": http.StatusNotFound, "revocation/0?timestamp=2999-01-01T00:00:00Z": http.StatusNotFound,
		"revocation/1": http.StatusNotFound, "revocation/00": http.StatusNotFound, "revocation/-1": http.StatusNotFound, "suspension/0": http.StatusNotFound,
		"revocation/99999999999999999999": http.StatusNotFound,
		"revocation/0?timestamp=":         http.StatusBadRequest, "revocation/0?timestamp=yesterday": http.StatusBadRequest,
		"revocation/0?timestamp=2026-02-30T00:00:00Z": http.StatusBadRequest, "revocation/0?timestamp=2026-03-01T00:00:00": http.StatusBadRequest,
		"revocation/0?timestamp=2026-03-01T00:00:00,5Z": http.StatusBadRequest, "revocation/0?timestamp=2026-03-01T00:00:00+02:00": http.StatusBadRequest, // a blank
		"revocation/0?time=1": http.StatusBadRequest,
	} {
		if resp, b := w.fetch("/orgs/acme/status/"+path, ""); resp.StatusCode != want || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s; want %d", path, resp.StatusCode, b, want)
		}
	}
	// Old documents verify as ever, and the DID document has both keys.
	list, err := w.Documents(t.Context(), "acme", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list.Items {
		file, err := w.Document(t.Context(), "acme", d.CID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := credential.Verify(file); err != nil {
			t.Error(err)
		}
	}
	resp, b := w.fetch("/orgs/acme/did.json", "")
	var did struct {
		ID              string
		AlsoKnownAs     []string
		AssertionMethod []string
	}
	if err := json.Unmarshal(b, &did); err != nil || resp.Header.Get("Content-Type") != "application/did+json" || did.ID != "did:web:ledger.test:orgs:acme" ||
		len(did.AssertionMethod) != 2 || len(did.AlsoKnownAs) != 2 || did.AlsoKnownAs[0] != old.DID {
		t.Errorf("%v: %s", err, b)
	}
	for _, path := range []string{"/orgs/nobody/did.json", "/orgs/nobody/status/refresh/0"} {
		if resp, b := w.fetch(path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, resp.StatusCode, b)
		}
	}
}

// Given an organization that named its did:web, when its key was rotated, then its documents and lists are issued by that
// DID and name keys in its DID document, the old ones too.
func TestDocumentsOfADIDWeb(t *testing.T) {
	w := newWorld(t)
	const issuer = "did:web:ledger.test:orgs:acme"
	w.openAs("acme", "plain", issuer)
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"a.read"}})
	w.do("acme", wire.Intent{Kind: wire.IssueDocument, About: "role:desk"})
	keys, err := w.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.Items {
		if k.Purpose == events.PurposeDocument {
			w.do("acme", wire.Intent{Kind: wire.RotateKey, Old: k.DID})
		}
	}
	w.do("acme", wire.Intent{Kind: wire.IssueDocument, About: "role:desk"})
	_, b := w.fetch("/orgs/acme/did.json", "")
	var did struct {
		ID                 string
		AssertionMethod    []string
		VerificationMethod []struct{ ID, PublicKeyMultibase string }
	}
	if err := json.Unmarshal(b, &did); err != nil || did.ID != issuer || len(did.VerificationMethod) != 2 || len(did.AssertionMethod) != 2 {
		t.Fatalf("%v: %s", err, b)
	}
	keyOf := func(method string) ed25519.PublicKey {
		for _, m := range did.VerificationMethod {
			if m.ID == method && slices.Contains(did.AssertionMethod, method) {
				key, err := didkey.Parse("did:key:" + m.PublicKeyMultibase)
				if err != nil {
					t.Fatal(err)
				}
				return key
			}
		}
		t.Fatalf("the DID document has no %s", method)
		return nil
	}
	list, err := w.Documents(t.Context(), "acme", "", "")
	if err != nil || len(list.Items) != 2 {
		t.Fatal(list, err)
	}
	for i, d := range list.Items {
		one, err := w.DocumentRecord(t.Context(), "acme", d.CID)
		if err != nil || one.Item.Issuer != issuer || one.Item.Method != did.AssertionMethod[i] {
			t.Errorf("%+v, %v", one.Item, err)
		}
		file, err := w.Document(t.Context(), "acme", d.CID)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := credential.Verify(file, credential.WithKey(keyOf(one.Item.Method))); err != nil || !v.SelfIssued() {
			t.Errorf("%+v, %v", v, err)
		}
	}
	w.statusList(t, "", keyOf(did.AssertionMethod[1]))
}

// Given documents and entries, when they are fetched by their CIDs as from an IPFS gateway, then the bytes are those that
// the CID names, with the header fields that its specification demands.
func TestContentByCID(t *testing.T) {
	w := documented(t, "plain")
	list, err := w.Documents(t.Context(), "acme", "role:desk", "")
	if err != nil {
		t.Fatal(err)
	}
	d := list.Items[0]
	entry, err := w.Entry(t.Context(), "acme", "5")
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := cid.Decode(d.LegacyCID)
	if err != nil {
		t.Fatal(err)
	}
	upper, err := cid.MustParse(d.CID).StringOfBase('B')
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{d.CID, d.LegacyCID, cid.NewCidV1(cid.DagProtobuf, legacy.Hash()).String(), entry.CID, upper} {
		id := cid.MustParse(name)
		resp, raw := w.fetch("/ipfs/"+name+"?format=raw", token)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", name, resp.StatusCode, raw)
		}
		if again, err := id.Prefix().Sum(raw); err != nil || !again.Equals(id) {
			t.Errorf("%s: the bytes have the CID %s, %v", name, again, err)
		}
		for field, want := range map[string]string{
			"Content-Type": "application/vnd.ipld.raw", "Content-Disposition": `attachment; filename="` + name + `.bin"`, "Etag": `"` + name + `.raw"`,
			"Cache-Control": "private, max-age=29030400, immutable", "X-Ipfs-Path": "/ipfs/" + name, "X-Ipfs-Roots": name, "X-Content-Type-Options": "nosniff",
			"Content-Location": "",
		} {
			if got := resp.Header.Get(field); got != want {
				t.Errorf("%s: %s is %q; want %q", name, field, got, want)
			}
		}
		accepted, same := w.fetch("/ipfs/"+name, token, "Accept", "text/plain, application/vnd.ipld.raw;q=0.5")
		if !bytes.Equal(same, raw) || accepted.Header.Get("Content-Location") != "/ipfs/"+name+"?format=raw" {
			t.Errorf("%s by Accept: %d %v", name, accepted.StatusCode, accepted.Header)
		}
		archive, b := w.fetch("/ipfs/"+name+"?format=car&dag-scope=block&filename=%C3%A9.car", token, "Accept", "application/vnd.ipld.raw")
		if archive.Header.Get("Content-Type") != "application/vnd.ipld.car; version=1; order=dfs; dups=n" || !bytes.Equal(b, credential.CAR(id.Bytes(), raw)) ||
			archive.Header.Get("Content-Disposition") != `attachment; filename="_.car"; filename*=UTF-8''%C3%A9.car` {
			t.Errorf("%s as CAR: %d %v", name, archive.StatusCode, archive.Header)
		}
		if have, b := w.fetch("/ipfs/"+name+"?format=raw", token, "If-None-Match", resp.Header.Get("ETag")); have.StatusCode != http.StatusNotModified || len(b) != 0 {
			t.Errorf("%s: who has it gets %d", name, have.StatusCode)
		}
		if head, b := w.send(http.MethodHead, "/ipfs/"+name+"?format=raw", token); head.StatusCode != http.StatusOK || len(b) != 0 || head.ContentLength != int64(len(raw)) {
			t.Errorf("HEAD %s: %d, %d bytes", name, head.StatusCode, head.ContentLength)
		}
	}
	unknown := credential.CID([]byte("nothing"))
	for _, tt := range []struct {
		path   string
		header []string
		want   int
	}{
		{"/ipfs/" + unknown + "?format=raw", nil, 404},
		{"/ipfs/" + unknown + "?format=raw", []string{"Cache-Control", "only-if-cached"}, 412},
		{"/ipfs/" + cid.NewCidV1(cid.Raw, legacy.Hash()).String() + "?format=raw", nil, 404}, // the node's digest as that of raw bytes
		{"/ipfs/x?format=raw", nil, 400}, {"/ipfs/" + d.CID[:58] + "?format=raw", nil, 400}, {"/ipfs/" + strings.Repeat("Qm1", 1<<12) + "?format=raw", nil, 400},
		{"/ipfs/" + d.CID + "/x?format=raw", nil, 404}, {"/ipfs/", nil, 404},
		{"/ipfs/" + d.CID, []string{"Accept", ""}, 400}, {"/ipfs/" + d.CID, []string{"Accept", "text/html, */*"}, 406},
		{"/ipfs/" + d.CID + "?format=dag-json", nil, 400}, {"/ipfs/" + d.CID + "?format=car&car-version=2", nil, 400}, {"/ipfs/" + d.CID + "?format=raw&x=1", nil, 400},
	} {
		if resp, b := w.fetch(tt.path, token, tt.header...); resp.StatusCode != tt.want || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%.80s %v: %d %s; want %d", tt.path, tt.header, resp.StatusCode, b, tt.want)
		}
	}
}

// Given callers of all kinds, when they fetch content, then it is shown to those who may read the history of its
// organization, and documents alone to everybody where the operator says so.
func TestWhoGetsContent(t *testing.T) {
	w := documented(t, "plain")
	w.open("other", "plain")
	w.add("acme", "reader")
	w.do("acme", wire.Intent{Kind: wire.SetPermissions, Subject: "reader", Permissions: []string{"ledger:history.read"}})
	list, err := w.Documents(t.Context(), "acme", "role:desk", "")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := w.Entry(t.Context(), "acme", "5")
	if err != nil {
		t.Fatal(err)
	}
	doc, en := "/ipfs/"+list.Items[0].CID+"?format=raw", "/ipfs/"+entry.CID+"?format=raw"
	open := newPublic(w)
	for _, tt := range []struct {
		who          string
		auth         string
		doc, en      int // where nothing is public
		public, open int // where documents are
	}{
		{"nobody", "", 401, 401, 200, 404}, {"a wrong token", "x", 401, 401, 401, 401},
		{"who may", apiKey("acme", "reader"), 200, 200, 200, 200}, {"who may not", apiKey("acme", "ben"), 403, 403, 200, 404},
		{"another organization's owner", apiKey("other", "owner"), 404, 404, 200, 404}, {"a key of nobody", apiKey("acme", "never"), 401, 401, 200, 404},
		{"the operator", token, 200, 200, 200, 200},
	} {
		for path, want := range map[string][2]int{doc: {tt.doc, tt.public}, en: {tt.en, tt.open}} {
			for i, server := range []*world{w, open} {
				if resp, b := server.fetch(path, tt.auth); resp.StatusCode != want[i] {
					t.Errorf("%s gets %d %.200s; want %d (documents public: %v)", tt.who, resp.StatusCode, b, want[i], i == 1)
				}
			}
		}
	}
	if resp, _ := open.fetch(doc, ""); resp.Header.Get("Cache-Control") != "public, max-age=29030400, immutable" {
		t.Errorf("a public document: %v", resp.Header)
	}
}

// Given a document, when it is asked for as a page, then the page is one, with a policy that lets nothing run.
func TestDocumentPage(t *testing.T) {
	w := documented(t, "plain")
	list, err := w.Documents(t.Context(), "acme", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list.Items {
		resp, b := w.fetch("/v1/orgs/acme/documents/"+d.CID, token, "Accept", "text/html,application/xhtml+xml")
		_, same := w.fetch("/v1/orgs/acme/documents/"+d.LegacyCID+"/print", token)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || !bytes.Equal(b, same) {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("policy %q", policy)
		}
		for _, want := range []string{d.CID, d.LegacyCID, "desk", "position " + fmt.Sprint(d.Seq)} {
			if !strings.Contains(string(b), want) {
				t.Errorf("the page of %s does not say %q", d.Key, want)
			}
		}
	}
	if resp, _ := w.fetch("/v1/orgs/acme/documents/"+credential.CID(nil)+"/print", token); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a page of nothing: %d", resp.StatusCode)
	}
}
