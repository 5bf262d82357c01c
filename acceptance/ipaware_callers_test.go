package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func TestI36PermissionsViewViewsSystemPermissions(t *testing.T) {
	o := open(t, "ipaware")
	o.takes("/permissions", "permissions.view")
}

// doing checks that a permission lets a member do a change, and that all others that the catalogue has do not. The member
// holds what it gives away, whatever else is said.
func (o *org) doing(permission string, in wire.Intent, others ...string) {
	o.t.Helper()
	o.Add("without", "with")
	o.Give("without", others...)
	o.Give("with", append([]string{permission}, others...)...)
	head := o.Head()
	_, err := o.DoAs("without", in)
	o.Missing(err, permission)
	if o.Head() != head {
		o.t.Errorf("without %s something was recorded", permission)
	}
	o.Noted(func(a wire.Activity) bool {
		return a.Kind == "refused" && a.Actor == "without" && strings.HasSuffix(a.Permission, ":"+permission) && a.Code == "not-permitted"
	})
	if _, err := o.DoAs("with", in); err != nil {
		o.t.Fatalf("with %s: %v", permission, err)
	}
}

func TestI37RolesCreateCreatesCustomRoles(t *testing.T) {
	o := open(t, "ipaware")
	o.doing("roles.create", createRole("Read-only", "ip.query"), "ip.query", "roles.update", "roles.delete", "roles.assign", "roles.revoke", "roles.view")
}

func TestI38RolesViewViewsRolesAndPermissions(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.takes("/roles/read-only", "roles.view")
	for _, path := range []string{"/roles", "/access/owner", "/who-can?permission=ip.query"} {
		if a, b := o.GetAs("with", path), o.GetAs("without", path); a.Status != http.StatusOK || b.Status != http.StatusForbidden {
			t.Errorf("%s answers %d with, and %d without", path, a.Status, b.Status)
		}
	}
}

func TestI39RolesUpdateEditsCustomRoles(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.doing("roles.update", editRole("read-only", []string{"billing.portal"}, nil), "billing.portal", "roles.create", "roles.delete", "roles.view")
}

func TestI40RolesDeleteDeletesCustomRoles(t *testing.T) {
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.doing("roles.delete", deleteRole("read-only"), "roles.create", "roles.update", "roles.revoke", "roles.view")
}

func TestI41RolesAssignAssignsRolesToMembers(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.doing("roles.assign", assign("read-only", "member"), "ip.query", "roles.revoke", "roles.create", "roles.view")
	o.Allowed("member", "ip.query")
}

func TestI42RolesRevokeRemovesRolesAndAssignDoesNot(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").Assign("read-only", "member")
	o.doing("roles.revoke", revoke("read-only", "member"), "ip.query", "roles.assign", "roles.view")
	o.Denied("member", "ip.query")
}

func TestI43OrganizationViewViewsTheOrganization(t *testing.T) {
	o := open(t, "ipaware")
	o.takes("", "organization.view")
}

func TestI44OrganizationUpdateEditsTheOrganization(t *testing.T) {
	o := open(t, "ipaware")
	name := "The new name"
	o.doing("organization.update", wire.Intent{Kind: wire.UpdateOrganization, Name: &name}, "organization.view", "organization.invite", "organization.remove")
	one, err := o.Organization(t.Context(), o.ID, client.Read{})
	if err != nil || one.Name != name {
		t.Errorf("it is called %q, %v", one.Name, err)
	}
}

func TestI47WhitelistViewViewsIPs(t *testing.T) {
	o := open(t, "ipaware")
	o.only("organization.whitelist.view")
	o.Denied("with", "organization.whitelist.manage")
}

func TestI48WhitelistManageManagesLabels(t *testing.T) {
	o := open(t, "ipaware")
	o.only("organization.whitelist.manage")
	o.Denied("with", "organization.whitelist.view")
}

func TestI53BillingCheckout(t *testing.T) { open(t, "ipaware").only("billing.checkout") }
func TestI54BillingPortal(t *testing.T)   { open(t, "ipaware").only("billing.portal") }
func TestI55BillingUpdate(t *testing.T)   { open(t, "ipaware").only("billing.update") }
func TestI56BillingCancel(t *testing.T)   { open(t, "ipaware").only("billing.cancel") }

func TestI57BillingResumeIsNotCancel(t *testing.T) {
	o := open(t, "ipaware")
	o.only("billing.resume")
	o.Denied("with", "billing.cancel")
	list, err := o.Permissions(t.Context(), o.ID, client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list.Items, func(p wire.Permission) bool {
		return p.Name == "ipaware:billing.resume" && strings.Contains(p.Description, "Resume")
	}) {
		t.Error("no permission billing.resume is described as one to resume")
	}
}

func TestI58IPQuery(t *testing.T) { open(t, "ipaware").only("ip.query") }

