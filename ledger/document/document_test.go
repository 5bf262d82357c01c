package document_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
)

const (
	organization = "did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393"
	user         = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"
)

// subject reads the credentialSubject of a file.
func subject(t testing.TB, file []byte) map[string]any {
	t.Helper()
	var m struct{ CredentialSubject map[string]any }
	if err := json.Unmarshal(file, &m); err != nil {
		t.Fatal(err)
	}
	return m.CredentialSubject
}

// given a ledger in which much happens: each kind of event that carries a document, and the others between them.
func full(t testing.TB, did string) *documenttest.Ledger {
	t.Helper()
	profile := documenttest.Guardian
	profile.Delegation = true
	l := documenttest.Open(t, profile, did)
	auditor := l.AddRole("Auditor", "Reads <all> & \"more\" – é😀", "export", documenttest.Read)
	empty := l.AddRole("Nothing yet", "")
	anna := l.AddSubject(user)
	other := l.AddSubject("")
	l.Do(&events.RoleAssigned{Subject: anna, Role: auditor})
	assigned := l.Do(&events.RoleAssigned{Subject: anna, Role: auditor, Scope: "policy/7", Until: l.Now.Add(time.Hour)})
	l.Do(&events.PermissionGranted{Subject: anna, Permission: documenttest.Write, Scope: "policy/7", Until: l.Now.Add(2 * time.Hour)})
	l.Do(&events.PermissionGranted{Subject: anna, Permission: "export"})
	l.Do(&events.PermissionsSet{Subject: other, Permissions: []string{"export", documenttest.Read}})
	l.Do(&events.PermissionRevoked{Subject: other, Permission: "export"})
	l.Do(&events.RolesSet{Subject: other, Roles: []ulid.ULID{auditor}})
	l.Do(&events.RoleUpdated{Role: auditor, Name: new("Auditors"), Remove: []string{"export"}})
	l.Do(&events.DocumentIssued{Thing: "subject/" + anna.String()})
	l.Do(&events.DocumentIssued{Thing: "role/" + auditor.String()})
	l.RotateDocumentKey(documenttest.Key("second document"))
	l.Do(&events.RoleDeleted{Role: empty})
	l.Do(&events.RoleAssigned{Subject: l.Owner, Role: auditor})
	l.Do(&events.RoleDelegated{Subject: other, Role: auditor, Scope: "policy/9"})
	l.Do(&events.RoleRevoked{Subject: other, Role: auditor})
	l.Now = l.Now.Add(time.Hour)
	l.Do(&events.GrantEnded{Grant: assigned.Event.ID})
	review := l.ID()
	kept := l.Do(&events.PermissionGranted{Subject: other, Permission: "export", Scope: "policy/7"})
	gone := l.Do(&events.PermissionGranted{Subject: other, Permission: "import"})
	l.Do(&events.ReviewStarted{Review: review, Title: "All \"<of>\" it – é😀", Scope: events.ReviewAll, Due: l.Now.Add(time.Hour)})
	l.Do(&events.ReviewDecided{Review: review, Grant: kept.Event.ID, Subject: other, Permission: "export", Scope: "policy/7"})
	l.Do(&events.PermissionRevoked{Subject: other, Permission: "import"})
	l.Do(&events.ReviewDecided{Review: review, Grant: gone.Event.ID, Subject: other, Permission: "import", Revoke: true})
	l.Do(&events.ReviewClosed{Review: review, KeepRest: true})
	return l
}

