package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func TestI2ARoleIsANamedCollectionOfPermissions(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "organization.view", "roles.view")
	if r := o.role("read-only"); r.Name != "Read-only" || !slices.Equal(r.Permissions, []string{"ipaware:organization.view", "ipaware:roles.view"}) {
		t.Errorf("the role is %+v", r)
	}
}

func TestI3APermissionIsOneSpecificAction(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Inviter", "organization.invite")
	o.As("owner").Assign("inviter", "member")
	o.Holds("member", "organization.invite")
	o.Denied("member", "api.key.create")
}

func TestI4ARoleAssignedToAMemberGivesItsPermissions(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.Denied("member", "ip.query")
	o.As("owner").Assign("organization-member", "member")
	o.Allowed("member", "ip.query")
}

func TestI6SeveralRolesAreCombined(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Billing", "billing.checkout", "billing.portal")
	o.As("owner").CreateRole("Viewer", "billing.portal", "roles.view")
	o.As("owner").Assign("billing", "member")
	o.As("owner").Assign("viewer", "member")
	o.Holds("member", "billing.checkout", "billing.portal", "roles.view")
}

func TestI7ASystemRoleIsNotEdited(t *testing.T) {
	o := open(t, "ipaware")
	err := o.As("owner").Try(editRole("organization-admin", []string{"billing.cancel"}, nil))
	o.Refused(err, "not-permitted", "Organization Admin is a system role", "System roles cannot be edited")
	o.Turned("owner", "role.updated", "not-permitted")
	// while one of the organization's own is
	o.As("owner").CreateRole("Own", "ip.query")
	o.As("owner").EditRole("own", []string{"billing.cancel"}, nil)
}

func TestI8ASystemRoleIsNotDeleted(t *testing.T) {
	o := open(t, "ipaware")
	for _, role := range []string{"organization-owner", "organization-admin", "organization-member"} {
		o.Refused(o.As("owner").Try(deleteRole(role)), "not-permitted", "is a system role", "System roles cannot be deleted")
	}
	if r := o.CLI("owner", "role", "rm", "organization-member", "--yes"); r.Code != 4 || !strings.Contains(r.Err, "System roles cannot be deleted") {
		t.Errorf("%+v", r)
	}
}

func TestI24ACustomRoleIsMadeAndAppearsInTheTable(t *testing.T) {
	// given somebody with roles.create, and what goes into the role
	o := open(t, "ipaware")
	o.Add("admin", "member")
	o.As("owner").Assign("organization-admin", "admin")
	// when it gives a name, a description and permissions
	o.Run("admin", "role", "create", "Read-only Analyst", "--description", "Looks, and changes nothing", "--allow", "organization.view,roles.view")
	// then the role is in the table, and can be assigned to members and keys
	table := o.Run("admin", "role", "ls")
	if !strings.Contains(table, "Read-only Analyst") || !strings.Contains(table, "Looks, and changes nothing") {
		t.Errorf("the table is\n%s", table)
	}
	o.As("admin").Assign("read-only-analyst", "member")
	o.As("admin").Do(apiKey(o, "key-1", "read-only-analyst"))
	o.Holds("key-1", "organization.view", "roles.view")
	o.Holds("member", "organization.view", "roles.view")
	// while somebody without roles.create is refused
	if r := o.CLI("member", "role", "create", "Mine", "--allow", "roles.view"); r.Code != 4 || !strings.Contains(r.Err, "Don't have roles.create permission") {
		t.Errorf("%+v", r)
	}
}

func TestI25TheDescriptionIsOptional(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Bare", "ip.query")
	if r := o.role("bare"); r.Description != "" {
		t.Errorf("the role is %+v", r)
	}
}

func TestI26ACustomRoleChangesNameDescriptionAndPermissions(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.Run("owner", "role", "edit", "analyst", "--name", "Senior Analyst", "--description", "Asks more", "--allow", "billing.portal", "--disallow", "ip.query")
	r := o.role("analyst")
	if r.Name != "Senior Analyst" || r.Description != "Asks more" || !slices.Equal(r.Permissions, []string{"ipaware:billing.portal"}) {
		t.Errorf("the role is %+v", r)
	}
	o.Recorded("owner", "role.updated", "Senior Analyst", "Asks more", "− ipaware:ip.query")
}