func TestI72EveryOperationNamesThePermissionItNeeds(t *testing.T) {
	// given somebody without any permission, who asks what the API can do
	o := open(t, "ipaware")
	o.Add("developer")
	a := o.GetAs("developer", "/operations")
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	documented := map[string]wire.Operation{}
	for _, op := range read[wire.List[wire.Operation]](o, a).Items {
		documented[op.Method+" "+op.Path] = op
	}

	// then each operation is documented, with the permission that it needs or the reason why it needs none
	for _, r := range api.Routes() {
		op, ok := documented[r.Method+" "+r.Path]
		switch {
		case !ok || op.Summary == "":
			t.Errorf("%s %s is not documented", r.Method, r.Path)
		case (len(op.Permissions) == 0) == (op.Why == ""):
			t.Errorf("%s %s names %q, and %q as the reason for none", r.Method, r.Path, op.Permissions, op.Why)
		}
	}
	// and what it names is what somebody without it is told, and lets who has it in
	o.AddBare("with")
	asked := 0
	for _, op := range documented {
		path, ours := strings.CutPrefix(op.Path, "/v1/orgs/{org}")
		if !ours || op.Method != http.MethodGet || len(op.Permissions) == 0 || strings.Contains(path, "{") || strings.HasPrefix(path, "/history") || path == "/activity" || path == "/watch" {
			continue // of one's own log everybody reads; a watch does not end
		}
		a := o.GetAs("developer", path)
		if p := read[wire.Problem](o, a); a.Status != http.StatusForbidden || p.Permission != op.Permissions[0] {
			t.Errorf("%s names %q, and answers %d %s", path, op.Permissions, a.Status, a.Body)
		}
		o.Give("with", append(op.Permissions[:1:1], op.And[:min(1, len(op.And))]...)...)
		if a := o.GetAs("with", path); a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized {
			t.Errorf("with %s, %s answers %d %s", op.Permissions[0], path, a.Status, a.Body)
		}
		asked++
	}
	if asked < 15 {
		t.Errorf("only %d operations were asked", asked)
	}
	// in the words of the organization's own catalogue
	for path, want := range map[string]string{
		"GET /v1/orgs/{org}/roles": "ipaware:roles.view", "GET /v1/orgs/{org}": "ipaware:organization.view", "GET /v1/orgs/{org}/permissions": "ipaware:permissions.view",
	} {
		if got := documented[path].Permissions; len(got) == 0 || got[0] != want {
			t.Errorf("%s needs %q; want %s first", path, got, want)
		}
	}
	// and each change does, by its kind
	changes := map[string][]string{}
	for _, c := range read[wire.List[wire.Operation]](o, a).Items {
		if c.Kind != "" {
			changes[c.Kind] = c.Permissions
		}
	}
	for kind, want := range map[string]string{
		wire.CreateRole: "ipaware:roles.create", wire.UpdateRole: "ipaware:roles.update", wire.DeleteRole: "ipaware:roles.delete",
		wire.AssignRole: "ipaware:roles.assign", wire.RevokeRole: "ipaware:roles.revoke",
	} {
		if got := changes[kind]; len(got) == 0 || got[0] != want {
			t.Errorf("%s needs %q; want %s first", kind, got, want)
		}
	}
}

func TestI82EachActionOnRolesNeedsItsPermission(t *testing.T) {
	// given a member with all of the catalogue's permissions on roles but one, and a role
	o := open(t, "ipaware")
	all := []string{"roles.create", "roles.update", "roles.delete", "roles.view", "roles.assign", "roles.revoke"}
	o.As("owner").CreateRole("Read-only", "ip.query")
	o.As("owner").CreateRole("Spare", "ip.query")
	o.Add("member", "bob", "carl")
	o.As("owner").Assign("read-only", "carl")
	actions := map[string]wire.Intent{
		"roles.create": createRole("Desk", "ip.query"), "roles.update": editRole("read-only", []string{"roles.view"}, nil), "roles.delete": deleteRole("spare"),
		"roles.assign": assign("read-only", "bob"), "roles.revoke": revoke("read-only", "carl"),
	}
	for _, missing := range all {
		rest := []string{"ip.query"}
		for _, p := range all {
			if p != missing {
				rest = append(rest, p)
			}
		}
		o.Give("member", rest...)

		// when it does what the one is for, then it is refused by its name
		if in, ok := actions[missing]; ok {
			_, err := o.DoAs("member", in)
			o.Missing(err, missing)
			continue
		}
		if a := o.GetAs("member", "/roles"); a.Status != http.StatusForbidden || !strings.Contains(a.Body, missing) {
			t.Errorf("view: %d %s", a.Status, a.Body)
		}
	}

	// and with all of them it does each
	o.Give("member", append([]string{"ip.query"}, all...)...)
	for _, permission := range []string{"roles.create", "roles.update", "roles.assign", "roles.revoke", "roles.delete"} {
		if _, err := o.DoAs("member", actions[permission]); err != nil {
			t.Errorf("%s: %v", permission, err)
		}
	}
	if a := o.GetAs("member", "/roles"); a.Status != http.StatusOK {
		t.Errorf("view: %d %s", a.Status, a.Body)
	}
}
