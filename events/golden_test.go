package events_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
)

// -rewrite writes the golden files anew. Bytes of a version that a release has written never change: commit only what
// you understand, and nothing that changes a file there was.
var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

var (
	at    = time.Date(2026, 3, 1, 12, 30, 0, 250e6, time.UTC)
	actor = id(1)
)

// id gives a ULID of 2026-03-01 that is easy to tell from others.
func id(n byte) ulid.ULID {
	var u ulid.ULID
	_ = u.SetTime(uint64(at.UnixMilli()))
	u[15] = n
	return u
}

func digest(n byte) events.Digest { return events.Digest(bytes.Repeat([]byte{n}, 32)) }

func did(n byte) string { return eventtest.KeyOf(eventtest.PrivateKey(n)) }

// text has every character that a writer may spell in two ways.
const text = "a \"quoted\" \\ word,\nü 日本 \U0001f511 </b> & \u00a0"

// examples say everything that a kind can say.
var examples = map[eventtest.Kind]events.Data{
	{Type: "access.assigned", Version: 1}:   &events.AccessAssigned{Subject: id(2), Resource: "policy/7"},
	{Type: "access.delegated", Version: 1}:  &events.AccessDelegated{Subject: id(2), Resource: "policy/7", From: id(9), Keep: true},
	{Type: "access.unassigned", Version: 1}: &events.AccessUnassigned{Subject: id(2), Resource: "policy/7", Grant: id(9)},
	{Type: "catalogue.published", Version: 1}: &events.CataloguePublished{
		Catalogue: "acme", Title: "What ACME allows",
		Permissions: []events.Permission{
			{Name: "asset.mint", Category: "Assets", Entity: "asset", Action: "mint", Description: text, DependsOn: []string{"asset.view"},
				Guards: []string{"role.create", "role.update"}, Level: events.LevelToken, Reserved: true},
			{Name: "asset.view", Category: "Assets", Entity: "asset", Action: "view"},
		},
		Number: 2, Added: []string{"asset.mint"}, Retired: []string{"asset.burn"},
	},
	{Type: "catalogue.published", Version: 2}: &events.CataloguePublished{
		Catalogue: "acme", Title: "What ACME allows",
		Permissions: []events.Permission{
			{Name: "asset.mint", Category: "Assets", Entity: "asset", Action: "mint", Needs: []string{events.NeedQualified, events.NeedUnpaused}},
			{Name: "asset.view.all", Category: "Assets", Entity: "asset", Action: "view all", Access: events.ReachAll},
		},
		Number: 2, Added: []string{"asset.mint"}, Retired: []string{"asset.burn"},
	},
	{Type: "checkpoints.recorded", Version: 1}: &events.CheckpointsRecorded{Checkpoints: []events.RecordedCheckpoint{
		{Organization: "acme", Size: 41, Root: digest(4), Key: did(6)}, {Organization: "bank-2", Size: 7, Root: digest(5)},
	}},
	{Type: "document.issued", Version: 1}: &events.DocumentIssued{Thing: "role/" + id(7).String()},
	{Type: "grant.ended", Version: 1}: &events.GrantEnded{
		Grant: id(9), Subject: id(2), Role: id(7), Permission: "asset.view", Scope: "token/EU-1",
	},
	{Type: "key.registered", Version: 1}: &events.KeyRegistered{Key: did(6), Purpose: events.PurposeCredential, Subject: id(2)},
	{Type: "key.registered", Version: 2}: &events.KeyRegistered{Key: did(6), Purpose: events.PurposeCredential, Subject: id(2), Until: at.Add(48 * time.Hour)},
	{Type: "key.reported", Version: 1}:   &events.KeyReported{Key: did(1), From: 41},
	{Type: "key.revoked", Version: 1}:    &events.KeyRevoked{Key: did(6)},
	{Type: "key.rotated", Version: 1}:    &events.KeyRotated{Old: did(1), New: did(6), Purpose: events.PurposeEvent},
	{Type: "key.rotated", Version: 2}:    &events.KeyRotated{Old: did(1), New: did(6), Beside: at.Add(time.Hour), Until: at.Add(48 * time.Hour), Purpose: events.PurposeCredential},
	{Type: "key.succeeded", Version: 1}:  &events.KeySucceeded{Lost: did(1), Key: did(6)},
	{Type: "login.changed", Version: 1}:  &events.LoginChanged{Subject: id(2), Credential: did(7), Login: digest(3)},
	{Type: "organization.opened", Version: 1}: &events.OrganizationOpened{
		Organization: "acme", Name: "ACME \U0001f511 Ltd.", DID: "did:web:acme.example", Rules: 1, Node: id(3),
		Profile: events.Profile{Name: "plain", Dependencies: true, DirectGrants: true, Documents: true, EmptyRoles: true,
			NewPermissions: true, UniqueNames: true},
		Owner:    events.Owner{Subject: id(1), Key: "owner", Kind: events.KindHuman, DID: "did:web:ann.example", Credential: did(5)},
		Keys:     events.Keys{Event: did(1), Document: did(2), Root: did(3), Operator: did(4)},
		Evidence: []string{"key.registered", "key.revoked"},
	},
	{Type: "organization.opened", Version: 2}: &events.OrganizationOpened{
		Organization: "acme", Name: "ACME \U0001f511 Ltd.", DID: "did:web:acme.example", Rules: 2, Node: id(3), Operator: id(4),
		Profile: events.Profile{Name: "plain", Dependencies: true, DirectGrants: true, Documents: true, EmptyRoles: true,
			NewPermissions: true, UniqueNames: true, DefaultRoles: true, Delegation: true, FixedRoles: true, KeepDelegated: true,
			OneRolePerKey: true, RecoveryDelay: 259_200, WithdrawRoles: true},
		Owner:    events.Owner{Subject: id(1), Key: "owner", Kind: events.KindHuman, DID: "did:web:ann.example", Credential: did(5)},
		Keys:     events.Keys{Event: did(1), Document: did(2), Root: did(3), Operator: did(4), Checkpoint: did(6)},
		Evidence: []string{"key.registered", "key.revoked"},
	},
	{Type: "organization.updated", Version: 1}: &events.OrganizationUpdated{Organization: "acme", Name: "ACME \U0001f511 S.A."},
	{Type: "ownership.recovered", Version: 1}:  &events.OwnershipRecovered{To: id(2), From: id(1), Role: id(7)},
	{Type: "recovery.started", Version: 1}: &events.RecoveryStarted{
		To: id(2), From: id(1), Due: at.Add(72 * time.Hour),
	},
	{Type: "recovery.stopped", Version: 1}:      &events.RecoveryStopped{To: id(2)},
	{Type: "ownership.transferred", Version: 1}: &events.OwnershipTransferred{To: id(2), From: id(1), Role: id(7)},
	{Type: "permission.granted", Version: 1}:    &events.PermissionGranted{Subject: id(2), Permission: "acme:asset.view"},
	{Type: "permission.granted", Version: 2}: &events.PermissionGranted{
		Subject: id(2), Permission: "acme:asset.view", Scope: "token/EU-1", Until: at.Add(24 * time.Hour),
	},
	{Type: "permission.granted", Version: 3}: &events.PermissionGranted{
		Subject: id(2), Permission: "acme:asset.view", Scope: "token/EU-1", Until: at.Add(24 * time.Hour),
		Condition: `resource.properties.country == "LU" && subject.properties.desk != "a \\ \"b\" ü"`,
	},
	{Type: "permission.revoked", Version: 1}: &events.PermissionRevoked{
		Subject: id(2), Permission: "asset.view", Scope: "token/EU-1", Grant: id(9),
	},
	{Type: "permissions.recorded", Version: 1}: &events.PermissionsRecorded{
		Permissions: []string{`"\`, "asset.view"}, Part: events.PartDigest([]string{`"\`, "asset.view"}),
	},
	{Type: "permissions.set", Version: 1}: &events.PermissionsSet{
		Subject: id(2), Scope: "token/EU-1/desk/7", Permissions: []string{"asset.mint", "asset.view"}, Parts: []events.Digest{digest(9), digest(8)},
		Before: events.Extent{Set: events.SetDigest(nil)}, After: events.Extent{Count: 3, Set: digest(1)},
		Added: []string{"asset.mint"}, Removed: []string{"asset.burn"},
	},
	{Type: "role.assigned", Version: 1}: &events.RoleAssigned{Subject: id(2), Role: id(7), Scope: "token/EU-1", Until: at.Add(time.Hour)},
	{Type: "role.assigned", Version: 2}: &events.RoleAssigned{
		Subject: id(2), Role: id(7), Scope: "token/EU-1", Until: at.Add(time.Hour), Condition: `action.properties.channel == "api"`,
	},
	{Type: "resource.registered", Version: 1}: &events.ResourceRegistered{
		Resource: "asset/4711/investor/A", Name: "Investor 🔑 A", Properties: []events.Property{{Name: "country", Value: "LU"}, {Name: "note"}}, Published: true,
	},
	{Type: "review.closed", Version: 1}: &events.ReviewClosed{Review: id(2), KeepRest: true, Scope: "role/" + id(3).String(), Kept: 1, Revoked: 2, Rest: 3},
	{Type: "review.decided", Version: 1}: &events.ReviewDecided{
		Review: id(2), Grant: id(9), Subject: id(3), Permission: "acme:asset.mint", Scope: "asset/7", Revoke: true,
	},
	{Type: "review.started", Version: 1}: &events.ReviewStarted{
		Review: id(2), Title: "Second quarter", Scope: events.ReviewAll, Due: at.AddDate(0, 1, 0), Items: 7,
	},
	{Type: "role.reviewed", Version: 1}:    &events.RoleReviewed{Role: id(2)},
	{Type: "resource.removed", Version: 1}: &events.ResourceRemoved{Resource: "policy/7"},
	{Type: "resource.updated", Version: 1}: &events.ResourceUpdated{Resource: "policy/7", Name: new("Policy"), Properties: []events.Property{}, Publish: true},
	{Type: "role.delegated", Version: 1}: &events.RoleDelegated{
		Subject: id(2), Role: id(7), Scope: "token/EU-1", Until: at.Add(time.Hour),
		Condition: `resource.properties.country == "LU"`, From: id(9), Keep: true,
	},
	{Type: "role.created", Version: 1}: &events.RoleCreated{
		Role: id(7), Key: "Minter (EU)", Name: "Minter", Description: text, Labels: []events.Label{{Name: "stage", Value: "BETA"}, {Name: "tier"}},
		Permissions: []string{"asset.mint"}, Parts: []events.Digest{digest(9)},
		Included: []string{"asset.view"}, Count: 2, Set: events.SetDigest([]string{"asset.mint", "asset.view"}),
	},
	{Type: "role.created", Version: 2}: &events.RoleCreated{
		Role: id(7), Key: "Minter (EU)", Name: "Minter", Description: text, Labels: []events.Label{{Name: "stage", Value: "BETA"}, {Name: "tier"}},
		Permissions: []string{"asset.mint"}, Parts: []events.Digest{digest(9)}, System: true, Managed: events.ManagedTokenAgent,
		Included: []string{"asset.view"}, Count: 2, Set: events.SetDigest([]string{"asset.mint", "asset.view"}),
	},
	{Type: "role.defaulted", Version: 1}: &events.RoleDefaulted{Role: id(7), None: true, Former: id(8)},
	{Type: "role.deleted", Version: 1}:   &events.RoleDeleted{Role: id(7)},
	{Type: "role.revoked", Version: 1}:   &events.RoleRevoked{Subject: id(2), Role: id(7), Scope: "token/EU-1", Grant: id(9)},
	{Type: "role.updated", Version: 1}: &events.RoleUpdated{
		Role: id(7), Name: new("Burner"), Description: new(string), Labels: []events.Label{},
		Add: []string{"asset.burn"}, AddParts: []events.Digest{digest(9)}, Remove: []string{"asset.mint"}, RemoveParts: []events.Digest{digest(8)},
		Included: []string{"asset.view"}, Count: 2, Set: events.SetDigest([]string{"asset.burn", "asset.view"}),
	},
	{Type: "roles.set", Version: 1}: &events.RolesSet{
		Subject: id(2), Roles: []ulid.ULID{id(7), id(8)}, Added: []ulid.ULID{id(8)}, Removed: []ulid.ULID{id(6)},
	},
	{Type: "rules.adopted", Version: 1}: &events.RulesAdopted{
		Organization: "acme", Rules: 2, Operator: id(4), From: 1,
		Switches: events.Profile{DefaultRoles: true, Delegation: true, FixedRoles: true, KeepDelegated: true, OneRolePerKey: true,
			RecoveryDelay: 259_200, WithdrawRoles: true},
	},
	{Type: "subject.added", Version: 1}: &events.SubjectAdded{
		Subject: id(2), Key: "ben@acme", Kind: events.KindWallet, DID: "did:pkh:eip155:1:0xb9c5714089478a327f09197987f16f9e5d936e8a",
		Credential: did(6), DisplayName: events.Commit([32]byte{1}, "Ben"), Email: events.Commit([32]byte{2}, "ben@acme.example"),
	},
	{Type: "subject.added", Version: 2}: &events.SubjectAdded{
		Subject: id(2), Key: "ci@acme", Kind: events.KindAPIKey, Credential: did(6), DisplayName: events.Commit([32]byte{1}, "CI"),
		Email: events.Commit([32]byte{2}, "ci@acme.example"), DID: "did:web:ci.example", Auth: events.AuthAPIKey, Holder: id(1),
		Properties: []events.Property{{Name: "country", Value: "LU"}, {Name: "note"}}, Reference: "crm \U0001f511 7",
		Roles: []ulid.ULID{id(7), id(8)}, DefaultRole: id(6),
	},
	{Type: "subject.deactivated", Version: 1}: &events.SubjectDeactivated{Subject: id(2)},
	{Type: "subject.erased", Version: 1}:      &events.SubjectErased{Subject: id(2), Texts: []events.Digest{digest(8), digest(9)}},
	{Type: "subject.invited", Version: 1}: &events.SubjectInvited{
		Subject: id(2), Key: "ben@acme", Kind: events.KindHuman, DisplayName: events.Commit([32]byte{1}, "Ben"),
		Email: events.Commit([32]byte{2}, "ben@acme.example"), Auth: events.AuthEmail, Invitation: did(6),
		Properties: []events.Property{{Name: "country", Value: "LU"}}, Reference: "crm 7", Roles: []ulid.ULID{id(7)},
		Until: at.Add(7 * 24 * time.Hour), DefaultRole: id(6),
	},
	{Type: "subject.joined", Version: 1}:      &events.SubjectJoined{Subject: id(2), Credential: did(7), Login: digest(3)},
	{Type: "subject.linked", Version: 1}:      &events.SubjectLinked{Subject: id(2), To: "0xb9C5714089478a327F09197987f16f9E5d936E8a"},
	{Type: "subject.reactivated", Version: 1}: &events.SubjectReactivated{Subject: id(2)},
	{Type: "subject.removed", Version: 1}:     &events.SubjectRemoved{Subject: id(2), Grants: 2, Roles: []ulid.ULID{id(7)}},
	{Type: "subject.unlinked", Version: 1}:    &events.SubjectUnlinked{Subject: id(2), To: "did:web:ben.example"},
	{Type: "subject.updated", Version: 1}: &events.SubjectUpdated{
		Subject: id(2), DisplayName: events.Commit([32]byte{1}, "Ben"), Email: events.Commit([32]byte{2}, "ben@acme.example"),
		Holder: id(1), Properties: []events.Property{}, Reference: new(string),
	},
}

// Names on chains that examples use. The wallets are of nobody.
const (
	contract = "eip155:137:0x000000000000000000000000000000000000dEaD"
	wallet1  = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	wallet2  = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
)

func init() {
	for typ, d := range map[events.Type]events.Data{
		"agent.added":   &events.AgentAdded{Token: contract, Agent: wallet1, Subject: id(2), Added: true, Role: id(7)},
		"agent.removed": &events.AgentRemoved{Token: contract, Agent: wallet1, Subject: id(2), Role: id(7)},
		"chain.observed": &events.ChainObserved{
			Token: contract, Fact: events.FactOwnershipTransferred, Account: wallet1, Previous: wallet2,
			Block: events.Block{Hash: "0x" + strings.Repeat("ab", 32), Number: 63_000_000}, Tx: "0x" + strings.Repeat("cd", 32), Index: 7,
			Subject: id(2), Added: true, Role: id(7), From: id(3),
		},
		"investor.disqualified": &events.InvestorDisqualified{Token: contract, Wallet: wallet1, Subject: id(2), Role: id(7), OnBehalfOf: id(3)},
		"investor.qualified": &events.InvestorQualified{
			Token: contract, Wallet: wallet1, Investor: "INV-1", OnchainID: wallet2, Country: "LU",
			Properties: []events.Property{{Name: "class", Value: "professional"}, {Name: "tier", Value: ""}},
			Subject:    id(2), Added: true, Role: id(7), OnBehalfOf: id(3),
		},
		"token.acted":       &events.TokenActed{Token: contract, Permission: "tokeny:token.mint", Payload: digest(4), OnBehalfOf: id(3)},
		"token.deployed":    &events.TokenDeployed{Token: contract, Name: "ABC TOKEN", Owner: wallet1, Subject: id(2), Added: true, Role: id(7)},
		"token.transferred": &events.TokenTransferred{Token: contract, To: wallet1, Subject: id(2), Added: true, From: id(3), Role: id(7)},
		"token.updated": &events.TokenUpdated{
			Token: contract, State: events.TokenPaused, IdentityRegistry: wallet1, Compliance: wallet2,
			Condition: new(`subject.properties.class == "professional" && subject.properties.country != "US"`), OnBehalfOf: id(3),
		},
		"wallet.blocked":   &events.WalletBlocked{Token: contract, Wallet: wallet1, Subject: id(2), Added: true, OnBehalfOf: id(3)},
		"wallet.unblocked": &events.WalletUnblocked{Token: contract, Wallet: wallet1, Subject: id(2), OnBehalfOf: id(3)},
	} {
		examples[eventtest.Kind{Type: typ, Version: 1}] = d
	}
}

// turn gives the turn of a kind. Those that were there first stand in their order, so that their golden files stay.
func turn(k eventtest.Kind) int {
	first := []string{
		"catalogue.published.1", "document.issued.1", "grant.ended.1", "key.registered.1", "key.reported.1", "key.revoked.1",
		"key.rotated.1", "key.succeeded.1", "organization.opened.1", "permission.granted.1", "permission.granted.2",
		"permission.revoked.1", "permissions.recorded.1", "permissions.set.1", "role.assigned.1", "role.created.1",
		"role.deleted.1", "role.revoked.1", "role.updated.1", "roles.set.1", "subject.added.1", "subject.deactivated.1",
	}
	if i := slices.Index(first, k.String()); i >= 0 {
		return i
	}
	return len(k.String())
}

// example gives the event of a kind; imported, derived and live ones take turns.
func example(k eventtest.Kind, turn int) *events.Event {
	e := &events.Event{
		ID: id(9), Source: "ledger.example:4443/acme", Sequence: 41, Time: at, Actor: actor, Version: k.Version, Data: examples[k],
		Prev: "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
		Auth: events.Auth{Method: events.MethodSignature, Credential: did(5)},
	}
	if k.Type == "organization.opened" {
		e.Sequence, e.Prev = 1, ""
		return e
	}
	switch turn % 3 {
	case 0:
		e.Reason = events.Commit([32]byte{3}, "because I can")
	case 1:
		e.Origin.Import = &events.Import{Format: "role-history", Source: "roles.json", Record: "roles/7 #2", Part: 1, Occurred: at.Add(-time.Hour)}
		e.ID = events.ImportID(*e.Origin.Import)
	case 2:
		e.Origin.Derived = &events.Derived{From: id(4), Row: 17}
		e.Auth.Method = events.MethodNode
	}
	return e
}

func goldenFile(k eventtest.Kind) string {
	return filepath.Join("testdata", "golden", k.String()+".json")
}

// Given the bytes that a release wrote, when they are read, then they say what they said, and are written again as
// they were.
func TestGolden(t *testing.T) {
	for _, k := range eventtest.Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			if examples[k] == nil {
				t.Fatalf("there is no example of %v: a new kind needs one, and a golden file (-rewrite)", k)
			}
			want := example(k, turn(k))
			b, err := want.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				if err := os.WriteFile(goldenFile(k), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(goldenFile(k))
			if err != nil {
				t.Fatal(err)
			}
			if diff := different(string(golden), string(b)); diff != "" {
				t.Errorf("other bytes than before (-golden +now):\n%s", diff)
			}
			got, err := events.Decode(golden)
			if err != nil {
				t.Fatalf("the golden file is not read: %v", err)
			}
			if diff := different(want, got); diff != "" {
				t.Errorf("it is read as something else (-want +got):\n%s", diff)
			}
			again, err := got.Encode()
			if err != nil || !bytes.Equal(again, golden) {
				t.Errorf("it is written again as %s (%v)", again, err)
			}
		})
	}
}

