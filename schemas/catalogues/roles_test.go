package catalogues

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Given the profiles of the documents, when an organization of one is opened, then it has the roles that the document names.
func TestRoles(t *testing.T) {
	type one struct {
		key, managed string
		system       bool
		permissions  int
	}
	for profile, want := range map[string][]one{
		"guardian": {{"default-policy-user", "", false, 18}, {"policy-approver", "", false, 16}, {"policy-manager", "", false, 8}, {"policy-user", "", false, 18}},
		"ipaware":  {{"organization-owner", "owner", true, 0}, {"organization-admin", "", true, 19}, {"organization-member", "", true, 6}},
		"tokeny": {{"issuer-admin", "operator", true, 3}, {"token-owner", "token-owner", true, 12}, {"token-agent", "token-agent", true, 14},
			{"marketplace-admin", "operator", true, 9}, {"investor", "token-holder", true, 3}, {"chain-observer", "operator", true, 1}},
		"stokr": nil, "plain": nil, "../ipaware": nil, "": nil,
	} {
		roles, err := Roles(profile)
		if err != nil {
			t.Fatal(err)
		}
		var got []one
		for _, r := range roles {
			got = append(got, one{r.Key, r.Managed, r.System, len(r.Permissions)})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(one{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", profile, diff)
		}
	}
	guardian, _ := Roles("guardian")
	if i := slices.IndexFunc(guardian, func(r Role) bool { return r.Default }); i != 0 {
		t.Errorf("the default of guardian is role %d; want the first", i)
	}
}

// An Admin cannot become the owner's equal: what changes billing, and the ownership, is the owner's.
func TestOrganizationAdmin(t *testing.T) {
	roles, err := Roles("ipaware")
	if err != nil {
		t.Fatal(err)
	}
	var not []string
	for _, p := range load(t, "ipaware").Permissions {
		if !slices.Contains(roles[1].Permissions, p.Name) {
			not = append(not, p.Name)
		}
	}
	if diff := cmp.Diff([]string{"billing.cancel", "billing.checkout", "billing.resume", "billing.update"}, not); diff != "" {
		t.Errorf("what an Organization Admin may not (-want +got):\n%s", diff)
	}
}

func TestDecodeRolesIsStrict(t *testing.T) {
	const (
		a    = `{"key":"a","name":"A","system":true,"managed":"owner"}`
		b    = `{"key":"b","name":"B","description":"d","default":true,"permissions":["ip.query","roles.view"]}`
		good = `{"profile":"ipaware","roles":[` + a + "," + b + "]}"
	)
	c := load(t, "ipaware")
	if r, err := decodeRoles([]byte(good), "ipaware", c); err != nil || len(r) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, tt := range []struct{ name, old, new string }{
		{"another profile", `"profile":"ipaware"`, `"profile":"stokr"`},
		{"unknown member", `"key":"a",`, `"key":"a","id":1,`},
		{"key twice", `"key":"b"`, `"key":"a"`},
		{"no name", `"name":"B"`, `"name":""`},
		{"two defaults", `"name":"A","system":true,"managed":"owner"`, `"name":"A","default":true,"permissions":["ip.query"]`},
		{"false written out", `"default":true`, `"default":false`},
		{"permissions not sorted", `["ip.query","roles.view"]`, `["roles.view","ip.query"]`},
		{"unknown permission", `"roles.view"`, `"roles.vew"`},
		{"no permissions", `,"permissions":["ip.query","roles.view"]`, ``},
		{"the owner's with some", `"managed":"owner"`, `"managed":"owner","permissions":["ip.query"]`},
		{"managed and not of the system", `"system":true,"managed":"owner"`, `"managed":"owner"`},
		{"cut", `]}`, `]`},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		if text == good {
			t.Fatalf("%s: %s does not stand in it", tt.name, tt.old)
		}
		if r, err := decodeRoles([]byte(text), "ipaware", c); err == nil {
			t.Errorf("%s: read as %+v", tt.name, r)
		}
	}
}
