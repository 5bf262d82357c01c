package rules

import (
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// Covers says whether a grant on scope holds for a resource: the scope is the resource's path or lies above it. The
// empty scope is the whole organization, the empty resource is the organization itself.
func Covers(scope, resource string) bool {
	return scope == "" || resource == scope || strings.HasPrefix(resource, scope) && resource[len(scope)] == '/'
}

// LevelFits says whether a permission of a level counts for a kind of subject: those of tokens only for wallets, those
// of the platform only for accounts.
func LevelFits(token bool, kind string) bool { return token == (kind == events.KindWallet) }

// Check says whether a subject may do what a permission, by its canonical name, allows, on a resource at an instant.
// There is no deny rule: what nothing gives is denied.
func (s *State) Check(subject ulid.ULID, permission, resource string, at time.Time) bool {
	u, ok := s.subjects[subject]
	if !ok || u.deactivated != 0 {
		return false
	}
	n, ok := s.perms.number[permission]
	if !ok {
		return false
	}
	if s.opened.Owner.Subject == subject {
		return true
	}
	if !LevelFits(s.perms.info[n].token, u.kind) {
		return false
	}
	for _, g := range u.direct {
		if g.permission == permission && g.holds(at) && Covers(g.scope, resource) {
			return true
		}
	}
	for _, g := range u.roles {
		if g.holds(at) && Covers(g.scope, resource) && s.roles[g.role].set.has(n) {
			return true
		}
	}
	return false
}

// Actions of the ledger itself. The permission ledger:<action> allows one, and so does every permission of a catalogue
// that guards it.
const (
	ActionCataloguePublish  = "catalogue.publish"
	ActionDocumentIssue     = "document.issue"
	ActionHistoryRead       = "history.read"
	ActionImport            = "import"
	ActionKeyRegister       = "key.register"
	ActionKeyReport         = "key.report"
	ActionKeyRevoke         = "key.revoke"
	ActionKeyRotate         = "key.rotate"
	ActionPermissionGrant   = "permission.grant"
	ActionPermissionRevoke  = "permission.revoke"
	ActionPermissionSet     = "permission.set"
	ActionPermissionsRecord = "permissions.record"
	ActionRoleAssign        = "role.assign"
	ActionRoleCreate        = "role.create"
	ActionRoleDelete        = "role.delete"
	ActionRoleRevoke        = "role.revoke"
	ActionRoleSet           = "role.set"
	ActionRoleUpdate        = "role.update"
	ActionRolesRead         = "roles.read"
	ActionSubjectAdd        = "subject.add"
	ActionSubjectDeactivate = "subject.deactivate"
)

// Actions lists them, in the order of their names. The permissions of version 1 of the rules' own catalogue are these.
func Actions() []string {
	return []string{
		ActionCataloguePublish, ActionDocumentIssue, ActionHistoryRead, ActionImport, ActionKeyRegister, ActionKeyReport,
		ActionKeyRevoke, ActionKeyRotate, ActionPermissionGrant, ActionPermissionRevoke, ActionPermissionSet,
		ActionPermissionsRecord, ActionRoleAssign, ActionRoleCreate, ActionRoleDelete, ActionRoleRevoke, ActionRoleSet,
		ActionRoleUpdate, ActionRolesRead, ActionSubjectAdd, ActionSubjectDeactivate,
	}
}

// Own is the catalogue of the ledger's own actions. Every organization has it; nobody can publish another.
const Own = "ledger"

// May says whether a subject may do one of the ledger's own actions, on a resource at an instant.
func (s *State) May(subject ulid.ULID, action, resource string, at time.Time) bool {
	if s.Check(subject, Qualified(Own, action), resource, at) {
		return true
	}
	for _, permission := range s.perms.guards[action] {
		if s.Check(subject, permission, resource, at) {
			return true
		}
	}
	return false
}

// need refuses an action that the subject may not do, naming the permission that would allow it as the organization
// knows it.
func (s *State) need(subject ulid.ULID, action, resource string, at time.Time) *Refusal {
	if s.May(subject, action, resource, at) {
		return nil
	}
	name := Qualified(Own, action)
	if guards := s.perms.guards[action]; len(guards) > 0 {
		name = guards[0]
	}
	r := refuse(NotPermitted, "Don't have %s permission", strings.TrimPrefix(name, s.opened.Profile.Name+":"))
	r.Permission = name
	return r.hint("Ask the organization's owner, or somebody who may assign roles, for it")
}

// guard refuses to let a subject give permissions that it does not hold on the scope itself: who could, could give
// itself anything.
func (s *State) guard(actor ulid.ULID, names []string, scope string, at time.Time) *Refusal {
	if actor == s.opened.Owner.Subject {
		return nil
	}
	for _, name := range names {
		if !s.Check(actor, name, scope, at) {
			r := refuse(Escalation, "Cannot give %s: you do not hold it on %s yourself", name, scopeText(scope))
			r.Permission = name
			return r
		}
	}
	return nil
}

func scopeText(scope string) string {
	if scope == "" {
		return "the whole organization"
	}
	return scope
}
