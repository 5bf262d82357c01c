package acceptance_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
)

func TestI1WhatUsersAndKeysMayDoComesFromRoles(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").CreateRole("Empty-handed", "billing.portal")
	o.As("owner").Do(apiKey(o, "key_ci", "empty-handed"))
	o.Denied("member", "ip.query")
	o.Denied("key_ci", "ip.query")
	o.As("owner").Assign("read-only", "member")
	o.As("owner").Do(setRoles("key_ci", "read-only"))
	o.Allowed("member", "ip.query")
	o.Allowed("key_ci", "ip.query")
	// And from nothing else.
	o.Refused(o.As("owner").Try(grant("billing.portal", "member")), "invalid", "permissions are given by roles", "Put the permission into a role")
}

func TestI5AnAPIKeyHasThePermissionsOfItsRole(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Inviter", "organization.invite")
	o.As("owner").Do(apiKey(o, "key_onboarding", "inviter"))
	o.Holds("key_onboarding", "organization.invite")
	if _, err := o.DoAs("key_onboarding", addSubject(o, "new member", events.KindHuman)); err != nil {
		t.Errorf("the key does not add: %v", err)
	}
	_, err := o.DoAs("key_onboarding", createRole("Another", "organization.invite"))
	o.Missing(err, "roles.create")
}

// admin adds an Admin, as the profile has it.
func admin(o *org, who string) {
	o.t.Helper()
	o.Add(who)
	o.As("owner").Assign("organization-admin", who)
}

func TestI15AnAdminInvitesAndRemovesMembers(t *testing.T) {
	o := open(t, "ipaware")
	admin(o, "adam")
	o.As("owner").CreateRole("Member", "ip.query")
	// When an Admin invites somebody with a first role.
	code := o.As("adam").invite("mia", "member")
	// Then mia can do nothing before she joins, and then what her role gives.
	if u := o.subject("mia"); u.State != "invited" || u.InvitedUntil == "" {
		t.Errorf("mia is %s until %s", u.State, u.InvitedUntil)
	}
	o.Denied("mia", "ip.query")
	if err := o.join(code, "mia"); err != nil {
		t.Fatal(err)
	}
	o.Allowed("mia", "ip.query")
	o.Recorded("mia", "subject.joined", "mia joined")
	// A member may do neither.
	o.Missing(o.As("mia").Try(inviting("another", secret.New(secret.Invitation))), "organization.invite")
	o.Missing(o.As("mia").Try(remove("adam")), "organization.remove")
	// The code works once.
	o.Refused(o.join(code, "somebody else"), "not-found", "There is no such invitation", "Ask whoever invited you")
	// When the Admin removes her, she can do nothing, and her history stays.
	o.As("adam").Do(remove("mia"))
	o.Denied("mia", "ip.query")
	if u := o.subject("mia"); u.State != "removed" || len(u.Holds) != 0 {
		t.Errorf("mia is %s with %+v", u.State, u.Holds)
	}
	if a := o.GetAs("mia", "/subjects/mia"); a.Status != http.StatusUnauthorized {
		t.Errorf("mia is answered with %d", a.Status)
	}
	o.Recorded("adam", "subject.removed", "mia removed, with 1 grant", "role member")
	// The owner cannot be removed.
	o.Refused(o.As("adam").Try(remove("owner")), "in-use", "The owner cannot be removed", "Make somebody else the owner first")
}

func TestI16AnAdminCreatesAndManagesAPIKeys(t *testing.T) {
	o := open(t, "ipaware")
	admin(o, "adam")
	o.Add("mia")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").CreateRole("Biller", "billing.portal")
	o.Missing(o.As("mia").Try(apiKey(o, "key_1", "read-only")), "api.key.create")
	o.As("adam").Do(apiKey(o, "key_1", "read-only"))
	if a := o.GetAs("adam", "/api-keys"); a.Status != http.StatusOK || !strings.Contains(a.Body, `"key_1"`) {
		t.Errorf("an Admin who views the keys is answered with %d: %s", a.Status, a.Body)
	}
	o.As("adam").Do(wire.Intent{Kind: wire.UpdateSubject, Subject: "key_1", Reference: new("build server")})
	if u := o.subject("key_1"); u.Reference != "build server" {
		t.Errorf("the key is named %q", u.Reference)
	}
	o.Missing(o.As("mia").Try(wire.Intent{Kind: wire.UpdateSubject, Subject: "key_1", Reference: new("mine")}), "api.key.update")
	o.Missing(o.As("mia").Try(remove("key_1")), "api.key.revoke")
	o.As("adam").Do(setRoles("key_1", "biller"))
	o.Holds("key_1", "billing.portal")
	o.As("adam").Do(remove("key_1"))
	if a := o.GetAs("key_1", "/subjects/key_1"); a.Status != http.StatusUnauthorized {
		t.Errorf("the revoked key is answered with %d", a.Status)
	}
}

