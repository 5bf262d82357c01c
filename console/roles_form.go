package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// roleForm is the page on which a role is made, or changed.
type roleForm struct {
	Role   wire.Role // the one that is changed, as it was when the form was made; zero: a new one
	New    bool
	Base   uint64 // the position that the form is of
	Action string // the address it is sent to
	Back   string

	Key, Name, Description, Guideline, More string // as typed
	Groups                                  []formGroup
	MoreNames                               bool // names that nobody knows yet may be given
	Takes                                   bool // a role takes in what its permissions depend on
	Field, Error                            string
	Problem                                 *wire.Problem
}

type formGroup struct {
	permissionGroup
	Number int // tells it from others in the page
	Boxes  []formPermission
	Count  int // chosen
}

type formPermission struct {
	wire.Permission
	Chosen bool
	Had    bool   // the role has it now
	Needs  string // what comes into the role with it
}

func (v *visit) newRole() (view, error) {
	return v.roleFormPage(&roleForm{New: true}, nil)
}

func (v *visit) editRole() (view, error) {
	r, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	f := &roleForm{Role: r, Name: r.Name, Description: r.Description, Guideline: r.Labels[wire.Guideline]}
	return v.roleFormPage(f, r.Permissions)
}

// roleFormPage shows the form with the permissions that are chosen.
func (v *visit) roleFormPage(f *roleForm, chosen []string) (view, error) {
	f.Action, f.Back, f.Key = v.address("create-role"), v.address("roles"), cmp.Or(f.Key, f.Role.Key)
	title := "Create a role"
	if !f.New {
		title = "Edit the role " + f.Role.Key
		f.Action, f.Back = v.address("roles", f.Role.Key, "edit"), v.address("roles", f.Role.Key)
	}
	if f.Base == 0 {
		f.Base = v.call.asOf.Seq
	}
	f.MoreNames, f.Takes = v.switched("newPermissions"), v.switched("dependencies")
	list, err := v.client.Permissions(v.ctx(), v.org, v.read())
	if err != nil {
		return view{}, err
	}
	f.Groups = formGroups(list.Items, f.Role.Permissions, chosen, f.Takes)
	out := view{template: "role-form", title: title, data: f}
	if f.Problem != nil || f.Error != "" {
		out.status = http.StatusUnprocessableEntity
	}
	return out, nil
}

// formGroups gives what can be chosen: whatever can be given, and what the role has.
func formGroups(all []wire.Permission, has, chosen []string, takes bool) (list []formGroup) {
	all = slices.DeleteFunc(slices.Clone(all), func(p wire.Permission) bool { return !p.Selectable && !slices.Contains(has, p.Name) })
	picked := map[string]bool{}
	for _, name := range chosen {
		picked[name] = true
	}
	for i, g := range groups(known(all, slices.Concat(has, chosen)...)) {
		one := formGroup{permissionGroup: g, Number: i}
		for _, p := range g.Items {
			item := formPermission{Permission: p, Chosen: picked[p.Name], Had: slices.Contains(has, p.Name)}
			if takes && len(p.DependsOn) > 0 {
				item.Needs = strings.Join(p.DependsOn, ", ")
			}
			if item.Chosen {
				one.Count++
			}
			one.Boxes = append(one.Boxes, item)
		}
		list = append(list, one)
	}
	return list
}

// readRoleForm reads what was typed and chosen.
func (v *visit) readRoleForm() (f *roleForm, chosen []string) {
	text := func(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }
	f = &roleForm{Key: text("key"), Name: text("name"), Description: text("description"), Guideline: text("guideline"), More: v.PostFormValue("more")}
	chosen = slices.Concat(v.PostForm["permission"], typedNames(f.More))
	slices.Sort(chosen)
	return f, slices.Compact(chosen)
}

// createRole shows what a new role would be.
func (v *visit) createRole() (view, error) {
	f, chosen := v.readRoleForm()
	f.New = true
	key := cmp.Or(f.Key, client.RoleKey(f.Name))
	if f.Name == "" {
		return v.wrongRole(f, chosen, "name", "Give the role a name that says who does what", nil)
	}
	if key == "" {
		return v.wrongRole(f, chosen, "key", "Give the role a key, of letters, digits and hyphens: its name has none of these", nil)
	}
	in := wire.Intent{Kind: wire.CreateRole, Role: key, Name: &f.Name, Permissions: chosen}
	if f.Description != "" {
		in.Description = &f.Description
	}
	if f.Guideline != "" {
		in.Labels = map[string]string{wire.Guideline: f.Guideline}
	}
	c := newChange("Create the role "+key, v.address("roles", key), in)
	c.Lines = append(c.Lines, fmt.Sprintf("Its name: %s", f.Name))
	c.Lines = append(c.Lines, permissionLines("It gives", chosen)...)
	if err := v.sayIncluded(c, chosen); err != nil {
		return view{}, err
	}
	return v.reviewedRole(f, chosen, c)
}

