package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

// peopleWorld gives a world with ben, who reads as a desk, and another role.
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
		"account":                 {"Your account", "Signed-in devices", "This one", "Change the password", "you are the owner, since event 1"},
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
	w.role("other", "Other", "x.read")
	w.do(wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: "other"}) // what others gave meanwhile stays
	review := b.submit(form, "/console/acme/members/ben/roles", url.Values{"role": {"night"}})
	review.has(t, "Roles of ben:", "take desk away", "give night", "gains", "c.read", "loses", "b.read")
	review.hasNot(t, "a.read", "x.read") // they stay
	done := b.confirm(review, "TICKET-1")
	done.has(t, "Recorded: event", "TICKET-1", "role night")
	if strings.Contains(done.text(), "b.read") {
		t.Errorf("ben still has b.read: %s", done.text())
	}
}

// Given a role for a while and on a part, when an administrator gives it, then it is held so; and when it takes it away, it is gone.
func TestRoleForAWhile(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("owner")
	form := b.get("/console/acme/members/ben/roles")
	wrong := b.submit(form, "/console/acme/members/ben/roles", url.Values{"role": {"desk", "night"}, "until": {"someday"}})
	if wrong.status != http.StatusUnprocessableEntity || !strings.Contains(wrong.html, `value="someday" aria-invalid="true" aria-describedby="until-error"`) {
		t.Errorf("answered with %d: %s", wrong.status, wrong.html)
	}
	if !strings.Contains(wrong.html, `value="night" checked`) {
		t.Error("what was chosen is lost")
	}
	review := b.submit(form, "/console/acme/members/ben/roles", url.Values{"role": {"desk", "night"}, "until": {"2098-12-31"}, "scope": {"policy/7"}})
	review.has(t, "give night on policy/7", "gains", "c.read")
	done := b.confirm(review, "")
	done.has(t, "night", "policy/7", "2099-01-01 00:00 UTC")
	taken := b.confirm(b.post("/console/acme/members/ben/change", url.Values{"csrf": {done.csrf()}, "act": {"take-role"}, "role": {"night"}, "scope": {"policy/7"}}), "")
	taken.has(t, "Recorded: event")
	if strings.Contains(taken.text(), "c.read the whole") || strings.Contains(taken.text(), "2099-01-01 00:00 UTC event") {
		t.Errorf("it is not gone: %s", taken.text())
	}
}

// Given permissions without a role, when an administrator chooses a set, then it replaces the one there is.
func TestIndividualPermissions(t *testing.T) {
	w := peopleWorld(t)
	w.do(wire.Intent{Kind: wire.SetPermissions, Subject: "ben", Permissions: []string{"c.read"}})
	b := w.signedIn("owner")
	form := b.get("/console/acme/members/ben/permissions")
	if !strings.Contains(form.html, `value="c.read" checked`) || strings.Contains(form.html, `value="b.read" checked`) {
		t.Errorf("not what ben has: %s", form.html)
	}
	to := "/console/acme/members/ben/permissions"
	review := b.post(to, url.Values{"csrf": {form.csrf()}, "act": {"set"}, "permission": {"ledger:roles.read"}})
	review.has(t, "Replace the permissions of ben without a role", "gains", "ledger:roles.read", "loses", "c.read")
	b.confirm(review, "").has(t, "ledger:roles.read")
	lone := b.post(to, url.Values{"csrf": {form.csrf()}, "act": {"grant"}, "permission": {"c.read"}, "scope": {"policy/1"}, "until": {"2098-12-31"}})
	lone.has(t, "Give c.read on policy/1 to ben", "gains")
	b.confirm(lone, "").has(t, "policy/1", "2099-01-01 00:00 UTC", "ledger:roles.read")
	if empty := b.post(to, url.Values{"csrf": {form.csrf()}, "act": {"grant"}}); empty.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing is granted: %d", empty.status)
	}
}

