package console

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// rolesForm is the form in which roles are given to a member and taken from it.
type rolesForm struct {
	*filledForm
	Subject wire.Subject
	Held    []held          // roles that are held in another way than on the whole organization and without an end
	Roles   []choosable     // all there are
	One     bool            // exactly one can be chosen
	Gives   bool            // the caller may give
	Takes   bool            // the caller may take away
	Limits  bool            // until, scope and condition can be said
	Whole   map[string]bool // the keys of the roles that are held on the whole organization
}

// choosable is a role in a form.
type choosable struct {
	wire.Role
	Held, Chosen, Fixed bool
}

func (v *visit) rolesOf() (view, error) {
	f := &rolesForm{filledForm: &filledForm{Values: url.Values{}, Errors: map[string]string{}}}
	return v.rolesPage(f, nil)
}

// rolesPage shows the form; chosen are the keys that were chosen before, nil: what the member has.
func (v *visit) rolesPage(f *rolesForm, chosen []string) (view, error) {
	if err := v.readRoles(f); err != nil {
		return view{}, err
	}
	for i := range f.Roles {
		r := &f.Roles[i]
		r.Chosen = r.Held
		if chosen != nil {
			r.Chosen = slices.Contains(chosen, r.Key)
		}
	}
	return view{template: "member-roles", title: "Roles of " + f.Subject.Key, data: f}, nil
}

// readRoles reads what a member has, and what there is to give.
func (v *visit) readRoles(f *rolesForm) error {
	one, err := v.client.Subject(v.ctx(), v.org, v.PathValue("key"), v.read())
	if err != nil {
		return err
	}
	roles, err := v.client.Roles(v.ctx(), v.org, false, v.read())
	if err != nil {
		return err
	}
	f.Subject, f.Whole = one.Item, map[string]bool{}
	key := f.Subject.Kind == "api-key"
	f.One = key && v.details.Profile["oneRolePerKey"] == true
	sets := v.can("role.set") || key && v.can("api-key.update")
	f.Gives, f.Takes = v.at == "" && (sets || v.can("role.assign")), v.at == "" && (sets || v.can("role.revoke"))
	f.Limits = v.can("role.assign") && !f.One
	for _, h := range f.Subject.Holds {
		switch {
		case h.Role == "":
		case h.Scope == "":
			f.Whole[h.Role] = true
			if h.Until != "" || h.Condition != "" || h.Delegated != "" {
				f.Held = append(f.Held, held{Holds: h})
			}
		default:
			f.Held = append(f.Held, held{Holds: h})
		}
	}
	for _, r := range roles.Items {
		has := f.Whole[r.Key]
		f.Roles = append(f.Roles, choosable{Role: r, Held: has, Fixed: r.Managed != "" || has && !f.Takes || !has && !f.Gives})
	}
	return nil
}

// giveRoles reviews what was chosen: what somebody saw and left as it was, stays as it is.
func (v *visit) giveRoles() (view, error) {
	f := &rolesForm{filledForm: v.filled()}
	chosen, had := f.Values["role"], f.Values["had"]
	until, scope, condition := f.end("until"), f.word("scope", ""), f.word("condition", "")
	key := v.PathValue("key")
	if err := v.readRoles(f); err != nil {
		return view{}, err
	}
	limited := until != "" || scope != "" || condition != ""
	var steps []wire.Intent
	var words []string
	for _, r := range f.Roles {
		is, was := slices.Contains(chosen, r.Key), slices.Contains(had, r.Key)
		switch {
		case r.Managed != "":
		case is && !was:
			steps = append(steps, wire.Intent{Kind: wire.AssignRole, Subject: key, Role: r.Key, Until: until, Scope: scope, Condition: condition})
			words = append(words, "give "+r.Key+on(scope))
		case was && !is:
			steps = append(steps, wire.Intent{Kind: wire.RevokeRole, Subject: key, Role: r.Key})
			words = append(words, "take "+r.Key+" away")
		}
	}
	f.Roles = nil
	switch {
	case len(steps) == 0 && limited:
		f.Errors["role"] = "Choose a role that it does not have yet: an end, a part and a condition are said of a role when it is given"
	case len(steps) == 0:
		f.Errors["role"] = "Choose a role to give, or one to take away: nothing is changed yet"
	case f.One && len(chosen) != 1:
		f.Errors["role"] = "An API key has exactly one role"
	}
	if !f.ok() {
		f.Held = nil
		return f.again(v.rolesPage(f, append([]string{}, chosen...)))
	}
	if whole := v.whole(f, limited, steps); whole != nil {
		steps = []wire.Intent{*whole}
	}
	return v.review(fmt.Sprintf("Roles of %s: %s", key, strings.Join(words, ", ")), v.address("members", key), steps...)
}

