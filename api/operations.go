package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
)

// recorded says which event a kind of intent asks for. A kind that is not here takes no action that is always the same.
var recorded = map[string]events.Type{
	wire.PublishCatalogue: "catalogue.published", wire.AddSubject: "subject.added", wire.DeactivateSubject: "subject.deactivated",
	wire.CreateRole: "role.created", wire.UpdateRole: "role.updated", wire.DeleteRole: "role.deleted",
	wire.AssignRole: "role.assigned", wire.RevokeRole: "role.revoked", wire.SetRoles: "roles.set",
	wire.GrantPermission: "permission.granted", wire.RevokePermission: "permission.revoked", wire.SetPermissions: "permissions.set",
	wire.IssueDocument: "document.issued", wire.RegisterKey: "key.registered", wire.RotateKey: "key.rotated",
	wire.RevokeKey: "key.revoked", wire.ReportKey: "key.reported",
}

// listOperations says of everything that can be done which permissions of the organization allow it: of each route that
// reads, and of each kind of change.
func listOperations(c *call) (wire.List[wire.Operation], error) {
	list := wire.List[wire.Operation]{Items: []wire.Operation{}}
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	list.AsOf = asOf
	allowing := map[string][]string{}
	permissions := func(action string) []string {
		if allowing[action] == nil && action != "" {
			allowing[action] = c.org.Access.Allowing(action, a)
		}
		return allowing[action]
	}
	for _, r := range Routes() {
		if path, below := strings.CutPrefix(r.Path, "/v1/orgs/{org}"); below {
			list.Items = append(list.Items, wire.Operation{Operation: r.Method + " " + path, Summary: r.Summary, Action: r.Action, Permissions: permissions(r.Action), Why: r.Why})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(intents)) {
		one := wire.Operation{Operation: kind, Summary: "Records " + string(recorded[kind]), Action: rules.ActionOf(recorded[kind])}
		if one.Permissions = permissions(one.Action); one.Action == "" {
			one.Summary, one.Why = "A change", "what it takes depends on the case; its rules say it in the refusal"
		}
		list.Items = append(list.Items, one)
	}
	return list, nil
}
