package api

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/projections/access"
)

// maxEntries is how many entries a difference describes; beyond, More says how many there are.
const maxEntries = 1_000

func getDifference(c *call) (wire.Difference, error) {
	var d wire.Difference
	from, fromOut, err := c.moment("from")
	if err != nil {
		return d, err
	}
	to, toOut, err := c.moment("to")
	if err != nil {
		return d, err
	}
	if from.Position > to.Position || from.Position == to.Position && from.Instant.After(to.Instant) {
		return d, badRequest("The range ends before it begins: from is the earlier moment, to the later")
	}
	var only access.Only
	if name := c.query.Get("role"); name != "" {
		if only.Role, err = c.anyRole(name, to); err != nil {
			return d, err
		}
	}
	if name := c.query.Get("subject"); name != "" {
		if only.Subject, err = c.anySubject(name, to); err != nil {
			return d, err
		}
	}
	skip, err1 := c.number("skip", 0)
	var limit int
	var err2 error
	if c.query.Has("limit") {
		limit, err2 = c.limit(pageSize, maxPageSize)
	}
	if err := cmp.Or(err1, err2); err != nil {
		return d, err
	}
	only.Skip, only.Most = int(min(skip, math.MaxInt32)), limit
	d.From, d.To = fromOut, toOut
	err = c.difference(&d, c.org.Access.Diff(from, to, only))
	shorten(&d, limit)
	return d, err
}

// shorten leaves out of long lists of who came to have a role, or has it no more, what is beyond a limit; 0: there is none.
func shorten(d *wire.Difference, limit int) {
	for i := range d.Roles {
		r := &d.Roles[i]
		if n := len(r.Came) - limit; limit > 0 && n > 0 {
			r.Came, r.MoreCame = r.Came[:limit], n
		}
		if n := len(r.Left) - limit; limit > 0 && n > 0 {
			r.Left, r.MoreLeft = r.Left[:limit], n
		}
	}
}

// difference fills in what changed, and the entries that did it.
func (c *call) difference(d *wire.Difference, have access.Difference) error {
	d.MoreSubjects = have.More
	d.Subjects, d.Roles, d.Entries = []wire.SubjectChange{}, []wire.RoleChange{}, []wire.Item{}
	causes := map[uint64]bool{}
	note := func(positions ...uint64) {
		for _, at := range positions {
			if at != 0 {
				causes[at] = true
			}
		}
	}
	for _, s := range have.Subjects {
		one := wire.SubjectChange{Subject: s.Subject.Key, Kind: s.Subject.Kind}
		for _, side := range []struct {
			in  []access.Changed
			out *[]wire.Changed
		}{{s.Gained, &one.Gained}, {s.Lost, &one.Lost}} {
			for _, ch := range side.in {
				because, err := c.because(ch.Because)
				if err != nil {
					return err
				}
				note(ch.Causes...)
				*side.out = append(*side.out, wire.Changed{Permission: ch.Permission, Scope: ch.Scope, Condition: ch.Condition, Because: because, Causes: append([]uint64{}, ch.Causes...)})
			}
		}
		d.Subjects = append(d.Subjects, one)
	}
	for _, r := range have.Roles {
		one := wire.RoleChange{
			Role: r.Role.Key, Created: r.Created, Deleted: r.Deleted, Name: r.Name, Description: r.Description, Positions: r.Positions,
			Added: inRoles(r.Added), Removed: inRoles(r.Removed), Came: holderChanges(r.Came), Left: holderChanges(r.Left),
		}
		note(r.Positions...)
		for _, h := range slices.Concat(r.Came, r.Left) {
			note(h.At)
		}
		d.Roles = append(d.Roles, one)
	}
	for _, at := range slices.Sorted(maps.Keys(causes)) {
		if len(d.Entries) == maxEntries {
			d.More++
			continue
		}
		item, err := c.item(at)
		if err != nil {
			return err
		}
		d.Entries = append(d.Entries, item)
	}
	return nil
}

func inRoles(list []access.InRole) []wire.InRole {
	var out []wire.InRole
	for _, p := range list {
		out = append(out, wire.InRole{Permission: p.Permission, At: p.At})
	}
	return out
}

func holderChanges(list []access.HolderChange) []wire.HolderChange {
	var out []wire.HolderChange
	for _, h := range list {
		out = append(out, wire.HolderChange{Subject: h.Subject, Scope: h.Scope, At: h.At})
	}
	return out
}

func getBlame(c *call) (wire.List[wire.Blame], error) {
	list := wire.List[wire.Blame]{Items: []wire.Blame{}}
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	list.AsOf = asOf
	role, subject := c.query.Get("role"), c.query.Get("subject")
	switch {
	case (role == "") == (subject == ""):
		return list, badRequest("Either role or subject says whom to look at")
	case role != "":
		_, in, err := c.org.Access.Blame(role, a)
		if err != nil {
			return list, err
		}
		for _, p := range in {
			if err := c.blame(&list, p.At, wire.Blame{Permission: p.Permission}); err != nil {
				return list, err
			}
		}
	default:
		all, err := c.org.Access.Effective(subject, a)
		if err != nil {
			return list, err
		}
		for _, p := range all {
			for _, r := range p.Because {
				b := wire.Blame{Permission: p.Permission, Scope: r.Scope, Role: r.Role.Key}
				if err := c.blame(&list, max(r.At, r.PermissionAt), b); err != nil {
					return list, err
				}
			}
		}
	}
	return list, nil
}

// blame adds a line that says who recorded an entry, when and why.
func (c *call) blame(list *wire.List[wire.Blame], at uint64, b wire.Blame) error {
	en, err := c.entry(at)
	if err != nil {
		return err
	}
	e := en.Event
	b.Seq, b.Time, b.Type, b.By, b.Reason = at, stamp(e.Time), string(e.Data.Type()), keyOf(c.org, e.Actor), words(c.org, e.Reason)
	list.Items = append(list.Items, b)
	return nil
}
