package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

const (
	attentionDays = 7   // how far ahead attention looks where nothing else is said
	mostAttention = 100 // of each list: who has more to look at begins with these
	longestAhead  = 3650
)

// attention says what somebody who is responsible for the organization should look at now. It has no earlier moment: when keys
// were used is known of now alone.
func attention(c *call) (wire.Attention, error) {
	out := wire.Attention{AsOf: head(c.org, c.now)}
	days, err := c.number("days", attentionDays)
	unused, err2 := c.number("unused", uint64(aQuarter/(24*time.Hour)))
	if err == nil {
		err = err2
	}
	if err == nil && (max(days, unused) > longestAhead || min(days, unused) == 0) {
		err = badRequest("days and unused are numbers of days, from 1 to 3650")
	}
	if err != nil {
		return out, err
	}
	before, since := c.now.AddDate(0, 0, int(days)), c.now.AddDate(0, 0, -int(unused))
	out.Before, out.Unused = stamp(before), stamp(since)
	local := c.caller.Kind == LocalOperator
	var upcoming rules.Upcoming
	var keys []rules.Key
	c.org.Fold.Read(func(s *rules.State) {
		upcoming = s.Upcoming(c.now, before)
		if local || s.May(c.subject, rules.ActionKeysRead, "", c.now) {
			keys = s.APIKeys()
			out.Keys = []wire.Key{}
		}
		if local || s.May(c.subject, rules.ActionSubjectsRead, "", c.now) {
			out.Invitations = []wire.Invitee{}
		}
	})
	out.Ends = most(&out, upcoming.Grants, func(g rules.UpcomingEnd) wire.Ending {
		one := wire.Ending{Subject: keyOf(c.org, g.Subject), Permission: g.Permission, Scope: g.Scope, At: g.Position, Until: stamp(g.Until)}
		if g.Permission == "" {
			one.Role = c.roleKey(g.Role)
		}
		return one
	})
	if out.Invitations != nil {
		out.Invitations = most(&out, upcoming.Invitations, func(i rules.Invitation) wire.Invitee {
			return wire.Invitee{Subject: keyOf(c.org, i.Subject), Until: stamp(i.Until)}
		})
	}
	if out.Keys != nil {
		if err := c.idleKeys(&out, keys, before, since); err != nil {
			return out, err
		}
	}
	return out, c.dueReviews(&out)
}

// most shows the first of a list, and counts the rest.
func most[In, Out any](a *wire.Attention, all []In, shown func(In) Out) []Out {
	if n := len(all) - mostAttention; n > 0 {
		a.More += n
		all = all[:mostAttention]
	}
	out := make([]Out, 0, len(all))
	for _, one := range all {
		out = append(out, shown(one))
	}
	return out
}

// idleKeys lists the API keys that end soon, and those that nobody used for long: a key that nobody needs is one that somebody may find.
func (c *call) idleKeys(out *wire.Attention, keys []rules.Key, before, since time.Time) error {
	type idle struct {
		rules.Key
		used time.Time
	}
	var all []idle
	for _, k := range keys {
		used := c.server.used.of(c.org.ID, k.DID)
		known := used
		if known.IsZero() {
			pos, _ := c.org.Access.At(k.Since)
			known = pos.Time
		}
		ends := !k.Until.IsZero() && k.Until.After(c.now) && !k.Until.After(before)
		gone := !k.Until.IsZero() && !k.Until.After(c.now)
		if ends || !gone && known.Before(since) {
			all = append(all, idle{k, used})
		}
	}
	slices.SortFunc(all, func(a, b idle) int {
		return cmp.Or(latestIfZero(a.Until).Compare(latestIfZero(b.Until)), a.used.Compare(b.used), cmp.Compare(a.DID, b.DID))
	})
	var failed error
	out.Keys = most(out, all, func(k idle) wire.Key {
		one := wire.Key{DID: k.DID, Purpose: k.Purpose, Since: k.Since, Until: stamp(k.Until), LastUsed: stamp(k.used), Subject: keyOf(c.org, k.Subject)}
		failed = cmp.Or(failed, c.apiKey(&one, k.Subject))
		return one
	})
	return failed
}

// latestIfZero puts what has no end behind all that has.
func latestIfZero(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return t
}

// dueReviews lists the access reviews that are not closed, and counts the roles that somebody should look at.
func (c *call) dueReviews(out *wire.Attention) error {
	a := c.org.Access.Now(c.now)
	started, _ := c.org.History.Find(history.Query{Types: []events.Type{"review.started"}, To: a.Position})
	var open []wire.Review
	for _, at := range started {
		one, _, err := c.reviewAt(at, a.Position)
		if err != nil {
			return err
		}
		if one.Open {
			open = append(open, one)
		}
	}
	slices.SortStableFunc(open, func(a, b wire.Review) int { return cmp.Compare(cmp.Or(a.Due, "9"), cmp.Or(b.Due, "9")) })
	out.Reviews = most(out, open, func(r wire.Review) wire.Review { return r })
	reviewed, err := c.reviewedRoles(a)
	if err != nil {
		return err
	}
	for _, v := range c.org.Access.Roles(a) {
		if v.Holders == 0 {
			out.Unheld++
		}
		if len(undocumented(v)) > 0 {
			out.Undescribed++
		}
		if due, _, _ := reviewed.due(v, aQuarter); due {
			out.Unreviewed++
		}
	}
	return nil
}

// undocumented says what a role lacks that says when to give it.
func undocumented(v access.RoleView) (missing []string) {
	if v.Description == "" {
		missing = append(missing, "description")
	}
	if !slices.ContainsFunc(v.Labels, func(l events.Label) bool { return l.Name == wire.Guideline }) {
		missing = append(missing, wire.Guideline)
	}
	return missing
}
