package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/history"
)

// levels says whose doings a caller may read. Everybody reads its own; log.system adds those of the owner's account and of
// the ledger itself, log.users those of everybody else. history.read is both.
type levels struct {
	self          ulid.ULID
	system, users bool
	owner, ledger ulid.ULID
}

func (c *call) levels() levels {
	l := levels{self: c.subject}
	c.org.Fold.Read(func(s *rules.State) {
		l.owner, l.ledger = s.Owner(), s.Opened().Node
		all := c.caller.Kind == LocalOperator || s.May(c.subject, rules.ActionHistoryRead, "", c.now)
		l.system = all || s.May(c.subject, rules.ActionLogSystem, "", c.now)
		l.users = all || s.May(c.subject, rules.ActionLogUsers, "", c.now)
	})
	return l
}

// needs gives the action that lets somebody read what an actor did; empty: nothing is missing. What nobody did, as when a
// start mends a copy, is the system's.
func (l levels) needs(actor ulid.ULID) string {
	var nobody ulid.ULID
	switch {
	case actor == l.self && actor != nobody:
		return ""
	case actor == nobody || actor == l.owner || actor == l.ledger:
		if !l.system {
			return rules.ActionLogSystem
		}
	case !l.users:
		return rules.ActionLogUsers
	}
	return ""
}

// narrow makes a query find only what the caller may read. Who asks for somebody whom it may not read is told so.
func (c *call) narrow(q *history.Query) error {
	l := c.levels()
	if q.Actor != (ulid.ULID{}) {
		if action := l.needs(q.Actor); action != "" {
			return c.may(action)
		}
		return nil
	}
	system := []ulid.ULID{l.owner, l.ledger}
	switch {
	case l.users && !l.system:
		q.Except = slices.DeleteFunc(system, func(id ulid.ULID) bool { return id == l.self })
	case !l.users && l.system:
		q.Actors = append(system, l.self)
	case !l.users:
		q.Actor = l.self
	}
	return nil
}

// activityQuery is what a reader of the activity stream looks for.
type activityQuery struct {
	levels        levels
	actor         ulid.ULID
	equal         map[string]string
	since, before time.Time
}