// Given a ledger with every kind of documented event, when each file is verified and computed again from the entries
// alone, then it holds, is the same bytes, and has the CID that its entry records.
func TestEachDocumentVerifiesAndIsRebuilt(t *testing.T) {
	for _, did := range []string{"", organization} {
		l := full(t, did)
		after := rules.New()
		seen := map[events.Type]bool{}
		for i, en := range l.Entries {
			rules.Evolve(after, en.Event)
			if en.Document == nil {
				if _, err := document.Render(after, en.Event, document.Format, after.Key(events.PurposeDocument)); !errors.Is(err, document.ErrNone) {
					t.Errorf("%s carries no document, yet: %v", en.Event.Data.Type(), err)
				}
				continue
			}
			seen[en.Event.Data.Type()] = true
			file, err := document.Rebuild(after, en.Event, en.Document)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(file, l.Files[i]) || credential.CID(file) != en.Document.CID {
				t.Errorf("%d: rebuilt as\n%s\nsigned as\n%s", i+1, file, l.Files[i])
			}
			unsigned, err := document.Render(after, en.Event, document.Format, en.Document.Key)
			if err != nil {
				t.Fatal(err)
			}
			if canonical, err := jcs.Transform(unsigned); err != nil || !bytes.Equal(canonical, unsigned) {
				t.Errorf("%d: %v, rendered\n%s\nin canonical form\n%s", i+1, err, unsigned, canonical)
			}
			v, err := credential.Verify(file)
			if err != nil {
				t.Fatal(err)
			}
			if v.Issuer != after.DID() || v.SelfIssued() != (did == "") || !v.Created.Equal(en.Event.Time) {
				t.Errorf("%d: %+v", i+1, v)
			}
		}
		for typ := range events.Types() {
			d, _ := events.New(typ)
			if want := rules.New().Documented(d) || rules.Announced(d); seen[typ] != want {
				t.Errorf("%s: a document was seen: %v; want %v", typ, seen[typ], want)
			}
		}
	}
}

// Given every type of event, when it is asked what its document is about, then it says so for those that announce
// something, and for no other.
func TestAboutKnowsEachAnnouncedType(t *testing.T) {
	for typ := range events.Types() {
		d, _ := events.New(typ)
		if _, ok := document.About(d); ok != (rules.Announced(d) || typ == "review.closed") { // an empty document.issued is about nothing
			t.Errorf("%s: About says %v", typ, ok)
		}
	}
	id := ulid.MustNew(1, bytes.NewReader(make([]byte, 10)))
	for about, want := range map[string]bool{"role/" + id.String(): true, "subject/" + id.String(): true, "grant/" + id.String(): false, "role/x": false} {
		if got, ok := document.About(&events.DocumentIssued{Thing: about}); ok != want || ok && got.String() != about {
			t.Errorf("About(document.issued %s) = %v, %v", about, got, ok)
		}
	}
}

func TestRoleContent(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	id := l.AddRole("Auditor", "", "export", documenttest.Read, documenttest.Write)
	_, file := l.Last()
	uuid := rules.UUID(id)
	want := map[string]any{
		"id": "urn:uuid:" + uuid, "type": "Role", "uuid": uuid, "name": "Auditor", "description": "",
		"permissions": []any{"POLICIES_POLICY_READ", "POLICIES_POLICY_UPDATE", "export"},
		"ledger":      documenttest.Source, "position": 3.0,
	}
	if diff := cmp.Diff(want, subject(t, file)); diff != "" {
		t.Error(diff)
	}
	// When the role is deleted, then the document holds its last state, and says so.
	l.Do(&events.RoleDeleted{Role: id})
	want["deleted"], want["position"] = true, 4.0
	_, file = l.Last()
	if diff := cmp.Diff(want, subject(t, file)); diff != "" {
		t.Error(diff)
	}
}

func TestNamesStayApart(t *testing.T) {
	// Given an own permission that is called as one of the catalogue, when a role has both, then the prefix stays.
	l := documenttest.Open(t, documenttest.Guardian, "")
	l.AddRole("Both", "", "POLICIES_POLICY_READ", documenttest.Read, documenttest.Write)
	_, file := l.Last()
	want := []any{"POLICIES_POLICY_READ", "POLICIES_POLICY_UPDATE", documenttest.Read}
	if diff := cmp.Diff(want, subject(t, file)["permissions"]); diff != "" {
		t.Error(diff)
	}
	// Given a profile of another name, then every name is written as in the entries.
	plain := documenttest.Guardian
	plain.Name = "plain"
	l = documenttest.Open(t, plain, "")
	l.AddRole("One", "", documenttest.Read)
	_, file = l.Last()
	if diff := cmp.Diff([]any{documenttest.Read}, subject(t, file)["permissions"]); diff != "" {
		t.Error(diff)
	}
}

