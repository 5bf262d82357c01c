package acceptance_test

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
)

func TestI62SimilarRolesAreReported(t *testing.T) {
	// Given two roles with the same permissions, one that has one more, and one that is another
	o := open(t, "ipaware")
	owner := o.As("owner")
	owner.CreateRole("Billing Manager", "billing.checkout", "billing.portal", "billing.update", "billing.cancel")
	owner.CreateRole("Finance Team", "billing.checkout", "billing.portal", "billing.update", "billing.cancel")
	owner.CreateRole("Finance Lead", "billing.checkout", "billing.portal", "billing.update", "billing.cancel", "billing.resume")
	owner.CreateRole("Analyst", "ip.query")

	// When similar roles are asked for
	out := o.Run("owner", "report", "similar")

	// Then the same ones come first, the nearly same ones say what differs, and the other role is in none
	lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
	if len(lines) != 3 || !strings.Contains(lines[0], "billing-manager") || !strings.Contains(lines[0], "finance-team") || !strings.Contains(lines[0], "100%") {
		t.Errorf("similar roles:\n%s", out)
	}
	if !strings.Contains(lines[1], "80%") || !strings.Contains(lines[1], "ipaware:billing.resume") || strings.Contains(out, "analyst") {
		t.Errorf("similar roles:\n%s", out)
	}
	// And a stricter measure leaves only the same ones
	if out := o.Run("owner", "report", "similar", "--least", "100"); strings.Count(out, "\n") != 2 {
		t.Errorf("the same roles:\n%s", out)
	}
}

func TestI64PermissionsHeldAndNeverUsedAreReported(t *testing.T) {
	// Given an admin who may create roles and query, and a service that records what it asks
	o := open(t, "ipaware")
	o.Add("anna@example.com", "idle@example.com")
	o.As("owner").CreateRole("Admin Desk", "roles.create", "ip.query", "billing.update")
	o.As("owner").Assign("admin-desk", "anna@example.com")
	o.As("owner").CreateRole("Sleepers", "billing.portal")
	o.As("owner").Assign("sleepers", "idle@example.com")

	// When she creates a role, and a query of hers is decided and recorded; another check is not recorded
	o.As("anna@example.com").CreateRole("Analyst", "ip.query")
	if r := o.CLI("", "check", "anna@example.com", "ip.query", "--record"); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	o.Allowed("anna@example.com", "billing.update")

	// Then what she used is not reported, what she did not use is, and the report says what it counts
	var u wire.Usage
	deadline := time.Now().Add(10 * time.Second)
	for u.Decisions == 0 && time.Now().Before(deadline) { // the activity stream is written behind the answer
		u = read[wire.Usage](o, o.HTTP("GET", "/reports/unused?since=1", nil))
	}
	var unused []string
	for _, p := range u.Items {
		unused = append(unused, p.Subject+" "+p.Permission)
	}
	if want := []string{"anna@example.com ipaware:billing.update", "idle@example.com ipaware:billing.portal"}; !slices.Equal(unused, want) {
		t.Errorf("unused: %q; want %q", unused, want)
	}
	if !strings.Contains(u.Counts, "not recorded leaves no trace") || u.Decisions != 1 {
		t.Errorf("it says %q of %d decisions", u.Counts, u.Decisions)
	}
	// And the role of which nobody used anything is named
	named := slices.DeleteFunc(slices.Clone(u.Roles), func(r wire.RoleReport) bool { return r.Role == "organization-owner" }) // who has it acts as the owner
	if len(named) != 1 || named[0].Role != "sleepers" {
		t.Errorf("unused roles %+v; want sleepers", u.Roles)
	}
	// And so it is where the roles alone are asked for, and of one subject alone what that one did not use
	roles := read[wire.Usage](o, o.HTTP("GET", "/reports/unused?since=1&roles=true", nil))
	if len(roles.Items) != 0 || !slices.EqualFunc(roles.Roles, u.Roles, func(a, b wire.RoleReport) bool { return a.Role == b.Role }) {
		t.Errorf("the roles alone are %+v beside %d items; in the whole report they are %+v", roles.Roles, len(roles.Items), u.Roles)
	}
	one := read[wire.Usage](o, o.HTTP("GET", "/reports/unused?since=1&subject=idle@example.com", nil))
	if len(one.Items) != 1 || one.Items[0].Subject != "idle@example.com" || len(one.Roles) != 0 {
		t.Errorf("of one subject it is %+v", one)
	}
}

