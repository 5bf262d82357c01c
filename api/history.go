package api

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

const (
	pageSize    = 100
	maxPageSize = 1_000
)

func getHistory(c *call) (wire.List[wire.Item], error) {
	list := wire.List[wire.Item]{Items: []wire.Item{}}
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	list.AsOf = asOf
	q, err := c.historyQuery(a)
	if err != nil {
		return list, err
	}
	if err := c.narrow(&q); err != nil {
		return list, err
	}
	positions, next, err := c.find(q, a)
	if err != nil {
		return list, err
	}
	for _, at := range positions {
		item, err := c.item(at)
		if err != nil {
			return list, err
		}
		if asOf.Occurred != "" && cmp.Or(item.Occurred, item.Time) > asOf.Occurred {
			continue
		}
		list.Items = append(list.Items, item)
	}
	if next != 0 {
		list.Next = strconv.FormatUint(next, 10)
	}
	return list, nil
}

// mostParts is into how many parts a history is divided at most.
const mostParts = 1_000

// getOutline shows of the history what the caller may read, as getHistory does, and of that how much there is in each part.
func getOutline(c *call) (wire.List[wire.HistoryPart], error) {
	list := wire.List[wire.HistoryPart]{Items: []wire.HistoryPart{}}
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	list.AsOf = asOf
	q, err1 := c.historyQuery(a)
	parts, err2 := c.number("parts", pageSize)
	if err2 == nil && (parts == 0 || parts > mostParts) {
		err2 = badRequest(fmt.Sprintf("parts is %d; it goes from 1 to %d", parts, mostParts))
	}
	by := cmp.Or(c.query.Get("by"), byPosition)
	if by != byPosition && by != byTime {
		err2 = noSuch("by", by, map[string]bool{byPosition: true, byTime: true})
	}
	if err := cmp.Or(err1, err2); err != nil {
		return list, err
	}
	if err := c.narrow(&q); err != nil {
		return list, err
	}
	for _, p := range c.org.History.Outline(q, int(parts), by == byTime) {
		list.Items = append(list.Items, wire.HistoryPart{
			From: p.From, To: p.To, Since: stamp(p.Since), Until: stamp(p.Until), Entries: p.Entries, Took: p.Took,
		})
	}
	return list, nil
}

// By what a history is divided into parts.
const (
	byPosition = "position"
	byTime     = "time"
)

// mostLookedAt is how many entries are read for a page of what is about something that no index knows. A page may be short
// for it, and empty; the next goes on behind.
const mostLookedAt = 10_000

// find gives the positions of a page, and where the next begins; 0: there is none. What an entry is about is read from it.
func (c *call) find(q history.Query, a access.AsOf) (found []uint64, next uint64, err error) {
	behind := func(at uint64) uint64 {
		if q.Newest {
			return at - 1
		}
		return at + 1
	}
	text := c.query.Get("about")
	if text == "" {
		found, more := c.org.History.Find(q)
		if more {
			next = behind(found[len(found)-1])
		}
		return found, next, nil
	}
	about, err := c.about(text, &q, a)
	if err != nil {
		return nil, 0, err
	}
	limit := q.Limit
	q.Limit = mostLookedAt
	all, more := c.org.History.Find(q)
	for i, at := range all {
		en, err := c.entry(at)
		if err != nil {
			return nil, 0, err
		}
		if en.Event.Data.About() != about {
			delete(c.entries, at)
			continue
		}
		if found = append(found, at); len(found) == limit {
			more = more || i+1 < len(all)
			if more {
				next = behind(at)
			}
			return found, next, nil
		}
	}
	if more {
		next = behind(all[len(all)-1])
	}
	return found, next, nil
}

// about reads role:, subject:, resource: or token: and a name, gives it as events write what they are about, and narrows a
// query to what an index knows of it.
func (c *call) about(text string, q *history.Query, a access.AsOf) (string, error) {
	kind, name, _ := strings.Cut(text, ":")
	var err error
	var id ulid.ULID
	switch {
	case name == "":
	case kind == "role":
		if id, err = c.anyRole(name, a); q.Role == (ulid.ULID{}) {
			q.Role = id
		}
		return "role/" + id.String(), err
	case kind == "subject":
		if id, err = c.anySubject(name, a); q.Subject == (ulid.ULID{}) {
			q.Subject = id
		}
		return "subject/" + id.String(), err
	case kind == "token":
		return events.TokenScope(name), nil
	case kind == "resource":
		return kind + "/" + name, nil
	}
	return "", badRequest("about is role:, subject:, resource: or token:, and a name")
}

