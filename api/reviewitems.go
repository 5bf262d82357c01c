package api

import (
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

// itemName is what an item of a closed review is found by: its document has no positions.
type itemName struct{ grant, role, permission, scope string }

// decidedAt is when an item was decided, and why.
type decidedAt struct {
	at  uint64
	why string
}

// decisionsOf gives when the items of a closed review were decided.
func (c *call) decisionsOf(review ulid.ULID, closed uint64) (map[itemName]decidedAt, error) {
	all := map[itemName]decidedAt{}
	pos, _ := c.org.Access.At(closed)
	a := access.AsOf{Position: pos.Position, Instant: pos.Time}
	found, _ := c.org.History.Find(history.Query{Role: review, Types: []events.Type{"review.decided"}})
	for _, at := range found {
		en, err := c.entry(at)
		if err != nil {
			return nil, err
		}
		d := en.Event.Data.(*events.ReviewDecided)
		name := itemName{grant: d.Grant.String(), permission: d.Permission, scope: d.Scope}
		if d.Permission == "" {
			if ref, err := c.org.Access.RoleRef(d.Role, a); err == nil {
				name.role = ref.Name
			}
		}
		all[name] = decidedAt{at, words(c.org, en.Event.Reason)}
	}
	return all, nil
}

// describeItems says of each item what whoever decides wants to know: since when it is so and who gave it, whether it lets its holder
// change who may do what, and, where that was asked for, when it was used last. What was decided after a moment is undecided at it.
func (c *call) describeItems(v *wire.Review, a access.AsOf) error {
	began, _ := c.org.Access.At(v.Started)
	begin := access.AsOf{Position: began.Position, Instant: began.Time}
	roles := map[string]access.RoleView{} // as items name them
	for _, r := range c.org.Access.Roles(a) {
		roles[r.Key] = r
		if !v.Open {
			roles[r.Name] = r
		}
	}
	strong := map[string]bool{}
	for _, p := range c.org.Access.Permissions(a) {
		name := p.Name
		if p.Catalogue != "" && !strings.Contains(name, ":") {
			name = rules.Qualified(p.Catalogue, name)
		}
		strong[name] = slices.ContainsFunc(p.Guards, changesAccess)
	}
	var used map[ulid.ULID]map[string]time.Time
	asked, err := c.flag("used")
	if err == nil && asked {
		err = c.may(rules.ActionLogRead)
	}
	if err != nil {
		return err
	}
	if asked {
		if used, err = c.uses(a, a.Instant.Add(-aQuarter), &wire.Usage{}); err != nil {
			return err
		}
	}
	held := map[string]access.Holdings{}
	for n := range v.Items {
		i := &v.Items[n]
		if i.At > a.Position {
			i.Decision, i.By, i.At, i.Time, i.Reason = "", "", 0, "", ""
		}
		if v.Open && i.At == 0 { // it was closed later, with what nobody decided of
			i.Decision = ""
		}
		h, known := held[i.Subject]
		if !known {
			var err error
			if h, err = c.org.Access.Holdings(i.Subject, begin); err != nil {
				h = access.Holdings{} // of a closed review it may be known by another name since
			}
			held[i.Subject] = h
		}
		for _, g := range slices.Concat(h.Roles, h.Permissions) {
			if g.Grant.String() == i.Grant && g.Permission == i.Permission && g.Scope == i.Scope && (i.Permission != "" || g.Role.Key == i.Role || g.Role.Name == i.Role) {
				pos, _ := c.org.Access.At(g.At)
				i.Given, i.Since, i.GivenBy, i.Until = g.At, stamp(pos.Time), keyOf(c.org, g.By), stamp(g.Until)
				if v.Open {
					i.Role = g.Role.Key
				}
				break
			}
		}
		i.Kind = h.Subject.Kind
		gives := []string{i.Permission}
		if i.Permission == "" {
			gives = roles[i.Role].Permissions
		}
		i.Privileged = slices.ContainsFunc(gives, func(p string) bool { return strong[p] })
		var last time.Time
		for _, p := range gives {
			if at := used[h.Subject.ID][p]; at.After(last) {
				last = at
			}
		}
		i.LastUsed = stamp(last)
	}
	return nil
}

// changesAccess says whether an action changes who may do what, or something that everybody goes by. Reading does not, and neither does
// keeping the list of resources.
func changesAccess(action string) bool {
	return !strings.HasSuffix(action, ".read") && !strings.HasPrefix(action, "resource.") && !strings.HasPrefix(action, "log.") &&
		action != rules.ActionDocumentIssue && action != rules.ActionPermissionsRecord
}