// Given a member, when it is deactivated, reactivated, linked, edited and removed, then each is reviewed first, and so afterwards.
func TestLifeOfAMember(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("owner")
	csrf := b.get("/console/acme/overview").csrf()
	do := func(act string, more url.Values) shown {
		t.Helper()
		form := url.Values{"csrf": {csrf}, "act": {act}}
		for name, values := range more {
			form[name] = values
		}
		return b.post("/console/acme/members/ben/change", form)
	}
	review := do("deactivate", nil)
	review.has(t, "Deactivate ben", "loses", "a.read")
	b.confirm(review, "leave of absence").has(t, "deactivated since event 8", "Reactivate", "leave of absence")
	b.confirm(do("reactivate", nil), "").has(t, "State active")
	b.confirm(do("link", url.Values{"to": {"0xcd2a3d9f938e13cd947ec05abc7fe734df8dd826"}}), "").has(t, "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "Unlink")
	unlinked := b.confirm(do("unlink", url.Values{"to": {"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"}}), "")
	unlinked.hasNot(t, "Unlink")
	again := do("unlink", url.Values{"to": {"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"}})
	again.has(t, "is not linked with")

	edit := b.get("/console/acme/members/ben/edit")
	wrong := b.submit(edit, "/console/acme/members/ben/edit", url.Values{"email": {"ben@acme.example"}, "name": {"Ben B."}, "properties": {"no value"}})
	if wrong.status != http.StatusUnprocessableEntity || !strings.Contains(wrong.html, "Ben B.") {
		t.Errorf("answered with %d: %s", wrong.status, wrong.text())
	}
	wrong.has(t, "Write one on each line")
	changed := b.confirm(b.submit(edit, "/console/acme/members/ben/edit", url.Values{"email": {"ben@acme.example"}, "name": {"Ben B."}, "properties": {"country = LU\nteam = desk"}, "reference": {"HR-7"}}), "")
	changed.has(t, "Ben B.", "country LU", "team desk", "HR-7")
	same := b.submit(edit, "/console/acme/members/ben/edit", url.Values{"email": {"ben@acme.example"}, "name": {"Ben B."}, "properties": {"country = LU\nteam = desk"}, "reference": {"HR-7"}})
	if same.status != http.StatusUnprocessableEntity {
		t.Errorf("what is so already is answered with %d", same.status)
	}

	erase := do("erase", nil)
	erase.has(t, "Texts that are erased for good", "e-mail", "display name", "login")
	erased := b.confirm(erase, "")
	erased.hasNot(t, "ben@acme.example", "Ben B.")
	removed := b.confirm(do("remove", nil), "left")
	removed.has(t, "removed since event", "Nothing: it is removed")
	removed.hasNot(t, "Manage roles", "Deactivate")
}

// Given an owner, when it makes somebody else the owner, then that one is it, and it is not any more.
func TestTransferOwnership(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("owner")
	form := b.get("/console/acme/members/ben")
	review := b.post("/console/acme/members/ben/change", url.Values{"csrf": {form.csrf()}, "act": {"transfer"}})
	review.has(t, "Make ben the owner of the organization", "ben gains everything", "owner loses everything")
	b.confirm(review, "retiring")
	if o, err := w.Organization(t.Context(), acme, client.Read{}); err != nil || o.Owner != "ben" {
		t.Errorf("the owner is %q, %v", o.Owner, err)
	}
}

// Given somebody without rights, when it opens the screens about others, then they are refused, and nothing is offered on its own.
func TestMembersForWhoMayNot(t *testing.T) {
	w := peopleWorld(t)
	b := w.signedIn("ben")
	own := b.get("/console/acme/account")
	own.has(t, "Your account", "role desk", "a.read", "Change the password")
	own.hasNot(t, "Members")
	if page := b.get("/console/acme/members"); page.status != http.StatusForbidden {
		t.Errorf("members: %d", page.status)
	}
	mine := b.get("/console/acme/members/ben")
	mine.has(t, "a.read", "desk")
	mine.hasNot(t, "Manage roles", "Take away", "Deactivate", "Erase", "Edit")
	for _, act := range []url.Values{{"act": {"deactivate"}}, {"act": {"erase"}}, {"act": {"transfer"}}, {"act": {"take-role"}, "role": {"desk"}}} {
		act.Set("csrf", own.csrf())
		page := b.post("/console/acme/members/owner/change", act)
		page.hasNot(t, "Record this change")
	}
	if page := b.post("/console/acme/members/owner/change", url.Values{"csrf": {own.csrf()}, "act": {"end-sessions"}}); page.status != http.StatusForbidden {
		t.Errorf("it ends the owner's sessions: %d", page.status)
	}
}

// Given many members, when somebody searches and goes from page to page, then everybody stands on one page, and all pages are of the
// same moment.
func TestManyMembers(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	for i := range 60 {
		in := wire.Intent{Kind: wire.AddSubject, Subject: "person-" + string(rune('a'+i/10)) + string(rune('0'+i%10)), SubjectKind: events.KindHuman}
		if i%20 == 0 {
			in.Roles = []string{"desk"}
		}
		w.do(in)
	}
	b := w.signedIn("owner")
	first := b.get("/console/acme/members")
	first.has(t, "Members 61", "person-a0", "Next page")
	first.hasNot(t, "person-f9")
	next := nextPage.FindStringSubmatch(first.html)
	if next == nil {
		t.Fatal("there is no next page")
	}
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "aaa", SubjectKind: events.KindHuman})
	second := b.get(html.UnescapeString(next[1]))
	second.has(t, "person-f9", "Live at event 63", "Members 61")
	second.hasNot(t, "person-a0", "Next page")
	b.get("/console/acme/members?q=PERSON-B").has(t, "Members 10", "person-b0", "person-b9")
	with := b.get("/console/acme/members?role=desk")
	with.has(t, "Members 3", "person-a0", "person-c0", "person-e0")
	b.get("/console/acme/members?q=nobody").has(t, "Nobody fits", "show all")
}

var nextPage = regexp.MustCompile(`href="([^"]*)" rel="next"`)
