package api

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/projections/access"
)

// How alike two roles are that a report shows, in percent, where nothing else is said.
const alike = 80

func reportSimilar(c *call) (wire.List[wire.Similar], error) {
	list := wire.List[wire.Similar]{Items: []wire.Similar{}}
	a, asOf, err1 := c.asOf()
	least, err2 := c.number("least", alike)
	if err2 == nil && (least < 1 || least > 100) {
		err2 = badRequest("least is a percentage, from 1 to 100")
	}
	if err := cmp.Or(err1, err2); err != nil {
		return list, err
	}
	list.AsOf = asOf
	for _, s := range c.org.Access.Similar(int(least), a) {
		list.Items = append(list.Items, wire.Similar{Role: s.A.Key, Other: s.B.Key, Overlap: s.Overlap, Common: s.Common, Only: s.OnlyA, InOther: s.OnlyB})
	}
	return list, nil
}

// roleReport lists the roles of which about says something.
func (c *call) roleReport(about func(access.RoleView, access.AsOf, *wire.RoleReport) (bool, error)) (wire.List[wire.RoleReport], error) {
	list := wire.List[wire.RoleReport]{Items: []wire.RoleReport{}}
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	list.AsOf = asOf
	for _, v := range c.org.Access.Roles(a) {
		one := wire.RoleReport{Role: v.Key, Name: v.Name, Count: v.Count, Holders: v.Holders, Created: v.Created}
		shown, err := about(v, a, &one)
		if err != nil {
			return list, err
		}
		if shown {
			list.Items = append(list.Items, one)
		}
	}
	return list, nil
}

func reportUndocumented(c *call) (wire.List[wire.RoleReport], error) {
	return c.roleReport(func(v access.RoleView, _ access.AsOf, one *wire.RoleReport) (bool, error) {
		one.Missing = undocumented(v)
		return len(one.Missing) > 0, nil
	})
}

func reportUnheld(c *call) (wire.List[wire.RoleReport], error) {
	return c.roleReport(func(v access.RoleView, a access.AsOf, one *wire.RoleReport) (shown bool, err error) {
		if v.Holders > 0 {
			return false, nil
		}
		one.Since, err = c.org.Access.LastHeld(v.ID.String(), a)
		return true, err
	})
}

// whoHasWhat streams, as assignments does: a line for each permission of each subject on each scope.
func whoHasWhat(c *call, w http.ResponseWriter) error {
	a, out, err := c.linesAsOf(w)
	if err != nil {
		return err
	}
	for _, u := range c.org.Access.Subjects(a) {
		if u.Deactivated != 0 {
			continue
		}
		if u.Owner {
			if err := out.add(wire.Having{Subject: u.Key, Kind: u.Kind, Permission: everything.permission, Through: []string{}}); err != nil {
				return out.end(c, err)
			}
			continue
		}
		all, err := c.org.Access.Effective(u.ID.String(), a)
		if err != nil {
			return out.end(c, err)
		}
		for _, e := range all {
			for _, scope := range scopesOf(e.Because) {
				one := wire.Having{Subject: u.Key, Kind: u.Kind, Permission: e.Permission, Scope: scope, Through: []string{}}
				for _, r := range e.Because {
					if r.Scope == scope && !slices.Contains(one.Through, r.Role.Key) {
						one.Through = append(one.Through, r.Role.Key)
					}
				}
				if err := out.add(one); err != nil {
					return out.end(c, err)
				}
			}
		}
	}
	return out.end(c, nil)
}

// scopesOf gives the scopes of reasons, each once, in their order.
func scopesOf(because []access.Reason) []string {
	var scopes []string
	for _, r := range because {
		if !slices.Contains(scopes, r.Scope) {
			scopes = append(scopes, r.Scope)
		}
	}
	return scopes
}

// reportChanges says whom a change of a role concerns: its last change, unless from and to say another range.
func reportChanges(c *call) (wire.Affected, error) {
	var out wire.Affected
	name, err := c.text("role")
	if err != nil {
		return out, err
	}
	to, toOut, err := c.moment("to")
	if err != nil {
		return out, err
	}
	from, fromOut, err := c.moment("from")
	if err != nil {
		return out, err
	}
	id, err := c.anyRole(name, to)
	if err != nil {
		return out, err
	}
	if !c.query.Has("from") {
		v, err := c.org.Access.Role(id.String(), to)
		if err != nil { // it is deleted: that is its last change, of which nobody is concerned
			return out, err
		}
		to, toOut = c.position(v.Changed)
		from, fromOut = c.position(v.Changed - 1)
	}
	if from.Position > to.Position {
		return out, badRequest("The range ends before it begins: from is the earlier moment, to the later")
	}
	d := c.org.Access.Diff(from, to, access.Only{Role: id})
	var shown wire.Difference
	if err := c.difference(&shown, d); err != nil {
		return out, err
	}
	out.From, out.To, out.Role, out.Entries = fromOut, toOut, c.roleKey(id), shown.Entries
	if len(shown.Roles) > 0 {
		out.Change = shown.Roles[0]
	}
	out.Change.Role = out.Role
	out.Holders = c.concerned(id, from, to, d)
	return out, nil
}

// concerned gives everybody who has a role at one of two moments, with what they gained and lost between them.
func (c *call) concerned(role ulid.ULID, from, to access.AsOf, d access.Difference) []wire.AffectedHolder {
	holders := map[string]*wire.AffectedHolder{}
	for _, a := range []access.AsOf{from, to} {
		for _, u := range c.org.Access.HoldersOf(role, a) {
			holders[u.Key] = &wire.AffectedHolder{Subject: u.Key, Kind: u.Kind}
		}
	}
	for _, s := range d.Subjects {
		h := holders[s.Subject.Key]
		if h == nil { // it had the role before and has it no more, and changed for another reason
			continue
		}
		for _, g := range s.Gained {
			h.Gained = append(h.Gained, wire.Effective{Subject: h.Subject, Permission: g.Permission, Scope: g.Scope})
		}
		for _, l := range s.Lost {
			h.Lost = append(h.Lost, wire.Effective{Subject: h.Subject, Permission: l.Permission, Scope: l.Scope})
		}
	}
	list := []wire.AffectedHolder{}
	for _, h := range holders {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b wire.AffectedHolder) int { return cmp.Compare(a.Subject, b.Subject) })
	return list
}

// roleKey gives the key of a role by its id, deleted ones too.
func (c *call) roleKey(id ulid.ULID) string { return names{c.org}.RoleKey(id) }

// position gives the moment of a position that there is; the first one for 0.
func (c *call) position(at uint64) (access.AsOf, wire.AsOf) {
	pos, _ := c.org.Access.At(max(at, 1))
	a := access.AsOf{Position: pos.Position, Instant: pos.Time}
	return a, wire.AsOf{Seq: pos.Position, CID: pos.CID, Time: stamp(pos.Time), Instant: stamp(pos.Time)}
}
