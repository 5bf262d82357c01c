package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

func TestS1AUserHasCredentialsAndPermissionsUnderOneID(t *testing.T) {
	o := open(t, "stokr")
	// When a user is created, gets a permission and another key.
	o.As("owner").Do(addSubject(o, "portfolio-sync", events.KindTechnical))
	o.As("owner").Grant("asset.create", "portfolio-sync")
	o.As("owner").Do(wire.Intent{Kind: wire.RegisterKey, Purpose: events.PurposeCredential, Key: o.DID("second key"), Subject: "portfolio-sync"})
	// Then one id has both keys and the permission.
	u := o.subject("portfolio-sync")
	for _, key := range []string{"portfolio-sync", "second key"} {
		one, err := o.CredentialOwner(t.Context(), o.ID, o.DID(key))
		if err != nil || one.Item.ID != u.ID {
			t.Errorf("the key %s is of %q (%v), not of %s", key, one.Item.ID, err, u.ID)
		}
	}
	if len(u.Holds) != 1 || u.Holds[0].Permission != "stokr:asset.create" {
		t.Errorf("it holds %+v", u.Holds)
	}
	o.Allowed(u.ID, "asset.create")
	o.Denied(u.ID, "asset.list")
}

func TestS2AHumanEmployeeIsOfTheKindHuman(t *testing.T) {
	o := open(t, "stokr")
	o.As("owner").Do(addSubject(o, "alice", events.KindHuman))
	if u := o.subject("alice"); u.Kind != "human" || u.State != "active" {
		t.Errorf("alice is %s, %s", u.Kind, u.State)
	}
	o.Refused(o.As("owner").Try(addSubject(o, "bob", "employee")), "invalid", `There is no kind of subject "employee"`, "")
}

func TestS3ASystemIsTechnicalUnderTheSameRules(t *testing.T) {
	o := open(t, "stokr")
	for _, key := range []string{"backend-service", "monitoring-tool", "data-synchronization"} {
		o.As("owner").Do(addSubject(o, key, events.KindTechnical))
		if u := o.subject(key); u.Kind != "technical" {
			t.Errorf("%s is %s", key, u.Kind)
		}
	}
	// It may what it was given, and no more, as a human.
	o.Add("alice")
	for _, key := range []string{"backend-service", "alice"} {
		o.As("owner").Grant("user.create", key)
		o.As(key).Do(addSubject(o, "made by "+key, events.KindHuman))
		o.Refused(o.As(key).Try(deactivate("alice")), "not-permitted", "Don't have user.deactivate permission", "")
	}
}

func TestS4OnePersonMayHaveSeveralUsers(t *testing.T) {
	o := open(t, "stokr")
	o.named("alice", "Alice Moreau", "alice@stokr.example")
	o.named("alice-trading", "Alice Moreau", "alice@stokr.example")
	o.As("owner").Grant("asset.create", "alice-trading")
	o.Allowed("alice-trading", "asset.create")
	o.Denied("alice", "asset.create")
	if a, b := o.subject("alice"), o.subject("alice-trading"); a.ID == b.ID || a.DisplayName != b.DisplayName {
		t.Errorf("they are %+v and %+v", a, b)
	}
}

func TestS5AUserStatesHowItProvesItself(t *testing.T) {
	o := open(t, "stokr")
	for key, auth := range map[string]string{"by email": "email", "by key": "api-key"} {
		in := addSubject(o, key, events.KindHuman)
		in.Auth = auth
		o.As("owner").Do(in)
		if u := o.subject(key); u.Auth != auth {
			t.Errorf("%s states %q", key, u.Auth)
		}
	}
	// An API key lets the one in, and not the other, whose secret is as good.
	if a := o.GetAs("by key", "/subjects/by%20key"); a.Status != http.StatusOK {
		t.Errorf("by key is answered with %d: %s", a.Status, a.Body)
	}
	if a := o.GetAs("by email", "/subjects/by%20email"); a.Status != http.StatusUnauthorized {
		t.Errorf("by email is answered with %d, and was to be refused", a.Status)
	}
	// E-mail and password let the other in, and not the one, who can have no password.
	o.account("dora@stokr.com")
	if _, err := o.signIn("dora@stokr.com", password); err != nil {
		t.Errorf("dora by e-mail: %v", err)
	}
	if a := o.GetAs("dora@stokr.com", "/whoami"); a.Status != http.StatusUnauthorized || !strings.Contains(a.Body, "proves itself by email") {
		t.Errorf("dora by API key is answered with %d: %s", a.Status, a.Body)
	}
	_, err := o.Client.As("").SignIn(t.Context(), o.ID, wire.SignIn{Key: "by key", Password: password})
	o.Refused(err, "sign-in-refused", "Nobody can sign in", "")
	_, err = o.Me("by key").PutLogin(t.Context(), o.ID, wire.PutLogin{New: password})
	o.Refused(err, "invalid", "proves itself by api-key", "")
	in := addSubject(o, "by fax", events.KindHuman)
	in.Auth = "fax"
	o.Refused(o.As("owner").Try(in), "invalid", `does not prove itself by "fax"`, "Say email or api-key or signature")
}

