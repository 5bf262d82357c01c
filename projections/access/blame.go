package access

import (
	"cmp"
	"slices"
)

// Blame gives, for each permission in a role, the position that put it there last, by name; or a [*NotFoundError].
func (x *Index) Blame(role string, a AsOf) (RoleRef, []InRole, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.view(a)
	r, err := x.findRole(role, v)
	if err != nil {
		return RoleRef{}, nil, err
	}
	var list []InRole
	x.setAt(r, v).each(func(n uint32) {
		put, _ := x.putAt(r, n, v)
		list = append(list, InRole{x.perms.at(n).name, put})
	})
	slices.SortFunc(list, func(a, b InRole) int { return cmp.Compare(a.Permission, b.Permission) })
	return x.ref(r, v), list, nil
}