func TestI27AnEditAppliesToAllUsersAndKeysAtOnce(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "member")
	o.As("owner").Do(apiKey(o, "key-1", "analyst"))
	o.Denied("member", "billing.portal")
	o.As("owner").EditRole("analyst", []string{"billing.portal"}, nil)
	o.Holds("member", "billing.portal", "ip.query")
	o.Holds("key-1", "billing.portal", "ip.query")
	o.As("owner").EditRole("analyst", nil, []string{"ip.query"})
	o.Holds("member", "billing.portal")
	o.Holds("key-1", "billing.portal")
}

func TestI28UsersAreNotNotified(t *testing.T) {
	// given a role that somebody has
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "member")
	before := len(o.Lines(wire.HistoryQuery{Subject: "member"}))
	head := o.Head()
	// when it is edited
	o.As("owner").EditRole("analyst", []string{"billing.portal"}, nil)
	// then one event is recorded, about the role and not about who has it, and there is no message
	if o.Head() != head+1 || len(o.Lines(wire.HistoryQuery{Subject: "member"})) != before {
		t.Errorf("%d events, and %d about the member", o.Head()-head, len(o.Lines(wire.HistoryQuery{Subject: "member"})))
	}
	if out := o.Run("owner", "topic"); out != "" {
		t.Errorf("the topic says %s", out)
	}
}

// groups gives the permissions of a role by the categories of the catalogue, as they are shown.
func (o *org) groups(role string) map[string]int {
	o.t.Helper()
	category := map[string]string{}
	for _, p := range read[wire.List[wire.Permission]](o, o.HTTP("GET", "/permissions", nil)).Items {
		category[p.Name] = p.Category
	}
	groups := map[string]int{}
	for _, name := range o.role(role).Permissions {
		groups[category[name]]++
	}
	return groups
}

func TestI29ASystemRoleIsViewedByCategoryAndNotEdited(t *testing.T) {
	o := open(t, "ipaware")
	r := o.role("organization-admin")
	if !slices.Equal(r.Actions, []string{"View"}) || r.Type != "global" {
		t.Errorf("the role is %+v", r)
	}
	groups := o.groups("organization-admin")
	for category, n := range map[string]int{"Permissions": 1, "Roles": 6, "Organization": 6, "API Keys": 4, "Billing": 1, "IP": 1} {
		if groups[category] != n {
			t.Errorf("%d permissions of %s; want %d", groups[category], category, n)
		}
	}
}

func TestI30ACustomRoleIsShownByCategoryToBeEdited(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query", "billing.portal")
	if r := o.role("analyst"); !slices.Equal(r.Actions, []string{"View", "Edit", "Delete"}) || r.Type != "custom" {
		t.Errorf("the role is %+v", r)
	}
	if groups := o.groups("analyst"); groups["IP"] != 1 || groups["Billing"] != 1 || len(groups) != 2 {
		t.Errorf("the categories are %v", groups)
	}
}

func TestI31ACustomRoleThatNobodyHasIsDeletedForGood(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.Run("owner", "role", "rm", "analyst", "--yes")
	if a := o.HTTP("GET", "/roles/analyst", nil); a.Status != http.StatusNotFound || !strings.Contains(a.Body, "was deleted") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestI32ADeletedRoleDoesNotComeBackAndItsPastStays(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Analyst", "ip.query")
	id := o.role("analyst").ID
	o.As("owner").DeleteRole("analyst")
	for _, name := range []string{"analyst", id} {
		if err := o.As("owner").Try(assign(name, "member")); client.CodeOf(err) != "not-found" {
			t.Errorf("assign %s: %v", name, err)
		}
	}
	o.Recorded("owner", "role.created", "analyst")
	o.Recorded("owner", "role.deleted", "analyst")
}

func TestI33ARoleAssignedToAUserIsNotDeleted(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "member")
	p := o.Refused(o.As("owner").Try(deleteRole("analyst")), "in-use", "assigned to users or API keys", "")
	if !slices.Equal(p.Holders, []string{"member"}) {
		t.Errorf("the holders are %v", p.Holders)
	}
	o.As("owner").Revoke("analyst", "member")
	o.As("owner").DeleteRole("analyst")
}