func TestI66RolesWithoutDescriptionAreReportedAndAllAreExported(t *testing.T) {
	// Given a role that says what it is for and when to use it, and one that says nothing
	o := open(t, "ipaware")
	o.Run("owner", "role", "create", "Analyst", "ip.query", "--description", "Looks things up", "--guideline", "For anybody who only reads")
	o.Run("owner", "role", "create", "Mystery", "billing.portal")

	// When undocumented roles are asked for, then the silent one is there and the other is not
	out := o.Run("owner", "report", "undocumented")
	if !strings.Contains(out, "mystery") || strings.Contains(out, "analyst") {
		t.Errorf("undocumented:\n%s", out)
	}
	// And all roles are one document that says what each is for and when to use it
	doc := o.Run("owner", "report", "roles")
	for _, want := range []string{"## Analyst", "**What it is for.** Looks things up", "**When to use it.** For anybody who only reads", "* `ipaware:ip.query`", "## Mystery", "(not said)"} {
		if !strings.Contains(doc, want) {
			t.Errorf("the document lacks %q:\n%s", want, doc)
		}
	}
	// And it becomes documented when somebody writes down what it is for
	o.Run("owner", "role", "edit", "mystery", "--description", "Pays the bills", "--guideline", "For the accountant")
	if out := o.Run("owner", "report", "undocumented"); strings.Contains(out, "mystery") {
		t.Errorf("undocumented:\n%s", out)
	}
}

func TestI68RolesThatNobodyHasAreReported(t *testing.T) {
	// Given a role that somebody has, one that somebody had, and one that nobody ever had
	o := open(t, "ipaware")
	o.Add("user@example.com")
	for _, name := range []string{"Kept", "Lost", "Never"} {
		o.As("owner").CreateRole(name, "ip.query", "billing."+map[string]string{"Kept": "portal", "Lost": "update", "Never": "cancel"}[name])
	}
	o.As("owner").Assign("kept", "user@example.com")
	o.As("owner").Assign("lost", "user@example.com")
	at := o.As("owner").Revoke("lost", "user@example.com").Seq

	// When unheld roles are asked for, then the last two are there, and since when
	list := read[wire.List[wire.RoleReport]](o, o.HTTP("GET", "/reports/unheld", nil))
	var got []string
	for _, r := range list.Items {
		got = append(got, r.Role)
		if r.Role == "lost" && r.Since != at {
			t.Errorf("lost since %d; want %d", r.Since, at)
		}
	}
	if !slices.Contains(got, "lost") || !slices.Contains(got, "never") || slices.Contains(got, "kept") {
		t.Errorf("unheld: %q", got)
	}
}

func TestI69RoleIsTriedOutWithoutGivingIt(t *testing.T) {
	// Given a role that nobody has yet
	o := open(t, "ipaware")
	o.As("owner").CreateRole("Analyst", "ip.query", "billing.portal")
	before := o.Head()

	// When it is tried out
	out := o.Run("owner", "simulate", "--role", "analyst")

	// Then what a test user could do with it is said, and nothing was recorded: there is no such user
	if !strings.Contains(out, "test-subject  ipaware:billing.portal") || !strings.Contains(out, "test-subject  ipaware:ip.query") {
		t.Errorf("simulate says\n%s", out)
	}
	if after := o.Head(); after != before {
		t.Errorf("the ledger went from %d to %d", before, after)
	}
	if r := o.CLI("owner", "user", "show", "test-subject"); r.Code != 5 {
		t.Errorf("%+v; want nobody of this name", r)
	}
	// And the same is refused to somebody who could not do it
	o.Add("user@example.com")
	if r := o.CLI("owner", "simulate", "--role", "analyst", "--as", "user@example.com"); r.Code != 4 || !strings.Contains(r.Out, "organization.invite") {
		t.Errorf("%+v; want the missing permission", r)
	}
}

func TestI70WhoGainsAndLosesIsShownBeforeAnEditIsSaved(t *testing.T) {
	// Given a role with two holders, one of whom has one of its permissions by another role too
	o := open(t, "ipaware")
	o.Add("anna@example.com", "ben@example.com")
	o.As("owner").CreateRole("Analyst", "ip.query", "billing.portal")
	o.As("owner").CreateRole("Accountant", "billing.portal")
	o.As("owner").Assign("analyst", "anna@example.com")
	o.As("owner").Assign("analyst", "ben@example.com")
	o.As("owner").Assign("accountant", "ben@example.com")
	edit := editRole("analyst", []string{"billing.update"}, []string{"billing.portal"})

	// When an edit is only tried, by the preview of the change and by simulate
	r := read[wire.Rehearsed](o, o.HTTP("POST", "/simulate", wire.Rehearsal{Intents: []wire.Intent{edit}}))
	preview := o.As("owner").Preview(edit).Preview

	// Then both gain what comes, only one loses what goes, and both ways of asking agree
	gains := []wire.Effective{{Subject: "anna@example.com", Permission: "ipaware:billing.update"}, {Subject: "ben@example.com", Permission: "ipaware:billing.update"}}
	losses := []wire.Effective{{Subject: "anna@example.com", Permission: "ipaware:billing.portal"}}
	if !slices.Equal(r.Gains, gains) || !slices.Equal(r.Losses, losses) {
		t.Errorf("gains %+v, losses %+v", r.Gains, r.Losses)
	}
	if !slices.Equal(preview.Gains, gains) || !slices.Equal(preview.Losses, losses) {
		t.Errorf("the preview: gains %+v, losses %+v", preview.Gains, preview.Losses)
	}
	// And nothing has changed until it is saved
	o.Denied("anna@example.com", "billing.update")
	o.As("owner").Do(edit)
	o.Allowed("anna@example.com", "billing.update")
	o.Denied("anna@example.com", "billing.portal")
	o.Allowed("ben@example.com", "billing.portal")
}

