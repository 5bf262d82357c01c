package verify_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/verify"
)

// plain is a profile without documents.
var plain = events.Profile{Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true}

const site = "site/berlin"

var parts = []string{"bulk.read", "bulk.write"}

// history is an honest ledger in which everything happens that can: every type of event, members who act with
// credentials of their own, event keys that are registered, rotated, succeeded, revoked and reported, grants that end,
// parts, imports, a command of an old version.
func history(t testing.TB, profile events.Profile) *world {
	t.Helper()
	profile.DefaultRoles, profile.RecoveryDelay, profile.Delegation = true, 1, true
	w := open(t, profile)
	permission := func(name, action string) events.Permission {
		return events.Permission{Name: name, Category: "POLICIES", Entity: "POLICY", Action: action}
	}
	w.tokenRoles()
	w.do(ask{as: "catalogue"}, &events.CataloguePublished{Catalogue: documenttest.Catalogue, Title: "Guardian", Permissions: []events.Permission{
		permission("POLICIES_POLICY_READ", "READ"), permission("POLICIES_POLICY_UPDATE", "UPDATE"),
	}})
	w.do(ask{as: "ann added"}, &events.SubjectAdded{Subject: id("ann"), Key: "ann", Kind: events.KindHuman, Credential: did("ann")})
	w.do(ask{as: "administrators"}, &events.RoleCreated{Role: id("administrators"), Key: "administrators", Name: "Administrators", Permissions: []string{
		documenttest.Read, "ledger:permission.grant", "ledger:role.assign", "ledger:role.create", "ledger:subject.add",
	}})
	w.do(ask{as: "ann made administrator"}, &events.RoleAssigned{Subject: id("ann"), Role: id("administrators")})
	w.do(ask{as: "ann's role", by: "ann", reason: events.Digest{1}}, &events.RoleCreated{
		Role: id("readers"), Key: "readers", Name: "Readers", Permissions: []string{documenttest.Read},
	})
	w.do(ask{as: "bob added", by: "ann"}, &events.SubjectAdded{Subject: id("bob"), Key: "bob", Kind: events.KindHuman, Credential: did("bob"), Email: events.Digest{2}})
	w.do(ask{as: "bob a reader", by: "ann"}, &events.RoleAssigned{Subject: id("bob"), Role: id("readers"), Until: w.now.Add(time.Hour)})
	w.do(ask{as: "readers changed", seen: w.seen(7)}, &events.RoleUpdated{Role: id("readers"), Add: []string{documenttest.Write}})
	w.do(ask{as: "part", expires: 24 * time.Hour, seen: w.seen(9)}, &events.PermissionsRecorded{Permissions: parts})
	w.do(ask{as: "role of parts", seen: w.seen(0)}, &events.RoleCreated{Role: id("bulk"), Key: "bulk", Name: "Bulk", Parts: []events.Digest{events.PartDigest(parts)}})
	w.do(ask{as: "bob granted"}, &events.PermissionGranted{Subject: id("bob"), Permission: documenttest.Write, Scope: site, Until: w.now.Add(2 * time.Hour)})
	w.do(ask{as: "granted as version 1", version: 1}, &events.PermissionGranted{Subject: id("bob"), Permission: documenttest.Read})
	w.do(ask{as: "bob's set"}, &events.PermissionsSet{Subject: id("bob"), Permissions: []string{"extra", documenttest.Write}})
	w.do(ask{as: "bob's revoked"}, &events.PermissionRevoked{Subject: id("bob"), Permission: "extra"})
	w.do(ask{as: "event2 registered", node: true}, &events.KeyRegistered{Key: did("event2"), Purpose: events.PurposeEvent})
	w.do(ask{as: "ann2 registered", signer: "event2"}, &events.KeyRegistered{Key: did("ann2"), Purpose: events.PurposeCredential, Subject: id("ann")})
	w.do(ask{as: "signed by event", by: "ann", with: "ann2"}, &events.RoleCreated{Role: id("ann2"), Key: "ann2", Name: "Signed by ann2", Permissions: []string{documenttest.Read}})
	w.do(ask{as: "event rotated", node: true}, &events.KeyRotated{Old: did("event"), New: did("event3")})
	w.event = "event3"
	w.do(ask{as: "signed by event3", by: "ann"}, &events.RoleAssigned{Subject: id("bob"), Role: id("ann2")})
	w.do(ask{as: "root rotated", with: "root"}, &events.KeyRotated{Old: did("root"), New: did("root2")})
	w.do(ask{as: "event2 succeeded", with: "root2", signer: "event4"}, &events.KeySucceeded{Lost: did("event2"), Key: did("event4")})
	w.do(ask{as: "signed by event4", signer: "event4"}, &events.RolesSet{Subject: id("bob"), Roles: []ulid.ULID{id("bulk")}})
	w.do(ask{as: "event4 revoked"}, &events.KeyRevoked{Key: did("event4")})
	w.do(ask{as: "ann revoked", by: "ann", with: "ann2"}, &events.KeyRevoked{Key: did("ann")})
	w.do(ask{as: "document rotated"}, &events.KeyRotated{Old: did("document"), New: did("document2")})
	w.do(ask{as: "checkpoint rotated"}, &events.KeyRotated{Old: did("checkpoint"), New: did("checkpoint2")})
	w.do(ask{as: "checkpoint revoked"}, &events.KeyRevoked{Key: did("checkpoint")})
	w.document = "document2"
	w.do(ask{as: "bob no reader"}, &events.RoleRevoked{Subject: id("bob"), Role: id("bulk")})
	w.do(ask{as: "document about bob"}, &events.DocumentIssued{Thing: "subject/" + id("bob").String()})
	w.do(ask{as: "readers again"}, &events.RoleAssigned{Subject: id("bob"), Role: id("readers"), Scope: site, Until: w.now.Add(time.Hour)})
	w.end(ask{as: "bob's role ended"})
	w.end(ask{as: "bob's grant ended"})
	w.do(ask{as: "imported", expires: 1000 * time.Hour, origin: events.Origin{Import: &events.Import{
		Format: "role-history", Source: "iam", Record: "roles/viewer", Occurred: time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC),
	}}}, &events.RoleCreated{Role: id("viewer"), Key: "roles/viewer", Name: "Viewer", Permissions: []string{"viewer.see"}})
	w.do(ask{as: "bulk deleted"}, &events.RoleDeleted{Role: id("bulk")})
	w.do(ask{as: "event reported"}, &events.KeyReported{Key: did("event"), From: w.position("signed by event")})
	w.do(ask{as: "ann reported late"}, &events.KeyReported{Key: did("ann"), From: w.position("signed by event3")})
	w.do(ask{as: "ann reported"}, &events.KeyReported{Key: did("ann"), From: w.position("bob a reader")})
	w.do(ask{as: "event reported again"}, &events.KeyReported{Key: did("event"), From: w.position("event rotated")})
	w.do(ask{}, &events.CataloguePublished{Catalogue: "chain", Title: "Chain", Permissions: []events.Permission{
		{Name: "report", Category: "TOKEN", Entity: "TOKEN", Action: "READ", Level: events.LevelToken, Guards: []string{rules.ActionDocumentIssue}},
	}})
	for _, on := range []uint64{0, 137} {
		w.do(ask{as: "wallet added"}, &events.SubjectAdded{Subject: id(walletOn(on)), Key: walletOn(on), Kind: events.KindWallet})
		w.do(ask{as: fmt.Sprint("reporter on ", on)}, &events.PermissionGranted{Subject: id(walletOn(on)), Permission: "chain:report"})
		for _, scheme := range []string{chain.AlgorithmEIP712, chain.AlgorithmEIP191, chain.AlgorithmEIP4361} {
			w.do(ask{as: fmt.Sprint(scheme, " on ", on), scheme: scheme, on: on, seen: w.seen(11)}, &events.DocumentIssued{Thing: "subject/" + id("bob").String()})
		}
	}
	w.do(ask{as: "viewer to bob"}, &events.RoleAssigned{Subject: id("bob"), Role: id("viewer")})
	w.do(ask{}, &events.RoleReviewed{Role: id("viewer")})
	w.do(ask{}, &events.ReviewStarted{Review: id("review"), Title: "Second quarter", Scope: "subject/" + id("bob").String()})
	w.do(ask{as: "review decided"}, &events.ReviewDecided{
		Review: id("review"), Grant: w.entries[w.position("viewer to bob")-1].Event.ID, Subject: id("bob"), Role: id("viewer"),
	})
	w.do(ask{as: "review closed"}, &events.ReviewClosed{Review: id("review"), KeepRest: true})
	w.do(ask{as: "policy"}, &events.ResourceRegistered{Resource: "policy/7", Properties: []events.Property{{Name: "country", Value: "LU"}}})
	w.do(ask{as: "policy published"}, &events.ResourceUpdated{Resource: "policy/7", Publish: true})
	w.do(ask{as: "ann's condition"}, &events.PermissionGranted{Subject: id("ann"), Permission: "extra", Condition: `resource.properties.country == "LU"`})
	for _, action := range []string{rules.ActionRoleDelegate, rules.ActionAccessDelegate} {
		w.do(ask{}, &events.PermissionGranted{Subject: id("ann"), Permission: rules.Qualified(rules.Own, action)})
	}
	w.do(ask{as: "ann a viewer"}, &events.RoleAssigned{Subject: id("ann"), Role: id("viewer")})
	w.do(ask{as: "ann delegates", by: "ann", with: "ann2"}, &events.RoleDelegated{Subject: id("bob"), Role: id("viewer"), Scope: site})
	w.do(ask{as: "ann's policy"}, &events.ResourceRegistered{Resource: "policy/8"})
	w.do(ask{as: "ann assigned"}, &events.AccessAssigned{Subject: id("ann"), Resource: "policy/7"})
	w.do(ask{as: "ann unassigned"}, &events.AccessUnassigned{Subject: id("ann"), Resource: "policy/7"})
	w.do(ask{as: "policy removed"}, &events.ResourceRemoved{Resource: "policy/8"})
	w.do(ask{as: "ann may register"}, &events.PermissionGranted{Subject: id("ann"), Permission: rules.Qualified(rules.Own, rules.ActionResourceRegister)})
	w.do(ask{as: "ann's own policy", by: "ann", with: "ann2"}, &events.ResourceRegistered{Resource: "policy/9"})
	w.do(ask{as: "ann delegates access", by: "ann", with: "ann2"}, &events.AccessDelegated{Subject: id("bob"), Resource: "policy/9"})
	w.lives()
	w.tokens()
	w.do(ask{as: "bob deactivated"}, &events.SubjectDeactivated{Subject: id("bob")})
	w.do(ask{as: "renamed"}, &events.OrganizationUpdated{Organization: "acme", Name: "Acme S.A."})
	w.do(ask{as: "default role"}, &events.RoleDefaulted{Role: id("readers")})
	w.do(ask{as: "recovery announced", by: "platform", with: "operator", reason: events.Digest{3}}, &events.RecoveryStarted{To: id("ann")})
	w.do(ask{as: "recovery stopped"}, &events.RecoveryStopped{To: id("ann")})
	w.do(ask{as: "recovery announced again", by: "platform", with: "operator", reason: events.Digest{4}}, &events.RecoveryStarted{To: id("ann")})
	w.do(ask{as: "ann the owner", by: "platform", with: "operator"}, &events.OwnershipRecovered{To: id("ann")})
	w.do(ask{as: "the owner again", by: "ann", with: "ann2"}, &events.OwnershipTransferred{To: id("owner")})
	return w
}

