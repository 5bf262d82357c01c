package api

import (
	"cmp"
	"maps"
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

// kindActions says which action each kind of intent takes. Where none is always the same, kindWhys says what is judged.
var kindActions = map[string]string{
	wire.AddAgent:           rules.ActionAgentAdd,
	wire.AddSubject:         rules.ActionSubjectAdd,
	wire.AssignAccess:       rules.ActionAccessAssign,
	wire.AssignRole:         rules.ActionRoleAssign,
	wire.BlockWallet:        rules.ActionWalletBlock,
	wire.CloseReview:        rules.ActionReviewClose,
	wire.CreateRole:         rules.ActionRoleCreate,
	wire.DeactivateSubject:  rules.ActionSubjectDeactivate,
	wire.DecideReview:       rules.ActionReviewDecide,
	wire.DefaultRole:        rules.ActionRoleDefault,
	wire.DelegateAccess:     rules.ActionAccessDelegate,
	wire.DelegateRole:       rules.ActionRoleDelegate,
	wire.DeleteRole:         rules.ActionRoleDelete,
	wire.DeployToken:        rules.ActionTokenDeploy,
	wire.DisqualifyInvestor: rules.ActionInvestorDisqualify,
	wire.EraseSubject:       rules.ActionSubjectErase,
	wire.GrantPermission:    rules.ActionPermissionGrant,
	wire.InviteSubject:      rules.ActionSubjectInvite,
	wire.IssueDocument:      rules.ActionDocumentIssue,
	wire.LinkSubject:        rules.ActionSubjectLink,
	wire.PublishCatalogue:   rules.ActionCataloguePublish,
	wire.QualifyInvestor:    rules.ActionInvestorQualify,
	wire.ReactivateSubject:  rules.ActionSubjectReactivate,
	wire.RegisterKey:        rules.ActionKeyRegister,
	wire.RegisterResource:   rules.ActionResourceRegister,
	wire.RemoveAgent:        rules.ActionAgentRemove,
	wire.RemoveResource:     rules.ActionResourceRemove,
	wire.RemoveSubject:      rules.ActionSubjectRemove,
	wire.ReportKey:          rules.ActionKeyReport,
	wire.ReviewRole:         rules.ActionRoleReview,
	wire.RevokeKey:          rules.ActionKeyRevoke,
	wire.RevokePermission:   rules.ActionPermissionRevoke,
	wire.RevokeRole:         rules.ActionRoleRevoke,
	wire.RotateKey:          rules.ActionKeyRotate,
	wire.SetPermissions:     rules.ActionPermissionSet,
	wire.SetRoles:           rules.ActionRoleSet,
	wire.StartReview:        rules.ActionReviewStart,
	wire.TransferToken:      rules.ActionTokenTransfer,
	wire.UnassignAccess:     rules.ActionAccessUnassign,
	wire.UnblockWallet:      rules.ActionWalletUnblock,
	wire.UnlinkSubject:      rules.ActionSubjectLink,
	wire.UpdateOrganization: rules.ActionOrganizationUpdate,
	wire.UpdateResource:     rules.ActionResourceUpdate,
	wire.UpdateRole:         rules.ActionRoleUpdate,
	wire.UpdateSubject:      rules.ActionSubjectUpdate,
}

var kindWhys = map[string]string{
	wire.ActOnToken:        "which action it takes depends on what is done to the token",
	wire.AdoptRules:        "the owner alone does it",
	wire.ChangeLogin:       "everybody changes its own login; of others it takes subject.update",
	wire.ObserveChain:      "a key registered for attesting signs it",
	wire.RecoverOwnership:  "the ledger's operator does it with the operator key, once the delay has passed",
	wire.StartRecovery:     "the ledger's operator does it with the operator key",
	wire.StopRecovery:      "the owner alone does it",
	wire.SucceedKey:        "the root key itself signs it",
	wire.TransferOwnership: "the owner alone does it",
	wire.UpdateToken:       "which action it takes depends on what is changed",
}

// operations says what the API can do, and which permissions of the organization let somebody do it.
func operations(c *call) (wire.List[wire.Operation], error) {
	list := wire.List[wire.Operation]{Items: []wire.Operation{}, AsOf: head(c.org, c.now)}
	guards := c.guards()
	for _, r := range Routes() {
		list.Items = append(list.Items, wire.Operation{
			Method: r.Method, Path: r.Path, Summary: r.Summary, Action: r.Action, Permissions: guards[r.Action], And: guards[r.And], Why: r.Why, Operator: r.Operator,
		})
	}
	for _, kind := range slices.Sorted(maps.Keys(intents)) {
		list.Items = append(list.Items, wire.Operation{
			Kind: kind, Members: intents[kind].members, Action: kindActions[kind], Permissions: guards[kindActions[kind]], Why: kindWhys[kind],
		})
	}
	return list, nil
}

// guards gives the permissions of the organization that let somebody do each action: the document's own before the ledger's.
func (c *call) guards() map[string][]string {
	guards := map[string][]string{}
	for _, p := range c.org.Access.Permissions(c.org.Access.Now(c.now)) {
		for _, action := range p.Guards {
			guards[action] = append(guards[action], p.Name)
		}
	}
	for _, names := range guards {
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(ownRank(a)-ownRank(b), cmp.Compare(a, b)) })
	}
	return guards
}

func ownRank(name string) int {
	if len(name) > len(rules.Own) && name[:len(rules.Own)+1] == rules.Own+":" {
		return 1
	}
	return 0
}
