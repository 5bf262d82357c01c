package cli

import "github.com/permledger/permledger/api/wire"

// The story that `permledger dev` records: a tokenization platform's organization in its first weeks, after STOKR's
// "Users and roles". A compliance desk shares the role Investor Desk; the head of the department has the role too,
// and permissions that only she should have; a monitoring tool and a data synchronization job are users like the others;
// a save of the checkboxes replaces a whole set.

// The organization of the story, and who opens it.
const (
	storyOrganization = "acme"
	storyName         = "Acme Securities S.A."
	storyProfile      = "stokr"
	storyOwner        = "anna"
)

// An act is one thing that somebody does.
type act struct {
	who    string
	intent wire.Intent
	why    string
	name   string // of a new subject, for people
	days   int    // from now to the end of a grant; 0: it has none
}

// The keys of the story's roles.
const (
	desk    = "investor-desk"
	viewer  = "investor-viewer"
	admin   = "user-administrator"
	watcher = "monitoring"
)

// storyBefore is recorded first, group by group: what a group names is recorded by those before it.
func storyBefore() [][]act {
	return [][]act{
		{
			{who: "anna", intent: wire.Intent{Kind: wire.PublishCatalogue, Embedded: "stokr"}, why: "what the platform's API can do"},
			joins("ben", "human", "Ben Okafor", "onboarding, compliance desk"),
			joins("carla", "human", "Carla Meier", "onboarding, head of compliance"),
			joins("dora", "human", "Dora Lindqvist", "onboarding, compliance desk"),
			joins("monitoring", "technical", "", "monitoring tool"),
			joins("investor-sync", "technical", "", "data synchronization job"),
		},
		{
			creates(desk, "Investor Desk", "Creates, verifies and whitelists investors", "one role for the whole desk",
				"investor.create", "investor.verify", "whitelist.add_investor"),
			creates(admin, "User Administrator", "Brings people in, gives them their roles, and takes them away", "the head of a department does this herself",
				"role.list", "user.assign_role", "user.create", "user.deactivate", "user.unassign_role"),
			creates(viewer, "Investor Viewer", "Sees investors", "for those who only look", "investor.list", "investor.view"),
			creates(watcher, "Monitoring", "Sees what moves", "a tool needs no more than this", "asset.list", "transaction.list", "transaction.view"),
		},
		{
			{who: "anna", intent: wire.Intent{Kind: wire.SetRoles, Subject: "carla", Roles: []string{desk, admin}}, why: "head of compliance"},
			{who: "anna", intent: wire.Intent{Kind: wire.GrantPermission, Subject: "carla", Permission: "investor.deactivate"}, why: "only the department head"},
			{who: "carla", intent: wire.Intent{Kind: wire.AssignRole, Subject: "ben", Role: desk}, why: "joins the desk"},
			{who: "carla", intent: wire.Intent{Kind: wire.AssignRole, Subject: "dora", Role: desk}, why: "joins the desk"},
			{who: "anna", intent: wire.Intent{Kind: wire.AssignRole, Subject: "monitoring", Role: watcher}, why: "TICKET-88"},
			{who: "anna", intent: wire.Intent{Kind: wire.SetPermissions, Subject: "investor-sync",
				Permissions: []string{"investor.list", "investor.modify", "investor.view"}}, why: "first synchronization writes"},
			{who: "anna", intent: wire.Intent{Kind: wire.GrantPermission, Subject: "dora", Permission: "investor.view", Scope: "org/acme/investor/1042"}, why: "only this investor"},
			{who: "anna", intent: wire.Intent{Kind: wire.GrantPermission, Subject: "monitoring", Permission: "investor.list"}, why: "until the migration is done", days: 90},
		},
	}
}

// storyRefused is tried between the two parts, and refused: who has the role Investor Desk may not create roles.
func storyRefused() act {
	return act{who: "ben", intent: wire.Intent{Kind: wire.CreateRole, Role: "fast-track", Name: new("Fast Track"), Permissions: []string{"investor.verify"}}, why: "would save us time"}
}

// storyAfter is recorded last, in one group.
func storyAfter() []act {
	return []act{
		{who: "anna", intent: wire.Intent{Kind: wire.UpdateRole, Role: desk, Add: []string{"investor.modify"}}, why: "TICKET-131 backlog"},
		{who: "anna", intent: wire.Intent{Kind: wire.SetRoles, Subject: "ben", Roles: []string{desk, viewer}}, why: "covers for dora"},
		{who: "anna", intent: wire.Intent{Kind: wire.SetPermissions, Subject: "investor-sync",
			Permissions: []string{"investor.list", "investor.view"}}, why: "from now on it only reads"},
		{who: "anna", intent: wire.Intent{Kind: wire.UpdateRole, Role: desk, Remove: []string{"investor.modify"}}, why: "TICKET-140 four eyes"},
		{who: "anna", intent: wire.Intent{Kind: wire.GrantPermission, Subject: "carla", Permission: "investor.modify"}, why: "TICKET-140 four eyes"},
		{who: "carla", intent: wire.Intent{Kind: wire.RevokeRole, Subject: "dora", Role: desk}, why: "leaves the desk"},
		{who: "anna", intent: wire.Intent{Kind: wire.RevokePermission, Subject: "dora", Permission: "investor.view", Scope: "org/acme/investor/1042"}, why: "leaves the company"},
		{who: "carla", intent: wire.Intent{Kind: wire.DeactivateSubject, Subject: "dora"}, why: "leaves the company"},
		{who: "anna", intent: wire.Intent{Kind: wire.IssueDocument, About: "role:" + desk}, why: "for the regulator's file"},
	}
}

// The question that the story ends with: yes while the role held it, no since.
const (
	askedSubject    = "ben"
	askedPermission = "investor.modify"
)

func joins(key, kind, name, why string) act {
	return act{who: storyOwner, intent: wire.Intent{Kind: wire.AddSubject, Subject: key, SubjectKind: kind}, name: name, why: why}
}

func creates(key, name, description, why string, permissions ...string) act {
	return act{who: storyOwner, why: why, intent: wire.Intent{
		Kind: wire.CreateRole, Role: key, Name: new(name), Description: new(description), Permissions: permissions,
	}}
}
