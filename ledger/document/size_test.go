package document_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
)

// listsOf gives the lists that the last document of a ledger names, and holds each against the file and against a list
// that differs in one place.
func listsOf(t *testing.T, l *documenttest.Ledger) map[string][]byte {
	t.Helper()
	en, file := l.Last()
	lists, err := document.Lists(l.State, en.Event, en.Document)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	all := map[string][]byte{}
	for _, one := range lists {
		names = append(names, one.Member)
		all[one.Member] = one.Array
		if err := document.CheckList(file, one); err != nil {
			t.Error(err)
		}
		changed := bytes.Clone(one.Array)
		changed[len(changed)/2] ^= 1
		cut := append(bytes.Clone(one.Array[:bytes.LastIndexByte(one.Array, ',')]), ']')
		for name, other := range map[string][]byte{"changed": changed, "shorter": cut, "spaced": bytes.Replace(one.Array, []byte(","), []byte(", "), 1), "none": nil} {
			if err := document.CheckList(file, document.List{Member: one.Member, Array: other}); !errors.Is(err, document.ErrList) {
				t.Errorf("%s, %s: %v", one.Member, name, err)
			}
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, document.Named(file)) {
		t.Errorf("lists %v; the file names %v", names, document.Named(file))
	}
	if _, ok := credential.LegacyCID(file); !ok || len(file) > credential.Chunk {
		t.Errorf("a file of %d bytes is larger than a chunk", len(file))
	}
	if err := document.CheckList(file, document.List{Member: "owners", Array: []byte("[]")}); !errors.Is(err, document.ErrList) {
		t.Errorf("a list that no document names: %v", err)
	}
	return all
}

// Given what makes files as large as they get, then none is larger than one chunk, and what is left out of it is the list
// of the digest that it names.
func TestNoFileIsLargerThanAChunk(t *testing.T) {
	profile := documenttest.Guardian
	profile.Documents = false // names are bounded where there are topic messages
	l := documenttest.Open(t, profile, "did:web:"+strings.Repeat("a", 240))
	lists := func(thing string, id ulid.ULID) map[string][]byte {
		t.Helper()
		l.Do(&events.DocumentIssued{Thing: thing + "/" + id.String()})
		return listsOf(t, l)
	}
	wide := strings.Repeat("\"", 512) // the longest as JSON writes it
	parted := func(set []string) (parts []events.Digest) {
		for _, p := range events.PartsOf(set) {
			l.Do(&events.PermissionsRecorded{Permissions: p})
			parts = append(parts, events.PartDigest(p))
		}
		slices.SortFunc(parts, func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
		return parts
	}
	// A role of the size that clouds have: 13,568 permissions.
	var large []string
	for i := range 13_568 {
		large = append(large, fmt.Sprintf("service%03d.resources%02d.action%d", i/100, i/10%10, i%10))
	}
	slices.Sort(large)
	role := l.ID()
	l.Do(&events.RoleCreated{Role: role, Key: "owner", Name: "Owner", Description: strings.Repeat("\n", 8192), Parts: parted(large)})
	if got, err := json.Marshal(large); err != nil || !bytes.Equal(got, lists("role", role)["permissions"]) {
		t.Error("the list is not the role's permissions")
	}
	// Users with so many permissions and roles that both, or neither, are sets.
	user := l.AddSubject("")
	l.Do(&events.PermissionsSet{Subject: user, Parts: parted(names(890))}) // of 112 bytes each: just below
	if got := lists("subject", user); len(got) != 0 {
		t.Errorf("%d lists", len(got))
	}
	var roles []ulid.ULID
	for i := range 65 { // of some 1,350 bytes each
		roles = append(roles, l.AddRole(wide[:len(wide)-3]+fmt.Sprintf("%03d", i), ""))
	}
	slices.SortFunc(roles, ulid.ULID.Compare)
	l.Do(&events.RolesSet{Subject: user, Roles: roles})
	if got := lists("subject", user); len(got) != 0 {
		_, file := l.Last()
		t.Errorf("%d lists beside a file of %d bytes", len(got), len(file))
	}
	for i := range 20 {
		roles = append(roles, l.AddRole(wide[:len(wide)-3]+fmt.Sprintf("%03d", 100+i), ""))
	}
	slices.SortFunc(roles, ulid.ULID.Compare)
	l.Do(&events.RolesSet{Subject: user, Roles: roles})
	if got := lists("subject", user); len(got) != 1 || got["roles"] == nil {
		t.Errorf("%d lists", len(got))
	}
	l.Do(&events.PermissionsSet{Subject: user, Parts: parted(names(1000))})
	if got := lists("subject", user); len(got) != 2 {
		t.Errorf("%d lists", len(got))
	}
}

// Given a status list that somebody changed, in whatever place, then it does not verify.
func TestStatusListsThatWereChanged(t *testing.T) {
	bits := credential.NewBits(document.StatusListLength)
	bits.Set(7)
	list := document.StatusList{Source: documenttest.Source, Purpose: document.PurposeRevocation, Bits: bits}
	list.Time = documenttest.Open(t, documenttest.Guardian, "").Now
	file, err := list.Sign(documenttest.Key("document"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := list.Sign(documenttest.Key("document"))
	if err != nil || !bytes.Equal(file, again) {
		t.Errorf("%v: signed again it is another file", err)
	}
	if _, err := credential.Verify(file); err != nil {
		t.Fatal(err)
	}
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 1
		if _, err := credential.Verify(changed); err == nil {
			t.Fatalf("byte %d changed: it verifies\n%s", i, changed)
		}
	}
	if _, err := list.Sign(nil); err == nil {
		t.Error("no key signs")
	}
}

// FuzzCheckList: whatever the file and the list, nothing panics, and what is accepted is what the digest is of.
func FuzzCheckList(f *testing.F) {
	f.Add([]byte(`{"credentialSubject":{"type":"Role","permissionSet":{"count":1,"digest":""}}}`), "permissions", []byte(`["a"]`))
	f.Add([]byte(`{"credentialSubject":{"type":"UserPermissions","roleSet":{"count":0,"digest":"T1PNoYx9LvFmiYyNqyRMRdkxJ2nCqrmb2xJ0rNtvCqA"}}}`), "roles", []byte(`[]`))
	f.Fuzz(func(t *testing.T, file []byte, member string, array []byte) {
		if err := document.CheckList(file, document.List{Member: member, Array: array}); err == nil && len(array) < 2 {
			t.Fatalf("%q is accepted", array)
		}
	})
}