func TestS17ADisabledUserCanDoNothingAndKeepsItsHistory(t *testing.T) {
	o := open(t, "stokr")
	o.Add("alice", "admin")
	o.Give("alice", "user.create")
	o.As("alice").Do(addSubject(o, "made by alice", events.KindHuman))
	o.Refused(o.As("admin").Try(deactivate("alice")), "not-permitted", "Don't have user.deactivate permission", "")
	if a := o.GetAs("alice", "/subjects/alice"); a.Status != http.StatusOK {
		t.Fatalf("before, alice is answered with %d", a.Status)
	}
	// When somebody who may disables the account.
	o.As("owner").Grant("user.deactivate", "admin")
	o.As("admin").Deactivate("alice")
	// Then it is nobody to the API, no check says yes, and it records nothing.
	if a := o.GetAs("alice", "/subjects/alice"); a.Status != http.StatusUnauthorized {
		t.Errorf("after, alice is answered with %d", a.Status)
	}
	o.Denied("alice", "user.create")
	o.Refused(o.As("alice").Try(addSubject(o, "late", events.KindHuman)), "not-proven", "is no key that somebody signs commands with here", "")
	// And what it did stays, as what it was.
	o.Recorded("alice", "subject.added", "made by alice")
	o.Recorded("admin", "subject.deactivated", "alice deactivated")
	if was, err := o.Check(t.Context(), o.ID, "alice", "user.create", "", client.Read{AsOf: "head~1"}); err != nil || !was.Allowed {
		t.Errorf("before it was disabled, alice might: %v (%v)", was.Allowed, err)
	}
	if u := o.subject("alice"); u.State != "deactivated" || len(u.Roles) != 1 {
		t.Errorf("alice is %s with %v", u.State, u.Roles)
	}
}

func TestS37PermissionsAreSetUserByUser(t *testing.T) {
	o := open(t, "stokr")
	o.Add("compliance", "treasury", "auditor of BigFour")
	o.As("owner").SetPermissions("compliance", "investor.view", "investor.modify")
	o.As("owner").SetPermissions("treasury", "asset.list")
	o.As("owner").SetPermissions("auditor of BigFour", "investor.view")
	o.Holds("compliance", "investor.modify", "investor.view")
	o.Holds("treasury", "asset.list")
	o.Holds("auditor of BigFour", "investor.view")
	// When one is set anew, the others stay.
	o.As("owner").SetPermissions("treasury")
	o.Holds("treasury")
	o.Holds("compliance", "investor.modify", "investor.view")
}

func TestS38AnOverviewShowsUsersRolesAndPermissions(t *testing.T) {
	o := open(t, "stokr")
	o.Add("u1", "u2")
	o.As("owner").CreateRole("Compliance Officer", "investor.create", "investor.modify")
	o.As("owner").CreateRole("Viewer", "asset.list")
	o.As("owner").Assign("compliance-officer", "u1")
	o.As("owner").Assign("viewer", "u1")
	o.As("owner").Grant("investor.deactivate", "u2")
	roles, err := o.Roles(t.Context(), o.ID, true, client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for _, r := range roles.Items {
		in[r.Key] = strings.Join(r.Permissions, " ")
	}
	if in["compliance-officer"] != "stokr:investor.create stokr:investor.modify" || in["viewer"] != "stokr:asset.list" {
		t.Errorf("roles have %v", in)
	}
	if u := o.subject("u1"); !slices.Equal(u.Roles, []string{"compliance-officer", "viewer"}) {
		t.Errorf("u1 has the roles %v", u.Roles)
	}
	if u := o.subject("u2"); len(u.Roles) != 0 || len(u.Holds) != 1 || u.Holds[0].Permission != "stokr:investor.deactivate" {
		t.Errorf("u2 has %v and %+v", u.Roles, u.Holds)
	}
}