func TestUserContentThroughTime(t *testing.T) {
	l := documenttest.Open(t, documenttest.Guardian, "")
	role := l.AddRole("Auditor", "", documenttest.Read)
	id := l.AddSubject("")
	name := "urn:uuid:" + rules.UUID(id)
	check := func(what string, roles, permissions []any) {
		t.Helper()
		_, file := l.Last()
		want := map[string]any{
			"id": name, "type": "UserPermissions", "userId": name, "roles": roles, "permissions": permissions,
			"ledger": documenttest.Source, "position": float64(len(l.Entries)),
		}
		if diff := cmp.Diff(want, subject(t, file)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	issuer := documenttest.DID(documenttest.Key("document"))
	until := l.Now.Add(time.Minute)
	on := map[string]any{
		"uuid": rules.UUID(role), "name": "Auditor", "owner": issuer, "scope": "policy/7", "until": until.Format("2006-01-02T15:04:05.000Z"),
	}
	everywhere := map[string]any{"uuid": rules.UUID(role), "name": "Auditor", "owner": issuer}
	write := map[string]any{"name": "POLICIES_POLICY_UPDATE"}

	assigned := l.Do(&events.RoleAssigned{Subject: id, Role: role, Scope: "policy/7", Until: until})
	check("assigned on a scope", []any{on}, []any{})
	l.Do(&events.RoleAssigned{Subject: id, Role: role})
	check("assigned on the organization", []any{everywhere, on}, []any{})
	l.Do(&events.PermissionGranted{Subject: id, Permission: documenttest.Write})
	check("granted", []any{everywhere, on}, []any{write})
	l.Now = until
	l.Do(&events.DocumentIssued{Thing: "subject/" + id.String()})
	check("at the end, before it is recorded", []any{everywhere}, []any{write})
	l.Do(&events.GrantEnded{Grant: assigned.Event.ID})
	check("ended", []any{everywhere}, []any{write})
	l.Do(&events.RolesSet{Subject: id})
	check("no roles", []any{}, []any{write})
	l.Do(&events.PermissionsSet{Subject: id})
	check("nothing", []any{}, []any{})
}

// names gives so many own permissions of 100 bytes.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%0100d", i)
	}
	return list
}

