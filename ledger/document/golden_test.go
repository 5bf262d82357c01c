package document_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// The documents of each kind, for issuers of each kind, before and after the key was rotated, never change. Other
// implementations are tried on these files: see testdata/README.md.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		dir, did string
		rules    uint64
	}{
		{"key", "", 2}, {"web", events.WebDID(documenttest.Source), 2}, {"elsewhere", organization, 2}, {"one", organization, 1},
	} {
		t.Run(tt.dir, func(t *testing.T) {
			l := story(t, tt.rules, tt.did)
			var keys document.Keys
			n := 0
			for i, en := range l.Entries {
				keys.Apply(en.Event)
				if en.Document == nil {
					continue
				}
				golden(t, fmt.Sprintf("%s/%02d-%s.json", tt.dir, n, en.Event.Data.Type()), l.Files[i])
				if v, err := credential.Verify(l.Files[i], known(t, l.Files[i], keys.At(uint64(i+1)))...); err != nil || v.SelfIssued() != (tt.did != organization) {
					t.Errorf("%d: %+v, %v", i+1, v, err)
				}
				n++
			}
			golden(t, tt.dir+"/did.json", document.DIDDocument(documenttest.Source, tt.did, keys.At(uint64(len(l.Entries)))))
			bits := credential.NewBits(document.StatusListLength)
			bits.Set(0)
			file, err := document.StatusList{
				Source: documenttest.Source, DID: tt.did, Purpose: document.PurposeRefresh, Bits: bits, Time: l.Now,
			}.Sign(documenttest.Key("second document"))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.dir+"/status-refresh-0.json", file)
			if v, err := credential.Verify(file, known(t, file, keys.At(uint64(len(l.Entries))))...); err != nil || v.SelfIssued() != (tt.did != organization) {
				t.Errorf("the status list: %+v, %v", v, err)
			}
		})
	}
}

// known gives the option with which a file verifies that names its key in a DID document.
func known(t testing.TB, file []byte, keys []document.Key) []credential.Option {
	t.Helper()
	var doc struct {
		Proof struct{ VerificationMethod string }
	}
	if err := json.Unmarshal(file, &doc); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(doc.Proof.VerificationMethod, "did:key:") {
		return nil
	}
	key, ok := methodKey(keys, doc.Proof.VerificationMethod)
	if !ok {
		t.Fatalf("the DID document has no key %s", doc.Proof.VerificationMethod)
	}
	return []credential.Option{credential.WithKey(key)}
}

// story is a ledger with a document of each kind, and a rotation among them.
func story(t testing.TB, version uint64, did string) *documenttest.Ledger {
	t.Helper()
	l := documenttest.OpenUnder(t, version, documenttest.Guardian, did)
	auditor := l.AddRole("Auditor", "Reads <all> & \"more\" – é😀", "export", documenttest.Read)
	anna := l.AddSubject(user)
	l.Do(&events.RoleAssigned{Subject: anna, Role: auditor})
	l.Do(&events.RoleAssigned{Subject: anna, Role: auditor, Scope: "policy/7", Until: l.Now.AddDate(1, 0, 0)})
	l.Do(&events.PermissionGranted{Subject: anna, Permission: "export"})
	l.RotateDocumentKey(documenttest.Key("second document"))
	l.Do(&events.PermissionGranted{Subject: anna, Permission: documenttest.Write, Scope: "policy/7", Until: l.Now.AddDate(1, 0, 0)})
	l.Do(&events.DocumentIssued{Thing: "role/" + auditor.String()})
	l.Do(&events.DocumentIssued{Thing: "subject/" + l.Owner.String()})
	if version > 1 {
		l.Do(&events.PermissionGranted{Subject: anna, Permission: "import", Condition: `resource.properties.country == "LU"`})
		review := l.ID()
		l.Do(&events.ReviewStarted{Review: review, Title: "All of \"it\" – é😀", Scope: events.ReviewAll})
		l.Do(&events.ReviewClosed{Review: review, KeepRest: true})
	}
	l.Do(&events.RolesSet{Subject: anna})
	l.Do(&events.RoleRevoked{Subject: anna, Role: auditor, Scope: "policy/7"})
	l.Do(&events.RoleDeleted{Role: auditor})
	return l
}

// Given each key of an organization over time, then the DID document of a position has those of that position: keys that
// were rotated stay, those that were revoked, or that others may have, vouch for nothing more.
func TestDIDDocumentThroughTime(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	first, second, third := documenttest.Key("document"), documenttest.Key("second document"), documenttest.Key("third document")
	l.RotateDocumentKey(second)                                       // 3
	l.Do(&events.KeyReported{Key: documenttest.DID(second), From: 3}) // 4
	l.RotateDocumentKey(third)                                        // 5
	l.Do(&events.KeyReported{Key: documenttest.DID(first), From: 1})  // 6
	var keys document.Keys
	for _, en := range l.Entries {
		keys.Apply(en.Event)
	}
	for at, want := range map[uint64][2][]ed25519.PrivateKey{
		0: {}, 1: {{first}, {first}}, 3: {{first, second}, {first, second}}, 4: {{first, second}, {first, second}},
		5: {{first, second, third}, {first, third}}, 6: {{first, second, third}, {third}},
	} {
		var doc struct {
			ID                 string
			AlsoKnownAs        []string
			AssertionMethod    []string
			VerificationMethod []struct{ ID, Controller, Type, PublicKeyMultibase, Revoked string }
		}
		if err := json.Unmarshal(document.DIDDocument("ledger.example:8443/acme", "", keys.At(at)), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.ID != "did:web:ledger.example%3A8443:orgs:acme" || len(doc.VerificationMethod) != len(want[0]) || len(doc.AssertionMethod) != len(want[1]) {
			t.Fatalf("at %d: %+v", at, doc)
		}
		for i, key := range want[0] {
			did := didkey.Encode(key.Public().(ed25519.PublicKey))
			m := doc.VerificationMethod[i]
			if m.Controller != doc.ID || m.Type != "Multikey" || "did:key:"+m.PublicKeyMultibase != did || m.ID != doc.ID+"#"+m.PublicKeyMultibase || doc.AlsoKnownAs[i] != did {
				t.Errorf("at %d: %+v", at, m)
			}
			if _, trusted := methodKey(keys.At(at), m.ID); trusted == (m.Revoked != "") {
				t.Errorf("at %d: %s is trusted: %v; revoked %q", at, m.ID, trusted, m.Revoked)
			}
		}
		for i, key := range want[1] {
			if !strings.HasSuffix(doc.AssertionMethod[i], "#"+strings.TrimPrefix(didkey.Encode(key.Public().(ed25519.PublicKey)), "did:key:")) {
				t.Errorf("at %d: assertion methods %v", at, doc.AssertionMethod)
			}
		}
	}
}

// methodKey gives the key of a verification method of a DID document that document.DIDDocument wrote; false where it has no
// such assertion method.
func methodKey(keys []document.Key, method string) (ed25519.PublicKey, bool) {
	_, multibase, _ := strings.Cut(method, "#")
	for _, key := range keys {
		if key.Distrusted == 0 && key.DID == "did:key:"+multibase {
			public, err := didkey.Parse(key.DID)
			return public, err == nil
		}
	}
	return nil, false
}
