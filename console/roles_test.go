package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// Given the roles of a profile, when somebody looks at them, then the table says of each its type and its counts, and the matrix which
// permission it gives.
func TestRoles(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("compliance", "Compliance Officer", "roles.view", "organization.view", "api.key.view")
	w.join("ben", "ben@example.com", "compliance")
	page := w.signedIn("owner").get("/console/acme/roles")
	page.has(t, "Roles 4", "Compliance Officer", "Custom", "Organization Owner", "Global", "Permission matrix", "Create role")
	page.row(t, "Organization Owner").has(t, "Global", "all", "View")
	page.row(t, "Compliance Officer").has(t, "Custom 3 1 0 event 7", "Edit Manage")
	page.row(t, "roles.view View roles and permissions").has(t, "granted granted granted granted")
	page.row(t, "roles.delete").has(t, "not granted granted not granted granted")
	page.row(t, "API Keys (4)").has(t, "1 /4 4 /4 1 /4 4 /4")
	past := w.signedIn("owner").get("/console/acme/roles?at=5")
	past.has(t, "Roles 3")
	past.hasNot(t, "Compliance Officer", "Create role")
	past.row(t, "Organization Member").has(t, "View")
	past.row(t, "Organization Member").hasNot(t, "Edit", "Manage who")
}

// Given somebody who may read roles and not change them, when it looks at them, then no page offers a change, and the server refuses
// one all the same.
func TestRolesOfAReader(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("reader", "Reader", "roles.view", "organization.view", "permissions.view")
	w.join("ben", "ben@example.com", "reader")
	b := w.signedIn("ben")
	list := b.get("/console/acme/roles")
	list.hasNot(t, "Create role")
	list.row(t, "Reader Custom").hasNot(t, "Edit", "Manage")
	page := b.get("/console/acme/roles/reader")
	page.has(t, "Reader", "permissions.view")
	page.hasNot(t, "Delete", "Edit", "Manage who")
	if strings.Contains(page.html, "/reviewed\"") {
		t.Error("looking over is offered")
	}
	refused := b.submit(page, "/console/acme/create-role", url.Values{"name": {"Mine"}, "permission": {"ipaware:roles.view"}})
	if refused.status != http.StatusUnprocessableEntity {
		t.Errorf("creating is answered with %d", refused.status)
	}
	refused.has(t, "Don't have roles.create permission", "Ask an Owner or Admin for permission")
}

// Given a new administrator, when it makes a role from its name and three permissions, then it sees them before anything is recorded,
// and the role is there once it confirms.
func TestCreateRole(t *testing.T) {
	w := newWorld(t, "ipaware")
	b := w.signedIn("owner")
	form := b.get("/console/acme/create-role")
	form.has(t, "Create a role", "API Keys", "Nothing is chosen beforehand")
	if strings.Contains(form.html, " checked") {
		t.Error("something is chosen beforehand")
	}
	review := b.submit(form, "/console/acme/create-role", url.Values{
		"name": {"Compliance Officer"}, "description": {"Verifies investors"}, "guideline": {"Trained staff only"},
		"permission": {"ipaware:roles.view", "ipaware:organization.view", "ipaware:api.key.view"},
	})
	review.has(t, "Create the role compliance-officer", "It gives (3)", "ipaware:api.key.view", "Record this change")
	b.get("/console/acme/roles").hasNot(t, "Compliance Officer")
	done := b.confirm(review, "TICKET-1")
	if !strings.HasPrefix(done.address, "/console/acme/roles/compliance-officer?recorded=") {
		t.Fatalf("confirmed, and led to %s: %s", done.address, done.text())
	}
	done.has(t, "Recorded: event 7", "Compliance Officer", "Custom", "Verifies investors", "Trained staff only", "Permissions 3", "TICKET-1", "Held by nobody", "Looked over never")
}

