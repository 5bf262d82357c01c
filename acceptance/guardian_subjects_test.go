package acceptance_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

func TestG12ANewUserGetsTheDefaultRole(t *testing.T) {
	o := open(t, "guardian")
	o.As("owner").CreateRole("Installer", "POLICIES_POLICY_EXECUTE")
	o.Add("older")
	// When a role is marked Default and a user registers.
	o.As("owner").Do(wire.Intent{Kind: wire.DefaultRole, Role: "installer"})
	before := len(o.Messages())
	o.Add("user")
	// Then the user has it, with a message of its own; who was there before does not.
	if u := o.subject("user"); len(u.Roles) != 1 || u.Roles[0] != "installer" {
		t.Errorf("the new user has %v", u.Roles)
	}
	if u := o.subject("older"); slices.Contains(u.Roles, "installer") {
		t.Errorf("who was there before has %v", u.Roles)
	}
	o.Recorded("owner", "subject.added", "user", "role installer, the default")
	if all := o.Messages(); len(all) != before+1 || all[before].Action != "set-role" {
		t.Errorf("the topic went on with %v", all[before:])
	}
	// And an invited one has it when it joins.
	code := o.As("owner").invite("invited")
	if err := o.join(code, "invited"); err != nil {
		t.Fatal(err)
	}
	if u := o.subject("invited"); len(u.Roles) != 1 || u.State != "active" {
		t.Errorf("the invited user is %s with %v", u.State, u.Roles)
	}
}

func TestG13AnotherDefaultLeavesOlderUsersAsTheyAre(t *testing.T) {
	o := open(t, "guardian")
	o.As("owner").CreateRole("Installer", "POLICIES_POLICY_EXECUTE")
	o.As("owner").CreateRole("Verifier", "POLICIES_POLICY_READ")
	o.As("owner").Do(wire.Intent{Kind: wire.DefaultRole, Role: "installer"})
	o.Add("first")
	o.As("owner").Do(wire.Intent{Kind: wire.DefaultRole, Role: "verifier"})
	o.Add("second")
	for key, role := range map[string]string{"first": "installer", "second": "verifier"} {
		if u := o.subject(key); len(u.Roles) != 1 || u.Roles[0] != role {
			t.Errorf("%s has %v, not %s", key, u.Roles, role)
		}
	}
}