// Given sets whose array takes up to 200,000 bytes, then they are listed; one byte more, and count and digest stand in
// their place.
func TestBigSetsAreNamedByDigest(t *testing.T) {
	all := names(1941) // 1,941 * (100 + 3) + 1 = 199,924
	last := strings.Repeat("x", 200_000-199_924-3)
	for _, tt := range []struct {
		extra  string
		listed bool
	}{{last, true}, {last + "x", false}} {
		l := documenttest.Open(t, documenttest.Guardian, "")
		set := append(slices.Clone(all), tt.extra)
		var parts []events.Digest
		for _, p := range events.PartsOf(set) {
			l.Do(&events.PermissionsRecorded{Permissions: p})
			parts = append(parts, events.PartDigest(p))
		}
		slices.SortFunc(parts, func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
		l.Do(&events.RoleCreated{Role: l.ID(), Key: "big", Name: "Big", Parts: parts})
		en, file := l.Last()
		got := subject(t, file)
		if _, err := credential.Verify(file); err != nil {
			t.Fatal(err)
		}
		if _, ok := credential.LegacyCID(file); !ok {
			t.Errorf("a file of %d bytes does not fit one block", len(file))
		}
		if tt.listed {
			text, err := json.Marshal(got["permissions"])
			if err != nil || len(text) != 200_000 || got["permissionSet"] != nil {
				t.Errorf("an array of %d bytes, set %v, %v", len(text), got["permissionSet"], err)
			}
			continue
		}
		digest := en.Event.Data.(*events.RoleCreated).Set
		want := map[string]any{"count": float64(len(set)), "digest": base64.RawURLEncoding.EncodeToString(digest[:])}
		if diff := cmp.Diff(want, got["permissionSet"]); diff != "" || got["permissions"] != nil || digest != events.SetDigest(set) {
			t.Errorf("permissions %v: %s", got["permissions"], diff)
		}
		// The same holds for what a subject has without a role.
		id := l.AddSubject("")
		l.Do(&events.PermissionsSet{Subject: id, Parts: parts})
		_, file = l.Last()
		got = subject(t, file)
		set2, ok := got["permissionSet"].(map[string]any)
		if !ok || set2["count"] != float64(len(set)) || got["permissions"] != nil || len(file) > 10_000 {
			t.Errorf("a user document of %d bytes, permissionSet %v", len(file), got["permissionSet"])
		}
	}
}

// Given two ledgers that differ in one thing, then their documents have different CIDs.
func TestAnyChangeChangesTheCID(t *testing.T) {
	type change func(l *documenttest.Ledger, d *events.RoleCreated)
	base := func(did string, profile events.Profile, f change) string {
		l := documenttest.Open(t, profile, did)
		d := &events.RoleCreated{Role: l.ID(), Key: "auditor", Name: "Auditor", Description: "d", Permissions: []string{documenttest.Read}}
		f(l, d)
		return l.Do(d).Document.CID
	}
	same := func(*documenttest.Ledger, *events.RoleCreated) {}
	plain := documenttest.Guardian
	plain.Name = "plain"
	cids := map[string]string{}
	for name, cid := range map[string]string{
		"nothing":     base("", documenttest.Guardian, same),
		"DID":         base(organization, documenttest.Guardian, same),
		"profile":     base("", plain, same),
		"role":        base("", documenttest.Guardian, func(_ *documenttest.Ledger, d *events.RoleCreated) { d.Role[15]++ }),
		"name":        base("", documenttest.Guardian, func(_ *documenttest.Ledger, d *events.RoleCreated) { d.Name += "s" }),
		"description": base("", documenttest.Guardian, func(_ *documenttest.Ledger, d *events.RoleCreated) { d.Description = "" }),
		"permissions": base("", documenttest.Guardian, func(_ *documenttest.Ledger, d *events.RoleCreated) { d.Permissions = nil }),
		"command id":  base("", documenttest.Guardian, func(l *documenttest.Ledger, _ *events.RoleCreated) { l.ID() }),
		"time":        base("", documenttest.Guardian, func(l *documenttest.Ledger, _ *events.RoleCreated) { l.Now = l.Now.Add(time.Millisecond) }),
		"number":      base("", documenttest.Guardian, func(l *documenttest.Ledger, _ *events.RoleCreated) { l.AddRole("before", "") }),
		"key": base("", documenttest.Guardian, func(l *documenttest.Ledger, _ *events.RoleCreated) {
			l.RotateDocumentKey(documenttest.Key("second document"))
		}),
	} {
		if other, ok := cids[cid]; ok {
			t.Errorf("a change of %s gives the same CID as a change of %s", name, other)
		}
		cids[cid] = name
	}
}

// Given an organization without documents, then only what was asked for is one.
func TestWithoutDocumentsOnlyWhatIsIssued(t *testing.T) {
	profile := documenttest.Guardian
	profile.Documents = false
	l := documenttest.Open(t, profile, "")
	id := l.AddRole("Auditor", "", documenttest.Read)
	if en, file := l.Last(); en.Document != nil || file != nil {
		t.Error("role.created carries a document")
	}
	l.Do(&events.DocumentIssued{Thing: "role/" + id.String()})
	en, file := l.Last()
	if en.Document == nil || !reflect.DeepEqual(subject(t, file)["permissions"], []any{"POLICIES_POLICY_READ"}) {
		t.Errorf("the document is %s", file)
	}
	if !bytes.Contains(file, []byte(`"statusListIndex":"0"`)) {
		t.Errorf("the first document has another number: %s", file)
	}
}
