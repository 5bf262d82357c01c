package acceptance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// delegator makes an organization of a Standard Registry with two users who may delegate, and two roles.
func delegator(t *testing.T, profile string) *org {
	t.Helper()
	o := withoutDefault(t, profile)
	o.Add("anna", "bert", "carl")
	sr := o.As("owner")
	sr.CreateRole("Delegator", "DELEGATION_ROLE_MANAGE")
	sr.CreateRole("Role R1", "POLICIES_POLICY_READ", "POLICIES_POLICY_EXECUTE")
	sr.CreateRole("Role R2", "TOKENS_TOKEN_EXECUTE")
	for _, role := range []string{"delegator", "role-r1", "role-r2"} {
		sr.Assign(role, "anna")
	}
	sr.Assign("delegator", "bert")
	return o
}

func delegate(role, to string) wire.Intent {
	return wire.Intent{Kind: wire.DelegateRole, Role: role, Subject: to}
}

func TestG21DelegatesARoleAndKeepsIt(t *testing.T) {
	// given a user with DELEGATION_ROLE_MANAGE and two roles
	o := delegator(t, "guardian")
	o.Denied("carl", "POLICIES_POLICY_EXECUTE")

	// when it delegates one to another user
	o.As("anna").Do(delegate("role-r1", "carl"))

	// then the other has it, and the delegator keeps both
	c := o.Allowed("carl", "POLICIES_POLICY_EXECUTE")
	if b := c.Because[0]; b.Role != "role-r1" || !b.Delegated || b.By != "anna" {
		t.Errorf("carl may, because of %+v", b)
	}
	o.Denied("carl", "TOKENS_TOKEN_EXECUTE")
	o.Allowed("anna", "POLICIES_POLICY_EXECUTE")
	o.Allowed("anna", "TOKENS_TOKEN_EXECUTE")
	o.Recorded("anna", "role.delegated", "carl", "role-r1", "delegated")
}

func TestG22DelegatesAllRolesOrSome(t *testing.T) {
	// given a user with DELEGATION_ROLE_MANAGE and three roles
	o := delegator(t, "guardian")

	// when it delegates all of them to one, and some to another
	for _, role := range []string{"delegator", "role-r1", "role-r2"} {
		o.As("anna").Do(delegate(role, "carl"))
	}
	o.As("anna").Do(delegate("role-r2", "bert"))

	// then each has just these
	for who, roles := range map[string][]string{"carl": {"delegator", "role-r1", "role-r2"}, "bert": {"delegator", "role-r2"}} {
		one, err := o.Subject(t.Context(), o.ID, who, client.Read{})
		if err != nil || !slices.Equal(one.Item.Roles, roles) {
			t.Errorf("%s has %q, %v; want %q", who, one.Item.Roles, err, roles)
		}
	}
	// and what was delegated, with the right to, can be delegated on
	o.As("carl").Do(delegate("role-r1", "bert"))
	o.Allowed("bert", "POLICIES_POLICY_EXECUTE")
}

func TestG23ARoleThatItDoesNotHaveIsRefused(t *testing.T) {
	// given a user with DELEGATION_ROLE_MANAGE, without R1
	o := delegator(t, "guardian")

	// when it delegates that role
	err := o.As("bert").Try(delegate("role-r1", "carl"))

	// then that is refused, as of a role that it cannot see, and noted
	o.Refused(err, "not-found", "You do not have the role role-r1", "permledger delegable")
	o.Turned("bert", "role.delegated", "not-found")
	o.Denied("carl", "POLICIES_POLICY_EXECUTE")

	// and so is a role that does not exist
	o.Refused(o.As("bert").Try(delegate("nobody-made-it", "carl")), "not-found", "There is no role", "")
}

