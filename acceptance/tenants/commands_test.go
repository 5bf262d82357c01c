package tenants_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/schemas/catalogues"
)

// and gives the names of both.
func (n names) and(other names) names {
	if n.word == other.word {
		return n
	}
	return names{
		word: n.word, roles: slices.Concat(n.roles, other.roles), subjects: slices.Concat(n.subjects, other.subjects), permissions: slices.Concat(n.permissions, other.permissions),
		resources: slices.Concat(n.resources, other.resources),
	}
}

// catalogue gives what can be given, in the organization's own words; reading guards what the ledger does.
func (n names) catalogue(reading string) json.RawMessage {
	c := struct {
		Name        string                  `json:"catalogue"`
		Title       string                  `json:"title"`
		Permissions []catalogues.Permission `json:"permissions"`
	}{Name: "catalogue", Title: n.text("catalogue")}
	one := func(name string, guards ...string) {
		c.Permissions = append(c.Permissions, catalogues.Permission{
			Name: name, Category: n.text("category"), Entity: n.text("entity"), Action: n.text("action"), Description: n.text("description"), Selectable: true, Guards: guards,
		})
	}
	for _, name := range n.permissions {
		one(name)
	}
	one(reading, "history.read", "keys.read", "log.read", "roles.read", "subjects.read")
	slices.SortFunc(c.Permissions, func(a, b catalogues.Permission) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return b
}

// intent draws a change in the words of names. Many are refused, which is noted in those words, too.
func (n names) intent(t *rapid.T) wire.Intent {
	one := func(of []string, what string) string { return rapid.SampledFrom(of).Draw(t, what) }
	ptr := func(what string) *string { s := n.text(what); return &s }
	role, subject, permission, resource := one(n.roles, "role"), one(n.subjects, "subject"), one(n.permissions, "permission"), one(n.resources, "resource")
	scope := rapid.SampledFrom([]string{"", resource}).Draw(t, "scope")
	in := rapid.SampledFrom([]wire.Intent{
		{Kind: wire.CreateRole, Role: role, Name: ptr("name of " + role), Description: ptr("description"), Permissions: []string{permission}, Labels: map[string]string{"guideline": n.text("guideline")}},
		{Kind: wire.CreateRole, Role: role, Name: ptr("name of " + role), Permissions: []string{permission}},
		{Kind: wire.UpdateRole, Role: role, Add: []string{permission}, Description: ptr("newer")},
		{Kind: wire.UpdateRole, Role: role, Remove: []string{permission}},
		{Kind: wire.DeleteRole, Role: role, Confirm: true},
		{Kind: wire.ReviewRole, Role: role},
		{Kind: wire.AddSubject, Subject: subject, SubjectKind: "human", DisplayName: n.text("person"), Email: subject + "@example.com",
			Properties: map[string]string{"desk": n.text("desk")}, Reference: ptr("reference")},
		{Kind: wire.AddSubject, Subject: subject, SubjectKind: "human", DisplayName: n.text("person")},
		{Kind: wire.InviteSubject, Subject: subject, Email: subject + "@example.com", Invitation: secret.Of(secret.Invitation, keyOf("invitation of "+subject)).DID()},
		{Kind: wire.UpdateSubject, Subject: subject, DisplayName: n.text("other person"), Reference: ptr("other")},
		{Kind: wire.DeactivateSubject, Subject: subject},
		{Kind: wire.ReactivateSubject, Subject: subject},
		{Kind: wire.LinkSubject, Subject: subject, To: "did:web:" + subject + ".example.com"},
		{Kind: wire.EraseSubject, Subject: subject},
		{Kind: wire.AssignRole, Role: role, Subject: subject, Scope: scope},
		{Kind: wire.AssignRole, Role: role, Subject: subject, Condition: fmt.Sprintf(`subject.properties.desk == "%s"`, n.text("desk"))},
		{Kind: wire.RevokeRole, Role: role, Subject: subject, Scope: scope},
		{Kind: wire.SetRoles, Subject: subject, Roles: []string{role}},
		{Kind: wire.GrantPermission, Permission: permission, Subject: subject, Scope: scope},
		{Kind: wire.RevokePermission, Permission: permission, Subject: subject, Scope: scope},
		{Kind: wire.SetPermissions, Permissions: []string{permission}, Subject: subject},
		{Kind: wire.RegisterResource, Resource: resource, Name: ptr("resource"), Properties: map[string]string{"country": n.text("country")}},
		{Kind: wire.UpdateResource, Resource: resource, Name: ptr("newer resource")},
		{Kind: wire.StartReview, Name: ptr("review"), About: "role:" + role},
		{Kind: wire.CloseReview, Review: n.text("review"), Decision: "keep"},
		{Kind: wire.IssueDocument, About: "role:" + role},
		{Kind: wire.UpdateOrganization, Name: ptr("organization")},
		{Kind: wire.RegisterKey, Key: did("key of " + subject), Purpose: "credential", Subject: subject},
	}).Draw(t, "intent")
	in.Reason = n.text("reason")
	return in
}

// begin gives an organization one of everything.
func (o *tenant) begin(t testing.TB) {
	t.Helper()
	all := o.names.and(o.known)
	o.must(t, wire.Intent{Kind: wire.PublishCatalogue, Catalogue: all.catalogue("reading")})
	name := func(what string) *string { s := o.text(what); return &s }
	lists := []names{o.names}
	if o.known.word != o.word {
		lists = append(lists, o.known)
	}
	for _, n := range lists {
		role, subject, resource := n.roles[0], n.subjects[0], n.resources[0]
		o.must(t, wire.Intent{Kind: wire.CreateRole, Role: role, Name: name("name of " + role), Permissions: n.permissions[:2], Description: name("description"), Reason: o.text("reason")})
		o.must(t, wire.Intent{Kind: wire.AddSubject, Subject: subject, SubjectKind: "human", DisplayName: o.text("person"), Email: subject + "@example.com", Reason: o.text("reason")})
		o.must(t, wire.Intent{Kind: wire.RegisterResource, Resource: resource, Name: name("resource")})
		o.must(t, wire.Intent{Kind: wire.AssignRole, Role: role, Subject: subject, Scope: resource})
	}
	for _, who := range []string{"reader", "nobody"} { // with keys of their own
		o.must(t, wire.Intent{Kind: wire.AddSubject, Subject: o.word + "-" + who, SubjectKind: "technical", SubjectKey: did(o.id + "/" + who)})
	}
	o.must(t, wire.Intent{Kind: wire.GrantPermission, Subject: o.word + "-reader", Permission: "reading"})
	for _, in := range []wire.Intent{
		{Kind: wire.StartReview, Name: name("first review"), About: "role:" + o.roles[0]},
		{Kind: wire.IssueDocument, About: "role:" + o.roles[0]},
	} {
		if _, err := o.Do(t.Context(), o.id, in); err != nil && in.Kind != wire.IssueDocument {
			t.Fatalf("%s: %v", in.Kind, err)
		}
	}
}