func TestI71AffectedUsersAndKeysOfARoleChangeAreListed(t *testing.T) {
	// Given a role that a person and an API key have
	o := open(t, "ipaware")
	o.Add("anna@example.com", "other@example.com")
	o.As("owner").CreateRole("Analyst", "ip.query")
	key := addSubject(o, "ci-key", "api-key")
	key.Roles = []string{"analyst"}
	o.As("owner").Do(key)
	o.As("owner").Assign("analyst", "anna@example.com")

	// When the role is changed
	o.As("owner").Because("TICKET-7").EditRole("analyst", []string{"billing.portal"}, nil)

	// Then both are listed with what they gained, nobody else is, and the entry that did it is named
	a := read[wire.Affected](o, o.HTTP("GET", "/reports/changes?role=analyst", nil))
	var got []string
	for _, h := range a.Holders {
		got = append(got, h.Kind+" "+h.Subject)
		if len(h.Gained) != 1 || h.Gained[0].Permission != "ipaware:billing.portal" || len(h.Lost) != 0 {
			t.Errorf("%s gained %+v and lost %+v", h.Subject, h.Gained, h.Lost)
		}
	}
	if want := []string{"human anna@example.com", "api-key ci-key"}; !slices.Equal(got, want) {
		t.Errorf("affected: %q; want %q", got, want)
	}
	if len(a.Entries) != 1 || a.Entries[0].Type != "role.updated" || a.Entries[0].Reason != "TICKET-7" {
		t.Errorf("entries %+v", a.Entries)
	}
	if out := o.Run("owner", "report", "changes", "analyst"); !strings.Contains(out, "ci-key") || !strings.Contains(out, "+ ipaware:billing.portal") {
		t.Errorf("report changes:\n%s", out)
	}
}

func TestI73GuidelinesGoAlongWithTheExportOfRoles(t *testing.T) {
	// Given a role with a guideline that a spreadsheet would take for a formula
	o := open(t, "ipaware")
	o.Run("owner", "role", "create", "Analyst", "ip.query", "--guideline", "=Only after training")

	// When roles are exported in each form, then the guideline goes along, and as text
	if doc := o.Run("owner", "report", "roles", "--format", "md"); !strings.Contains(doc, "**When to use it.** =Only after training") {
		t.Errorf("md:\n%s", doc)
	}
	if doc := o.Run("owner", "report", "roles", "--format", "json"); !strings.Contains(doc, `"guideline": "=Only after training"`) {
		t.Errorf("json:\n%s", doc)
	}
	rows, err := csv.NewReader(strings.NewReader(o.Run("owner", "report", "roles", "--format", "csv"))).ReadAll()
	i := slices.IndexFunc(rows, func(r []string) bool { return r[0] == "analyst" })
	if err != nil || i < 0 || rows[i][4] != "'=Only after training" {
		t.Errorf("csv: %q, %v", rows, err)
	}
	// And it can be changed, and taken away
	o.Run("owner", "role", "edit", "analyst", "--guideline", "For everybody")
	o.Run("owner", "role", "edit", "analyst", "--guideline", "")
	if doc := o.Run("owner", "report", "roles"); !strings.Contains(doc, "**When to use it.** (not said)") {
		t.Errorf("md:\n%s", doc)
	}
}