func TestG24WithoutThePermissionNothingIsDelegated(t *testing.T) {
	// given a user who has a role and not DELEGATION_ROLE_MANAGE
	o := delegator(t, "guardian")
	o.As("owner").Assign("role-r1", "carl")

	// when it delegates the role
	err := o.As("carl").Try(delegate("role-r1", "bert"))

	// then it is denied
	if p := o.Refused(err, "not-permitted", "Don't have DELEGATION_ROLE_MANAGE permission", ""); p.Permission != "guardian:DELEGATION_ROLE_MANAGE" {
		t.Errorf("what is missing is %q", p.Permission)
	}
	o.Denied("bert", "POLICIES_POLICY_EXECUTE")

	// and with it, it may
	o.As("owner").Assign("delegator", "carl")
	o.As("carl").Do(delegate("role-r1", "bert"))
	o.Allowed("bert", "POLICIES_POLICY_EXECUTE")
}

func TestG25AccessToAPolicyIsDelegatedByWhoHasIt(t *testing.T) {
	// given a user with DELEGATION_ROLE_MANAGE who is assigned to P1, and P2, to which it is not
	o := delegator(t, "guardian")
	o.policies("policy/P1", "policy/P2")
	o.reach("anna", "ACCESS_POLICY_ASSIGNED")
	o.reach("carl", "ACCESS_POLICY_ASSIGNED")
	o.As("owner").Do(assignTo("policy/P1", "anna"))
	o.Denied("carl", "POLICIES_POLICY_READ", "policy/P1")

	// when it delegates access to P1
	o.As("anna").Do(wire.Intent{Kind: wire.DelegateAccess, Resource: "policy/P1", Subject: "carl"})

	// then the other has access to it
	o.Allowed("carl", "POLICIES_POLICY_READ", "policy/P1")
	o.Recorded("anna", "access.delegated", "carl", "policy/P1")

	// and what it has no access to is refused, as what there is not
	for _, policy := range []string{"policy/P2", "policy/P3"} {
		err := o.As("anna").Try(wire.Intent{Kind: wire.DelegateAccess, Resource: policy, Subject: "carl"})
		o.Refused(err, "not-found", "There is no resource "+policy+" that you have access to", "Only what you have access to yourself")
	}
	o.Denied("carl", "POLICIES_POLICY_READ", "policy/P2")
}

func TestG26TheChoicesAreWhatTheDelegatorHas(t *testing.T) {
	// given a delegator with a role of the Standard Registry and one of another user, and policies of both
	o := delegator(t, "guardian")
	o.policies("policy/P1", "policy/P2", "policy/P3")
	o.reach("bert", "ACCESS_POLICY_ASSIGNED")
	o.reach("anna", "ACCESS_POLICY_ALL")
	o.As("anna").Do(delegate("role-r1", "bert"))
	o.As("anna").Do(wire.Intent{Kind: wire.DelegateAccess, Resource: "policy/P1", Subject: "bert"})
	o.As("owner").Do(assignTo("policy/P3", "bert"))

	// when the choices are listed
	d, err := o.Delegable(t.Context(), o.ID, "bert", client.Read{})
	if err != nil {
		t.Fatal(err)
	}

	// then they are exactly what it has, whoever gave it
	var roles, policies []string
	for _, h := range d.Item.Roles {
		roles = append(roles, h.Role+h.Delegated)
	}
	for _, p := range d.Item.Policies {
		policies = append(policies, p.Path)
	}
	if !slices.Equal(roles, []string{"access-policy-assigned", "delegator", "policies-policy-read", "role-r1anna"}) || !slices.Equal(policies, []string{"policy/P1", "policy/P3"}) {
		t.Errorf("bert can delegate %q and %q", roles, policies)
	}
	out := o.Run("bert", "delegable", "bert")
	if !strings.Contains(out, "delegated by anna") || !strings.Contains(out, "policy/P3") || strings.Contains(out, "role-r2") || strings.Contains(out, "policy/P2") {
		t.Errorf("the program lists\n%s", out)
	}
}

func TestDelegationKeptInTheGuardianProfile(t *testing.T) {
	// given a role that was delegated, in the profile that keeps copies
	o := delegator(t, "guardian")
	o.As("anna").Do(delegate("role-r1", "carl"))
	o.Recorded("anna", "role.delegated", "it stays")

	// when the delegator loses it
	o.As("owner").Revoke("role-r1", "anna")

	// then the other keeps it
	o.Denied("anna", "POLICIES_POLICY_EXECUTE")
	o.Allowed("carl", "POLICIES_POLICY_EXECUTE")
}