// Given what cannot become a role, when it is sent, then the form comes back with the error at its field and what was typed.
func TestCreateRoleRefused(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("desk", "Desk", "roles.view")
	b := w.signedIn("owner")
	form := b.get("/console/acme/create-role")
	for name, c := range map[string]struct {
		form  url.Values
		field string
		says  []string
	}{
		"no name":        {url.Values{"permission": {"ipaware:roles.view"}}, "name", []string{"Give the role a name"}},
		"no permissions": {url.Values{"name": {"Kept Name"}}, "permissions", []string{"No permissions selected", "Select at least one permission"}},
		"the name":       {url.Values{"name": {"Desk"}, "key": {"other"}, "permission": {"ipaware:roles.view"}}, "name", []string{"Role name already exists", "Choose a unique role name"}},
		"the key":        {url.Values{"name": {"Kept Name"}, "key": {"desk"}, "permission": {"ipaware:roles.view"}}, "key", []string{"A role has the key"}},
		"no key":         {url.Values{"name": {"№"}, "permission": {"ipaware:roles.view"}}, "key", []string{"Give the role a key"}},
		"no such":        {url.Values{"name": {"Kept Name"}, "permission": {"ipaware:roles.veiw"}}, "permissions", []string{"ipaware:roles.view"}},
	} {
		page := b.submit(form, "/console/acme/create-role", c.form)
		if page.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered with %d: %s", name, page.status, page.text())
		}
		page.has(t, c.says...)
		for _, want := range []string{`id="` + c.field + `-error"`, c.field + `-error"`, `value="` + c.form.Get("name") + `"`} {
			if !strings.Contains(page.html, want) {
				t.Errorf("%s: there is no %s in %s", name, want, page.html)
			}
		}
	}
	if list, err := w.Roles(t.Context(), acme, false, client.Read{}); err != nil || len(list.Items) != 4 {
		t.Errorf("there are %d roles (%v)", len(list.Items), err)
	}
}

// Given a role that somebody edits, when another changes it meanwhile, then what the first did not touch stays as the other left it,
// and the first sees what the other did.
func TestEditRole(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("desk", "Desk", "roles.view", "api.key.view")
	w.join("ben", "ben@example.com", "desk")
	b := w.signedIn("owner")
	form := b.get("/console/acme/roles/desk/edit")
	form.has(t, "Held by 1 member")
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"billing.portal"}, Reason: "theirs"})
	review := b.submit(form, "/console/acme/roles/desk/edit", url.Values{
		"name": {"Front desk"}, "permission": {"ipaware:roles.view", "ipaware:organization.view"},
	})
	review.has(t, "Somebody else changed the same thing", "theirs", "New name: Front desk", "+ added (1): ipaware:organization.view",
		"− removed (1): ipaware:api.key.view", "ben", "gains ipaware:organization.view", "loses ipaware:api.key.view")
	review.hasNot(t, "loses ipaware:billing.portal")
	b.confirm(review, "mine").has(t, "Front desk", "billing.portal", "organization.view", "mine", "theirs")
	concerned := b.get("/console/acme/roles/desk/concerned")
	concerned.has(t, "1 subject had the role, and 1 of them gained or lost something", "gained ipaware:organization.view", "lost ipaware:api.key.view", "mine")
	b.get("/console/acme/roles/desk/concerned?since=10&until=11").has(t, "gained ipaware:billing.portal")
	again := b.get("/console/acme/roles/desk/edit")
	same := b.submit(again, "/console/acme/roles/desk/edit", url.Values{
		"name": {"Front desk"}, "permission": {"ipaware:roles.view", "ipaware:organization.view", "ipaware:billing.portal"},
	})
	same.has(t, "Nothing is changed yet")
}

// Given a role, when it is given to somebody for a time and to an unknown one, then the first is recorded and the second named at the
// field; and when it is taken away, who loses what is shown before.
func TestManageRole(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("desk", "Desk", "roles.view")
	w.join("ben", "ben@example.com")
	b := w.signedIn("owner")
	page := b.get("/console/acme/roles/desk/members")
	page.has(t, "Held by nobody", "Nobody", "Give it to somebody")
	wrong := b.submit(page, "/console/acme/roles/desk/members", url.Values{"who": {"benn"}})
	wrong.has(t, `There is no subject "benn"`, "Did you mean ben ?")
	if wrong.status != http.StatusUnprocessableEntity || !strings.Contains(wrong.html, `value="benn"`) {
		t.Errorf("answered with %d: %s", wrong.status, wrong.html)
	}
	b.submit(page, "/console/acme/roles/desk/members", url.Values{"who": {""}}).has(t, "Say who gets the role")
	b.submit(page, "/console/acme/roles/desk/members", url.Values{"who": {"ben"}, "until": {"soon"}}).has(t, "Choose a day")
	review := b.submit(page, "/console/acme/roles/desk/members", url.Values{"who": {"ben"}, "until": {"2199-12-31"}})
	review.has(t, "Give the role desk to ben", "gains ipaware:roles.view")
	page = b.confirm(review, "on duty")
	page.has(t, "Held by 1 member", "2200-01-01")
	b.submit(page, "/console/acme/roles/desk/take", nil).has(t, "Nobody is chosen")
	review = b.submit(page, "/console/acme/roles/desk/take", url.Values{"from": {"ben\t"}})
	review.has(t, "Take the role desk from ben", "loses ipaware:roles.view")
	b.confirm(review, "off duty").has(t, "Held by nobody")
}

