package acceptance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

// registeredUser is the user's of the document's printed message.
const registeredUser = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"

// user adds a user of a Standard Registry, who has a DID.
func (o *org) user(key, did string) {
	o.t.Helper()
	in := addSubject(o, key, events.KindHuman)
	in.DID = did
	o.As("owner").Do(in)
}

func TestG1CategoryEntityAndActionAreFieldsOfTheCatalogue(t *testing.T) {
	o := open(t, "guardian")
	odd := 0
	for _, p := range read[wire.List[wire.Permission]](o, o.HTTP("GET", "/permissions", nil)).Items {
		if p.Catalogue != "guardian" {
			continue
		}
		if p.Category == "" || p.Entity == "" || p.Action == "" {
			t.Errorf("%+v", p)
		}
		if p.Name != "guardian:"+p.Category+"_"+p.Entity+"_"+p.Action {
			odd++ // a document that is read by splitting names would be wrong about these
		}
	}
	if odd != 17 {
		t.Errorf("%d names are not made of their fields", odd)
	}
}

func TestG9ARoleIsASetOfPermissions(t *testing.T) {
	o := withoutDefault(t, "guardian") // which would give the same
	o.user("user1", registeredUser)
	o.As("owner").CreateRole("Policy reader", "POLICIES_POLICY_READ")
	o.Denied("user1", "POLICIES_POLICY_READ")
	o.As("owner").Assign("policy-reader", "user1")
	o.Holds("user1", "POLICIES_POLICY_READ")
	o.Allowed("user1", "POLICIES_POLICY_READ")
	o.Denied("user1", "POLICIES_POLICY_CREATE")
	// and what a permission depends on comes along, and is recorded
	o.As("owner").CreateRole("Token manager", "TOKENS_TOKEN_MANAGE")
	if r := o.role("token-manager"); !slices.Equal(r.Permissions, []string{"guardian:ACCOUNTS_ACCOUNT_READ", "guardian:TOKENS_TOKEN_MANAGE", "guardian:TOKENS_TOKEN_READ"}) {
		t.Errorf("the role has %v", r.Permissions)
	}
	o.Recorded("owner", "role.created", "token-manager", "+ (needed by another) guardian:TOKENS_TOKEN_READ")
}

func TestG10AnEditedRoleIsChangedForAllHolders(t *testing.T) {
	o := withoutDefault(t, "guardian") // which would give the same
	o.user("user1", registeredUser)
	o.user("user2", "")
	o.user("user3", "")
	o.user("editor", "")
	o.As("owner").CreateRole("Policy reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Editor", "PERMISSIONS_ROLE_UPDATE", "TOKENS_TOKEN_READ")
	o.As("owner").Assign("policy-reader", "user1")
	o.As("owner").Assign("policy-reader", "user2")
	edit := editRole("policy-reader", []string{"TOKENS_TOKEN_READ"}, nil)
	o.Refused(o.As("editor").Try(edit), "not-permitted", "PERMISSIONS_ROLE_UPDATE", "")
	o.As("owner").Assign("editor", "editor")
	o.Denied("user1", "TOKENS_TOKEN_READ")
	o.Denied("user2", "TOKENS_TOKEN_READ")
	o.As("editor").Do(edit)
	o.Denied("user3", "TOKENS_TOKEN_READ")
	o.Recorded("editor", "role.updated", "policy-reader", "+ guardian:TOKENS_TOKEN_READ")
	o.Allowed("user1", "TOKENS_TOKEN_READ")
	o.Allowed("user2", "TOKENS_TOKEN_READ")
}

