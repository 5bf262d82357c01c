package acceptance_test

import (
	"net/http"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given a member of a Standard Registry with a policy, when it is removed and invited again with what it had, then it
// sees the policy no more until it is assigned again, and as of before it still did.
func TestRemovedGetsNothingBack(t *testing.T) {
	o := withoutDefault(t, "guardian")
	o.policies("policy/1", "policy/2")
	o.Add("user1")
	o.reach("user1", "ACCESS_POLICY_ASSIGNED")
	o.As("owner").Do(assignTo("policy/1", "user1"))
	o.sees("user1", "policy/1")

	o.As("owner").Do(remove("user1"))
	o.Denied("user1", "POLICIES_POLICY_READ", "policy/1")
	if err := o.join(o.As("owner").invite("user1"), "user1 again"); err != nil {
		t.Fatal(err)
	}
	o.sees("user1")
	o.reach("user1", "ACCESS_POLICY_ASSIGNED")
	o.sees("user1")
	o.As("owner").Do(assignTo("policy/2", "user1"))
	o.sees("user1", "policy/2")
}

// Given an API key that is assigned to a member, when the member is deactivated, then the key is turned away and may do
// nothing; when the member is active again it works; when the member is removed, it does not work any more, not even when
// the member is back.
func TestAPIKeyWorksWhileItsHolderIsActive(t *testing.T) {
	o := open(t, "ipaware")
	o.Add("member")
	o.As("owner").CreateRole("Viewer", "organization.view", "roles.view")
	o.As("owner").Do(apiKey(o, "key_reports", "viewer"))
	o.As("owner").Do(wire.Intent{Kind: wire.UpdateSubject, Subject: "key_reports", Holder: "member"})
	works := func(want bool) {
		t.Helper()
		got := o.GetAs("key_reports", "/roles").Status
		if (got == http.StatusOK) != want {
			t.Errorf("the key is answered with %d", got)
		}
		if want {
			o.Allowed("key_reports", "roles.view")
		} else {
			o.Denied("key_reports", "roles.view")
		}
	}
	works(true)
	o.As("owner").Deactivate("member")
	works(false)
	o.As("owner").Do(wire.Intent{Kind: wire.ReactivateSubject, Subject: "member"})
	works(true)
	o.As("owner").Do(remove("member"))
	works(false)
	if err := o.join(o.As("owner").invite("member"), "member again"); err != nil {
		t.Fatal(err)
	}
	works(false)
	if u := o.subject("key_reports"); u.State != "deactivated" {
		t.Errorf("the key of a removed member is %s", u.State)
	}
}