func TestI34ARoleAssignedToAnAPIKeyIsNotDeleted(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Do(apiKey(o, "key-1", "analyst"))
	p := o.Refused(o.As("owner").Try(deleteRole("analyst")), "in-use", "assigned to users or API keys", "")
	if !slices.Equal(p.Holders, []string{"key-1"}) {
		t.Errorf("the holders are %v", p.Holders)
	}
}

func TestI35WithoutConfirmationNothingIsDeleted(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query")
	// over HTTP: without the member confirm there is no command to sign
	in := deleteRole("analyst")
	in.Confirm = false
	o.Refused(o.As("owner").Try(in), "not-confirmed", "cannot be undone", "confirm")
	// with the program: without --yes, and without an answer or with another one
	for _, answer := range []string{"", "no\n", "\n"} {
		env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_TOKEN=" + token, "PERMLEDGER_ORG=" + o.ID, "PERMLEDGER_KEY=" + o.keyFile("owner")}
		if r := o.program(env, answer, "role", "rm", "analyst"); r.Code != 2 || !strings.Contains(r.Err, "not confirmed") {
			t.Errorf("answered %q: %+v", answer, r)
		}
		o.role("analyst")
	}
	env := []string{"PERMLEDGER_SERVER=" + o.URL, "PERMLEDGER_TOKEN=" + token, "PERMLEDGER_ORG=" + o.ID, "PERMLEDGER_KEY=" + o.keyFile("owner")}
	if r := o.program(env, "yes\n", "role", "rm", "analyst"); r.Code != 0 {
		t.Errorf("answered yes: %+v", r)
	}
}

func TestI59TheCatalogueHasSixGroups(t *testing.T) {
	o := open(t, "ipaware")
	groups := map[string]int{}
	for _, p := range read[wire.List[wire.Permission]](o, o.HTTP("GET", "/permissions", nil)).Items {
		if p.Catalogue == "ipaware" {
			groups[p.Category]++
		}
	}
	want := map[string]int{"Permissions": 1, "Roles": 6, "Organization": 6, "API Keys": 4, "Billing": 5, "IP": 1}
	for category, n := range want {
		if groups[category] != n {
			t.Errorf("%d permissions of %s; want %d", groups[category], category, n)
		}
	}
	if len(groups) != len(want) {
		t.Errorf("the groups are %v", groups)
	}
}

func TestI60TheRolesTableHasItsColumns(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query", "roles.view")
	lines := strings.Split(o.Run("owner", "role", "ls"), "\n")
	for _, column := range []string{"ROLE NAME", "DESCRIPTION", "PERMISSIONS", "TYPE", "ACTIONS"} {
		if !strings.Contains(lines[0], column) {
			t.Errorf("the table has no column %s: %s", column, lines[0])
		}
	}
	want := map[string][]string{"Analyst": {"2", "Custom", "View, Edit, Delete"}, "Organization Admin": {"19", "Global", "View"}}
	for name, words := range want {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, name) })
		if i < 0 || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(lines[i], w) }) {
			t.Errorf("%s: %q does not say %q", name, lines[max(i, 0)], words)
		}
	}
}

func TestI61TypesAreGlobalAndCustom(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query")
	for key, want := range map[string]string{"organization-owner": "global", "organization-member": "global", "analyst": "custom"} {
		r := o.role(key)
		if r.Type != want || slices.Contains(r.Actions, "Edit") != (want == "custom") {
			t.Errorf("%s is %s, with the actions %v", key, r.Type, r.Actions)
		}
	}
}