func TestDelegationCascadesElsewhere(t *testing.T) {
	// given a role that was delegated on and on, in a profile that keeps nothing
	o := open(t, "plain")
	o.AddBare("anna", "bert", "carl")
	sr := o.As("owner")
	sr.Do(wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"investor.verify", "ledger:role.delegate"}})
	sr.Assign("desk", "anna")
	o.As("anna").Do(delegate("desk", "bert"))
	o.As("bert").Do(wire.Intent{Kind: wire.DelegateRole, Role: "desk", Subject: "carl", Scope: "investor/A"})
	o.Allowed("carl", "investor.verify", "investor/A")
	o.Denied("carl", "investor.verify", "investor/B")

	// when a delegator in the middle is deactivated
	before := o.Head()
	sr.Deactivate("bert")

	// then what it passed on does not count, and explain says so
	c := o.Denied("carl", "investor.verify", "investor/A")
	if !strings.Contains(missing(c), "by bert, who is deactivated since") {
		t.Errorf("missing is %s", missing(c))
	}

	// when the first delegator loses the role
	sr.Revoke("desk", "anna")
	o.Denied("bert", "investor.verify")

	// then as of before, everybody has it
	past, err := o.Check(t.Context(), o.ID, "carl", "investor.verify", "investor/A", at(before))
	if err != nil || !past.Allowed {
		t.Errorf("as of %d: %+v, %v", before, past, err)
	}

	// when the role is assigned to it again, that is another grant: nothing comes back by itself
	sr.Assign("desk", "anna")
	o.Denied("carl", "investor.verify", "investor/A")
}

func TestDelegationEndsWithTheDelegatorsOwn(t *testing.T) {
	// given a role that its holder has until an instant
	c := newClock(time.Now().UTC().Truncate(time.Millisecond))
	o := openAt(t, "plain", c)
	o.AddBare("anna", "bert")
	sr := o.As("owner")
	end := c.Now().Add(48 * time.Hour).Format(time.RFC3339)
	sr.Do(wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"investor.verify", "ledger:role.delegate"}})
	sr.Do(wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "anna", Until: end})

	// when it delegates the role for longer, then it is refused
	o.Refused(o.As("anna").Try(delegate("desk", "bert")), "escalation", "beyond", "no later than that")

	// when for no longer, then the other has it until then
	o.As("anna").Do(wire.Intent{Kind: wire.DelegateRole, Role: "desk", Subject: "bert", Until: end})
	o.Allowed("bert", "investor.verify")
	c.Advance(49 * time.Hour)
	o.Denied("bert", "investor.verify")
}

func TestDelegationIsTakenBackByTheDelegator(t *testing.T) {
	// given a delegated role, and a delegator who may revoke nothing
	o := delegator(t, "guardian")
	o.As("anna").Do(delegate("role-r1", "carl"))

	// when another takes it, it is denied; when the delegator does, the other has it no more
	o.Refused(o.As("bert").Try(wire.Intent{Kind: wire.RevokeRole, Role: "role-r1", Subject: "carl"}), "not-permitted", "", "")
	o.As("anna").Revoke("role-r1", "carl")
	o.Denied("carl", "POLICIES_POLICY_EXECUTE")
}

func TestDelegatedRolesAreGivenOnNotAway(t *testing.T) {
	// given somebody who may assign roles, and has one by a delegation that cascades
	o := open(t, "plain")
	o.AddBare("anna", "bert", "carl")
	sr := o.As("owner")
	sr.Do(wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"investor.verify"}})
	sr.Assign("desk", "anna")
	sr.Grant("ledger:role.delegate", "anna")
	sr.Grant("ledger:role.assign", "bert")
	o.As("anna").Do(delegate("desk", "bert"))

	// when it assigns that role for good, then it is refused: who lost it could keep it by another
	o.Refused(o.As("bert").Try(wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "carl"}), "escalation", "Cannot give investor.verify", "")
	o.Denied("carl", "investor.verify")
}
