package acceptance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/schemas/catalogues"
)

func TestS6WithoutThePermissionTheActionIsDenied(t *testing.T) {
	// given a user without role.create
	o := open(t, "stokr")
	o.Add("user")

	// when it creates a role, with its API key
	_, err := o.DoAs("user", createRole("Compliance Officer", "investor.create"))

	// then it is denied, by the name of the permission, and the denial is noted
	o.Missing(err, "role.create")
	if a := o.Turned("user", "role.created", "not-permitted"); !strings.HasSuffix(a.Permission, "role.create") {
		t.Errorf("noted is %+v", a)
	}
	if roles, err := o.Roles(t.Context(), o.ID, false, client.Read{}); err != nil || len(roles.Items) != 0 {
		t.Errorf("the roles are %+v, %v", roles.Items, err)
	}
}

func TestS7WithThePermissionTheActionIsAllowed(t *testing.T) {
	// given a user with role.create, and what it puts into the role
	o := open(t, "stokr")
	o.Add("user")
	o.As("owner").SetPermissions("user", "role.create", "investor.create")

	// when it creates a role, with its API key
	_, err := o.DoAs("user", createRole("Compliance Officer", "investor.create"))

	// then the role exists
	if err != nil {
		t.Fatal(err)
	}
	if one, err := o.Role(t.Context(), o.ID, "compliance-officer", client.Read{}); err != nil || !slices.Equal(one.Item.Permissions, []string{"stokr:investor.create"}) {
		t.Errorf("%+v, %v", one, err)
	}
}

