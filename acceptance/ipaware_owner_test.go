package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

func TestI9TheCreatorIsOrganizationOwner(t *testing.T) {
	// given a new organization, then its creator has the role
	o := open(t, "ipaware")
	u := read[wire.One[wire.Subject]](o, o.HTTP("GET", "/subjects/owner", nil)).Item
	if !u.Owner || !slices.Equal(u.Roles, []string{"organization-owner"}) {
		t.Errorf("the creator is %+v", u)
	}
	// and nobody who is added later
	o.Add("member")
	if u := read[wire.One[wire.Subject]](o, o.HTTP("GET", "/subjects/member", nil)).Item; u.Owner || len(u.Roles) != 0 {
		t.Errorf("a member is %+v", u)
	}
}

func TestI10OrganizationOwnerHasEveryPermissionNewOnesToo(t *testing.T) {
	o := open(t, "ipaware")
	r := o.role("organization-owner")
	if r.Type != "global" || r.Description != "Full control over the organization" || r.Holders != 1 {
		t.Errorf("the role is %+v", r)
	}
	all := read[wire.List[wire.Permission]](o, o.HTTP("GET", "/permissions", nil)).Items
	if r.Count != len(all) || len(r.Permissions) != len(all) {
		t.Errorf("the role has %d permissions; there are %d", r.Count, len(all))
	}
	// when a permission is new
	o.As("owner").Do(wire.Intent{Kind: wire.PublishCatalogue, Catalogue: []byte(
		`{"catalogue":"more","title":"More","permissions":[{"name":"thing.do","category":"More","entity":"thing","action":"do","description":"Does it"}]}`)})
	// then the role and the owner have it
	if after := o.role("organization-owner"); after.Count != r.Count+1 || !slices.Contains(after.Permissions, "more:thing.do") {
		t.Errorf("after it the role has %d permissions", after.Count)
	}
	if c := o.Allowed("owner", "thing.do"); c.Because[0].Role != "organization-owner" {
		t.Errorf("because of %+v", c.Because)
	}
}

func TestI11OneOrganizationOwner(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("b")
	o.Refused(o.As("owner").Try(assign("organization-owner", "b")), "in-use", "One Organization Owner per organization", "Transfer the ownership")
	o.Refused(o.As("owner").Try(setRoles("b", "organization-owner")), "in-use", "One Organization Owner per organization", "")
	if r := o.role("organization-owner"); r.Holders != 1 {
		t.Errorf("%d owners", r.Holders)
	}
	o.As("owner").Assign("organization-admin", "b") // as every other role is
}

func TestI12OwnershipIsTransferred(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("b")
	before := o.Head()
	o.Run("owner", "org", "transfer", "b", "--reason", "founder leaves")
	// then b is the owner, and the old one is not
	if have := o.whole(); have.Owner != "b" {
		t.Errorf("the owner is %s", have.Owner)
	}
	o.Allowed("b", "billing.cancel")
	o.Denied("owner", "billing.cancel")
	o.As("b").CreateRole("Of the new owner", "ip.query")
	o.Refused(o.As("owner").Try(createRole("Mine", "ip.query")), "not-permitted", "Don't have roles.create permission", "")
	if u := read[wire.One[wire.Subject]](o, o.HTTP("GET", "/subjects/b", nil)).Item; !u.Owner || !slices.Equal(u.Roles, []string{"organization-owner"}) {
		t.Errorf("b is %+v", u)
	}
	if r := o.role("organization-owner"); r.Holders != 1 {
		t.Errorf("%d owners", r.Holders)
	}
	o.Recorded("owner", "ownership.transferred", "from owner to b", "founder leaves")
	// and the past stays as it was
	was, err := o.Organization(t.Context(), o.ID, at(before))
	if err != nil || was.Owner != "owner" {
		t.Errorf("as of %d the owner is %s (%v)", before, was.Owner, err)
	}
	if c, err := o.Check(t.Context(), o.ID, "owner", "billing.cancel", "", at(before)); err != nil || !c.Allowed {
		t.Errorf("as of %d: %+v, %v", before, c, err)
	}
	// and whoever was it can take nothing back
	o.Refused(o.As("owner").Try(wire.Intent{Kind: wire.TransferOwnership, Subject: "owner"}), "not-permitted", "Only the owner transfers the ownership", "owner")
}