// historyQuery reads the parameters. A cursor is the position at which the next page begins.
func (c *call) historyQuery(a access.AsOf) (history.Query, error) {
	var q history.Query
	var errs [10]error
	if name := c.query.Get("role"); name != "" {
		q.Role, errs[0] = c.anyRole(name, a)
	}
	if name := c.query.Get("subject"); name != "" {
		q.Subject, errs[1] = c.anySubject(name, a)
	}
	if name := c.query.Get("actor"); name != "" {
		q.Actor, errs[2] = c.anySubject(name, a)
	}
	if c.query.Has("permission") {
		var known bool
		var near []string
		if q.Permission, known, near, errs[3] = c.permissionName(); !known && errs[3] == nil {
			errs[3] = notFoundPermission(q.Permission, near)
		}
	}
	if t := events.Type(c.query.Get("type")); t != "" {
		if _, known := events.Types()[t]; !known {
			p := badRequest(fmt.Sprintf("There is no type of event %q", clip(string(t))))
			p.Nearest = rules.Nearest(string(t), func(yield func(string) bool) {
				for known := range events.Types() {
					if !yield(string(known)) {
						return
					}
				}
			})
			errs[4] = p
		}
		q.Types = []events.Type{t}
	}
	q.From, errs[5] = c.number("from", 1)
	q.To, errs[6] = c.number("to", a.Position)
	q.Limit, errs[7] = c.limit(pageSize, maxPageSize)
	q.Newest, errs[8] = c.flag("newest")
	q.Taking, errs[9] = c.flag("taking")
	if err := cmp.Or(errs[:]...); err != nil {
		return q, err
	}
	if err := c.times(&q); err != nil {
		return q, err
	}
	if q.To == 0 || q.To > a.Position { // the index takes 0 for no bound
		q.To = a.Position
	}
	cursor, err := c.number("cursor", 0)
	if err == nil && cursor != 0 {
		if q.Newest {
			q.To = min(q.To, cursor)
		} else {
			q.From = max(q.From, cursor)
		}
	}
	return q, err
}

func (c *call) times(q *history.Query) error {
	for name, into := range map[string]*time.Time{"since": &q.Since, "before": &q.Before} {
		if err := c.instantOf(name, into); err != nil {
			return err
		}
	}
	return nil
}

// instantOf reads a parameter that is an instant; where it is absent, it leaves what is there.
func (c *call) instantOf(name string, into *time.Time) error {
	text := c.query.Get(name)
	if text == "" {
		return nil
	}
	if err := into.UnmarshalText([]byte(text)); err != nil {
		return badRequest(fmt.Sprintf("%s is %q, which is no RFC 3339 time", name, clip(text)))
	}
	return nil
}

// anyRole gives the id of a role as of then; where it is deleted, of the one that had the key last.
func (c *call) anyRole(name string, a access.AsOf) (ulid.ULID, error) {
	v, err := c.org.Access.Role(name, a)
	if gone := (*access.NotFoundError)(nil); errors.As(err, &gone) && gone.Deleted > 1 {
		a.Position = gone.Deleted - 1
		if before, again := c.org.Access.Role(name, a); again == nil {
			return before.ID, nil
		}
	}
	return v.ID, err
}

// anySubject gives the id of a subject, or of the ledger's own actor, which is named by its id, or as it is shown where
// no subject has that key.
func (c *call) anySubject(name string, a access.AsOf) (ulid.ULID, error) {
	v, err := c.org.Access.Subject(name, a)
	if err != nil {
		var own, operator ulid.ULID
		c.org.Fold.Read(func(s *rules.State) { own, operator = s.Opened().Node, s.Opened().Operator })
		switch {
		case name == ledgerActor || name == own.String():
			return own, nil
		case operator != (ulid.ULID{}) && (name == operatorActor || name == operator.String()):
			return operator, nil
		}
	}
	return v.ID, err
}

// thing reads role:<key> or subject:<key> and gives the thing as events name it.
func (c *call) thing(text string, a access.AsOf) (string, error) {
	kind, name, _ := strings.Cut(text, ":")
	var id ulid.ULID
	var err error
	switch kind {
	case "role":
		id, err = c.anyRole(name, a)
	case "subject":
		id, err = c.anySubject(name, a)
	default:
		err = badRequest("about is role: or subject: and a key")
	}
	return kind + "/" + id.String(), err
}

// item gives a line of history. What an event did is said in the names that its things have now.
func (c *call) item(at uint64) (wire.Item, error) {
	en, err := c.entry(at)
	if err != nil {
		return wire.Item{}, err
	}
	return c.itemOf(en)
}

func (c *call) itemOf(en *chain.Entry) (wire.Item, error) {
	e := en.Event
	item := wire.Item{
		Seq: e.Sequence, CID: en.CID(), Time: stamp(e.Time), Type: string(e.Data.Type()), Actor: keyOf(c.org, e.Actor),
		About: about(c.org, e.Data.About()), What: history.Describe(e, names{c.org}), Reason: words(c.org, e.Reason), Command: e.ID.String(),
	}
	if i := e.Origin.Import; i != nil {
		item.Occurred, item.Import = stamp(i.Occurred), &wire.Imported{Format: i.Format, Source: i.Source, Record: i.Record, Part: i.Part}
	}
	if d := e.Origin.Derived; d != nil {
		item.Follows = d.From.String()
	}
	return item, nil
}

// names gives the keys that roles and subjects have.
type names struct{ org *node.Org }

func (n names) SubjectKey(id ulid.ULID) string { return keyOf(n.org, id) }

func (n names) RoleKey(id ulid.ULID) string {
	key := id.String()
	n.org.Fold.Read(func(s *rules.State) {
		if r, ok := s.Role(id); ok {
			key = r.Key
		}
	})
	return key
}

// about says what an event is about as people write it: role:editor for role/01J….
func about(org *node.Org, thing string) string {
	kind, rest, _ := strings.Cut(thing, "/")
	if id, err := ulid.ParseStrict(rest); err == nil {
		switch kind {
		case "role":
			rest = names{org}.RoleKey(id)
		case "subject":
			rest = names{org}.SubjectKey(id)
		}
	}
	return kind + ":" + rest
}
