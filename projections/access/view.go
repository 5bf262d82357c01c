package access

import (
	"cmp"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// RoleView is a role as of then.
type RoleView struct {
	ID          ulid.ULID
	Key         string
	Name        string
	Type        string // TypeGlobal or TypeCustom
	Default     bool   // everybody gets it who is added
	Managed     string // how it is assigned, see events.ManagedOwner; empty: by whoever may
	Description string
	Labels      []events.Label // must not be changed
	Permissions []string       // sorted
	Count       int            // of Permissions
	Holders     int            // subjects that have it on any scope, deactivated ones too
	Keys        int            // of them: API keys
	Created     uint64         // position
	Changed     uint64         // position of the last change
}

// The types of roles.
const (
	TypeCustom = "custom" // the organization made it itself
	TypeGlobal = "global" // it is of the system: it can be neither changed nor deleted
)

// Role gives the role of an id, or the one that has the key as of then. It gives a [*NotFoundError] where there is none,
// or where it is deleted by then.
func (x *Index) Role(name string, a AsOf) (RoleView, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	r, err := x.findRole(name, v)
	if err != nil {
		return RoleView{}, err
	}
	return x.roleView(r, v, true), nil
}

// Roles gives all roles as of then, with their permissions, by key.
func (x *Index) Roles(a AsOf) []RoleView { return x.rolesAt(a, true) }

func (x *Index) rolesAt(a AsOf, permissions bool) []RoleView {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var list []RoleView
	for _, r := range x.roles.all {
		if x.existed(r, v) {
			list = append(list, x.roleView(r, v, permissions))
		}
	}
	slices.SortFunc(list, func(a, b RoleView) int { return cmp.Or(cmp.Compare(a.Key, b.Key), a.ID.Compare(b.ID)) })
	return list
}

func (x *Index) roleView(r *role, v view, named bool) RoleView {
	set := x.setAt(r, v)
	var permissions []string
	if named {
		permissions = x.namesOf(set)
	}
	typ := TypeCustom
	if r.system {
		typ = TypeGlobal
	}
	holders, keys := x.holders(r, v)
	return RoleView{
		ID: r.id, Key: r.key, Name: lastSaid(x, r.name, v), Type: typ, Managed: r.managed, Default: x.defaultAt(v) == r.number, Description: lastSaid(x, r.description, v),
		Labels: lastSaid(x, r.labels, v), Permissions: permissions, Count: set.count(), Holders: holders, Keys: keys,
		Created: r.created, Changed: x.changed(r, v),
	}
}

// holders counts who has a role, and how many of these are API keys.
func (x *Index) holders(r *role, v view) (all, keys int) {
	have := make(map[uint32]bool, len(r.lines))
	for _, n := range r.lines {
		l := x.lines.at(n)
		if o := x.outcomeOf(l, v); o.holds(v.instant) && !have[l.subject] {
			have[l.subject] = true
			if x.kinds[x.subjects.at(l.subject).kind] == events.KindAPIKey {
				keys++
			}
		}
	}
	return len(have), keys
}

// PermissionView is a permission as of then.
type PermissionView struct {
	Name        string // canonical: with its catalogue, where it is in one
	Catalogue   string // empty: the organization's own, and what follows is empty too
	Category    string
	Entity      string
	Action      string
	Description string
	DependsOn   []string // as in the catalogue; must not be changed, nor Guards
	Guards      []string // actions of the ledger itself that it allows
	Level       string   // events.LevelToken or LevelPlatform
	Reserved    bool     // it cannot be given
	Retired     bool     // its catalogue no longer has it; who holds it may still use it
	Needs       []string // what must be so beside holding it, of events.Needs
	Access      string   // the access to policies that it gives; empty: none
}

// Permissions gives what can be given or asked about as of then, by name: the permissions of the catalogues in force,
// the ledger's own and the organization's own. Retired ones are left out.
func (x *Index) Permissions(a AsOf) []PermissionView {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	var list []PermissionView
	for _, n := range x.byName() {
		if !x.known(n, v) {
			continue
		}
		if p := x.permissionView(n, v); !p.Retired {
			list = append(list, p)
		}
	}
	return list
}

// Permission gives one permission by its canonical name, a retired one too, or a [*NotFoundError].
func (x *Index) Permission(name string, a AsOf) (PermissionView, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	n, named := x.numberOf(name)
	if !named || !x.known(n, v) {
		return PermissionView{}, &NotFoundError{Kind: "permission", Name: name}
	}
	return x.permissionView(n, v), nil
}

func (x *Index) permissionView(n uint32, v view) PermissionView {
	p := PermissionView{Name: x.perms.at(n).name, Level: LevelPlatform}
	i := x.infoAt(n, v)
	if i == nil {
		return p
	}
	s := &i.says
	p.Catalogue, p.Category, p.Entity, p.Action, p.Description = i.catalogue, s.Category, s.Entity, s.Action, s.Description
	p.DependsOn, p.Guards, p.Reserved, p.Retired = s.DependsOn, s.Guards, s.Reserved, i.retired
	p.Needs, p.Access = s.Needs, s.Access
	p.Level = cmp.Or(i.level(), LevelPlatform)
	return p
}
