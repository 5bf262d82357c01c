package console

import (
	"cmp"
	"slices"

	"github.com/permledger/permledger/api/wire"
)

// rolePage is what a role's own page shows. Parts that the caller may not read have the reason in their place.
type rolePage struct {
	Role        wire.Role
	Everything  bool // it gives every permission
	Managed     string
	Guideline   string
	Labels      []label // without the guideline
	Groups      []roleGroup
	Holders     *holders
	History     []wire.Item
	NoHistory   *wire.Problem
	Documents   []wire.Document
	NoDocuments *wire.Problem
	Reviewed    *wire.Item // when somebody last looked the role over; nil: nobody did

	MayEdit, MayManage, MayDelete, MayDefault, MayReview bool
}

type label struct{ Name, Value string }

// roleGroup is a category, and what a role has of it.
type roleGroup struct {
	Title string
	Lines []roleLine
}

// roleLine is a permission of a role, with the entry that put it there; the zero Blame where the caller may not know it.
type roleLine struct {
	wire.Permission
	Since wire.Blame
}

// shownAtOnce is how many lines of a list a page shows that has a page of its own.
const shownAtOnce = 10

func (v *visit) role() (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	p := rolePage{Role: r, Everything: everything(r), Managed: managedWords[r.Managed], Guideline: r.Labels[wire.Guideline], Labels: labelsOf(r)}
	custom := r.Type == "custom"
	p.MayEdit, p.MayDelete = custom && v.may("role.update"), custom && v.may("role.delete")
	p.MayManage = v.mayManage() && r.Managed == ""
	p.MayDefault = v.switched("defaultRoles") && r.Managed == "" && v.may("role.default")
	p.MayReview = v.may("role.review")
	for _, read := range []func(*rolePage) error{v.roleContent, v.roleHistory, v.roleDocuments} {
		if err := read(&p); err != nil {
			return view{}, err
		}
	}
	if p.Holders, err = v.holders(r, shownAtOnce); err != nil && refused(err) == nil {
		return view{}, err
	}
	return view{template: "role", title: "Role " + r.Key, data: &p}, nil
}

func labelsOf(r wire.Role) (all []label) {
	for name, value := range r.Labels {
		if name != wire.Guideline {
			all = append(all, label{name, value})
		}
	}
	slices.SortFunc(all, func(a, b label) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// roleContent reads what a role gives, and since when.
func (v *visit) roleContent(p *rolePage) error {
	list, err := v.client.Permissions(v.ctx(), v.org, v.read())
	if err != nil && refused(err) == nil {
		return err
	}
	blames, err := v.client.BlameRole(v.ctx(), v.org, p.Role.ID, v.read())
	if err != nil && refused(err) == nil {
		return err
	}
	since := map[string]wire.Blame{}
	for _, b := range blames.Items {
		since[b.Permission] = b
	}
	has := map[string]bool{}
	for _, name := range p.Role.Permissions {
		has[name] = true
	}
	for _, g := range groups(known(list.Items, p.Role.Permissions...)) {
		var lines []roleLine
		for _, one := range g.Items {
			if has[one.Name] {
				lines = append(lines, roleLine{one, since[one.Name]})
			}
		}
		if len(lines) > 0 {
			p.Groups = append(p.Groups, roleGroup{g.Title, lines})
		}
	}
	return nil
}

// roleHistory reads what happened to a role, and when it was last looked over.
func (v *visit) roleHistory(p *rolePage) error {
	q := wire.HistoryQuery{AsOf: v.read().AsOf, Role: p.Role.ID, Newest: true, Limit: shownAtOnce}
	list, err := v.client.History(v.ctx(), v.org, q)
	if p.NoHistory = refused(err); err != nil {
		if p.NoHistory != nil {
			return nil
		}
		return err
	}
	p.History = list.Items
	q.Type, q.Limit = "role.reviewed", 1
	if list, err = v.client.History(v.ctx(), v.org, q); err != nil {
		return err
	}
	if len(list.Items) > 0 {
		p.Reviewed = &list.Items[0]
	}
	return nil
}

// roleDocuments reads the signed documents about a role, the newest first.
func (v *visit) roleDocuments(p *rolePage) error {
	read := v.read()
	for read.Limit = 1000; ; {
		list, err := v.client.DocumentsAt(v.ctx(), v.org, "role:"+p.Role.Key, read)
		if p.NoDocuments = refused(err); err != nil {
			if p.NoDocuments != nil {
				return nil
			}
			return err
		}
		p.Documents = append(p.Documents, list.Items...)
		if read.Cursor = list.Next; list.Next == "" {
			slices.Reverse(p.Documents)
			return nil
		}
	}
}
