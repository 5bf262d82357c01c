package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// people gives a world with ben, who reads as a desk, and an API key of his.
func peopleWorld(t testing.TB) *world {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read", "b.read")
	w.role("night", "Night desk", "a.read", "c.read")
	w.join("ben", "ben@acme.example", "desk")
	return w
}

// Given members of all kinds, when the screens about them are opened, then each is there, and shows what it is about.
func TestMembersAreShown(t *testing.T) {
	w := peopleWorld(t)
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "etl", SubjectKind: events.KindAPIKey, Holder: "ben", Roles: []string{"night"}})
	w.do(wire.Intent{Kind: wire.GrantPermission, Subject: "ben", Permission: "d.read", Scope: "policy/1", Until: "2099-01-01T00:00:00Z", Reason: "TICKET-9"})
	b := w.signedIn("owner")
	for path, says := range map[string][]string{
		"members":                 {"Members", "ben", "etl", "owner", "Owner", "Invite somebody", "Manage roles"},
		"members/ben":             {"ben@acme.example", "desk", "d.read", "policy/1", "2099-01-01", "TICKET-9", "role desk", "by owner", "Deactivate", "Make it the owner", "API keys assigned to it"},
		"members/ben/roles":       {"Roles of ben", "Night desk", "Review the change"},
		"members/ben/permissions": {"Permissions of ben without a role", "d.read", "Review the change"},
		"members/ben/edit":        {"Edit ben", "Display name"},
		"members/etl":             {"Revoke for good", "Assigned to", "ben"},
		"invite":                  {"Invite somebody", "Roles to begin with", "Night desk"},
		"add-member":              {"Add a member without invitation"},
		"keys":                    {"API keys", "etl", "ben", "Create an API key"},
		"keys/etl":                {"etl", "night"},
		"create-key":              {"Create an API key", "Assigned to"},
		"account":                 {"Your account", "Signed-in devices", "This one", "Change the password", "it is the owner"},
	} {
		t.Run(path, func(t *testing.T) {
			page := b.get("/console/acme/" + path)
			if page.status != http.StatusOK {
				t.Fatalf("answered with %d: %s", page.status, page.text())
			}
			page.has(t, says...)
		})
	}
}

// Given the past, when the screens about members are opened, then all can be read, and nothing changed.
func TestMembersInThePast(t *testing.T) {
	w := peopleWorld(t)
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "night"})
	b := w.signedIn("owner")
	at := b.get("/console/acme/members/ben").text()
	if !strings.Contains(at, "Live at event 8") {
		t.Fatalf("ben's page is not at 8: %s", at)
	}
	page := b.get("/console/acme/members/ben?at=7")
	page.has(t, "As of event 7", "desk", "read-only")
	page.hasNot(t, "c.read", "Deactivate", "Take away", "Manage roles", "Edit")
	for _, path := range []string{"members", "members/ben", "members/ben/roles", "members/ben/permissions", "keys", "account"} {
		page := b.get("/console/acme/" + path + "?at=7")
		_, main, _ := strings.Cut(page.html, "<main")
		if page.status != http.StatusOK || strings.Contains(main, `method="post" action="/console/acme/members/ben/change"`) || strings.Contains(main, "Review the change") {
			t.Errorf("%s (%d) can be changed in the past: %s", path, page.status, page.text())
		}
	}
}

// Given somebody with a role, when an administrator chooses others, then it sees who gains and loses what, and confirms that.
func TestManageRoles(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("owner")
	form := b.get("/console/acme/members/ben/roles")
	unchanged := b.submit(form, "/console/acme/members/ben/roles", url.Values{"role": {"desk"}})
	if unchanged.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing chosen is answered with %d", unchanged.status)
	}
	unchanged.has(t, "Choose a role to give, or one to take away")
	review := b.submit(form, "/console/acme/members/ben/roles", url.Values{"role": {"night"}})
	review.has(t, "Roles of ben:", "take desk away", "give night", "gains", "c.read", "loses", "b.read")
	review.hasNot(t, "a.read") // it stays
	done := b.confirm(review, "TICKET-1")
	done.has(t, "Recorded: event", "TICKET-1", "role night")
	if strings.Contains(done.text(), "b.read") {
		t.Errorf("ben still has b.read: %s", done.text())
	}
}
