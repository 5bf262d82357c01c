package acceptance_test

import "testing"

// Whoever may assign and revoke roles may set them all at once; whoever may only do one of both may not.
func TestRolesAreSetByWhoMayAssignAndRevoke(t *testing.T) {
	// Given somebody with roles.assign and roles.revoke, somebody with one of them, and a member with a role
	o := open(t, "ipaware")
	o.Add("both", "one", "member")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").CreateRole("Viewer", "organization.view")
	o.Give("both", "roles.assign", "roles.revoke", "ip.query", "organization.view")
	o.Give("one", "roles.assign", "ip.query", "organization.view")
	o.As("owner").Assign("viewer", "member")
	// When each sets the member's roles
	o.Missing(o.As("one").Try(setRoles("member", "analyst")), "role.set")
	if err := o.As("both").Try(setRoles("member", "analyst")); err != nil {
		t.Fatal(err)
	}
	// Then the member has the new one in the place of the old
	if u := o.subject("member"); len(u.Roles) != 1 || u.Roles[0] != "analyst" {
		t.Errorf("the member has %q", u.Roles)
	}
}