// whole gives the one change that puts what was chosen in the place of all roles, where that is several changes and the caller may do
// it; nil: it is not. What others gave meanwhile stays. What is held until an end, or under a condition, would lose these.
func (v *visit) whole(f *rolesForm, limited bool, steps []wire.Intent) *wire.Intent {
	key := f.Subject.Kind == "api-key"
	may := v.can("role.set") || key && v.can("api-key.update")
	if !may || limited || len(f.Held) > 0 || len(steps) < 2 && !f.One && v.can("role.assign") && v.can("role.revoke") {
		return nil
	}
	for _, step := range steps {
		if step.Kind == wire.AssignRole {
			f.Whole[step.Role] = true
		} else {
			delete(f.Whole, step.Role)
		}
	}
	return &wire.Intent{Kind: wire.SetRoles, Subject: f.Subject.Key, Roles: slices.Sorted(maps.Keys(f.Whole))}
}

// permissionsForm is the form of what a member has without a role.
type permissionsForm struct {
	*filledForm
	Subject    wire.Subject
	Scope      string
	Held       []held
	Categories []category
	Sets       bool // the whole set can be replaced
	Grants     bool // one can be given, with an end
}

// category is a part of the catalogue in a form.
type category struct {
	Name        string
	Permissions []chosenPermission
	Chosen      int
}

type chosenPermission struct {
	wire.Permission
	Chosen, Limited bool // Limited: it is held until an end, or under a condition
}

func (v *visit) permissionsOf() (view, error) {
	f := &permissionsForm{filledForm: &filledForm{Values: url.Values{}, Errors: map[string]string{}}, Scope: strings.TrimSpace(v.URL.Query().Get("scope"))}
	return v.permissionsPage(f, nil)
}

func (v *visit) permissionsPage(f *permissionsForm, chosen []string) (view, error) {
	one, err := v.client.Subject(v.ctx(), v.org, v.PathValue("key"), v.read())
	if err != nil {
		return view{}, err
	}
	all, err := v.client.Permissions(v.ctx(), v.org, v.read())
	if err != nil {
		return view{}, err
	}
	f.Subject = one.Item
	f.Sets, f.Grants = v.at == "" && v.can("permission.set"), v.at == "" && v.can("permission.grant")
	direct := map[string]wire.Holds{}
	for _, h := range f.Subject.Holds {
		if h.Permission != "" {
			f.Held = append(f.Held, held{Holds: h})
			if h.Scope == f.Scope {
				direct[h.Permission] = h
			}
		}
	}
	at := map[string]int{}
	for _, p := range all.Items {
		h, has := direct[p.Name]
		if !p.Selectable && !has {
			continue
		}
		name := p.Category
		if name == "" {
			name = p.Catalogue
		}
		i, ok := at[name]
		if !ok {
			i = len(f.Categories)
			at[name] = i
			f.Categories = append(f.Categories, category{Name: name})
		}
		c := chosenPermission{Permission: p, Chosen: has, Limited: has && (h.Until != "" || h.Condition != "")}
		if chosen != nil {
			c.Chosen = slices.Contains(chosen, p.Name)
		}
		if c.Chosen {
			f.Categories[i].Chosen++
		}
		f.Categories[i].Permissions = append(f.Categories[i].Permissions, c)
	}
	return view{template: "member-permissions", title: "Permissions of " + f.Subject.Key, data: f}, nil
}

// givePermissions reviews a set that replaces the one there is, or one permission with an end.
func (v *visit) givePermissions() (view, error) {
	f := &permissionsForm{filledForm: v.filled()}
	key, back := v.PathValue("key"), v.address("members", v.PathValue("key"))
	f.Scope = f.word("scope", "")
	if f.Value("act") == "grant" {
		name, end, condition := f.word("permission", "Say which permission"), f.end("until"), f.word("condition", "")
		if !f.ok() {
			return f.again(v.permissionsPage(f, nil))
		}
		return v.review("Give "+name+on(f.Scope)+" to "+key, back,
			wire.Intent{Kind: wire.GrantPermission, Subject: key, Permission: name, Scope: f.Scope, Until: end, Condition: condition})
	}
	chosen := append([]string{}, f.Values["permission"]...)
	return v.review("Replace the permissions of "+key+" without a role"+on(f.Scope), back,
		wire.Intent{Kind: wire.SetPermissions, Subject: key, Scope: f.Scope, Permissions: chosen})
}