func TestS8TheAuditTrailNamesUserActionAndTime(t *testing.T) {
	// given a user who may create users
	o := open(t, "stokr")
	o.Add("hr-system")
	o.As("owner").Grant("user.create", "hr-system")

	// when it performs an action, and another that it may not
	in := addSubject(o, "dora", "human")
	in.Reason = "joins the desk"
	r, err := o.DoAs("hr-system", in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.DoAs("hr-system", deactivate("dora"))
	o.Missing(err, "user.deactivate")

	// then the audit trail names the user, the action and the time of both
	line := o.Recorded("hr-system", "subject.added", "dora", "joins the desk")
	if line.Actor != "hr-system" || line.Seq != r.Seq || line.Time != r.Time || line.Time == "" {
		t.Errorf("the trail says %+v of %+v", line, r)
	}
	if a := o.Turned("hr-system", "subject.deactivated", "not-permitted"); a.Time == "" || a.About != "subject:dora" {
		t.Errorf("the trail says %+v", a)
	}
}

func TestS9TheAuditTrailIsReadByUserActionObjectAndTime(t *testing.T) {
	// given two users who did different things to different objects at different times
	o := open(t, "stokr")
	o.Add("alice", "bob")
	o.As("owner").Grant("user.create", "alice")
	o.As("owner").Grant("user.create", "bob")
	if _, err := o.DoAs("alice", addSubject(o, "carol", "human")); err != nil {
		t.Fatal(err)
	}
	after := o.Recorded("alice", "subject.added", "carol").Time
	if _, err := o.DoAs("bob", addSubject(o, "dave", "human")); err != nil {
		t.Fatal(err)
	}
	_, err := o.DoAs("bob", deactivate("carol"))
	o.Missing(err, "user.deactivate")
	refused := o.Turned("bob", "subject.deactivated", "not-permitted")

	// when it is read by user, by action, by object, by time
	for name, c := range map[string]struct {
		q    wire.HistoryQuery
		want []string
	}{
		"user":        {wire.HistoryQuery{Actor: "bob"}, []string{"subject:dave"}},
		"action":      {wire.HistoryQuery{Type: "permission.granted"}, []string{"subject:alice", "subject:bob"}},
		"object":      {wire.HistoryQuery{Subject: "carol"}, []string{"subject:carol"}},
		"time":        {wire.HistoryQuery{Since: after, Type: "subject.added", Actor: "bob"}, []string{"subject:dave"}},
		"time before": {wire.HistoryQuery{Before: after, Type: "subject.added", Actor: "bob"}, nil},
		"permission":  {wire.HistoryQuery{Permission: "user.create", Subject: "bob"}, []string{"subject:bob"}},
	} {
		var got []string
		for _, line := range o.Lines(c.q) {
			got = append(got, line.About)
		}
		// then it holds that and nothing else
		if !slices.Equal(got, c.want) {
			t.Errorf("by %s: %q; want %q", name, got, c.want)
		}
	}

	// and so does what was refused
	for name, c := range map[string]struct {
		q    wire.ActivityQuery
		want int
	}{
		"user":           {wire.ActivityQuery{Actor: "bob"}, 1},
		"another user":   {wire.ActivityQuery{Actor: "alice"}, 0},
		"action":         {wire.ActivityQuery{Type: "subject.deactivated"}, 1},
		"another action": {wire.ActivityQuery{Type: "role.created"}, 0},
		"object":         {wire.ActivityQuery{About: "subject:carol"}, 1},
		"another object": {wire.ActivityQuery{About: "subject:dave"}, 0},
		"permission":     {wire.ActivityQuery{Permission: "user.deactivate", Code: "not-permitted", Kind: "refused"}, 1},
		"time":           {wire.ActivityQuery{Since: refused.Time}, 1},
		"time before":    {wire.ActivityQuery{Before: refused.Time}, 0},
	} {
		list, err := o.FindActivity(t.Context(), o.ID, c.q)
		if err != nil || len(list.Items) != c.want {
			t.Errorf("refused, by %s: %+v, %v; want %d", name, list.Items, err, c.want)
		}
	}
	// and the program shows the same
	if out := o.Run("", "activity", "--user", "bob", "--action", "subject.deactivated", "--about", "user:carol"); !strings.Contains(out, "user.deactivate") {
		t.Errorf("the program says %s", out)
	}
	if out := o.Run("", "activity", "--user", "alice"); strings.Contains(out, "user.deactivate") {
		t.Errorf("the program says %s", out)
	}
	if out := o.Run("", "history", "--by", "bob", "--type", "subject.added"); !strings.Contains(out, "dave") || strings.Contains(out, "carol") {
		t.Errorf("the program says %s", out)
	}
}

func TestS10OnePermissionAllowsOneAction(t *testing.T) {
	// given a user holding only asset.create
	o := open(t, "stokr")
	o.Add("user")
	o.As("owner").SetPermissions("user", "asset.create")

	// when it creates an asset, it is allowed
	if _, err := o.DoAs("user", wire.Intent{Kind: wire.RegisterResource, Resource: "asset/A"}); err != nil {
		t.Error(err)
	}
	o.Allowed("user", "asset.create")

	// when it modifies, removes or reads one, or creates anything else, it is denied
	_, err := o.DoAs("user", renamed("asset/A"))
	o.Missing(err, "asset.modify")
	_, err = o.DoAs("user", wire.Intent{Kind: wire.RemoveResource, Resource: "asset/A"})
	o.Missing(err, "resource.remove")
	_, err = o.DoAs("user", wire.Intent{Kind: wire.RegisterResource, Resource: "investor/A"})
	o.Missing(err, "investor.create")
	if a := o.GetAs("user", "/resources?kind=asset"); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "resources.read") {
		t.Errorf("the assets are answered with %d %s", a.Status, a.Body)
	}
	for _, p := range []string{"asset.modify", "asset.deactivate", "asset.view", "asset.list"} {
		o.Denied("user", p)
		o.Denied("user", p, "asset/A")
	}
	o.Holds("user", "asset.create")
}

// renamed is an intent that changes a resource.
func renamed(path string) wire.Intent {
	return wire.Intent{Kind: wire.UpdateResource, Resource: path, Name: new("Another name")}
}

func TestS11WithInvestorListTheCollectionIsSeen(t *testing.T) {
	// given two investors, and users with and without investor.list
	o := open(t, "stokr")
	o.only("investor.list")
	for _, path := range []string{"investor/A", "investor/B"} {
		o.As("owner").Do(wire.Intent{Kind: wire.RegisterResource, Resource: path})
	}

	// when each asks for all investors, then the one sees both, and the other none
	for who, want := range map[string]int{"with": 2, "without": 0} {
		list, err := o.Me(who).Resources(t.Context(), o.ID, "investor", who, "investor.list", client.Read{})
		if err != nil || len(list.Items) != want {
			t.Errorf("%s sees %+v, %v", who, list.Items, err)
		}
	}
}

