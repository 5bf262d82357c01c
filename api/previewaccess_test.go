package api_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given somebody who may read the policies that it is assigned to, when assigning it is prepared, or taking that away, then the
// preview says what it gains there, or loses; where it sees the policy in any case, nothing.
func TestPreviewOfAccess(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "guardian")
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "guardian"})
	for _, who := range []string{"dora", "ben", "carl"} {
		w.add("acme", who)
	}
	role := func(key string, permissions ...string) {
		w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: key, Name: &key, Permissions: permissions})
	}
	role("reader", "POLICIES_POLICY_READ", "ACCESS_POLICY_ASSIGNED")
	role("all", "POLICIES_POLICY_READ", "ACCESS_POLICY_ALL")
	role("blind", "ACCESS_POLICY_ASSIGNED", "LOG_LOG_READ")
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "reader", Subject: "dora"})
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "all", Subject: "ben"})
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "blind", Subject: "carl"})
	w.do("acme", wire.Intent{Kind: wire.RegisterResource, Resource: "policy/1"})
	reads := []wire.Effective{{Subject: "dora", Permission: "guardian:POLICIES_POLICY_READ", Scope: "policy/1"}}
	for who, want := range map[string][]wire.Effective{"dora": reads, "ben": nil, "carl": nil} {
		given, _ := w.do("acme", wire.Intent{Kind: wire.AssignAccess, Resource: "policy/1", Subject: who})
		if !slices.Equal(given.Preview.Gains, want) || given.Preview.Losses != nil {
			t.Errorf("assigning %s: %+v", who, given.Preview)
		}
		taken, _ := w.do("acme", wire.Intent{Kind: wire.UnassignAccess, Resource: "policy/1", Subject: who})
		if !slices.Equal(taken.Preview.Losses, want) || taken.Preview.Gains != nil {
			t.Errorf("taking it away from %s: %+v", who, taken.Preview)
		}
	}
}
