package rules

import (
	"slices"

	"github.com/permledger/permledger/events"
)

// firstActions are those that version 1 of the rules knows.
var firstActions = []string{
	ActionCataloguePublish, ActionDocumentIssue, ActionHistoryRead, ActionImport, ActionKeyRegister, ActionKeyReport,
	ActionKeyRevoke, ActionKeyRotate, ActionPermissionGrant, ActionPermissionRevoke, ActionPermissionSet,
	ActionPermissionsRecord, ActionRoleAssign, ActionRoleCreate, ActionRoleDelete, ActionRoleRevoke, ActionRoleSet,
	ActionRoleUpdate, ActionRolesRead, ActionSubjectAdd, ActionSubjectDeactivate,
}

// ActionsOf lists the actions that a version of the rules knows, in the order of their names.
func ActionsOf(version uint64) []string {
	if version == 1 {
		return slices.Clone(firstActions)
	}
	return Actions()
}

// broader says which action of version 1 covered the reading that a newer one is about. Only what is read has such: what is
// recorded is judged by the rules of its ledger.
var broader = map[string]string{
	ActionKeysRead: ActionRolesRead, ActionOrganizationRead: ActionRolesRead, ActionPermissionsRead: ActionRolesRead,
	ActionSubjectsRead: ActionRolesRead, ActionResourcesRead: ActionRolesRead,
	ActionAPIKeyRead: ActionRolesRead,
	ActionLogRead:    ActionHistoryRead, ActionLogSystem: ActionHistoryRead, ActionLogUsers: ActionHistoryRead,
}

// actionOf says which action recording a type of event takes; of a subject, where it is no API key. What takes none, or
// depends on the case, is not there: what the ledger records itself, what root keys do, the owner's and a key's own affairs,
// and what names its own permission.
var actionOf = map[events.Type]string{
	"access.assigned":       ActionAccessAssign,
	"access.delegated":      ActionAccessDelegate,
	"access.unassigned":     ActionAccessUnassign,
	"agent.added":           ActionAgentAdd,
	"agent.removed":         ActionAgentRemove,
	"catalogue.published":   ActionCataloguePublish,
	"chain.observed":        ActionChainAttest,
	"document.issued":       ActionDocumentIssue,
	"investor.disqualified": ActionInvestorDisqualify,
	"investor.qualified":    ActionInvestorQualify,
	"key.registered":        ActionKeyRegister,
	"key.reported":          ActionKeyReport,
	"key.revoked":           ActionKeyRevoke,
	"key.rotated":           ActionKeyRotate,
	"organization.updated":  ActionOrganizationUpdate,
	"permission.granted":    ActionPermissionGrant,
	"permission.revoked":    ActionPermissionRevoke,
	"permissions.recorded":  ActionPermissionsRecord,
	"permissions.set":       ActionPermissionSet,
	"resource.registered":   ActionResourceRegister,
	"resource.removed":      ActionResourceRemove,
	"resource.updated":      ActionResourceUpdate,
	"review.closed":         ActionReviewClose,
	"review.decided":        ActionReviewDecide,
	"review.started":        ActionReviewStart,
	"role.assigned":         ActionRoleAssign,
	"role.created":          ActionRoleCreate,
	"role.defaulted":        ActionRoleDefault,
	"role.delegated":        ActionRoleDelegate,
	"role.deleted":          ActionRoleDelete,
	"role.reviewed":         ActionRoleReview,
	"role.revoked":          ActionRoleRevoke,
	"role.updated":          ActionRoleUpdate,
	"roles.set":             ActionRoleSet,
	"subject.added":         ActionSubjectAdd,
	"subject.deactivated":   ActionSubjectDeactivate,
	"subject.erased":        ActionSubjectErase,
	"subject.invited":       ActionSubjectInvite,
	"subject.linked":        ActionSubjectLink,
	"subject.reactivated":   ActionSubjectReactivate,
	"subject.removed":       ActionSubjectRemove,
	"subject.unlinked":      ActionSubjectLink,
	"subject.updated":       ActionSubjectUpdate,
	"token.deployed":        ActionTokenDeploy,
	"token.transferred":     ActionTokenTransfer,
	"wallet.blocked":        ActionWalletBlock,
	"wallet.unblocked":      ActionWalletUnblock,
}

// ActionOf gives the action that recording a type of event takes; empty where there is none, or none that is always the same.
func ActionOf(t events.Type) string { return actionOf[t] }
