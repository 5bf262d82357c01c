package console

import (
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// delegating is what the page shows that passes on what the caller has.
type delegating struct {
	wire.Delegable
	People among
	Form   filled
}

// Given names a role that somebody has, on what: as a box of the form says it.
func (delegating) Given(h wire.Holds) string { return h.Role + " " + h.Scope }

func (v *visit) delegatePage() (view, error) { return v.delegateForm(filled{}) }

func (v *visit) delegateForm(f filled) (view, error) {
	mine, err := v.client.Delegable(v.ctx(), v.org, v.me.Subject, v.read())
	if err != nil {
		return view{}, err
	}
	d := delegating{Delegable: mine.Item, Form: f}
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