func TestS12WithoutInvestorListTheCollectionIsDenied(t *testing.T) {
	// given a user who may view one investor, and not the list
	o := open(t, "stokr")
	o.Add("user")
	o.As("owner").Grant("investor.view", "user", "investor/A")

	// when it asks for all investors
	c := o.Denied("user", "investor.list")

	// then it is told what is missing
	if !strings.HasSuffix(c.Permission, "investor.list") {
		t.Errorf("it is told %+v", c)
	}
	o.Denied("user", "investor.view")
	o.Allowed("user", "investor.view", "investor/A")
}

func TestS15WithAssetCreateAnAssetIsAdded(t *testing.T) {
	// given users with and without asset.create
	o := open(t, "stokr")
	o.only("asset.create")
	add := wire.Intent{Kind: wire.RegisterResource, Resource: "asset/A"}

	// when each adds an asset, then the one is denied, and the other's is there
	_, err := o.DoAs("without", add)
	o.Missing(err, "asset.create")
	o.Turned("without", "resource.registered", "not-permitted")
	if _, err := o.DoAs("with", add); err != nil {
		t.Fatal(err)
	}
	o.Recorded("with", "resource.registered", "asset/A")
	list, err := o.Resources(t.Context(), o.ID, "asset", "", "", client.Read{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Path != "asset/A" {
		t.Errorf("the assets are %+v, %v", list.Items, err)
	}
}

func TestS16WithInvestorModifyTheStatusIsChanged(t *testing.T) {
	// given an investor that is not verified, and users with and without investor.modify
	o := open(t, "stokr")
	o.only("investor.modify", "investor/A")
	status := func(kind, status string) wire.Intent {
		return wire.Intent{Kind: kind, Resource: "investor/A", Properties: map[string]string{"verification-status": status}}
	}
	is := func(want string) {
		t.Helper()
		list, err := o.Resources(t.Context(), o.ID, "investor", "", "", client.Read{})
		if err != nil || len(list.Items) != 1 || list.Items[0].Properties["verification-status"] != want {
			t.Errorf("the investors are %+v, %v; want %s", list.Items, err, want)
		}
	}
	o.As("owner").Do(status(wire.RegisterResource, "pending"))

	// when each changes its verification status, then the one is denied, and the other changes it
	_, err := o.DoAs("without", status(wire.UpdateResource, "verified"))
	o.Missing(err, "investor.modify")
	o.Turned("without", "resource.updated", "not-permitted")
	is("pending")
	if _, err := o.DoAs("with", status(wire.UpdateResource, "verified")); err != nil {
		t.Fatal(err)
	}
	is("verified")
	o.Recorded("with", "resource.updated", "investor/A")
}

func TestS18OnePermissionCoversEachOperation(t *testing.T) {
	// given the catalogue, and each operation of the API
	o := open(t, "stokr")
	guards := map[string][]string{}
	list, err := o.Permissions(t.Context(), o.ID, client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list.Items {
		for _, action := range p.Guards {
			guards[action] = append(guards[action], p.Name)
		}
	}

	// then each is covered by a permission that can be given, or needs none for a reason that is said
	for _, r := range api.Routes() {
		switch {
		case r.Action == "" && r.Why == "":
			t.Errorf("%s %s is covered by nothing", r.Method, r.Path)
		case r.Action != "" && !slices.Contains(guards[r.Action], "ledger:"+r.Action):
			t.Errorf("%s %s takes %s, which no permission covers", r.Method, r.Path, r.Action)
		}
	}
	// and who asks without it is told its name, and with it is let in
	o.Add("without", "with")
	asked, given := 0, ""
	for _, r := range api.Routes() {
		path, ours := strings.CutPrefix(r.Path, "/v1/orgs/{org}")
		if !ours || r.Method != http.MethodGet || r.Action == "" || strings.Contains(path, "{") || strings.HasPrefix(path, "/history") || path == "/activity" {
			continue // of one's own log everybody reads
		}
		a := o.GetAs("without", path)
		p := read[wire.Problem](o, a)
		if a.Status != http.StatusForbidden || !slices.Contains(guards[r.Action], p.Permission) {
			t.Errorf("%s is answered with %d %s; it takes one of %q", path, a.Status, a.Body, guards[r.Action])
			continue
		}
		if r.And != "" { // besides, which has no route alone
			o.As("owner").SetPermissions("with", p.Permission, guards[r.And][0])
			if a := o.GetAs("with", path); a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized {
				t.Errorf("with both permissions, %s is answered with %d %s", path, a.Status, a.Body)
			}
			given = ""
			continue
		}
		if path == "/watch" { // which does not end
			continue
		}
		if p.Permission != given {
			o.As("owner").SetPermissions("with", p.Permission)
		}
		if a := o.GetAs("with", path); a.Status == http.StatusForbidden || a.Status == http.StatusUnauthorized {
			t.Errorf("with %s, %s is answered with %d %s", p.Permission, path, a.Status, a.Body)
		}
		given = p.Permission
		asked++
	}
	if asked < 15 {
		t.Errorf("only %d routes were asked", asked)
	}
	// and so is each of the document's operations: those on each entity that it lists
	for _, name := range []string{"asset.create", "investor.list", "investor.view", "investor.modify", "user.deactivate", "whitelist.add_investor"} {
		if !slices.ContainsFunc(list.Items, func(p wire.Permission) bool { return p.Name == "stokr:"+name && p.Selectable }) {
			t.Errorf("no permission is called %s", name)
		}
	}
}

func TestS19ThePermissionsEndpointLeavesNothingOut(t *testing.T) {
	// given an administrator, who may ask for the list
	o := open(t, "stokr")
	o.Add("admin", "user")
	o.As("owner").Grant("permission.list", "admin")

	// when it calls the endpoint
	a := o.GetAs("admin", "/permissions")

	// then it gets every permission of the catalogue
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	got := map[string]bool{}
	for _, p := range read[wire.List[wire.Permission]](o, a).Items {
		if got[p.Name] {
			t.Errorf("%s is there twice", p.Name)
		}
		got[p.Name] = true
	}
	c, err := catalogues.Load("stokr")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Permissions {
		if !got["stokr:"+p.Name] {
			t.Errorf("%s is left out", p.Name)
		}
	}
	if len(c.Permissions) < 60 {
		t.Errorf("the catalogue has only %d", len(c.Permissions))
	}
	// and somebody else is denied
	if a := o.GetAs("user", "/permissions"); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "permission.list") {
		t.Errorf("without permission.list: %d %s", a.Status, a.Body)
	}
}

func TestS20EachPermissionCanBeACheckbox(t *testing.T) {
	// given a Compliance Officer with an individual permission on one investor
	o := open(t, "stokr")
	o.Add("dora")
	o.As("owner").CreateRole("Compliance Officer", "investor.create", "investor.verify")
	o.As("owner").Because("TICKET-201").Assign("compliance-officer", "dora")
	o.As("owner").Grant("investor.view", "dora", "investor/A")

	// when the permissions are read for it
	list, err := o.Me("owner").PermissionsOf(t.Context(), o.ID, "dora", client.Read{})
	if err != nil {
		t.Fatal(err)
	}

	// then each has a stable name, a text, a group, and whether the user has it, and through what
	has := map[string]wire.Permission{}
	for _, p := range list.Items {
		if p.Catalogue != "stokr" {
			continue
		}
		if p.Name == "" || p.Description == "" || p.Category == "" || p.Level == "" || p.Has == nil || !p.Selectable {
			t.Errorf("a checkbox cannot be made of %+v", p)
		}
		if p.Has != nil && *p.Has {
			has[strings.TrimPrefix(p.Name, "stokr:")] = p
		}
	}
	if len(has) != 3 {
		t.Errorf("checked are %v", has)
	}
	if b := has["investor.create"].Because; len(b) != 1 || b[0].Role != "compliance-officer" || b[0].Reason != "TICKET-201" {
		t.Errorf("investor.create is there through %+v", b)
	}
	if b := has["investor.view"].Because; len(b) != 1 || b[0].Role != "" || b[0].Scope != "investor/A" {
		t.Errorf("investor.view is there through %+v", b)
	}
	// and without a user nothing is said of one
	list, err = o.PermissionsOf(t.Context(), o.ID, "", client.Read{})
	if err != nil || slices.ContainsFunc(list.Items, func(p wire.Permission) bool { return p.Has != nil }) {
		t.Errorf("%v", err)
	}
}
