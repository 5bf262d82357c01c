package rules

import (
	"slices"
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
	return s.CheckIn(subject, permission, resource, at, Context{})
}

// CheckIn is Check with what the question says beside.
func (s *State) CheckIn(subject ulid.ULID, permission, resource string, at time.Time, in Context) bool {
	u := s.subjects.get(subject)
	n, ok := s.perms.number[permission]
	return u != nil && ok && s.allowed(u, n, resource, at, &in) && s.lacks(u, n, resource, at, &in) == ""
}

// allowed says whether a subject holds a permission on a resource, whatever the permission needs beside.
func (s *State) allowed(u *subject, n uint32, resource string, at time.Time, in *Context) bool {
	switch {
	case !s.acts(u):
		return false
	case u.id == s.owner:
		return true
	case !LevelFits(s.perms.info[n].token, u.kind):
		return false
	}
	for i := range u.grants {
		g := &u.grants[i]
		if s.gives(g.what, n) && g.holds(at) && Covers(g.scope, resource) && (!g.tied || s.stands(g, u, resource, at, in)) {
			return true
		}
	}
	return false
}

// A hold says whether somebody holds something, and until when: zero for no end.
type hold struct {
	ok    bool
	until time.Time
}

// lasts says whether a hold ends no sooner than an instant, zero for no end.
func (h hold) lasts(until time.Time) bool {
	return h.ok && (h.until.IsZero() || !until.IsZero() && !until.After(h.until))
}

// longer gives the one of two holds that ends later.
func (h hold) longer(other hold) hold {
	if !other.ok || h.lasts(other.until) {
		return h
	}
	return other
}

// holds says whether a subject holds a permission on a resource at an instant so that it can give it, under a condition,
// and until when it does: that is the latest end of all that gives it.
func (s *State) holds(subject ulid.ULID, permission, resource string, at time.Time, under events.Condition) (h hold) {
	u := s.subjects.get(subject)
	if u == nil || !s.acts(u) {
		return h
	}
	n, ok := s.perms.number[permission]
	if !ok {
		return h
	}
	if s.owner == subject {
		return hold{ok: true}
	}
	if !LevelFits(s.perms.info[n].token, u.kind) {
		return h
	}
	for i := range u.grants {
		g := &u.grants[i]
		if s.gives(g.what, n) && g.holds(at) && Covers(g.scope, resource) && s.lends(g, under) {
			if h = h.longer(hold{true, g.end()}); h.lasts(forever) {
				return h
			}
		}
	}
	return h
}

// gives says whether something is a permission, or a role that has it.
func (s *State) gives(w what, permission uint32) bool {
	if w.role() {
		return s.numbered[w.number()].set.has(permission)
	}
	return w.number() == permission
}

// forever is the end of what has none.
var forever time.Time

// Actions of the ledger itself. The permission ledger:<action> allows one, and so does every permission of a catalogue
// that guards it.
const (
	ActionAccessAssign       = "access.assign"
	ActionAccessDelegate     = "access.delegate"
	ActionAccessUnassign     = "access.unassign"
	ActionAPIKeyAdd          = "api-key.add"
	ActionAPIKeyRead         = "api-key.read"
	ActionAPIKeyRemove       = "api-key.remove"
	ActionAPIKeyUpdate       = "api-key.update"
	ActionCataloguePublish   = "catalogue.publish"
	ActionDocumentIssue      = "document.issue"
	ActionHistoryRead        = "history.read"
	ActionImport             = "import"
	ActionKeyRegister        = "key.register"
	ActionKeyReport          = "key.report"
	ActionKeyRevoke          = "key.revoke"
	ActionKeyRotate          = "key.rotate"
	ActionKeysRead           = "keys.read"
	ActionLogRead            = "log.read"
	ActionLogSystem          = "log.system"
	ActionLogUsers           = "log.users"
	ActionOrganizationRead   = "organization.read"
	ActionOrganizationUpdate = "organization.update"
	ActionPermissionGrant    = "permission.grant"
	ActionPermissionRevoke   = "permission.revoke"
	ActionPermissionSet      = "permission.set"
	ActionPermissionsRead    = "permissions.read"
	ActionPermissionsRecord  = "permissions.record"
	ActionResourceRegister   = "resource.register"
	ActionResourceRemove     = "resource.remove"
	ActionResourceUpdate     = "resource.update"
	ActionResourcesRead      = "resources.read"
	ActionReviewClose        = "review.close"
	ActionReviewDecide       = "review.decide"
	ActionReviewStart        = "review.start"
	ActionRoleAssign         = "role.assign"
	ActionRoleCreate         = "role.create"
	ActionRoleDefault        = "role.default"
	ActionRoleDelegate       = "role.delegate"
	ActionRoleDelete         = "role.delete"
	ActionRoleReview         = "role.review"
	ActionRoleRevoke         = "role.revoke"
	ActionRoleSet            = "role.set"
	ActionRoleUpdate         = "role.update"
	ActionRolesRead          = "roles.read"
	ActionSubjectAdd         = "subject.add"
	ActionSubjectDeactivate  = "subject.deactivate"
	ActionSubjectErase       = "subject.erase"
	ActionSubjectInvite      = "subject.invite"
	ActionSubjectLink        = "subject.link"
	ActionSubjectReactivate  = "subject.reactivate"
	ActionSubjectRemove      = "subject.remove"
	ActionSubjectUpdate      = "subject.update"
	ActionSubjectsRead       = "subjects.read"
)

