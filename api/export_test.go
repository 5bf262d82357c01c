package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// exported gives the status, the header and the body of a request to export.
func (w *world) exported(auth, query string) (int, http.Header, []byte) {
	w.t.Helper()
	resp := w.raw(http.MethodGet, "/v1/orgs/acme/export?"+query, "", "Bearer "+auth, "")
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

// Given somebody who may read the history and nothing else, when it exports, then it gets bundles with reasons, and is
// refused names and e-mail addresses; who may not read the history gets nothing.
func TestExportTakesThePermissionToRead(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	owner := w.As(apiKey("acme", "owner"))
	do := func(in wire.Intent) {
		t.Helper()
		if _, err := owner.Do(t.Context(), "acme", in); err != nil {
			t.Fatal(err)
		}
	}
	do(wire.Intent{Kind: wire.CreateRole, Role: "auditor", Permissions: []string{"ledger:history.read"}, Reason: "a reason"})
	for _, who := range []string{"carla", "bot"} {
		do(wire.Intent{Kind: wire.AddSubject, Subject: who, SubjectKind: "technical", SubjectKey: did("acme/" + who), DisplayName: "Her Name"})
	}
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "auditor", Subject: "carla"})
	for _, tt := range []struct {
		auth, query string
		want        int
		code        string
	}{
		{apiKey("acme", "carla"), "", http.StatusOK, ""},
		{apiKey("acme", "carla"), "format=car&role=auditor", http.StatusOK, ""},
		{apiKey("acme", "carla"), "format=csv&texts=none", http.StatusOK, ""},
		{apiKey("acme", "carla"), "texts=personal", http.StatusForbidden, "not-permitted"},
		{apiKey("acme", "bot"), "", http.StatusForbidden, "not-permitted"},
		{apiKey("acme", "bot"), "subject=bot", http.StatusForbidden, "not-permitted"},
		{"x", "", http.StatusUnauthorized, ""},
		{token, "texts=personal", http.StatusOK, ""},
		{token, "texts=all", http.StatusBadRequest, "bad-request"},
		{token, "format=zip", http.StatusBadRequest, "bad-request"},
		{token, "role=auditor&subject=bot", http.StatusBadRequest, "bad-request"},
		{token, "as_of=occurred:2030-01-01", http.StatusBadRequest, ""},
		{token, "as_of=99", http.StatusBadRequest, "bad-as-of"},
		{token, "role=nobody", http.StatusNotFound, "not-found"},
		{token, "subject=carla&as_of=1", http.StatusNotFound, "not-found"},
		{token, "role=auditor&format=vc", http.StatusNotFound, "not-found"},
	} {
		status, header, b := w.exported(tt.auth, tt.query)
		var p wire.Problem
		if status != http.StatusOK {
			_ = json.Unmarshal(b, &p)
		} else if header.Get(wire.AsOfHeader) == "" || !strings.HasPrefix(header.Get("Content-Disposition"), `attachment; filename="acme-`) {
			t.Errorf("%q: header %v", tt.query, header)
		}
		if status != tt.want || tt.code != "" && !strings.HasSuffix(p.Type, tt.code) {
			t.Errorf("%q: %d %s", tt.query, status, b)
		}
		if has := bytes.Contains(b, []byte("Her Name")); has != (status == http.StatusOK && strings.Contains(tt.query, "personal")) {
			t.Errorf("%q: a name is in there: %v", tt.query, has)
		}
	}
}

// Given a ledger of more than one tile and a role whose permissions were recorded in parts, when what concerns the role is
// exported, then each entry has a proof, and the parts, the keys and the first entry are among them.
func TestExportOfARole(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	var many []string
	for i := range 3000 {
		many = append(many, "tokens."+strings.Repeat("x", 20)+"."+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676)))
	}
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "other"})
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "big", Permissions: many})
	for range 130 {
		w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "other", Add: []string{"b"}})
		w.do("acme", wire.Intent{Kind: wire.UpdateRole, Role: "other", Remove: []string{"b"}})
	}
	_, _, b := w.exported(token, "role=big")
	r, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		var entry struct{ Event struct{ Type string } }
		if err := json.Unmarshal(e.Bytes, &entry); err != nil {
			t.Fatal(err)
		}
		types[entry.Event.Type]++
		p, err := note.ParseProof(e.Proof)
		if err == nil {
			err = p.Check(tree.Leaf(e.Bytes))
		}
		if err != nil {
			t.Errorf("entry %d: %v", e.Position, err)
		}
	}
	if types["organization.opened"] != 1 || types["role.created"] != 1 || types["permissions.recorded"] == 0 || types["role.updated"] != 0 {
		t.Errorf("types %v", types)
	}
}