// Given a role that somebody has, when it is to be deleted, then it is refused with who has it; once it is taken from all in the same
// go, it is gone, and the past still has it.
func TestDeleteRole(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("desk", "Desk", "roles.view")
	w.join("ben", "ben@example.com", "desk")
	w.join("dora", "dora@example.com", "desk")
	b := w.signedIn("owner")
	page := b.submit(b.get("/console/acme/roles/desk"), "/console/acme/roles/desk/delete", nil)
	page.has(t, "Role is assigned to users or API keys", "Remove role from all users and keys first", "ben", "dora", "Take it from all of them, and delete it")
	review := b.submit(page, "/console/acme/roles/desk/delete", nil)
	review.has(t, "Take the role desk from 2 holders, and delete it for good", "loses ipaware:roles.view")
	done := b.confirm(review, "not needed")
	done.has(t, "Recorded: event")
	done.row(t, "Organization Owner").has(t, "Global")
	if page := b.get("/console/acme/roles/desk"); page.status != http.StatusNotFound {
		t.Errorf("the role is still there: %d", page.status)
	}
	b.get("/console/acme/roles/desk?at=9").has(t, "As of event 9", "Desk", "roles.view")
	system := b.get("/console/acme/roles/organization-admin")
	if strings.Contains(system.html, "/delete\"") {
		t.Error("deleting a system role is offered")
	}
	b.submit(system, "/console/acme/roles/organization-admin/delete", nil).has(t, "System roles cannot be deleted")
}

// Given a profile in which permissions bring others along and one role is the default, when roles are made there, then the form says
// what comes along, and another can be made the default.
func TestRolesThatTakeIn(t *testing.T) {
	w := newWorld(t, "guardian")
	w.role("desk", "Desk", "POLICIES_POLICY_EXECUTE")
	b := w.signedIn("owner")
	b.get("/console/acme/create-role").has(t, "POLICIES_POLICY_EXECUTE", "Takes in POLICIES_POLICY_READ")
	made := b.submit(b.get("/console/acme/create-role"), "/console/acme/create-role", url.Values{"name": {"Other"}, "permission": {"guardian:POLICIES_POLICY_EXECUTE"}})
	made.has(t, "It gives (1): guardian:POLICIES_POLICY_EXECUTE", "Comes with it")
	b.confirm(made, "")
	other, err := w.Role(t.Context(), acme, "other", client.Read{})
	if err != nil || len(other.Item.Permissions) < 2 {
		t.Fatalf("%v %v", other.Item.Permissions, err)
	}
	made.has(t, other.Item.Permissions...)
	edited := b.submit(b.get("/console/acme/roles/desk/edit"), "/console/acme/roles/desk/edit", url.Values{"name": {"Desk"}, "permission": {"guardian:POLICIES_POLICY_EXECUTE"}})
	edited.has(t, "depends on", "Remove both")
	page := b.get("/console/acme/roles/desk")
	page.has(t, "POLICIES_POLICY_READ", "Signed documents", "in force", "Print")
	review := b.submit(page, "/console/acme/roles/desk/default", nil)
	review.has(t, "Make desk the default role", "Whoever is there already keeps what it has")
	b.confirm(review, "").has(t, "Default", "everybody who is added gets it")
	none := b.submit(page, "/console/acme/roles/desk/default", url.Values{"none": {"1"}})
	none.has(t, "Give desk to nobody any more by itself")
	b.confirm(none, "").hasNot(t, "everybody who is added gets it")
	reviewed := b.submit(page, "/console/acme/roles/desk/reviewed", nil)
	b.confirm(reviewed, "quarter").hasNot(t, "Looked over never")
}

