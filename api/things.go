package api

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
)

func getRole(c *call) (wire.One[wire.Role], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.One[wire.Role]{}, err
	}
	v, err := c.org.Access.Role(c.PathValue("key"), a)
	return wire.One[wire.Role]{Item: roleOf(v, true, c.roleActions()), AsOf: asOf}, err
}

// rolesOf gives the keys of the roles that somebody has anywhere, each once, sorted.
func rolesOf(h access.Holdings) []string {
	var keys []string
	for _, r := range h.Roles {
		if n := len(keys); n == 0 || keys[n-1] != r.Role.Key {
			keys = append(keys, r.Role.Key)
		}
	}
	return keys
}

func getSubject(c *call) (wire.One[wire.Subject], error) {
	var one wire.One[wire.Subject]
	a, asOf, err := c.asOf()
	if err != nil {
		return one, err
	}
	h, err := c.org.Access.Holdings(c.PathValue("key"), a)
	if err != nil {
		return one, err
	}
	one = wire.One[wire.Subject]{Item: subjectOf(h.Subject), AsOf: asOf}
	for _, r := range h.Roles {
		one.Item.Holds = append(one.Item.Holds, c.holdsOf(r))
	}
	one.Item.Roles = rolesOf(h)
	for _, p := range h.Permissions {
		one.Item.Holds = append(one.Item.Holds, c.holdsOf(p))
	}
	if holder := h.Subject.About.Holder; holder != (ulid.ULID{}) {
		one.Item.Holder = keyOf(c.org, holder)
	}
	one.Item.DisplayName, one.Item.Email, err = c.textsOf(h.Subject, a)
	if one.Item.DisplayName != "" || one.Item.Email != "" {
		c.readPersonal(h.Subject.ID, "read the name and the e-mail address of somebody else")
	}
	return one, err
}

// getCredential speaks of now alone: what a key could sign at an earlier position is no question of access.
func getCredential(c *call) (wire.One[wire.Subject], error) {
	var id ulid.ULID
	var ok bool
	did := c.PathValue("did")
	c.org.Fold.Read(func(s *rules.State) { id, ok = s.KeyOwner(did) })
	if !ok {
		return wire.One[wire.Subject]{}, problemOf(http.StatusNotFound, string(rules.NotFound), "Nobody signs commands with "+clip(did)+" here")
	}
	v, err := c.org.Access.Subject(id.String(), c.org.Access.Now(c.now))
	return wire.One[wire.Subject]{Item: subjectOf(v), AsOf: head(c.org, c.now)}, err
}

// listKeys speaks of now alone, as getCredential does.
func listKeys(c *call) (wire.List[wire.Key], error) {
	list := wire.List[wire.Key]{Items: []wire.Key{}, AsOf: head(c.org, c.now)}
	var keys []rules.Key
	current := map[string]bool{}
	var asked error
	c.org.Fold.Read(func(s *rules.State) {
		keys, asked = c.keysAsked(s)
		for _, k := range keys {
			current[k.DID] = s.Key(k.Purpose) == k.DID
		}
	})
	if asked != nil {
		return list, asked
	}
	slices.SortFunc(keys, func(a, b rules.Key) int {
		return cmp.Or(cmp.Compare(a.Purpose, b.Purpose), a.Subject.Compare(b.Subject), cmp.Compare(a.Since, b.Since), cmp.Compare(a.DID, b.DID))
	})
	reported, err := c.reportedKeys()
	if err != nil {
		return list, err
	}
	list.Items, err = part(c, keys, func(k rules.Key) string { return k.DID }, func(k rules.Key) (wire.Key, error) {
		one := wire.Key{DID: k.DID, Purpose: k.Purpose, Revoked: k.Revoked, Since: k.Since, Current: current[k.DID], Beside: k.Beside, Reported: reported[k.DID], Until: stamp(k.Until)}
		if k.Purpose == events.PurposeCredential {
			one.LastUsed = stamp(c.server.used.of(c.org.ID, k.DID))
		}
		if k.Subject == (ulid.ULID{}) {
			return one, nil
		}
		one.Subject = keyOf(c.org, k.Subject)
		if k.Purpose == events.PurposeReader {
			return one, nil
		}
		err := c.apiKey(&one, k.Subject)
		return one, err
	})
	return list, err
}