func TestI81PermissionNotWorkingIsExplainedInFourPoints(t *testing.T) {
	// Given somebody who had a role, whose role lost a permission, and who is asked about in several ways
	o := open(t, "ipaware")
	o.Add("anna@example.com", "ben@example.com")
	o.As("owner").CreateRole("Analyst", "ip.query", "billing.portal")
	o.As("owner").CreateRole("Accountant", "billing.update")
	o.As("owner").Assign("analyst", "anna@example.com")
	o.As("owner").Assign("accountant", "ben@example.com")
	points := func(subject, permission string) (yes []bool, c wire.Check) {
		c = o.Ask(subject, permission)
		if len(c.Points) != 4 {
			t.Fatalf("%s %s: %d points", subject, permission, len(c.Points))
		}
		for _, p := range c.Points {
			yes = append(yes, p.Yes)
		}
		return yes, c
	}
	want := func(what string, got []bool, want ...bool) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: the four points are %v; want %v", what, got, want)
		}
	}
	// When it works, then all four are yes
	got, _ := points("anna@example.com", "ip.query")
	want("it works", got, true, true, true, true)

	// When she has a role that does not include it, then the second is no, and the roles that do are named
	got, c := points("anna@example.com", "billing.update")
	want("not in the role", got, true, false, true, true)
	if !strings.Contains(c.Points[1].Text, "accountant") {
		t.Errorf("%q; want the role that includes it", c.Points[1].Text)
	}
	// When the name is misspelled, then the third is no, and the near name is shown
	got, c = points("anna@example.com", "ip.qeury")
	want("misspelled", got, true, false, false, true)
	if !slices.Contains(c.Points[2].Nearest, "ipaware:ip.query") {
		t.Errorf("near names %q", c.Points[2].Nearest)
	}
	// When the permission was taken out of her role, then by whom, when and why is said
	at := o.As("owner").Because("TICKET-140").EditRole("analyst", nil, []string{"billing.portal"}).Seq
	_, c = points("anna@example.com", "billing.portal")
	if m := about(c.Missing, "analyst"); m.LostAt != at || m.By != "owner" || m.Reason != "TICKET-140" || m.Time == "" {
		t.Errorf("missing %+v; want who took it out at %d, and why", c.Missing, at)
	}
	// When the role is taken from her, then the first is no, and that is said, too
	at = o.As("owner").Because("leaves the desk").Revoke("analyst", "anna@example.com").Seq
	got, c = points("anna@example.com", "ip.query")
	want("no role", got, false, false, true, true)
	if m := about(c.Missing, "analyst"); m.LostAt != at || m.Reason != "leaves the desk" {
		t.Errorf("missing %+v; want the loss of the role at %d", c.Missing, at)
	}
	// When it is asked as of then, then the fourth says that there is a newer version
	r := o.Run("owner", "explain", "anna@example.com", "ip.query", "--as-of", "head~1")
	if !strings.Contains(r, "4. ✗ Are the changes saved?") || !strings.Contains(r, "the newest is") {
		t.Errorf("as of then:\n%s", r)
	}
	// When she is deactivated, then that is said
	o.As("owner").Deactivate("anna@example.com")
	if _, c = points("anna@example.com", "ip.query"); c.Missing[0].Kind != "deactivated" || c.Missing[0].By != "owner" {
		t.Errorf("missing %+v; want that she is deactivated, by whom", c.Missing)
	}
}

func TestI83OneReportSaysWhoHasWhat(t *testing.T) {
	// Given people with roles, one of them a key that a spreadsheet would take for a formula
	o := open(t, "ipaware")
	o.Add("anna@example.com", "=cmd|' /C calc'!A0", "gone@example.com")
	o.As("owner").CreateRole("Analyst", "ip.query")
	o.As("owner").Assign("analyst", "anna@example.com")
	o.As("owner").Assign("analyst", "=cmd|' /C calc'!A0")
	o.As("owner").Assign("analyst", "gone@example.com")
	o.As("owner").Deactivate("gone@example.com")

	// When who has what is asked for, then everybody is there with what they may do and through what
	a := o.HTTP("GET", "/reports/who-has-what", nil)
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `{"subject":"anna@example.com","kind":"human","permission":"ipaware:ip.query","through":["analyst"]}`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if strings.Contains(a.Body, "gone@example.com") {
		t.Error("somebody who may nothing is there")
	}
	if a := o.GetAs("anna@example.com", "/reports/who-has-what"); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "roles.view") {
		t.Errorf("without roles.view: %d %s", a.Status, a.Body)
	}
	// And as CSV nothing in it is a formula
	rows, err := csv.NewReader(strings.NewReader(o.Run("owner", "report", "who-has-what", "-o", "csv"))).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("csv: %q, %v", rows, err)
	}
	for _, r := range rows {
		for _, cell := range r {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("the cell %q is a formula", cell)
			}
		}
	}
	if rows[1][0] != "'=cmd|' /C calc'!A0" || rows[3][4] != "owner" {
		t.Errorf("csv: %q", rows)
	}
}

// about gives what is said of a role among what is missing.
func about(list []wire.Missing, role string) wire.Missing {
	for _, m := range list {
		if m.Role == role {
			return m
		}
	}
	return wire.Missing{}
}
