package api

import (
	"cmp"
	"maps"
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

// kindActions says which action each kind of intent takes. Where it is empty, the rules judge it by something else, which
// kindWhys says.
var kindActions = map[string]string{
	wire.PublishCatalogue: rules.ActionCataloguePublish, wire.AddSubject: rules.ActionSubjectAdd,
	wire.DeactivateSubject: rules.ActionSubjectDeactivate, wire.CreateRole: rules.ActionRoleCreate, wire.UpdateRole: rules.ActionRoleUpdate,
	wire.DeleteRole: rules.ActionRoleDelete, wire.AssignRole: rules.ActionRoleAssign, wire.RevokeRole: rules.ActionRoleRevoke,
	wire.SetRoles: rules.ActionRoleSet, wire.GrantPermission: rules.ActionPermissionGrant, wire.RevokePermission: rules.ActionPermissionRevoke,
	wire.ReviewRole: rules.ActionRoleReview, wire.StartReview: rules.ActionReviewStart, wire.DecideReview: rules.ActionReviewDecide, wire.CloseReview: rules.ActionReviewClose,
	wire.SetPermissions: rules.ActionPermissionSet, wire.IssueDocument: rules.ActionDocumentIssue, wire.RegisterKey: rules.ActionKeyRegister,
	wire.RotateKey: rules.ActionKeyRotate, wire.RevokeKey: rules.ActionKeyRevoke, wire.ReportKey: rules.ActionKeyReport,
}

var kindWhys = map[string]string{
	wire.SucceedKey: "the root key itself signs it",
}

// operations says what the API can do, and which permissions of the organization let somebody do it.
func operations(c *call) (wire.List[wire.Operation], error) {
	list := wire.List[wire.Operation]{Items: []wire.Operation{}, AsOf: head(c.org, c.now)}
	guards := map[string][]string{}
	for _, p := range c.org.Access.Permissions(c.org.Access.Now(c.now)) {
		for _, action := range p.Guards {
			guards[action] = append(guards[action], p.Name)
		}
	}
	for _, names := range guards { // the document's own before the ledger's
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(ownRank(a)-ownRank(b), cmp.Compare(a, b)) })
	}
	for _, r := range Routes() {
		list.Items = append(list.Items, wire.Operation{
			Method: r.Method, Path: r.Path, Summary: r.Summary, Action: r.Action, Permissions: guards[r.Action], Why: r.Why, Operator: r.Operator,
		})
	}
	for _, kind := range slices.Sorted(maps.Keys(intents)) {
		list.Items = append(list.Items, wire.Operation{
			Kind: kind, Members: intents[kind].members, Action: kindActions[kind], Permissions: guards[kindActions[kind]], Why: kindWhys[kind],
		})
	}
	return list, nil
}

func ownRank(name string) int {
	if len(name) > len(rules.Own) && name[:len(rules.Own)+1] == rules.Own+":" {
		return 1
	}
	return 0
}