func listPermissions(c *call) (wire.List[wire.Permission], error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return wire.List[wire.Permission]{}, err
	}
	list := wire.List[wire.Permission]{Items: []wire.Permission{}, AsOf: asOf}
	held, err := c.heldBy(c.query.Get("subject"), a)
	if err != nil {
		return list, err
	}
	for _, v := range c.org.Access.Permissions(a) {
		one := permissionOf(v)
		if held != nil {
			reasons, has := held[v.Name]
			one.Has = &has
			if one.Because, err = c.because(reasons); err != nil {
				return list, err
			}
		}
		list.Items = append(list.Items, one)
	}
	return list, nil
}

// heldBy gives what a subject has, by permission; nil where nobody is named.
func (c *call) heldBy(subject string, a access.AsOf) (map[string][]access.Reason, error) {
	if subject == "" {
		return nil, nil
	}
	if !c.isCaller(subject) {
		if err := c.may(rules.ActionRolesRead); err != nil {
			return nil, err
		}
	}
	all, err := c.org.Access.Effective(subject, a)
	if err != nil {
		return nil, err
	}
	held := make(map[string][]access.Reason, len(all))
	for _, e := range all {
		held[e.Permission] = e.Because
	}
	return held, nil
}

// assignments streams: an organization of many people with many permissions each is more than one answer should hold.
func assignments(c *call, w http.ResponseWriter) error {
	a, out, err := c.linesAsOf(w)
	if err != nil {
		return err
	}
	for v, names := range c.org.Access.Assignments(a) {
		if err := out.add(wire.Assignment{Subject: v.Key, Permissions: append([]string{}, names...)}); err != nil {
			return out.end(c, err)
		}
	}
	return out.end(c, nil)
}

// bindings streams, as assignments does.
func bindings(c *call, w http.ResponseWriter) error {
	a, out, err := c.linesAsOf(w)
	if err != nil {
		return err
	}
	for _, v := range c.org.Access.Subjects(a) {
		h, err := c.org.Access.Holdings(v.ID.String(), a)
		if err != nil {
			return out.end(c, err)
		}
		one := wire.Bound{Subject: v.Key, Kind: v.Kind, Holds: []wire.Holds{}}
		for _, held := range slices.Concat(h.Roles, h.Permissions) {
			one.Holds = append(one.Holds, c.holdsOf(held))
		}
		if len(one.Holds) == 0 {
			continue
		}
		if err := out.add(one); err != nil {
			return out.end(c, err)
		}
	}
	return out.end(c, nil)
}

// permissionName gives the canonical name of the permission that a question names; a name that nobody knows stays as
// it is.
func (c *call) permissionName() (name string, known bool, near []string, err error) {
	if name, err = c.text("permission"); err != nil {
		return "", false, nil, err
	}
	return c.permissionOf(name)
}

func (c *call) permissionOf(name string) (_ string, known bool, near []string, err error) {
	canonical, near := permission(c.org, name)
	if canonical != "" {
		return canonical, true, nil, nil
	}
	if p := ambiguous(name, near); p != nil {
		return "", false, nil, p
	}
	return name, false, near, nil
}

func whoCan(c *call) (wire.List[wire.Holder], error) {
	var list wire.List[wire.Holder]
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	name, known, near, err := c.permissionName()
	if err != nil {
		return list, err
	}
	if !known {
		return list, notFoundPermission(name, near)
	}
	items, err := part(c, c.org.Access.WhoCan(name, c.query.Get("resource"), a), nil, func(w access.Who) (wire.Holder, error) {
		because, err := c.because(w.Because)
		return wire.Holder{Subject: w.Subject.Key, Kind: w.Subject.Kind, Because: because}, err
	})
	return wire.List[wire.Holder]{Items: items, AsOf: asOf}, err
}

func notFoundPermission(name string, near []string) error {
	p := problemOf(http.StatusNotFound, string(rules.NotFound), "There is no permission "+clip(name))
	p.Permission, p.Nearest = name, near
	return p
}

func getAccess(c *call) (wire.List[wire.Source], error) {
	var list wire.List[wire.Source]
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	all, err := c.org.Access.Effective(c.PathValue("subject"), a)
	if err != nil {
		return list, err
	}
	// A permission that holds on several scopes is as many rows.
	type row struct {
		permission, scope string
		because           []access.Reason
	}
	var rows []row
	for _, e := range all {
		for _, scope := range scopesOf(e.Because) {
			one := row{permission: e.Permission, scope: scope}
			for _, r := range e.Because {
				if r.Scope == scope {
					one.because = append(one.because, r)
				}
			}
			rows = append(rows, one)
		}
	}
	items, err := part(c, rows, nil, func(r row) (wire.Source, error) {
		because, err := c.because(r.because)
		return wire.Source{Permission: r.permission, Scope: r.scope, Because: because}, err
	})
	return wire.List[wire.Source]{Items: items, AsOf: asOf}, err
}