func TestI20AMemberUsesTheKeysAssignedToIt(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("mia", "max")
	o.As("owner").CreateRole("Read-only", "ip.query")
	mine, other := apiKey(o, "key_mia", "read-only"), apiKey(o, "key_max", "read-only")
	mine.Holder, other.Holder = "mia", "max"
	o.As("owner").Do(mine)
	o.As("owner").Do(other)
	// She sees the one that is assigned to her, and puts a secret of her own into it; the other one she does neither.
	if a := o.GetAs("mia", "/subjects/key_mia"); a.Status != http.StatusOK || !strings.Contains(string(a.Body), `"holder":"mia"`) {
		t.Errorf("her own key is answered with %d: %s", a.Status, a.Body)
	}
	if a := o.GetAs("mia", "/subjects/key_max"); a.Status != http.StatusForbidden {
		t.Errorf("the other's key is answered with %d", a.Status)
	}
	keys, err := o.Me("mia").APIKeys(t.Context(), o.ID, client.Read{})
	if err != nil || len(keys.Items) != 1 || keys.Items[0].Key != "key_mia" {
		t.Errorf("she sees the keys %+v (%v)", keys.Items, err)
	}
	o.As("mia").Do(wire.Intent{Kind: wire.RotateKey, Old: o.DID("key_mia"), Key: o.DID("mia's secret")})
	o.Refused(o.As("mia").Try(wire.Intent{Kind: wire.RotateKey, Old: o.DID("key_max"), Key: o.DID("stolen")}), "not-permitted", "permission", "")
	if a := o.GetAs("mia's secret", "/subjects/key_mia"); a.Status != http.StatusOK {
		t.Errorf("with her secret the key is answered with %d: %s", a.Status, a.Body)
	}
	if a := o.GetAs("key_mia", "/subjects/key_mia"); a.Status != http.StatusUnauthorized {
		t.Errorf("the former secret is answered with %d", a.Status)
	}
}

