package acceptance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// withoutDefault opens a Standard Registry whose new users get no role.
func withoutDefault(t *testing.T, profile string) *org {
	t.Helper()
	o := open(t, profile)
	o.As("owner").Do(wire.Intent{Kind: wire.DefaultRole})
	return o
}

// policies registers policies of the owner.
func (o *org) policies(paths ...string) {
	o.t.Helper()
	for _, path := range paths {
		o.As("owner").Do(wire.Intent{Kind: wire.RegisterResource, Resource: path})
	}
}

func assignTo(policy, subject string) wire.Intent {
	return wire.Intent{Kind: wire.AssignAccess, Resource: policy, Subject: subject}
}

// reach gives somebody permissions of access, and to read policies: each by a role of its own.
func (o *org) reach(who string, permissions ...string) {
	o.t.Helper()
	for _, p := range append(permissions, "POLICIES_POLICY_READ") {
		role := strings.ReplaceAll(strings.ToLower(p), "_", "-")
		if _, err := o.Role(o.t.Context(), o.ID, role, client.Read{}); err != nil {
			o.As("owner").Do(wire.Intent{Kind: wire.CreateRole, Role: role, Permissions: []string{p}})
		}
		if !o.Ask(who, p).Allowed {
			o.As("owner").Assign(role, who)
		}
	}
}

// sees fails the test unless somebody may see, and read, just these policies of all there are.
func (o *org) sees(who string, want ...string) {
	o.t.Helper()
	list, err := o.Resources(o.t.Context(), o.ID, "policy", who, "", client.Read{})
	if err != nil {
		o.t.Fatal(err)
	}
	have := []string{}
	for _, r := range list.Items {
		have = append(have, r.Path)
	}
	if !slices.Equal(have, append([]string{}, want...)) {
		o.t.Errorf("%s sees %q, not %q", who, have, want)
	}
	all, err := o.Resources(o.t.Context(), o.ID, "policy", "", "", client.Read{})
	if err != nil || len(all.Items) == 0 {
		o.t.Fatalf("there are %d policies, %v", len(all.Items), err)
	}
	for _, r := range all.Items {
		if slices.Contains(want, r.Path) {
			o.Allowed(who, "POLICIES_POLICY_READ", r.Path)
		} else {
			o.Denied(who, "POLICIES_POLICY_READ", r.Path)
		}
	}
}

// registry makes a Standard Registry with four policies: none, assigned to anna, published, both.
func registry(t *testing.T) *org {
	t.Helper()
	o := withoutDefault(t, "guardian")
	o.Add("anna")
	o.policies("policy/assigned", "policy/both", "policy/none", "policy/published")
	for _, p := range []string{"policy/both", "policy/published"} {
		o.As("owner").Do(wire.Intent{Kind: wire.UpdateResource, Resource: p, Publish: true})
	}
	for _, p := range []string{"policy/both", "policy/assigned"} {
		o.As("owner").Do(assignTo(p, "anna"))
	}
	return o
}

func TestG15AccessToAllPolicies(t *testing.T) {
	o := registry(t)
	o.reach("anna", "ACCESS_POLICY_ALL")
	o.sees("anna", "policy/assigned", "policy/both", "policy/none", "policy/published")
	o.reach("anna", "ACCESS_POLICY_ASSIGNED_AND_PUBLISHED") // the widest counts
	o.sees("anna", "policy/assigned", "policy/both", "policy/none", "policy/published")
}

func TestG16AccessToAssignedPolicies(t *testing.T) {
	// given policies of each sort, and ACCESS_POLICY_ASSIGNED
	o := registry(t)
	o.reach("anna", "ACCESS_POLICY_ASSIGNED")

	// then only those assigned can be listed and opened, and explain says why not the others
	o.sees("anna", "policy/assigned", "policy/both")
	if c := o.Denied("anna", "POLICIES_POLICY_READ", "policy/published"); !strings.Contains(missing(c), "anna has access to assigned policies; policy/published is published, and not assigned to anna") {
		t.Errorf("missing is %s", missing(c))
	}

	// and with ACCESS_POLICY_PUBLISHED as another permission, those that are either
	o.reach("anna", "ACCESS_POLICY_PUBLISHED")
	o.sees("anna", "policy/assigned", "policy/both", "policy/published")
}

func TestG17AccessToPublishedPolicies(t *testing.T) {
	o := registry(t)
	o.reach("anna", "ACCESS_POLICY_PUBLISHED")
	o.sees("anna", "policy/both", "policy/published")

	// and when one is withdrawn, it can be seen no more
	o.As("owner").Do(wire.Intent{Kind: wire.UpdateResource, Resource: "policy/both", Withdraw: true})
	o.sees("anna", "policy/published")
}

