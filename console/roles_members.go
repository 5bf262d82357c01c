package console

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// holdersOnAPage is how many holders of a role a page shows at once.
const holdersOnAPage = 50

// holders are subjects that have a role, each with what it was given of it.
type holders struct {
	Members, Keys int // all of them
	Shown         []holder
	Pages         pages
}

// holder is one thing that a subject was given of a role.
type holder struct {
	Subject, Kind, State string
	wire.Holds
}

// Value is what a form says of it: neither keys nor scopes hold a tab.
func (h holder) Value() string { return h.Subject + "\t" + h.Scope }

// holders reads a page of who has a role: at most so many subjects.
func (v *visit) holders(r wire.Role, size int) (*holders, error) {
	read := v.read()
	read.Limit, read.Cursor = size, v.query("cursor")
	list, err := v.client.FindSubjects(v.ctx(), v.org, wire.SubjectQuery{Role: r.ID}, read)
	if err != nil {
		return nil, err
	}
	h := holders{Members: r.Holders - r.Keys, Keys: r.Keys}
	for _, s := range list.Items {
		for _, one := range s.Holds {
			h.Shown = append(h.Shown, holder{s.Key, s.Kind, s.State, one})
		}
	}
	if read.Cursor != "" {
		h.Pages.First = v.here("cursor")
	}
	if list.Next != "" {
		h.Pages.Next = v.here("cursor", list.Next)
	}
	return &h, nil
}

// heldBy says how many have a role: "2 members and 1 API key".
func heldBy(r wire.Role) string {
	var parts []string
	if n := r.Holders - r.Keys; n > 0 {
		parts = append(parts, count(n, "member"))
	}
	if r.Keys > 0 {
		parts = append(parts, count(r.Keys, "API key"))
	}
	return cmp.Or(strings.Join(parts, " and "), "nobody")
}

// holdersOn are holders on a page.
type holdersOn struct {
	Page    *page
	Holders *holders
	Take    bool // they can be chosen, to take the role from them
}

// roleHolders is the page of who has a role.
type roleHolders struct {
	Role      wire.Role
	Managed   string
	Holders   *holders
	MayGive   bool
	MayTake   bool
	MayScope  bool
	Subjects  []string // to choose from, where they are few
	Form      giving
	Problem   *wire.Problem
	TakeEmpty bool
}

// giving is what somebody typed to give a role.
type giving struct {
	Who, Until, Scope, Condition string
	Field                        string // the one that is wrong
	Error                        string
}

func (v *visit) roleMembers() (view, error) { return v.roleMembersPage(giving{}, nil, false) }

// subjectsToChooseFrom is up to how many subjects the form lists.
const subjectsToChooseFrom = 200

func (v *visit) roleMembersPage(form giving, p *wire.Problem, nothing bool) (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	page := roleHolders{Role: r, Managed: managedWords[r.Managed], Form: form, Problem: p, TakeEmpty: nothing}
	page.MayGive = v.may(mayAssign) && r.Managed == ""
	page.MayTake = v.may(mayRevoke) && r.Managed == ""
	if page.Holders, err = v.holders(r, holdersOnAPage); err != nil {
		return view{}, err
	}
	if page.MayGive {
		read := v.read()
		read.Limit = subjectsToChooseFrom + 1
		list, err := v.client.Subjects(v.ctx(), v.org, read)
		if err != nil && refused(err) == nil {
			return view{}, err
		}
		if len(list.Items) <= subjectsToChooseFrom {
			for _, s := range list.Items {
				if s.Deactivated == 0 {
					page.Subjects = append(page.Subjects, s.Key)
				}
			}
		}
	}
	out := view{template: "role-members", title: "Who has the role " + r.Key, data: &page}
	if p != nil || form.Error != "" || nothing {
		out.status = http.StatusUnprocessableEntity
	}
	return out, nil
}

// giveRole shows what giving a role to some would do.
func (v *visit) giveRole() (view, error) {
	f := giving{
		Who: v.PostFormValue("who"), Until: v.PostFormValue("until"), Scope: strings.TrimSpace(v.PostFormValue("scope")),
		Condition: strings.TrimSpace(v.PostFormValue("condition")),
	}
	end, err := until(f.Until)
	if err != nil {
		f.Field, f.Error = "until", "Choose a day, as 2026-12-31"
		return v.roleMembersPage(f, nil, false)
	}
	who := typedNames(f.Who)
	if len(who) == 0 {
		f.Field, f.Error = "who", "Say who gets the role"
		return v.roleMembersPage(f, nil, false)
	}
	role := v.PathValue("key")
	var steps []wire.Intent
	for _, one := range who {
		steps = append(steps, wire.Intent{Kind: wire.AssignRole, Role: role, Subject: one, Scope: f.Scope, Until: end, Condition: f.Condition})
	}
	title := fmt.Sprintf("Give the role %s to %s", role, who[0])
	if len(who) > 1 {
		title = fmt.Sprintf("Give the role %s to %s", role, count(len(who), "subject"))
	}
	shown, err := v.review(title, v.address("roles", role, "members"), steps...)
	if c, ok := shown.data.(*change); ok && c.Refusal != nil {
		f.Field, f.Error = givingField(c.Refusal, f), cmp.Or(c.Refusal.Detail, c.Refusal.Title)
		return v.roleMembersPage(f, c.Refusal, false)
	}
	return shown, err
}

// givingField says which field of the form a refusal is about.
func givingField(p *wire.Problem, f giving) string {
	switch p.Code() {
	case refusedNotFound, refusedNoChange, wire.CodeBadRequest:
		if f.Condition != "" && p.Code() == wire.CodeBadRequest {
			return "condition"
		}
		return "who"
	}
	return ""
}

// typedNames reads names that somebody typed, one a line, or with commas between them; each counts once.
func typedNames(text string) (all []string) {
	seen := map[string]bool{}
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if line = strings.TrimSpace(line); line != "" && !seen[line] {
			seen[line] = true
			all = append(all, line)
		}
	}
	return all
}

// takeRole shows what taking a role from those who were chosen would do.
func (v *visit) takeRole() (view, error) {
	role := v.PathValue("key")
	var steps []wire.Intent
	for _, value := range v.PostForm["from"] {
		subject, scope, _ := strings.Cut(value, "\t")
		steps = append(steps, wire.Intent{Kind: wire.RevokeRole, Role: role, Subject: subject, Scope: scope})
	}
	if len(steps) == 0 {
		return v.roleMembersPage(giving{}, nil, true)
	}
	title := fmt.Sprintf("Take the role %s from %s", role, steps[0].Subject)
	if len(steps) > 1 {
		title = fmt.Sprintf("Take the role %s from %s", role, count(len(steps), "holder"))
	}
	return v.review(title, v.address("roles", role, "members"), steps...)
}