// updateRole shows what a changed role would do. What is added and removed is what the person changed in the form, not what others
// changed since it was made.
func (v *visit) updateRole() (view, error) {
	f, chosen := v.readRoleForm()
	base, ok := readNumber(v.PostFormValue("base"))
	if !ok || base == 0 {
		return view{}, badForm("it does not say which state of the role it is of")
	}
	key := v.PathValue("key")
	was, err := v.client.Role(v.ctx(), v.org, key, client.Read{AsOf: strconv.FormatUint(base, 10)})
	if err != nil {
		return view{}, err
	}
	v.call.asOf = wire.AsOf{} // the page is of now
	now, err := v.oneRole()
	if err != nil {
		return view{}, err
	}
	f.Role, f.Base = was.Item, base
	if f.Name == "" {
		return v.wrongRole(f, chosen, "name", "Give the role a name that says who does what", nil)
	}
	in := wire.Intent{Kind: wire.UpdateRole, Role: key}
	for _, name := range chosen {
		if !slices.Contains(was.Item.Permissions, name) && !slices.Contains(now.Permissions, name) {
			in.Add = append(in.Add, name)
		}
	}
	for _, name := range was.Item.Permissions {
		if !slices.Contains(chosen, name) && slices.Contains(now.Permissions, name) {
			in.Remove = append(in.Remove, name)
		}
	}
	c := newChange("Change the role "+now.Key, v.address("roles", now.Key), in)
	say := &c.Steps[0]
	if f.Name != was.Item.Name && f.Name != now.Name {
		say.Name = &f.Name
		c.Lines = append(c.Lines, "New name: "+f.Name)
	}
	if f.Description != was.Item.Description && f.Description != now.Description {
		say.Description = &f.Description
		c.Lines = append(c.Lines, "New description: "+cmp.Or(f.Description, "none"))
	}
	if had := was.Item.Labels[wire.Guideline]; f.Guideline != had && f.Guideline != now.Labels[wire.Guideline] {
		say.Labels = map[string]string{wire.Guideline: f.Guideline}
		c.Lines = append(c.Lines, "New guideline: "+cmp.Or(f.Guideline, "none"))
	}
	c.Lines = append(c.Lines, permissionLines("+ added", in.Add)...)
	c.Lines = append(c.Lines, permissionLines("− removed", in.Remove)...)
	has := slices.DeleteFunc(slices.Concat(now.Permissions, in.Add), func(name string) bool { return slices.Contains(in.Remove, name) })
	if err := v.sayIncluded(c, has); err != nil {
		return view{}, err
	}
	if len(c.Lines) == 0 {
		return v.wrongRole(f, chosen, "", "Nothing is changed yet", nil)
	}
	if now.Changed > base {
		if c.Others, err = v.changesSince(now, base); err != nil {
			return view{}, err
		}
	}
	return v.reviewedRole(f, chosen, c)
}

// changesSince gives what happened to a role after a position, the newest first.
func (v *visit) changesSince(r wire.Role, base uint64) ([]wire.Item, error) {
	list, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{About: "role:" + r.Key, From: base + 1, Newest: true})
	if refused(err) != nil { // who may not read it is told by the preview alone
		return nil, nil
	}
	return list.Items, err
}

// sayIncluded adds to the lines of a change what comes into the role because of what it is to have.
func (v *visit) sayIncluded(c *change, has []string) error {
	if !v.switched("dependencies") {
		return nil
	}
	list, err := v.client.Permissions(v.ctx(), v.org, v.read())
	if err != nil && refused(err) == nil {
		return err
	}
	c.Lines = append(c.Lines, permissionLines("Comes with it, as these depend on it", included(list.Items, has))...)
	return nil
}

// permissionLines says which permissions come or go.
func permissionLines(what string, names []string) (all []string) {
	if len(names) > 0 {
		all = append(all, fmt.Sprintf("%s (%d): %s", what, len(names), strings.Join(names, ", ")))
	}
	return all
}

// reviewedRole shows a change before it is made, or the form again with why it would be refused.
func (v *visit) reviewedRole(f *roleForm, chosen []string, c *change) (view, error) {
	shown, err := v.reviewed(c)
	if err != nil || c.Refusal == nil {
		return shown, err
	}
	return v.wrongRole(f, chosen, roleField(c.Refusal), cmp.Or(c.Refusal.Detail, c.Refusal.Title), c.Refusal)
}

// wrongRole shows the form again, with the error at its field.
func (v *visit) wrongRole(f *roleForm, chosen []string, field, text string, p *wire.Problem) (view, error) {
	f.Field, f.Error, f.Problem = field, text, p
	if field == "" && p == nil {
		f.Problem = &wire.Problem{Title: text}
	}
	return v.roleFormPage(f, chosen)
}

// roleField says which field of the form a refusal is about; empty: none of them.
func roleField(p *wire.Problem) string {
	says := cmp.Or(p.Detail, p.Title)
	switch code := p.Code(); {
	case code == refusedTaken && strings.Contains(says, " key "):
		return "key"
	case code == refusedTaken:
		return "name"
	case code == refusedUnknown, code == wire.CodeAmbiguous:
		return "permissions"
	case code == refusedInvalid && strings.Contains(strings.ToLower(says), "permission"):
		return "permissions"
	case code == refusedInvalid && strings.Contains(says, "key"):
		return "key"
	}
	return ""
}