func TestI13TheOwnerRoleIsNotRevoked(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("admin")
	o.As("owner").Assign("organization-admin", "admin")
	for _, who := range []string{"owner", "admin"} {
		o.Refused(o.As(who).Try(revoke("organization-owner", "owner")), "in-use", "One Organization Owner per organization", "Transfer the ownership")
		o.Refused(o.As(who).Try(setRoles("owner", "organization-member")), "in-use", "One Organization Owner per organization", "Transfer the ownership")
		o.Refused(o.As(who).Try(remove("owner")), "in-use", "The owner cannot be removed", "Make somebody else the owner first")
		o.Refused(o.As(who).Try(deactivate("owner")), "in-use", "The owner cannot be deactivated", "somebody else the owner")
	}
	// to a subject that could not act as the owner the ownership does not go
	o.As("owner").Do(wire.Intent{Kind: wire.AddSubject, Subject: "keyless", SubjectKind: events.KindHuman})
	o.As("owner").Do(addSubject(o, "gone", events.KindHuman))
	o.As("owner").Deactivate("gone")
	for to, words := range map[string]string{"keyless": "no key to sign with", "gone": "deactivated", "owner": "is the owner already"} {
		if err := o.As("owner").Try(wire.Intent{Kind: wire.TransferOwnership, Subject: to}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("transfer to %s: %v", to, err)
		}
	}
	if have := o.whole(); have.Owner != "owner" {
		t.Errorf("the owner is %s", have.Owner)
	}
}

func TestI14AnAdminManagesTheOrganizationsSettings(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("admin", "member")
	o.As("owner").Assign("organization-admin", "admin")
	o.As("owner").Assign("organization-member", "member")
	o.Run("admin", "org", "edit", "--name", "Acme Networks")
	if have := o.whole(); have.Name != "Acme Networks" {
		t.Errorf("it is called %s", have.Name)
	}
	o.Refused(o.As("member").Try(wire.Intent{Kind: wire.UpdateOrganization, Name: new("Mine")}), "not-permitted", "organization.update", "")
	for _, p := range []string{"organization.view", "organization.update", "organization.whitelist.view", "organization.whitelist.manage"} {
		o.Allowed("admin", p)
	}
}

func TestI17AnAdminViewsBilling(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("admin", "member")
	o.As("owner").Assign("organization-admin", "admin")
	o.As("owner").Assign("organization-member", "member")
	o.Allowed("admin", "billing.portal")
	o.Denied("member", "billing.portal")
	for _, p := range []string{"billing.checkout", "billing.update", "billing.cancel", "billing.resume"} {
		o.Denied("admin", p)
	}
}

func TestI18AnAdminDoesNotTransferOwnership(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("admin")
	o.As("owner").Assign("organization-admin", "admin")
	o.Refused(o.As("admin").Try(wire.Intent{Kind: wire.TransferOwnership, Subject: "admin"}), "not-permitted", "Only the owner transfers the ownership", "owner")
	o.Turned("admin", "ownership.transferred", "not-permitted")
	if have := o.whole(); have.Owner != "owner" {
		t.Errorf("the owner is %s", have.Owner)
	}
}

func TestI19AMemberViewsTheOrganizationsResources(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member", "stranger")
	o.As("owner").Assign("organization-member", "member")
	for _, p := range []string{"organization.view", "organization.whitelist.view"} {
		o.Allowed("member", p)
		o.Denied("stranger", p)
	}
	// and each asks for them itself
	if a := o.GetAs("member", ""); a.Status != http.StatusOK {
		t.Errorf("the member is answered with %d %s", a.Status, a.Body)
	}
	if a := o.GetAs("stranger", ""); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "organization.view") {
		t.Errorf("somebody else is answered with %d %s", a.Status, a.Body)
	}
}