func (c *call) activityQuery() (activityQuery, error) {
	q := activityQuery{levels: c.levels(), equal: map[string]string{}}
	a, _, err := c.asOf()
	if err != nil {
		return q, err
	}
	if name := c.query.Get("actor"); name != "" {
		if q.actor, err = c.anySubject(name, a); err != nil {
			return q, err
		}
		if action := q.levels.needs(q.actor); action != "" {
			if err := c.may(action); err != nil {
				return q, err
			}
		}
	}
	if text := c.query.Get("about"); text != "" {
		if q.equal["about"], err = c.thing(text, a); err != nil {
			return q, err
		}
	}
	for _, name := range []string{"kind", "type", "code"} {
		if v := c.query.Get(name); v != "" {
			q.equal[name] = v
		}
	}
	if c.query.Has("permission") {
		if q.equal["permission"], _, _, err = c.permissionName(); err != nil {
			return q, err
		}
	}
	for name, into := range map[string]*time.Time{"since": &q.since, "before": &q.before} {
		if err := c.instantOf(name, into); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (q *activityQuery) fits(r *node.ActivityRecord) bool {
	actor, _ := ulid.ParseStrict(r.Actor)
	if q.levels.needs(actor) != "" || q.actor != (ulid.ULID{}) && actor != q.actor {
		return false
	}
	for name, want := range q.equal {
		have := map[string]string{"about": r.About, "kind": r.Kind, "type": r.Type, "code": string(r.Code), "permission": r.Permission}[name]
		if have != want {
			return false
		}
	}
	if q.since.IsZero() && q.before.IsZero() {
		return true
	}
	var at time.Time
	if err := at.UnmarshalText([]byte(r.Time)); err != nil {
		return false
	}
	return !at.Before(q.since) && (q.before.IsZero() || at.Before(q.before))
}

// personalEvery is how often it is noted that the same caller read the same personal data.
const personalEvery = time.Hour

// personal remembers which readings of personal data were noted, and when.
type personal struct {
	recent[reading, time.Time]
}

// reading is who read the personal data of whom.
type reading struct{ org, who, about string }

const mostReadings = 50_000 // of each half; of those that are forgotten some are noted again

// first says whether a reading is to be noted: it is the first in a while.
func (p *personal) first(org, who, about string, now time.Time) bool {
	return p.putUnless(reading{org, who, about}, now, mostReadings, func(noted time.Time) bool {
		return now.Sub(noted) < personalEvery && !now.Before(noted)
	})
}

// readPersonal notes that the caller reads personal data: that of a subject, or of all where id is zero. Nobody's reading of
// its own is noted.
func (c *call) readPersonal(id ulid.ULID, what string) {
	if id == c.subject && c.subject != (ulid.ULID{}) {
		return
	}
	about := ""
	if id != (ulid.ULID{}) {
		about = "subject/" + id.String()
	}
	if !c.server.personal.first(c.org.ID, c.name(), about, c.now) {
		return
	}
	r := node.ActivityRecord{Kind: node.ActivityPersonal, Request: c.Method + " " + clip(c.URL.Path), About: about, Reason: what, Credential: c.caller.did()}
	if c.subject != (ulid.ULID{}) {
		r.Actor = c.subject.String()
	}
	c.org.Activity.Note(c.now, r)
}

// activityWindow is how many records are read at a time, from the newest back.
const activityWindow = 1000

func getActivity(c *call) (wire.List[wire.Activity], error) {
	list := wire.List[wire.Activity]{Items: []wire.Activity{}, AsOf: head(c.org, c.now)}
	limit, err1 := c.limit(pageSize, maxPageSize)
	q, err2 := c.activityQuery()
	if err := cmp.Or(err1, err2); err != nil {
		return list, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	feed := c.org.Activity.Feed()
	last, err := feed.Len(ctx)
	if err != nil {
		return list, err
	}
	if c.query.Has("cursor") {
		cursor, err := c.number("cursor", 0)
		if err != nil {
			return list, err
		}
		last = min(last, cursor)
	}
	for last > 0 && len(list.Items) <= limit {
		from := uint64(1)
		if last > activityWindow {
			from = last - activityWindow + 1
		}
		window := []wire.Activity{}
		for m, err := range feed.Entries(ctx, from) {
			if err != nil {
				return list, err
			}
			if m.Seq > last {
				break
			}
			var r node.ActivityRecord
			if err := json.Unmarshal(m.Data, &r); err != nil {
				return list, fmt.Errorf("activity record %d: %w", m.Seq, err)
			}
			if q.fits(&r) {
				window = append(window, c.activity(m.Seq, r))
			}
		}
		list.Items = slices.Concat(window, list.Items)
		last = from - 1
	}
	if more := len(list.Items) - limit; more > 0 {
		list.Items = list.Items[more:]
		list.Next = strconv.FormatUint(list.Items[0].Seq-1, 10)
	}
	list.Items = notNull(list.Items)
	return list, nil
}

func (c *call) activity(seq uint64, r node.ActivityRecord) wire.Activity {
	actor := r.Actor
	if id, err := ulid.ParseStrict(r.Actor); err == nil {
		actor = keyOf(c.org, id)
	}
	one := wire.Activity{
		Seq: seq, Time: r.Time, Kind: r.Kind, ID: r.ID, Type: r.Type, Request: r.Request, Actor: actor,
		Credential: r.Credential, Code: string(r.Code), Reason: r.Reason, Permission: r.Permission, Resource: r.Resource,
	}
	if r.About != "" || r.Request == "" {
		one.About = about(c.org, r.About)
	}
	return one
}
