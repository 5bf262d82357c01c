package rules

import "slices"

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