func TestI23ACustomRoleIsItsOrganizationsOwn(t *testing.T) {
	a, b := open(t, "ipaware"), open(t, "ipaware")
	a.As("owner").CreateRole("Billing Desk", "billing.portal")
	b.Add("bea")
	if _, err := b.Role(t.Context(), b.ID, "billing-desk", client.Read{}); client.CodeOf(err) != "not-found" {
		t.Errorf("the other organization sees the role: %v", err)
	}
	b.Refused(b.As("owner").Try(assign("billing-desk", "bea")), "not-found", `There is no role "billing-desk"`, "")
	r, err := a.Role(t.Context(), a.ID, "billing-desk", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	b.Refused(b.As("owner").Try(assign(r.Item.ID, "bea")), "not-found", "There is no role", "") // nor by its id
}

func TestI45OrganizationInviteSendsInvitations(t *testing.T) {
	o := open(t, "ipaware")
	code := secret.New(secret.Invitation)
	o.doing("organization.invite", inviting("new member", code), "organization.remove", "organization.view", "roles.assign")
	if err := o.join(code, "new member"); err != nil {
		t.Error(err)
	}
}

func TestI46OrganizationRemoveRemovesMembers(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("leaver")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").Assign("read-only", "leaver")
	o.Allowed("leaver", "ip.query")
	o.doing("organization.remove", remove("leaver"), "organization.invite", "organization.view", "roles.revoke")
	// who was removed has nothing, and is nobody to the API
	o.Denied("leaver", "ip.query")
	if u := o.subject("leaver"); u.State != "removed" || len(u.Roles) != 0 || len(u.Holds) != 0 {
		t.Errorf("the leaver is %s with %v, %+v", u.State, u.Roles, u.Holds)
	}
	if a := o.GetAs("leaver", "/whoami"); a.Status != http.StatusUnauthorized {
		t.Errorf("the leaver is answered with %d", a.Status)
	}
}

func TestI49APIKeyCreateCreatesKeys(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.doing("api.key.create", apiKey(o, "key_1", "read-only"), "api.key.view", "api.key.update", "api.key.revoke", "organization.invite", "roles.assign", "ip.query")
}

func TestI50APIKeyViewViewsKeys(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").Do(apiKey(o, "key_1", "read-only"))
	o.takes("/api-keys", "api.key.view")
	if a := o.GetAs("with", "/api-keys"); !strings.Contains(string(a.Body), `"key_1"`) || strings.Contains(string(a.Body), `"without"`) {
		t.Errorf("the keys are %s", a.Body)
	}
}

func TestI51APIKeyUpdateEditsNamesAndRoles(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").CreateRole("Biller", "billing.portal")
	o.As("owner").Do(apiKey(o, "key_1", "read-only"))
	reference := "build server"
	o.doing("api.key.update", wire.Intent{Kind: wire.UpdateSubject, Subject: "key_1", Reference: &reference}, "api.key.create", "api.key.view", "api.key.revoke", "ip.query", "billing.portal")
	if u := o.subject("key_1"); u.Reference != reference {
		t.Errorf("the key is named %q", u.Reference)
	}
	if _, err := o.DoAs("with", setRoles("key_1", "biller")); err != nil {
		t.Errorf("its role is not edited: %v", err)
	}
	_, err := o.DoAs("without", setRoles("key_1", "read-only"))
	o.Missing(err, "role.set")
}

func TestI52APIKeyRevokeRevokesKeys(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").Do(apiKey(o, "key_1", "read-only"))
	if a := o.GetAs("key_1", "/subjects/key_1"); a.Status != http.StatusOK {
		t.Fatalf("before, the key is answered with %d", a.Status)
	}
	o.doing("api.key.revoke", remove("key_1"), "api.key.create", "api.key.view", "api.key.update", "organization.remove")
	if a := o.GetAs("key_1", "/subjects/key_1"); a.Status != http.StatusUnauthorized {
		t.Errorf("after, the key is answered with %d", a.Status)
	}
	o.Refused(o.As("owner").Try(wire.Intent{Kind: wire.ReactivateSubject, Subject: "key_1"}), "inactive", "key_1 was removed", "")
}

func TestI74RolesOfAMemberAreManaged(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Read-only", "ip.query")
	list, err := o.Subjects(t.Context(), o.ID, client.Read{})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("the team is %+v (%v)", list.Items, err)
	}
	o.As("owner").Assign("read-only", "member")
	if u := o.subject("member"); len(u.Roles) != 1 || u.Roles[0] != "read-only" {
		t.Errorf("the member has %v", u.Roles)
	}
	o.Recorded("owner", "role.assigned", "member", "role read-only")
}

func TestI75AKeyHasExactlyOneRole(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").CreateRole("Biller", "billing.portal")
	one := "An API key has exactly one role"
	o.Refused(o.As("owner").Try(apiKey(o, "key_1")), "invalid", one+", not 0", "")
	o.Refused(o.As("owner").Try(apiKey(o, "key_1", "biller", "read-only")), "invalid", one+", not 2", "")
	o.As("owner").Do(apiKey(o, "key_1", "read-only"))
	o.Holds("key_1", "ip.query")
	o.Refused(o.As("owner").Try(assign("biller", "key_1")), "invalid", one+", not 2", "Use set")
	o.Refused(o.As("owner").Try(revoke("read-only", "key_1")), "invalid", one+", not 0", "Use set")
	o.As("owner").Do(setRoles("key_1", "biller"))
	o.Holds("key_1", "billing.portal")
}

// Given an invitation, when a week has gone by, then its code joins nobody, and another one does.
func TestAnInvitationEnds(t *testing.T) {
	c := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	o := openAt(t, "ipaware", c)
	code := secret.New(secret.Invitation)
	o.As("owner").Do(inviting("late", code))
	c.Advance(7*24*time.Hour - time.Second)
	if in, err := o.Invitation(t.Context(), o.ID, code); err != nil || in.Subject != "late" {
		t.Fatalf("the invitation is %+v (%v)", in, err)
	}
	again := secret.New(secret.Invitation)
	o.As("owner").Do(inviting("late", again))
	if _, err := o.Invitation(t.Context(), o.ID, code); client.CodeOf(err) != "not-found" {
		t.Errorf("the code that was replaced is answered with %v", err)
	}
	if u := o.subject("late"); u.InvitedUntil != "2026-03-15T11:59:59.000Z" {
		t.Errorf("invited until %s", u.InvitedUntil)
	}
}