// profiles are those in which every attack is tried that does not speak of documents.
var profiles = map[string]events.Profile{"with documents": documenttest.Guardian, "without documents": plain}

// Given honest histories in which everything happens, then they verify, and the report says what was proven.
func TestHonestHistory(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			w := history(t, profile)
			happened := map[events.Type]bool{}
			want := verify.Report{
				Organization: "acme", Source: documenttest.Source, Genesis: w.entries[0].CID(), Pinned: true, Rules: rules.Version,
				Position: uint64(len(w.entries)), CID: w.entries[len(w.entries)-1].CID(), Root: w.roots[len(w.roots)-1],
				Suspects: []verify.Suspect{
					{Key: did("ann"), From: w.position("bob a reader"), Positions: []uint64{w.position("bob a reader"), w.position("signed by event3")}},
					{Key: did("event"), From: w.position("signed by event"), Positions: []uint64{w.position("signed by event"), w.position("event rotated")}},
				},
			}
			for _, en := range w.entries {
				happened[en.Event.Data.Type()] = true
				if en.Evidence != nil {
					want.Signed++
				} else {
					want.Node++
				}
				if en.Document != nil {
					want.Documents++
				}
			}
			for typ := range events.Types() {
				// One ends the history of older rules, the other is of the operator's ledger alone.
				if !happened[typ] && typ != "rules.adopted" && typ != "checkpoints.recorded" {
					t.Errorf("no %s happens in the history", typ)
				}
			}
			for _, workers := range []int{0, 1, 3} {
				got, err := entries(t, w.raws(), verify.Options{Genesis: want.Genesis, Head: w.head(want.Position), Workers: workers})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, *got); diff != "" {
					t.Errorf("%d workers (-want +got):\n%s", workers, diff)
				}
			}
			if want.Node != 4 || (profile.Documents && want.Documents < 15) || (!profile.Documents && want.Documents != 8) {
				t.Errorf("%d commands are the node's, %d entries have documents", want.Node, want.Documents)
			}
		})
	}
}

// Given no genesis and no head from outside, then the report says that it is not proven which ledger this is, nor that
// it does not go on.
func TestNothingPinned(t *testing.T) {
	w := open(t, plain)
	for _, o := range []verify.Options{{}, {Head: &verify.Head{}}} {
		got, err := entries(t, w.raws(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got.Pinned || len(got.Notes) != 2 || !strings.Contains(got.Notes[0], "pin it") || !strings.Contains(got.Notes[1], "No head") {
			t.Errorf("pinned: %v, notes: %q", got.Pinned, got.Notes)
		}
	}
}

// Given a head that was remembered at any position, then the history that goes on from there reaches it.
func TestRememberedHead(t *testing.T) {
	w := history(t, plain)
	for position := range uint64(len(w.entries)) {
		if _, err := entries(t, w.raws(), verify.Options{Head: w.head(position + 1)}); err != nil {
			t.Errorf("head at %d: %v", position+1, err)
		}
	}
}