// Given names that people chose to mislead, when pages show them, then they are text and nothing else, and the key stands beside.
func TestHostileRoles(t *testing.T) {
	w := newWorld(t, "plain")
	names := []string{`<script>alert(1)</script>`, "gnp.exe\u05d0", strings.Repeat("long", 100), `"><img src=x onerror=alert(1)>`, "Аdmin"}
	for i, name := range names {
		w.role(fmt.Sprintf("role-%d", i), name, "a.read", "b.read")
	}
	b := w.signedIn("owner")
	for _, address := range []string{"roles", "matrix", "role-reports", "roles/role-0", "roles/role-1/edit", "roles/role-3/members", "roles?q=%3Cscript%3E"} {
		page := b.get("/console/acme/" + address)
		if page.status != http.StatusOK || strings.Contains(page.html, "<script>alert") || strings.Contains(page.html, "<img src=x") {
			t.Errorf("%s (%d): %s", address, page.status, page.html)
		}
		if strings.Contains(page.html[:strings.Index(page.html, "<body")], "\u05d0") {
			t.Errorf("%s has it in its title", address)
		}
	}
	b.get("/console/acme/roles").has(t, "role-4", "<script>alert(1)</script>")
	review := b.submit(b.get("/console/acme/create-role"), "/console/acme/create-role", url.Values{"name": {names[3]}, "key": {"x"}, "permission": {"a.read"}})
	review.hasNot(t, "Record this change x")
	if strings.Contains(review.html, "<img src=x") {
		t.Error(review.html)
	}
}

// Given roles whose keys hold what addresses are made of, when somebody follows the links to them, then each leads to its own role, and
// what is done there is done to it.
func TestOddRoleKeys(t *testing.T) {
	w := newWorld(t, "plain")
	keys := []string{"a/b", "..", "what?#%2F", "two words", "<b>&amp;"}
	for _, key := range keys {
		w.role(key, "Role of "+key, "a.read")
	}
	b := w.signedIn("owner")
	list := b.get("/console/acme/roles")
	for _, key := range keys {
		row := list.row(t, "Role of "+key)
		link := regexp.MustCompile(`<th scope="row"><a href="([^"]*)"`).FindStringSubmatch(row.html)
		if link == nil {
			t.Fatalf("%s: there is no link in %s", key, row.html)
		}
		page := b.get(html.UnescapeString(link[1]))
		page.has(t, "Role of "+key, "Key "+key)
		review := b.submit(page, html.UnescapeString(link[1])+"/edit", url.Values{"name": {"Renamed " + key}, "base": {"7"}, "permission": {"a.read"}})
		b.confirm(review, "").has(t, "Recorded", "Renamed "+key)
	}
}

// Given roles that want looking after, when somebody opens the reports, then each is named with what it lacks.
func TestRoleReports(t *testing.T) {
	w := newWorld(t, "ipaware")
	w.role("desk", "Desk", "roles.view", "organization.view")
	w.role("night", "Night desk", "roles.view", "organization.view")
	w.join("ben", "ben@example.com", "desk")
	b := w.signedIn("owner")
	page := b.get("/console/acme/role-reports")
	page.row(t, "Night desk").has(t, "2", "never")
	page.row(t, "desk night 100 %").has(t, "2 permissions")
	page.has(t, "description, guideline", "Look for them")
	b.get("/console/acme/role-reports?unused=1").has(t, "What counts as use")
	b.get("/console/acme/role-reports?least=100&days=1&at=6").has(t, "As of event 6")
	b.get("/console/acme/help").has(t, "What the bar says", "Keyboard and help")
}

var rows = regexp.MustCompile(`(?s)<tr\b.*?</tr>`)

// row gives the row of a table that holds a text.
func (s shown) row(t testing.TB, with string) shown {
	t.Helper()
	for _, html := range rows.FindAllString(s.html, -1) {
		if row := (shown{status: s.status, address: s.address, html: html}); strings.Contains(row.text(), with) {
			return row
		}
	}
	t.Errorf("%s has no row with %q: %s", s.address, with, s.text())
	return shown{}
}