func TestI63ARoleHasAName(t *testing.T) {
	o := open(t, "ipaware")
	for _, name := range []string{" ", "\u00a0"} {
		in := createRole("x", "ip.query")
		in.Name = &name
		o.Refused(o.As("owner").Try(in), "invalid", "A role has a name", "Choose a name")
	}
	if r := o.CLI("owner", "role", "create", "", "ip.query"); r.Code != 2 {
		t.Errorf("%+v", r)
	}
}

func TestI65NothingIsPreselected(t *testing.T) {
	// given a role in which nothing was selected: it is none
	o := open(t, "ipaware")
	o.Refused(o.As("owner").Try(createRole("Empty")), "invalid", "No permissions selected", "Select at least one permission")
	// when one permission is selected, then the role has that alone, and a new member has nothing
	o.Add("member")
	o.Holds("member")
	o.As("owner").CreateRole("Analyst", "ip.query")
	if r := o.role("analyst"); !slices.Equal(r.Permissions, []string{"ipaware:ip.query"}) {
		t.Errorf("the role has %v", r.Permissions)
	}
	o.As("owner").Assign("analyst", "member")
	o.Holds("member", "ip.query")
	// and more comes later, one edit at a time
	o.As("owner").EditRole("analyst", []string{"billing.portal"}, nil)
	o.As("owner").EditRole("analyst", []string{"roles.view"}, nil)
	if n := len(o.Lines(wire.HistoryQuery{Role: "analyst", Type: "role.updated"})); n != 2 {
		t.Errorf("%d edits", n)
	}
	o.Holds("member", "billing.portal", "ip.query", "roles.view")
}

func TestI76WithoutRolesCreate(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").Assign("organization-member", "member")
	p := o.Refused(o.As("member").Try(createRole("Analyst", "ip.query")), "not-permitted", "Don't have roles.create permission", "Ask an Owner or Admin for permission")
	if p.Permission != "ipaware:roles.create" || p.Detail != "Don't have roles.create permission" {
		t.Errorf("the problem is %+v", p)
	}
	o.Turned("member", "role.created", "not-permitted")
}

func TestI77ANameThatExists(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query")
	in := createRole("Analyst", "ip.query")
	in.Role = "another"
	p := o.Refused(o.As("owner").Try(in), "taken", "", "")
	if p.Detail != "Role name already exists" || p.Hint != "Choose a unique role name" {
		t.Errorf("the problem is %+v", p)
	}
	in = createRole("Organization Owner", "ip.query") // the names of system roles are taken, too
	in.Role = "mine"
	o.Refused(o.As("owner").Try(in), "taken", "Role name already exists", "Choose a unique role name")
}

func TestI78NoPermissionSelected(t *testing.T) {
	o := open(t, "ipaware")
	p := o.Refused(o.As("owner").Try(createRole("Analyst")), "invalid", "", "")
	if p.Detail != "No permissions selected" || p.Hint != "Select at least one permission" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestI79ARoleInUseListsWhoHasIt(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("ann", "bob")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "ann")
	o.As("owner").Assign("analyst", "bob")
	o.As("owner").Do(apiKey(o, "key-1", "analyst"))
	p := o.Refused(o.As("owner").Try(deleteRole("analyst")), "in-use", "", "")
	if p.Detail != "Role is assigned to users or API keys" || p.Hint != "Remove role from all users and keys first" {
		t.Errorf("the problem is %+v", p)
	}
	slices.Sort(p.Holders)
	if !slices.Equal(p.Holders, []string{"ann", "bob", "key-1"}) {
		t.Errorf("the holders are %v", p.Holders)
	}
	if r := o.CLI("owner", "role", "rm", "analyst", "--yes"); r.Code != 6 || !strings.Contains(r.Err, "ann") || !strings.Contains(r.Err, "key-1") {
		t.Errorf("%+v", r)
	}
}

func TestI80SystemRolesCannotBeDeleted(t *testing.T) {
	o := open(t, "ipaware")
	p := o.Refused(o.As("owner").Try(deleteRole("organization-member")), "not-permitted", "", "")
	if p.Hint != "System roles cannot be deleted" || p.Status != http.StatusForbidden {
		t.Errorf("the problem is %+v", p)
	}
}
