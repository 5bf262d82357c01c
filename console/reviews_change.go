package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// starting is the form that an access review is started with.
type starting struct {
	Form    filled
	Roles   []option
	Members among
}

func (v *visit) newReview() (view, error) {
	form := filled{Values: v.URL.Query()}
	if kind, key, ok := strings.Cut(form.Get("about"), ":"); ok { // the page of a role or a member leads here
		form.Set("scope", kind)
		form.Set(kind, key)
	}
	return v.startReviewForm(form)
}

func (v *visit) startReviewForm(f filled) (view, error) {
	if f.Get("scope") == "" {
		f.Set("scope", "all")
	}
	s := starting{Form: f}
	roles, err := v.allRoles()
	if err != nil {
		return view{}, err
	}
	for _, r := range roles {
		s.Roles = append(s.Roles, option{r.Key, r.Name})
	}
	if s.Members, err = v.among(); err != nil {
		return view{}, err
	}
	return view{template: "start-review", title: "Start an access review", data: &s, status: f.status()}, nil
}

func (v *visit) startReview() (view, error) {
	f := filled{Values: v.PostForm}
	title, scope := strings.TrimSpace(f.Get("title")), f.Get("scope")
	in := wire.Intent{Kind: wire.StartReview, Name: &title}
	if title == "" {
		f.fail("title", "Say what is looked over, and when: “Second quarter”.")
	}
	what := "everything that was given"
	if scope == "role" || scope == "subject" {
		key := strings.TrimSpace(f.Get(scope))
		if key == "" {
			f.fail(scope, "Say which.")
		}
		in.About = scope + ":" + key
		what = map[string]string{"role": "who has the role " + key, "subject": "what " + key + " was given"}[scope]
	}
	due, err := until(f.Get("due"))
	if err != nil {
		f.fail("due", "A day, as 2026-12-31.")
	}
	in.Until = due
	if f.bad() {
		return v.startReviewForm(f)
	}
	return v.review(fmt.Sprintf("Start the access review “%s” of %s", title, what), v.address("reviews"), in)
}

// decideReview reads what was chosen for items of a review, all of one page or one by itself, and shows what comes of it.
func (v *visit) decideReview() (view, error) {
	r, err := v.readReview()
	if err != nil {
		return view{}, err
	}
	alone := v.PathValue("item") != ""
	var steps []wire.Intent
	var lines []string
	kept := 0
	for n := range r.Items {
		chosen := v.PostFormValue("decision-" + strconv.Itoa(n))
		row := r.row(n)
		switch {
		case chosen != wire.Keep && chosen != wire.Revoke:
			continue
		case row.Alone() && !alone:
			return view{}, badForm("what is privileged or held from outside is decided by itself")
		}
		in, err := v.decisionSteps(r.ID, row.ReviewItem, chosen)
		if err != nil {
			return view{}, err
		}
		steps = append(steps, in...)
		if chosen == wire.Keep {
			kept++
			lines = append(lines, fmt.Sprintf("%s keeps %s", row.Subject, row.What()))
		} else {
			lines = append(lines, fmt.Sprintf("%s loses %s", row.Subject, row.What()))
		}
	}
	if len(lines) == 0 {
		r.Form.fail("decision", "Nothing is chosen: say of at least one row whether it stays.")
		return v.reviewShown(r)
	}
	c := newChange(fmt.Sprintf("“%s”: %s", r.Title, decidedText(kept, len(lines)-kept)), v.address("reviews", r.ID), steps...)
	c.Lines = lines
	if len(lines) > 1 {
		c.Reason = fmt.Sprintf("%d items of “%s” decided together", len(lines), r.Title)
	}
	return v.reviewed(c)
}

func decidedText(kept, revoked int) string {
	switch {
	case revoked == 0:
		return fmt.Sprintf("keep %d", kept)
	case kept == 0:
		return fmt.Sprintf("revoke %d", revoked)
	}
	return fmt.Sprintf("keep %d, revoke %d", kept, revoked)
}

// decisionSteps gives what decides of an item. What is to go is taken away first, by an event of its own, unless it is gone already.
func (v *visit) decisionSteps(review string, i wire.ReviewItem, decision string) ([]wire.Intent, error) {
	decide := wire.Intent{Kind: wire.DecideReview, Review: review, Decision: decision, Subject: i.Subject, Role: i.Role, Permission: i.Permission, Scope: i.Scope}
	if decision == wire.Keep {
		return []wire.Intent{decide}, nil
	}
	one, err := v.client.Subject(v.ctx(), v.org, i.Subject, client.Read{})
	if err != nil && problem(err).Status != http.StatusNotFound {
		return nil, err
	}
	if !slices.ContainsFunc(one.Item.Holds, func(h wire.Holds) bool {
		return h.Grant == i.Grant && h.Role == i.Role && h.Permission == i.Permission && h.Scope == i.Scope
	}) {
		return []wire.Intent{decide}, nil
	}
	take := wire.Intent{Kind: wire.RevokeRole, Subject: i.Subject, Role: i.Role, Scope: i.Scope}
	if i.Permission != "" {
		take = wire.Intent{Kind: wire.RevokePermission, Subject: i.Subject, Permission: i.Permission, Scope: i.Scope}
	}
	return []wire.Intent{take, decide}, nil
}

// closeReview shows what closing a review comes to: a signed record of what was decided.
func (v *visit) closeReview() (view, error) {
	r, err := v.readReview()
	if err != nil {
		return view{}, err
	}
	in := wire.Intent{Kind: wire.CloseReview, Review: r.ID}
	title := fmt.Sprintf("Close “%s” into a signed record", r.Title)
	if r.Undecided > 0 {
		if v.PostFormValue("rest") != wire.Keep {
			r.Form.fail("rest", "Nobody has decided of %s. Decide, or say here that they stay as they are.", count(r.Undecided, "item"))
			return v.reviewShown(r)
		}
		in.Decision = wire.Keep
		title += fmt.Sprintf(", with %s that nobody decided of", count(r.Undecided, "item"))
	}
	return v.review(title, v.address("reviews", r.ID), in)
}
