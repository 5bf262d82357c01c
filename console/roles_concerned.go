package console

import (
	"github.com/permledger/permledger/api/wire"
)

// concerned is the page of whom a change of a role concerns, so that somebody can tell them: nothing is sent to anybody by itself.
type concerned struct {
	Role     wire.Role
	Affected wire.Affected
	Shown    []wire.AffectedHolder
	Changed  int // holders who gained or lost something
	Pages    pages
}

func (v *visit) concerned() (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	from, to := v.query("since"), v.query("until")
	if from == "" || to == "" { // its last change
		from, to = number(r.Changed-1), number(r.Changed)
	}
	a, err := v.client.Affected(v.ctx(), v.org, r.ID, from, to)
	if err != nil {
		return view{}, err
	}
	page := concerned{Role: r, Affected: a}
	for _, h := range a.Holders {
		if len(h.Gained)+len(h.Lost) > 0 {
			page.Changed++
		}
	}
	page.Shown, page.Pages = paged(v, a.Holders, holdersOnAPage)
	return view{template: "role-concerned", title: "Whom a change of the role " + r.Key + " concerns", data: &page}, nil
}