// Actions lists them, in the order of their names: those of the newest version of the rules. See [ActionsOf].
func Actions() []string {
	all := append([]string{
		ActionAccessAssign,
		ActionAccessDelegate,
		ActionAccessUnassign,
		ActionAPIKeyAdd,
		ActionAPIKeyRead,
		ActionAPIKeyRemove,
		ActionAPIKeyUpdate,
		ActionCataloguePublish,
		ActionDocumentIssue,
		ActionHistoryRead,
		ActionImport,
		ActionKeyRegister,
		ActionKeyReport,
		ActionKeyRevoke,
		ActionKeyRotate,
		ActionKeysRead,
		ActionLogRead,
		ActionLogSystem,
		ActionLogUsers,
		ActionOrganizationRead,
		ActionOrganizationUpdate,
		ActionPermissionGrant,
		ActionPermissionRevoke,
		ActionPermissionSet,
		ActionPermissionsRead,
		ActionPermissionsRecord,
		ActionResourceRegister,
		ActionResourceRemove,
		ActionResourceUpdate,
		ActionResourcesRead,
		ActionReviewClose,
		ActionReviewDecide,
		ActionReviewStart,
		ActionRoleAssign,
		ActionRoleCreate,
		ActionRoleDefault,
		ActionRoleDelegate,
		ActionRoleDelete,
		ActionRoleReview,
		ActionRoleRevoke,
		ActionRoleSet,
		ActionRoleUpdate,
		ActionRolesRead,
		ActionSubjectAdd,
		ActionSubjectDeactivate,
		ActionSubjectErase,
		ActionSubjectInvite,
		ActionSubjectLink,
		ActionSubjectReactivate,
		ActionSubjectRemove,
		ActionSubjectUpdate,
		ActionSubjectsRead,
	}, tokenActions...)
	slices.Sort(all)
	return all
}

// Own is the catalogue of the ledger's own actions. Every organization has it; nobody can publish another.
const Own = "ledger"

// May says whether a subject may do one of the ledger's own actions, on a resource at an instant.
func (s *State) May(subject ulid.ULID, action, resource string, at time.Time) bool {
	if s.Check(subject, Qualified(Own, action), resource, at) {
		return true
	}
	for _, permission := range s.guarding(action, resource) {
		if s.Check(subject, permission, resource, at) {
			return true
		}
	}
	return false
}

// mayGive says whether a subject may do an action so that it can let others do it, and until when.
func (s *State) mayGive(subject ulid.ULID, action string, at time.Time) hold {
	h := s.holds(subject, Qualified(Own, action), "", at, nil)
	for _, permission := range s.guarding(action, "") {
		if h.lasts(forever) {
			break
		}
		h = h.longer(s.holds(subject, permission, "", at, nil))
	}
	return h
}

// guarding gives the permissions of catalogues that allow an action on a resource. One that allows what is done to
// resources allows it for those of its entity alone: who may create investors may not register policies.
func (s *State) guarding(action, resource string) []string {
	all := s.perms.guards[action]
	if len(all) == 0 || !strings.HasPrefix(action, "resource.") {
		return all
	}
	kind := events.KindOf(resource)
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		p, _ := s.perms.lookup(name)
		return p.kind != kind
	})
}

// need refuses an action that the subject may not do, naming the permission that would allow it as the organization
// knows it.
func (s *State) need(subject ulid.ULID, action, resource string, at time.Time) *Refusal {
	if s.May(subject, action, resource, at) {
		return nil
	}
	name := Qualified(Own, action)
	if guards := s.guarding(action, resource); len(guards) > 0 {
		name = guards[0]
	}
	r := s.without(name)
	if s.opened.Rules == 1 {
		return r.hint("Ask the organization's owner, or somebody who may assign roles, for it")
	}
	return r.hint("Ask an Owner or Admin for permission")
}

// without refuses for want of a permission.
func (s *State) without(name string) *Refusal {
	r := refuse(NotPermitted, "Don't have %s permission", strings.TrimPrefix(name, s.opened.Profile.Name+":"))
	r.Permission = name
	return r
}

// guard refuses to let a subject give permissions that it does not hold on the scope itself, or not for as long as it
// gives them, or in fewer cases: who could, could give itself anything, and keep for ever what it has for a day. What it
// has only while somebody else does it can delegate, and not give.
func (s *State) guard(actor ulid.ULID, names []string, scope string, until, at time.Time, under events.Condition) *Refusal {
	if actor == s.owner {
		return nil
	}
	for _, name := range names {
		h := s.holds(actor, name, scope, at, under)
		if !h.ok {
			r := refuse(Escalation, "Cannot give %s: you do not hold it on %s yourself", name, scopeText(scope))
			r.Permission = name
			return r
		}
		if !h.lasts(until) {
			return beyond(name, scope, h)
		}
	}
	return nil
}

// beyond refuses to give something for longer than the giver holds it.
func beyond(permission, scope string, h hold) *Refusal {
	r := refuse(Escalation, "Cannot give %s on %s beyond %s: you hold it until then yourself", permission, scopeText(scope), h.until.Format(time.RFC3339))
	r.Permission = permission
	return r
}

func scopeText(scope string) string {
	if scope == "" {
		return "the whole organization"
	}
	return scope
}
