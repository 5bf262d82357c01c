package api_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
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

// Given a node whose policy asks for a witness, when all is exported before and after the witness cosigned, then the bundle
// is under the cosigned checkpoint from then on, with the same bytes each time, whatever else is recorded.
func TestExportUnderACosignedCheckpoint(t *testing.T) {
	witness := note.WitnessKey("witness.example/w", keyOf("witness").Public().(ed25519.PublicKey))
	policy, err := note.ParsePolicy([]byte("witness w " + witness.String() + "\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, filepath.Join(t.TempDir(), "data"), node.Options{Witnesses: policy})
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk"})
	checkpoint := func(b []byte) (*note.Note, *bundle.Reader) {
		t.Helper()
		r, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Parse(r.Checkpoint())
		if err != nil {
			t.Fatal(err)
		}
		return n, r
	}
	_, _, alone := w.exported(token, "as_of=1")
	if n, r := checkpoint(alone); r.Manifest().Size != 1 || len(n.Signatures) != 1 || !bytes.Contains(alone, []byte("nobody but the ledger itself")) {
		t.Errorf("a checkpoint of %d entries with %d signatures", r.Manifest().Size, len(n.Signatures))
	}
	org, err := w.node.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := org.Log.Committed(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	b, err := org.Log.SignAt(2)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	cosignature, err := note.Cosign(n.Text, "witness.example/w", keyOf("witness"), time.Unix(1_800_000_000, 0))
	if err == nil {
		err = org.Log.AddCosignature(2, cosignature)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _, cosigned := w.exported(token, "as_of=1")
	n, r := checkpoint(cosigned)
	if _, err := n.Verify(witness); err != nil || r.Manifest().Size != 2 || r.Manifest().Position != 1 {
		t.Errorf("a checkpoint of %d entries: %v", r.Manifest().Size, err)
	}
	if !bytes.Contains(r.Policy(), []byte(witness.String())) || !bytes.Contains(cosigned, []byte("1 other signed the checkpoint too")) {
		t.Errorf("policy %s", r.Policy())
	}
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "later"})
	if _, _, again := w.exported(token, "as_of=1"); !bytes.Equal(again, cosigned) {
		t.Error("the same question has other bytes")
	}
}

// Given a ledger that replaced its checkpoint key, when the only checkpoint that a witness cosigned is of the new key, then
// an export as of before is under one that the key of then signed, and verifies; one as of now is under the cosigned.
func TestExportOfBeforeAKeyWasReplaced(t *testing.T) {
	witness := note.WitnessKey("witness.example/w", keyOf("witness").Public().(ed25519.PublicKey))
	policy, err := note.ParsePolicy([]byte("witness w " + witness.String() + "\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, filepath.Join(t.TempDir(), "data"), node.Options{Witnesses: policy})
	w.open("acme", "plain")
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk"})
	keys, err := w.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	old := keys.Items[slices.IndexFunc(keys.Items, func(k wire.Key) bool { return k.Purpose == "checkpoint" })].DID
	w.do("acme", wire.Intent{Kind: wire.RotateKey, Old: old})
	_, last := w.do("acme", wire.Intent{Kind: wire.RevokeKey, Key: old})
	org, err := w.node.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := org.Log.Committed(t.Context(), last.Seq)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	cosignature, err := note.Cosign(n.Text, "witness.example/w", keyOf("witness"), time.Unix(1_800_000_000, 0))
	if err == nil {
		err = org.Log.AddCosignature(last.Seq, cosignature)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range []string{"", "&role=desk"} {
		for as, want := range map[uint64]uint64{2: 2, last.Seq: last.Seq} {
			_, _, file := w.exported(token, fmt.Sprintf("as_of=%d%s", as, question))
			r, err := verify.Bundle(t.Context(), bytes.NewReader(file), int64(len(file)), verify.Options{})
			if err != nil {
				t.Errorf("as of %d%s: %v", as, question, err)
			} else if r.Checkpoint.Size != want || (len(r.Checkpoint.Witnesses) > 0) != (as == last.Seq) {
				t.Errorf("as of %d%s: %+v", as, question, r.Checkpoint)
			}
		}
	}
}
