package api

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

// Orders of lists, by what the parameter sort takes. Where two are the same in it, they are in the order of their keys.
var (
	roleOrders = map[string]func(a, b access.RoleView) int{
		"key":         nil,
		"name":        func(a, b access.RoleView) int { return cmp.Compare(folded(a.Name), folded(b.Name)) },
		"permissions": func(a, b access.RoleView) int { return cmp.Compare(a.Count, b.Count) },
		"holders":     func(a, b access.RoleView) int { return cmp.Compare(a.Holders, b.Holders) },
		"created":     func(a, b access.RoleView) int { return cmp.Compare(a.Created, b.Created) },
		"changed":     func(a, b access.RoleView) int { return cmp.Compare(a.Changed, b.Changed) },
	}
	subjectOrders = map[string]func(a, b access.Found) int{
		"key":   nil,
		"added": func(a, b access.Found) int { return cmp.Compare(a.Added, b.Added) },
	}
)

// sortAs puts what is in the order of its keys into the one that the parameter sort asks for; with a - before it, backwards.
func sortAs[T any](c *call, list []T, orders map[string]func(a, b T) int) error {
	name, backwards := strings.CutPrefix(cmp.Or(c.query.Get("sort"), "key"), "-")
	order, known := orders[name]
	if !known {
		return noSuch("sort", name, orders)
	}
	switch {
	case backwards && name == "key":
		slices.Reverse(list)
	case backwards:
		slices.SortStableFunc(list, func(a, b T) int { return order(b, a) })
	case name != "key":
		slices.SortStableFunc(list, order)
	}
	return nil
}

// listRoles reads the permissions of the roles on the page alone.
func listRoles(c *call) (wire.List[wire.Role], error) {
	var list wire.List[wire.Role]
	a, asOf, err1 := c.asOf()
	permissions, err2 := c.flag("permissions")
	if err := cmp.Or(err1, err2); err != nil {
		return list, err
	}
	found := c.org.Access.RoleList(a)
	if q := folded(c.query.Get("q")); q != "" {
		found = slices.DeleteFunc(found, func(v access.RoleView) bool {
			return !strings.Contains(folded(v.Key), q) && !strings.Contains(folded(v.Name), q) && !strings.Contains(folded(v.Description), q) && v.ID.String() != strings.ToUpper(q)
		})
	}
	if err := sortAs(c, found, roleOrders); err != nil {
		return list, err
	}
	may := c.roleActions()
	items, err := part(c, found, nil, func(v access.RoleView) (wire.Role, error) {
		if permissions {
			var err error
			if v, err = c.org.Access.Role(v.ID.String(), a); err != nil {
				return wire.Role{}, err
			}
		}
		return roleOf(v, permissions, may), nil
	})
	return wire.List[wire.Role]{Items: items, AsOf: asOf}, err
}

func listSubjects(c *call) (wire.List[wire.Subject], error) {
	var list wire.List[wire.Subject]
	a, asOf, err1 := c.asOf()
	names, err2 := c.flag("names")
	f, err3 := c.subjectFilter(a)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return list, err
	}
	found, err := c.findSubjects(f, a)
	if err == nil {
		err = sortAs(c, found, subjectOrders)
	}
	if err != nil {
		return list, err
	}
	var called *people
	if names {
		if called, err = c.server.people.of(c.org); err != nil {
			return list, err
		}
		c.readPersonal(ulid.ULID{}, "read names and e-mail addresses in a list")
	}
	items, err := part(c, found, nil, func(one access.Found) (wire.Subject, error) {
		h, err := c.org.Access.Holdings(one.ID.String(), a)
		if err != nil {
			return wire.Subject{}, err
		}
		s := subjectOf(h.Subject)
		s.Roles = rolesOf(h)
		for _, r := range h.Roles {
			if r.Role.ID == f.Role {
				s.Holds = append(s.Holds, c.holdsOf(r))
			}
		}
		if holder := h.Subject.About.Holder; holder != (ulid.ULID{}) {
			s.Holder = keyOf(c.org, holder)
		}
		if called != nil {
			texts := called.texts(one.ID, a.Position)
			s.DisplayName, s.Email = words(c.org, texts[0]), words(c.org, texts[1])
		}
		return s, nil
	})
	return wire.List[wire.Subject]{Items: items, AsOf: asOf}, err
}

// subjectFilter reads the parameters kind, state and role; the first two take several values with commas between them.
func (c *call) subjectFilter(a access.AsOf) (f access.SubjectFilter, err error) {
	if kinds := c.query.Get("kind"); kinds != "" {
		f.Kinds = strings.Split(kinds, ",")
	}
	if given := c.query.Get("state"); given != "" {
		f.States = strings.Split(given, ",")
		known := map[string]bool{rules.StateActive: true, rules.StateInvited: true, rules.StateDeactivated: true, rules.StateRemoved: true}
		for _, s := range f.States {
			if !known[s] {
				return f, noSuch("state", s, known)
			}
		}
	}
	if role := c.query.Get("role"); role != "" {
		v, err := c.org.Access.Role(role, a)
		if err != nil {
			return f, err
		}
		f.Role = v.ID
	}
	return f, nil
}

// findSubjects gives the subjects that fit the filter and the parameter q: that have it in their key, their name or their
// e-mail address, or as their id. Who finds somebody by a name learns the name, and that is noted as reading it.
func (c *call) findSubjects(f access.SubjectFilter, a access.AsOf) ([]access.Found, error) {
	found := c.org.Access.FindSubjects(f, a)
	q := folded(c.query.Get("q"))
	if q == "" {
		return found, nil
	}
	called, err := c.server.people.of(c.org)
	if err != nil {
		return nil, err
	}
	id, byName := strings.ToUpper(q), false
	found = slices.DeleteFunc(found, func(one access.Found) bool {
		if strings.Contains(folded(one.Key), q) || len(id) == ulid.EncodedSize && one.ID.String() == id {
			return false
		}
		for _, commitment := range called.texts(one.ID, a.Position) {
			if commitment == (events.Digest{}) {
				continue
			}
			if t, here := c.org.Private.Get(commitment); here && strings.Contains(folded(t.Text), q) {
				byName = true
				return false
			}
		}
		return true
	})
	if byName {
		c.readPersonal(ulid.ULID{}, "searched names and e-mail addresses")
	}
	return found, nil
}

// noSuch refuses a value of a parameter that takes only those that are known.
func noSuch[V any](name, value string, known map[string]V) error {
	p := badRequest(fmt.Sprintf("%s is %q", name, clip(value)))
	p.Hint = "It takes " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	return p
}
