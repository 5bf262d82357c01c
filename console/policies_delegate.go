package console

import (
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// delegating is what the page shows that passes on what the caller has.
type delegating struct {
	wire.Delegable
	More   int    // policies that are not shown
	Query  string // which policies are shown
	People among
	Form   filled
}

// mostOffered is how many policies the page offers; others are searched for.
const mostOffered = 100

// Delegates says whether anything is passed on in the organization, as far as the caller may know.
func (p *page) Delegates() bool {
	does, known := p.details.Profile["delegation"].(bool)
	return (does || !known) && (p.can("role.delegate") || p.can("access.delegate"))
}

// KeepsDelegated says what becomes of what was passed on when whoever passed it on loses it: it is kept, or lost; empty: the caller
// may not read that.
func (p *page) KeepsDelegated() string {
	switch keeps, known := p.details.Profile["keepDelegated"].(bool); {
	case !known:
		return ""
	case keeps:
		return "kept"
	}
	return "lost"
}

// Given names a role that somebody has, on what: as a box of the form says it.
func (delegating) Given(h wire.Holds) string { return h.Role + " " + h.Scope }

func (v *visit) delegatePage() (view, error) { return v.delegateForm(filled{}) }

func (v *visit) delegateForm(f filled) (view, error) {
	mine, err := v.client.Delegable(v.ctx(), v.org, v.me.Subject, v.read())
	if err != nil {
		return view{}, err
	}
	d := delegating{Delegable: mine.Item, Query: v.URL.Query().Get("q"), Form: f}
	words := strings.Fields(strings.ToLower(d.Query))
	d.Policies = slices.DeleteFunc(d.Policies, func(r wire.Resource) bool { return !holdsAll(r.Path+" "+r.Name, words) })
	if n := len(d.Policies) - mostOffered; n > 0 {
		d.Policies, d.More = d.Policies[:mostOffered], n
	}
	if v.at == "" {
		if d.People, err = v.among(); err != nil {
			return view{}, err
		}
	}
	return view{template: "delegate", title: "Pass on what you have", data: &d, status: f.status()}, nil
}

// delegate reviews passing on roles and policies: those that are ticked, one after the other.
func (v *visit) delegate() (view, error) {
	f := filled{Values: v.PostForm}
	who := strings.TrimSpace(f.Get("subject"))
	if who == "" {
		f.fail("subject", "Say who is to have it")
	}
	ends, err := until(f.Get("until"))
	if err != nil {
		f.fail("until", "Until is a day, as 2026-12-31")
	}
	var steps []wire.Intent
	var names []string
	for _, given := range f.Values["role"] {
		role, scope, _ := strings.Cut(given, " ")
		steps = append(steps, wire.Intent{Kind: wire.DelegateRole, Role: role, Scope: scope, Subject: who, Until: ends})
		names = append(names, strings.TrimSpace(given))
	}
	for _, path := range f.Values["resource"] {
		steps = append(steps, wire.Intent{Kind: wire.DelegateAccess, Resource: path, Subject: who})
		names = append(names, path)
	}
	if len(steps) == 0 {
		f.fail("what", "Choose a role or a policy at least")
	}
	if f.bad() {
		return v.delegateForm(f)
	}
	if len(names) > 3 {
		names = append(slices.Clone(names[:3]), "more")
	}
	return v.review("Pass "+strings.Join(names, ", ")+" on to "+who, v.address("policies", "delegate"), steps...)
}
