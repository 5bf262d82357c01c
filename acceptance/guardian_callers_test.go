package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// atPolicy checks that a permission counts at the policies that its holder has access to, and does not hold others with it.
func atPolicy(t *testing.T, permission string, others ...string) {
	t.Helper()
	// given two policies, and users with and without the permission, both assigned to one of them
	o := withoutDefault(t, "guardian")
	o.policies("policy/P", "policy/Q")
	o.only(permission)
	o.As("owner").CreateRole("Assigned", "ACCESS_POLICY_ASSIGNED")
	for _, who := range []string{"with", "without"} {
		o.As("owner").Assign("assigned", who)
		o.As("owner").Do(assignTo("policy/P", who))
	}
	// then who has the permission may at that one alone, and who has only the access may at none
	o.Allowed("with", permission, "policy/P")
	o.Denied("with", permission, "policy/Q")
	if c := o.Denied("without", permission, "policy/P"); c.Permission != "guardian:"+permission {
		t.Errorf("denied is %+v", c)
	}
	for _, other := range others {
		o.Denied("with", other, "policy/P")
	}
}

func TestG2PoliciesPolicyRead(t *testing.T) {
	atPolicy(t, "POLICIES_POLICY_READ", "POLICIES_POLICY_EXECUTE", "POLICIES_POLICY_MANAGE", "POLICIES_POLICY_UPDATE")
}

func TestG3PoliciesPolicyExecuteRunsAsUser(t *testing.T) {
	atPolicy(t, "POLICIES_POLICY_EXECUTE", "POLICIES_POLICY_MANAGE", "POLICIES_POLICY_UPDATE")
}

func TestG4TokensTokenExecuteViewsTokens(t *testing.T) {
	o := open(t, "guardian")
	o.only("TOKENS_TOKEN_EXECUTE")
	o.Holds("with", "TOKENS_TOKEN_EXECUTE", "TOKENS_TOKEN_READ")
	o.Denied("with", "TOKENS_TOKEN_MANAGE")
	o.Denied("without", "TOKENS_TOKEN_READ")
}

func TestG5PoliciesPolicyManageRunsAsOwner(t *testing.T) {
	atPolicy(t, "POLICIES_POLICY_MANAGE", "POLICIES_POLICY_EXECUTE", "POLICIES_POLICY_UPDATE")
}

func TestG6TokensTokenManageManagesTokens(t *testing.T) {
	o := open(t, "guardian")
	o.only("TOKENS_TOKEN_MANAGE")
	o.Holds("with", "ACCOUNTS_ACCOUNT_READ", "TOKENS_TOKEN_MANAGE", "TOKENS_TOKEN_READ")
	o.Denied("with", "TOKENS_TOKEN_EXECUTE")
}

func TestG7WithRoleCreateARoleIsCreated(t *testing.T) {
	// given a Standard Registry's user with PERMISSIONS_ROLE_CREATE, and what the role needs
	o := open(t, "guardian")
	o.AddBare("user")
	o.Give("user", "PERMISSIONS_ROLE_CREATE", "POLICIES_POLICY_READ")

	// when it creates a role
	if _, err := o.DoAs("user", createRole("Policy Reader", "POLICIES_POLICY_READ")); err != nil {
		t.Fatal(err)
	}

	// then the role exists in that Standard Registry, and in no other
	if _, err := o.Role(t.Context(), o.ID, "policy-reader", client.Read{}); err != nil {
		t.Error(err)
	}
	other := open(t, "guardian")
	if roles, err := other.Roles(t.Context(), other.ID, false, client.Read{}); err != nil || slices.ContainsFunc(roles.Items, func(r wire.Role) bool { return r.Key == "policy-reader" }) {
		t.Errorf("the other has %+v, %v", roles.Items, err)
	}
}

func TestG8WithoutRoleCreateItIsDenied(t *testing.T) {
	// given a user without PERMISSIONS_ROLE_CREATE, when it creates a role
	o := open(t, "guardian")
	o.AddBare("user")
	o.Give("user", "POLICIES_POLICY_READ")
	_, err := o.DoAs("user", createRole("Policy Reader", "POLICIES_POLICY_READ"))

	// then it is denied with 403, and noted
	o.Missing(err, "PERMISSIONS_ROLE_CREATE")
	o.Turned("user", "role.created", "not-permitted")
	if a := o.HTTP(http.MethodGet, "/roles/policy-reader", nil); a.Status != http.StatusNotFound {
		t.Errorf("the role is answered with %d %s", a.Status, a.Body)
	}
}