func TestG18AccessToPoliciesAssignedAndPublished(t *testing.T) {
	o := registry(t)
	o.reach("anna", "ACCESS_POLICY_ASSIGNED_AND_PUBLISHED")
	o.sees("anna", "policy/both")
	o.reach("anna", "ACCESS_POLICY_ASSIGNED") // is wider
	o.sees("anna", "policy/assigned", "policy/both")
}

func TestG19WithoutAnAccessPermissionOnlyItsOwn(t *testing.T) {
	// given a user without access permission, who may create policies
	o := registry(t)
	o.reach("anna")
	o.sees("anna")
	o.Refused(o.As("anna").Try(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/mine"}), "not-permitted", "Don't have POLICIES_POLICY_CREATE permission", "")
	o.As("owner").CreateRole("Author", "POLICIES_POLICY_CREATE")
	o.As("owner").Assign("author", "anna")

	// when it creates one
	o.As("anna").Do(wire.Intent{Kind: wire.RegisterResource, Resource: "policy/mine", Name: new("Mine")})

	// then that one it sees, and no other; and it can create nothing else
	o.sees("anna", "policy/mine")
	o.Recorded("anna", "resource.registered", "policy/mine")
	o.Refused(o.As("anna").Try(wire.Intent{Kind: wire.RegisterResource, Resource: "schema/mine"}), "not-permitted", "", "")
}

func TestG20APolicyOfAnotherRegistryIsNotAvailable(t *testing.T) {
	// given two Standard Registries, and a user of one with all there is
	o, other := registry(t), open(t, "guardian")
	other.policies("policy/theirs")
	o.reach("anna", "ACCESS_POLICY_ALL", "ACCESS_POLICY_ASSIGNED", "ACCESS_POLICY_PUBLISHED", "ACCESS_POLICY_ASSIGNED_AND_PUBLISHED")

	// then the other's policy is not available, and not even the owner reaches it
	c := o.Denied("anna", "POLICIES_POLICY_READ", "policy/theirs")
	if !strings.Contains(missing(c), "there is no policy policy/theirs in this organization") {
		t.Errorf("missing is %s", missing(c))
	}
	o.Denied("owner", "POLICIES_POLICY_READ", "policy/theirs")
	o.Refused(o.As("owner").Try(assignTo("policy/theirs", "anna")), "not-found", "There is no resource policy/theirs", "")
	other.Allowed("owner", "POLICIES_POLICY_READ", "policy/theirs")
}

func TestG29AnAssignedPolicyCanBeUsedUntilItIsUnassigned(t *testing.T) {
	// given a user with ACCESS_POLICY_ASSIGNED, and an administrator of users
	o := withoutDefault(t, "guardian")
	o.Add("anna", "admin")
	o.policies("policy/P")
	o.reach("anna", "ACCESS_POLICY_ASSIGNED")
	o.reach("admin", "ACCESS_POLICY_ALL")
	o.sees("anna")
	o.Refused(o.As("admin").Try(assignTo("policy/P", "anna")), "not-permitted", "Don't have PERMISSIONS_ROLE_MANAGE permission", "")
	o.As("owner").CreateRole("Administrator", "PERMISSIONS_ROLE_MANAGE")
	o.As("owner").Assign("administrator", "admin")

	// when the administrator assigns the policy, then the user has access
	o.As("admin").Do(assignTo("policy/P", "anna"))
	o.sees("anna", "policy/P")
	assigned := o.Head()

	// when it unassigns it, then no more; as of before still
	o.As("admin").Do(wire.Intent{Kind: wire.UnassignAccess, Resource: "policy/P", Subject: "anna"})
	o.sees("anna")
	o.Recorded("admin", "access.unassigned", "anna", "policy/P")
	past, err := o.Resources(t.Context(), o.ID, "policy", "anna", "", at(assigned))
	if err != nil || len(past.Items) != 1 {
		t.Errorf("as of %d: %+v, %v", assigned, past.Items, err)
	}
}

func TestAccessIsNotAssignedByWhoLacksIt(t *testing.T) {
	// given an administrator of users without access to a policy
	o := withoutDefault(t, "guardian")
	o.Add("anna", "admin")
	o.policies("policy/P")
	o.As("owner").CreateRole("Administrator", "PERMISSIONS_ROLE_MANAGE")
	o.As("owner").Assign("administrator", "admin")

	// when it assigns the policy to itself or another, then that is refused
	for _, who := range []string{"admin", "anna"} {
		o.Refused(o.As("admin").Try(assignTo("policy/P", who)), "not-found", "There is no resource policy/P that you have access to", "")
	}
}