// Given a folder of golden files, then none is of a kind that is gone: kinds grow, and never shrink.
func TestGoldenFilesAllRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.json"))
	if err != nil || len(files) < len(eventtest.Kinds()) {
		t.Fatalf("%d golden files (%v)", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := events.Decode(b); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// Given a grant as version 1 wrote it, with "user" and neither scope nor end, when it is read, then it is the grant of
// today on the whole organization for good, and it is written again as version 1.
func TestVersion1OfPermissionGranted(t *testing.T) {
	const frame = `{"actor":"01KJMP10HT0000000000000001","data":{"auth":{"credential":"%s","method":"signature"},` +
		`"command":%s},"dataschema":"urn:permledger:permission.granted:%s","id":"01KJMP10HT0000000000000009","sequence":"1",` +
		`"source":"h/acme","specversion":"1.0","subject":"subject/01KJMP10HT0000000000000002","time":"2026-03-01T12:30:00.250Z","type":"permission.granted"}`
	const command = `{"permission":"asset.view","user":"01KJMP10HT0000000000000002"}`
	old := sprintf(frame, did(5), command, "1")

	e, err := events.Decode(old)
	if err != nil {
		t.Fatal(err)
	}
	want := &events.PermissionGranted{Subject: id(2), Permission: "asset.view"}
	if diff := different(events.Data(want), e.Data); diff != "" || e.Version != 1 {
		t.Errorf("read as version %d (-want +got):\n%s", e.Version, diff)
	}
	if b, err := e.Encode(); err != nil || !bytes.Equal(b, old) {
		t.Errorf("written again as %s (%v)", b, err)
	}
	c := events.CommandOf(e)
	signed, err := c.Bytes(events.Signed{})
	if err != nil || !bytes.Contains(signed, []byte(`"command":`+command)) {
		t.Errorf("the command's bytes are not those of version 1: %s (%v)", signed, err)
	}

	if _, err := events.Decode(sprintf(frame, did(5), command, "2")); err == nil {
		t.Error("the members of version 1 were read as version 2")
	}
	for name, d := range map[string]*events.PermissionGranted{
		"scope": {Subject: id(2), Permission: "p", Scope: "token/1"},
		"until": {Subject: id(2), Permission: "p", Until: at},
	} {
		e := example(eventtest.Kind{Type: "permission.granted", Version: 1}, 0)
		e.Data = d
		if b, err := e.Encode(); err == nil {
			t.Errorf("version 1 was written with %s, which it cannot say: %s", name, b)
		}
	}
}