// logged opens a Standard Registry with two users who both did something and were refused something, and gives what each
// actor's log holds, as somebody sees it.
func logged(t *testing.T) (o *org, sees func(who string) (history, activity []string)) {
	o = open(t, "guardian")
	o.AddBare("user", "other")
	for _, who := range []string{"user", "other"} {
		o.Give(who, "PERMISSIONS_ROLE_CREATE", "POLICIES_POLICY_READ")
		if _, err := o.DoAs(who, createRole("Reader of "+who, "POLICIES_POLICY_READ")); err != nil {
			t.Fatal(err)
		}
		_, err := o.DoAs(who, deactivate("owner"))
		if err == nil {
			t.Fatal("the owner is deactivated")
		}
		o.Turned(who, "subject.deactivated", "not-permitted")
	}
	if _, err := o.DoAs("owner", deactivate("owner")); err == nil {
		t.Fatal("the owner is deactivated")
	}
	o.Turned("owner", "subject.deactivated", "in-use")
	return o, func(who string) (history, activity []string) {
		t.Helper()
		lines, err := o.Me(who).History(t.Context(), o.ID, wire.HistoryQuery{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines.Items {
			history = append(history, l.Actor)
		}
		records, err := o.Me(who).FindActivity(t.Context(), o.ID, wire.ActivityQuery{Kind: "refused", Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records.Items {
			activity = append(activity, r.Actor)
		}
		slices.Sort(history)
		slices.Sort(activity)
		return slices.Compact(history), slices.Compact(activity)
	}
}

// seen fails the test unless somebody sees the logs of exactly these.
func seen(t *testing.T, who string, history, activity []string, want ...string) {
	t.Helper()
	if !slices.Equal(history, want) || !slices.Equal(activity, want) {
		t.Errorf("%s sees what %q did, and what %q were refused; want %q", who, history, activity, want)
	}
}

func TestG30LogLevelReadShowsOnesOwn(t *testing.T) {
	// given a user with the log level Read
	o, sees := logged(t)
	o.Give("user", "LOG_LOG_READ")

	// when it views logs, then it sees its own only
	h, a := sees("user")
	seen(t, "user", h, a, "user")

	// and who asks for another's is told what is missing
	_, err := o.Me("user").History(t.Context(), o.ID, wire.HistoryQuery{Actor: "other"})
	o.Missing(err, "LOG_USERS_READ")
	_, err = o.Me("user").FindActivity(t.Context(), o.ID, wire.ActivityQuery{Actor: "owner"})
	o.Missing(err, "LOG_SYSTEM_READ")
}

func TestG31LogLevelReadIsOnByDefault(t *testing.T) {
	// given a new user, who was given nothing
	o, sees := logged(t)
	o.AddBare("newcomer")

	// when it views logs, then it sees its own, which is empty yet
	h, a := sees("newcomer")
	seen(t, "newcomer", h, a)

	// and, once it has tried something, holds that
	if _, err := o.DoAs("newcomer", deactivate("user")); err == nil {
		t.Fatal("a newcomer deactivates users")
	}
	o.Turned("newcomer", "subject.deactivated", "not-permitted")
	if _, a := sees("newcomer"); !slices.Equal(a, []string{"newcomer"}) {
		t.Errorf("it sees %q", a)
	}
}

func TestG32LogLevelSystemShowsTheRegistry(t *testing.T) {
	// given a user with the log level System
	o, sees := logged(t)
	o.Give("user", "LOG_SYSTEM_READ")

	// when it views logs, then it sees also those of the Standard Registry's account
	h, a := sees("user")
	seen(t, "user", h, a, "owner", "user")
}

func TestG33LogLevelUsersShowsOtherUsersOfTheRegistry(t *testing.T) {
	// given a user with the log level Users
	o, sees := logged(t)
	o.Give("user", "LOG_USERS_READ")

	// when it views logs, then it sees also those of other users
	h, a := sees("user")
	seen(t, "user", h, a, "other", "user")

	// and never of another Standard Registry
	another := open(t, "guardian")
	if a := another.HTTPAs("Bearer "+o.APIKey("user"), http.MethodGet, "/history", nil); a.Status != http.StatusUnauthorized || strings.Contains(a.Body, "items") {
		t.Errorf("another registry answers %d %s", a.Status, a.Body)
	}
}

func TestG34TheRegistryAssignsLogLevels(t *testing.T) {
	// given the three levels, in three roles
	o, sees := logged(t)
	o.As("owner").CreateRole("Log Read", "LOG_LOG_READ")
	o.As("owner").CreateRole("Log System", "LOG_SYSTEM_READ")
	o.As("owner").CreateRole("Log Users", "LOG_USERS_READ")

	// when the Standard Registry assigns them to a user, one after the other
	for _, c := range []struct {
		role string
		want []string
	}{{"log-read", []string{"user"}}, {"log-system", []string{"owner", "user"}}, {"log-users", []string{"other", "owner", "user"}}} {
		o.As("owner").Assign(c.role, "user")

		// then the user sees as much
		h, a := sees("user")
		seen(t, "user with "+c.role, h, a, c.want...)
	}
	// and no user assigns them
	_, err := o.DoAs("other", assign("log-users", "other"))
	o.Missing(err, "PERMISSIONS_ROLE_MANAGE")
}
