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