func TestI21MembershipIsEnoughForUsageStatistics(t *testing.T) {
	// no permission of that name exists: what a member sees is the history of the organization's resources it may view
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").Assign("organization-member", "member")
	for _, p := range read[wire.List[wire.Permission]](o, o.HTTP("GET", "/permissions", nil)).Items {
		if strings.Contains(p.Name, "statistic") || strings.Contains(p.Name, "usage") {
			t.Errorf("there is a permission %s", p.Name)
		}
	}
	o.Allowed("member", "organization.view")
	// so it reads what it did and was refused, with nothing but its key, and of nobody else
	_, err := o.DoAs("member", createRole("Mine", "ip.query"))
	o.Missing(err, "roles.create")
	o.Turned("member", "role.created", "not-permitted")
	if own, err := o.Me("member").FindActivity(t.Context(), o.ID, wire.ActivityQuery{}); err != nil || len(own.Items) == 0 ||
		slices.ContainsFunc(own.Items, func(a wire.Activity) bool { return a.Actor != "member" }) {
		t.Errorf("it reads %+v, %v", own.Items, err)
	}
	_, err = o.Me("member").History(t.Context(), o.ID, wire.HistoryQuery{Actor: "owner"})
	o.Missing(err, "log.system")
	// and whoever is a member no more reads nothing
	o.As("owner").Do(remove("member"))
	if a := o.GetAs("member", "/activity"); a.Status != http.StatusUnauthorized {
		t.Errorf("after it left it is answered with %d %s", a.Status, a.Body)
	}
}

func TestI22AMemberHasLimitedManagementCapabilities(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member", "other")
	o.As("owner").Assign("organization-member", "member")
	for _, p := range []string{"organization.invite", "organization.remove", "api.key.create", "roles.create", "roles.update", "roles.assign"} {
		o.Denied("member", p)
	}
	o.As("owner").CreateRole("Own", "ip.query")
	for permission, in := range map[string]wire.Intent{
		"organization.invite": addSubject(o, "new", events.KindHuman), "organization.remove": remove("other"), "api.key.create": apiKey(o, "key_1", "own"),
		"roles.create": createRole("Mine", "ip.query"), "roles.update": editRole("own", []string{"billing.portal"}, nil),
		"roles.delete": deleteRole("own"), "roles.assign": assign("organization-admin", "member"),
	} {
		_, err := o.DoAs("member", in)
		o.Missing(err, permission)
		o.Refused(o.As("member").Try(in), "not-permitted", "Don't have "+permission+" permission", "Ask an Owner or Admin for permission")
	}
}

// A lost owner is replaced by whoever runs the ledger, and not before everybody had the time to see it.
func TestALostOwnerIsRecoveredAfterTheDelay(t *testing.T) {
	c := newClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	o := openAt(t, "ipaware", c)
	o.Add("b", "admin")
	o.As("owner").Assign("organization-admin", "admin")
	start := wire.Intent{Kind: wire.StartRecovery, Subject: "b"}
	// given that nobody but the operator announces it, and only for a reason
	for _, who := range []string{"owner", "admin", "b"} {
		o.Refused(o.As(who).Try(start), "not-permitted", "Only the operator of the ledger recovers a lost owner", "")
	}
	o.Refused(o.As("operator").Try(start), "invalid", "A recovery says why", "Give a reason")
	// when it is announced
	o.As("operator").Because("keys lost, TICKET-12").Do(start)
	// then everybody sees it, and when it is due
	if r := o.whole().Recovery; r == nil || r.To != "b" || r.Due != "2026-01-05T03:04:05.000Z" {
		t.Errorf("the recovery is %+v", r)
	}
	o.Recorded("ledger-operator", "recovery.started", "b is to become the owner", "2026-01-05T03:04:05Z", "keys lost, TICKET-12")
	finish := wire.Intent{Kind: wire.RecoverOwnership}
	c.Advance(71 * time.Hour)
	o.Refused(o.As("operator").Try(finish), "invalid", "The owner can stop the recovery until 2026-01-05T03:04:05Z", "Wait")
	// and the owner can stop it
	o.Refused(o.As("admin").Try(wire.Intent{Kind: wire.StopRecovery}), "not-permitted", "Only the owner", "")
	o.As("owner").Do(wire.Intent{Kind: wire.StopRecovery})
	c.Advance(2 * time.Hour)
	o.Refused(o.As("operator").Try(wire.Intent{Kind: wire.RecoverOwnership, Subject: "b"}), "not-found", "No recovery in favour of b is under way", "")
	// when it is announced again, and nobody stops it
	o.As("operator").Because("still lost").Do(start)
	c.Advance(73 * time.Hour)
	o.As("operator").Do(finish)
	// then b is the owner
	if have := o.whole(); have.Owner != "b" || have.Recovery != nil {
		t.Errorf("the organization is %+v", have)
	}
	o.Allowed("b", "billing.cancel")
	o.Denied("owner", "billing.cancel")
	o.Recorded("ledger-operator", "ownership.recovered", "b is the owner in the place of owner")
}
