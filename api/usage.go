package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

// aQuarter is how far back reports look where nothing else is said: of use, and of reviews.
const aQuarter = 90 * 24 * time.Hour

// counts says what a report of use goes by.
const counts = "a permission counts as used when its holder recorded an entry that it allows (a permission of the ledger itself, or one " +
	"that guards such an action), or when a check of it was answered with yes and recorded (check with record); a check that was " +
	"not recorded leaves no trace; decisions are kept as long as the activity stream keeps them; the owner is left out"

// reportUnused says which permissions were held and not used in a period, and of which roles nothing was.
func reportUnused(c *call) (wire.Usage, error) {
	out := wire.Usage{Items: []wire.UnusedPermission{}, Roles: []wire.RoleReport{}, Counts: counts}
	a, asOf, err1 := c.asOf()
	rolesOnly, err2 := c.flag("roles")
	if err := cmp.Or(err1, err2); err != nil {
		return out, err
	}
	out.AsOf = asOf
	since := a.Instant.Add(-aQuarter)
	if c.query.Has("since") {
		from, _, err := c.moment("since")
		switch {
		case errors.Is(err, access.ErrBeforeFirst): // all there is
			pos, _ := c.org.Access.At(1)
			since = pos.Time
		case err != nil:
			return out, err
		default:
			since = from.Instant
		}
	}
	out.Since = stamp(since)
	use, err := c.uses(a, since, &out)
	if err != nil {
		return out, err
	}
	roles := map[string]bool{} // by key: of which something was used
	only := c.query.Get("subject")
	for _, found := range c.org.Access.FindSubjects(access.SubjectFilter{States: []string{rules.StateActive}}, a) {
		if only != "" && only != found.Key || rolesOnly && len(use[found.ID]) == 0 {
			continue // what it may do changes nothing of the answer
		}
		u, err := c.org.Access.Subject(found.ID.String(), a)
		if err != nil {
			return out, err
		}
		if u.Owner {
			continue
		}
		all, err := c.org.Access.Effective(u.ID.String(), a)
		if err != nil {
			return out, err
		}
		for _, e := range all {
			used := !use[u.ID][e.Permission].IsZero()
			one := wire.UnusedPermission{Subject: u.Key, Kind: u.Kind, Permission: e.Permission, Through: []string{}}
			for _, r := range e.Because {
				if at := max(r.At, r.PermissionAt); one.Since == 0 || at < one.Since {
					one.Since = at
				}
				if r.Role.Key != "" && !slices.Contains(one.Through, r.Role.Key) {
					one.Through = append(one.Through, r.Role.Key)
				}
				if used && r.Role.Key != "" {
					roles[r.Role.Key] = true
				}
			}
			if !used && !rolesOnly {
				pos, _ := c.org.Access.At(one.Since)
				one.Held = stamp(pos.Time)
				out.Items = append(out.Items, one)
			}
		}
	}
	for _, v := range c.org.Access.RoleList(a) {
		if v.Holders > 0 && !roles[v.Key] && only == "" {
			out.Roles = append(out.Roles, wire.RoleReport{Role: v.Key, Name: v.Name, Count: v.Count, Holders: v.Holders, Created: v.Created})
		}
	}
	return out, nil
}

// uses gives when each subject last used each permission, in a period that ends with a.
func (c *call) uses(a access.AsOf, since time.Time, out *wire.Usage) (map[ulid.ULID]map[string]time.Time, error) {
	use := map[ulid.ULID]map[string]time.Time{}
	note := func(id ulid.ULID, permission string, at time.Time) {
		if use[id] == nil {
			use[id] = map[string]time.Time{}
		}
		if at.After(use[id][permission]) {
			use[id][permission] = at
		}
	}
	first := uint64(1)
	if pos, ok := c.org.Access.AtTime(since.Add(-time.Millisecond)); ok {
		first = pos.Position + 1
	}
	allowing := map[events.Type][]string{}
	for actor, types := range c.org.History.Acts(first, a.Position) {
		for t, at := range types {
			if _, known := allowing[t]; !known {
				allowing[t] = nil
				if action := rules.ActionOf(t); action != "" {
					allowing[t] = c.org.Access.Allowing(action, a)
				}
			}
			pos, _ := c.org.Access.At(at)
			for _, name := range allowing[t] {
				note(actor, name, pos.Time)
			}
		}
	}
	return use, c.decisions(func(r *node.ActivityRecord, at time.Time) {
		if out.Oldest == "" {
			out.Oldest = stamp(at)
		}
		id, err := ulid.ParseStrict(strings.TrimPrefix(r.About, "subject/"))
		if r.Code != decidedYes || err != nil || at.Before(since) || at.After(a.Instant) {
			return
		}
		out.Decisions++
		note(id, r.Permission, at)
	})
}

// The codes of recorded decisions.
const (
	decidedYes rules.Code = "allowed"
	decidedNo  rules.Code = "denied"
)

// decisions calls do with every recorded decision that is still kept, oldest first.
func (c *call) decisions(do func(*node.ActivityRecord, time.Time)) error {
	feed := c.org.Activity.Feed()
	ctx, cancel := context.WithTimeout(c.Context(), 12*maxWait)
	defer cancel()
	last, err := feed.Len(ctx)
	if err != nil || last == 0 {
		return err
	}
	for m, err := range feed.Entries(ctx, 1) {
		if err != nil {
			return err
		}
		var r node.ActivityRecord
		if err := json.Unmarshal(m.Data, &r); err != nil {
			return fmt.Errorf("activity record %d: %w", m.Seq, err)
		}
		if at, err := time.Parse(time.RFC3339Nano, r.Time); err == nil && r.Kind == node.ActivityDecided {
			do(&r, at)
		}
		if m.Seq >= last {
			break
		}
	}
	return nil
}

// note keeps the answer to a check in the activity stream: it counts as use in reports.
func (c *call) note(q wire.Check) {
	r := node.ActivityRecord{Kind: node.ActivityDecided, Permission: q.Permission, Resource: q.Resource, Code: decidedNo, Reason: "nothing grants it"}
	if q.Allowed {
		r.Code, r.Reason = decidedYes, because(q.Because)
	}
	if v, err := c.org.Access.Subject(q.Subject, access.AsOf{Position: q.AsOf.Seq}); err == nil {
		r.About = "subject/" + v.ID.String()
	}
	if id, ok := c.caller.Subject(c.org); ok {
		r.Actor = id.String()
	}
	c.org.Activity.Note(c.now, r)
}

// because says by what a yes was given, shortly.
func because(list []wire.Because) string {
	var texts []string
	for _, b := range list {
		texts = append(texts, fmt.Sprintf("%s at %d", cmp.Or(b.Role, b.Kind), b.At))
	}
	return strings.Join(texts, "; ")
}