func TestG11ADeletedRoleIsTakenFromEveryHolder(t *testing.T) {
	// given a role that two users have, and somebody who may delete roles and not give or take them
	o := open(t, "guardian")
	o.user("user1", registeredUser)
	o.user("user2", "")
	o.user("deleter", "")
	o.As("owner").CreateRole("Policy reader", "POLICIES_POLICY_CREATE")
	o.As("owner").CreateRole("Deleter", "PERMISSIONS_ROLE_DELETE")
	o.As("owner").Assign("policy-reader", "user1")
	o.As("owner").Assign("policy-reader", "user2")
	o.As("owner").Assign("deleter", "deleter")
	o.Allowed("user1", "POLICIES_POLICY_CREATE")
	// when it is only tried out, nothing happens
	before := o.Head()
	if r := o.CLI("deleter", "role", "rm", "policy-reader", "--dry-run"); r.Code != 0 || o.Head() != before || !strings.Contains(r.Err, "withdrawn from user1") {
		t.Errorf("%+v", r)
	}
	// when it is deleted
	messages := len(o.Messages())
	o.Run("deleter", "role", "rm", "policy-reader", "--yes")
	// then it is taken from each holder first, and each change has an event and a message of its own
	lines := o.Lines(wire.HistoryQuery{From: before + 1})
	var types []string
	for _, line := range lines {
		types = append(types, line.Type)
	}
	if !slices.Equal(types, []string{"role.revoked", "role.revoked", "role.deleted"}) {
		t.Errorf("the events are %v", types)
	}
	var actions []string
	for _, m := range o.Messages()[messages:] {
		actions = append(actions, m.Action)
	}
	if !slices.Equal(actions, []string{"set-role", "set-role", "delete-role"}) {
		t.Errorf("the messages are %v", actions)
	}
	o.Denied("user1", "POLICIES_POLICY_CREATE")
	o.Denied("user2", "POLICIES_POLICY_CREATE")
	// and by itself, without deleting, that right takes nothing from anybody else
	o.user("user3", "")
	o.Refused(o.As("user3").Try(revoke("deleter", "deleter")), "not-permitted", "PERMISSIONS_ROLE_MANAGE", "")
}

func TestG14OneRoleIsTheDefault(t *testing.T) {
	o := open(t, "guardian")
	defaults := func() (keys []string) {
		for _, r := range read[wire.List[wire.Role]](o, o.HTTP("GET", "/roles", nil)).Items {
			if r.Default {
				keys = append(keys, r.Key)
			}
		}
		return keys
	}
	// given the default that a Standard Registry begins with
	if got := defaults(); !slices.Equal(got, []string{"default-policy-user"}) {
		t.Fatalf("the default is %v", got)
	}
	// when another is made the default
	o.Run("owner", "role", "default", "policy-approver")
	// then the first no longer is
	if got := defaults(); !slices.Equal(got, []string{"policy-approver"}) {
		t.Errorf("the default is %v", got)
	}
	o.Recorded("owner", "role.defaulted", "policy-approver is the default in the place of role default-policy-user")
	o.user("user1", "")
	o.Refused(o.As("user1").Try(wire.Intent{Kind: wire.DefaultRole, Role: "policy-manager"}), "not-permitted", "PERMISSIONS_ROLE_CREATE", "")
	// and there may be none, as when it is deleted
	o.Run("owner", "role", "default", "--none")
	if got := defaults(); len(got) != 0 {
		t.Errorf("the default is %v", got)
	}
	if have := o.whole(); have.DefaultRole != "" {
		t.Errorf("the default is %s", have.DefaultRole)
	}
}

func TestG27TheRolesOfAUserAreSet(t *testing.T) {
	o := open(t, "guardian")
	o.user("manager", "")
	o.user("user1", registeredUser)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Manager", "PERMISSIONS_ROLE_MANAGE", "POLICIES_POLICY_READ")
	o.Refused(o.As("manager").Try(setRoles("user1", "reader")), "not-permitted", "PERMISSIONS_ROLE_MANAGE", "")
	o.As("owner").Do(setRoles("manager", "manager"))
	o.As("manager").Do(setRoles("user1", "reader"))
	u := read[wire.One[wire.Subject]](o, o.HTTP("GET", "/subjects/user1", nil)).Item
	if !slices.Equal(u.Roles, []string{"reader"}) {
		t.Errorf("the roles are %v", u.Roles)
	}
}

func TestG28ThePermissionsOfAllRolesAreShownTogether(t *testing.T) {
	o := open(t, "guardian")
	o.user("user1", registeredUser)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Tokens", "TOKENS_TOKEN_READ")
	o.As("owner").Do(setRoles("user1", "reader", "tokens"))
	summary := o.Run("owner", "access", "user1")
	for _, words := range []string{"POLICIES_POLICY_READ", "reader", "TOKENS_TOKEN_READ", "tokens"} {
		if !strings.Contains(summary, words) {
			t.Errorf("the summary does not say %s:\n%s", words, summary)
		}
	}
	o.Holds("user1", "POLICIES_POLICY_READ", "TOKENS_TOKEN_READ")
}
