package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

func (d *draft) reviewRole() (events.Data, error) {
	role, err := d.role(d.in.Role)
	return &events.RoleReviewed{Role: role}, err
}

func (d *draft) startReview() (events.Data, error) {
	if d.in.Name == nil {
		return nil, badRequest("name is missing: the title of the review")
	}
	due, err := instant(d.in.Until)
	data := &events.ReviewStarted{Review: d.id(), Title: *d.in.Name, Scope: events.ReviewAll, Due: due}
	if err == nil && d.in.About != "" && d.in.About != events.ReviewAll {
		data.Scope, err = d.thing(d.in.About)
	}
	return data, err
}

// review gives a review by id or, where it is not closed, by title.
func (d *draft) review() (rules.Review, error) {
	id, err := ulid.ParseStrict(d.in.Review)
	if err != nil {
		id, _ = d.state.ReviewByTitle(d.in.Review)
	}
	v, ok := d.state.Review(id)
	if !ok || v.Closed {
		return v, problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no review %q, or it is closed", clip(d.in.Review)))
	}
	return v, nil
}

func (d *draft) decideReview() (events.Data, error) {
	v, err := d.review()
	if err != nil {
		return nil, err
	}
	if d.in.Decision != wire.Keep && d.in.Decision != wire.Revoke {
		return nil, badRequest("decision is keep or revoke")
	}
	subject, err := d.subject(d.in.Subject)
	if err != nil {
		return nil, err
	}
	var role ulid.ULID
	permission := ""
	if d.in.Role != "" {
		role, err = d.role(d.in.Role)
	} else {
		permission, err = d.permission(d.in.Permission)
	}
	if err != nil {
		return nil, err
	}
	data := &events.ReviewDecided{Review: v.ID, Subject: subject, Role: role, Permission: permission, Scope: d.in.Scope, Revoke: d.in.Decision == wire.Revoke}
	for _, i := range v.Items {
		if i.Subject == subject && i.Role == role && i.Permission == permission && i.Scope == d.in.Scope {
			data.Grant = i.Grant
			return data, nil
		}
	}
	return nil, problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("This is no item of the review %q", v.Title))
}

func (d *draft) closeReview() (events.Data, error) {
	v, err := d.review()
	if err == nil && d.in.Decision != "" && d.in.Decision != wire.Keep {
		err = badRequest("decision is keep, or absent: what is to be revoked is revoked and decided one by one")
	}
	return &events.ReviewClosed{Review: v.ID, KeepRest: d.in.Decision == wire.Keep}, err
}

// listReviews lists the reviews there were, the newest first.
func listReviews(c *call) (wire.List[wire.Review], error) {
	list := wire.List[wire.Review]{Items: []wire.Review{}}
	a, asOf, err := c.asOf()
	if err != nil {
		return list, err
	}
	list.AsOf = asOf
	started, _ := c.org.History.Find(history.Query{Types: []events.Type{"review.started"}, To: a.Position, Newest: true})
	for _, at := range started {
		one, _, err := c.reviewAt(at, a.Position)
		if err != nil {
			return list, err
		}
		list.Items = append(list.Items, one)
	}
	return list, nil
}

// reviewAt gives what the entries up to a position say of the review that one of them started.
func (c *call) reviewAt(at, to uint64) (wire.Review, *events.ReviewStarted, error) {
	en, err := c.entry(at)
	if err != nil {
		return wire.Review{}, nil, err
	}
	e := en.Event
	d := e.Data.(*events.ReviewStarted)
	one := wire.Review{
		ID: d.Review.String(), Title: d.Title, Scope: c.reviewScope(d.Scope), Due: stamp(d.Due), Count: int(d.Items),
		Started: at, Time: stamp(e.Time), By: keyOf(c.org, e.Actor), Open: true,
	}
	decided, _ := c.org.History.Find(history.Query{Role: d.Review, Types: []events.Type{"review.decided"}, To: to})
	one.Undecided = one.Count - len(decided)
	closed, _ := c.org.History.Find(history.Query{Role: d.Review, Types: []events.Type{"review.closed"}, To: to})
	if len(closed) > 0 {
		end, err := c.entry(closed[0])
		if err != nil {
			return one, d, err
		}
		one.Open, one.Closed, one.ClosedBy, one.ClosedAt = false, closed[0], keyOf(c.org, end.Event.Actor), stamp(end.Event.Time)
		if end.Document != nil {
			one.Document = end.Document.CID
		}
	}
	return one, d, nil
}

func (c *call) reviewScope(scope string) string {
	if scope == events.ReviewAll {
		return scope
	}
	return about(c.org, scope)
}

// getReview shows a review with its items: of one that is not closed as they are, of one that is as its document says. At an earlier
// moment nothing was decided that was decided later.
func getReview(c *call) (wire.One[wire.Review], error) {
	var one wire.One[wire.Review]
	a, asOf, err := c.asOf()
	if err != nil {
		return one, err
	}
	one.AsOf = asOf
	name := c.PathValue("review")
	var id ulid.ULID
	var open rules.Review
	var isOpen bool
	c.org.Fold.Read(func(s *rules.State) {
		var err error
		if id, err = ulid.ParseStrict(name); err != nil {
			id, _ = s.ReviewByTitle(name)
		}
		open, isOpen = s.Review(id)
	})
	started, _ := c.org.History.Find(history.Query{Role: id, Types: []events.Type{"review.started"}, To: a.Position})
	if id == (ulid.ULID{}) || len(started) == 0 {
		return one, noReview(name)
	}
	v, _, err := c.reviewAt(started[0], a.Position)
	if err != nil {
		return one, err
	}
	if v.ID != id.String() { // the id is of a role, which a review is about
		return one, noReview(name)
	}
	v.Items = []wire.ReviewItem{}
	if isOpen && !open.Closed {
		for _, i := range open.Items {
			v.Items = append(v.Items, c.reviewItem(i))
		}
	} else if v.Items, err = c.closedItems(id); err != nil {
		return one, err
	}
	one.Item = v
	return one, c.describeItems(&one.Item, a)
}

func noReview(name string) error {
	return problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no review %q; one that is closed is named by its id", clip(name)))
}

func (c *call) reviewItem(i rules.ReviewItem) wire.ReviewItem {
	item := wire.ReviewItem{
		Subject: keyOf(c.org, i.Subject), Permission: i.Permission, Scope: i.Scope, Grant: i.Grant.String(), At: i.Decided, Time: stamp(i.At),
	}
	if i.Role != (ulid.ULID{}) {
		item.Role = names{c.org}.RoleKey(i.Role)
	}
	if i.Decided != 0 {
		item.By, item.Decision = keyOf(c.org, i.By), wire.Keep
		if i.Revoke {
			item.Decision = wire.Revoke
		}
		if en, err := c.entry(i.Decided); err == nil {
			item.Reason = words(c.org, en.Event.Reason)
		}
	}
	return item
}

// closedItems reads the items of a closed review from its signed document: there subjects are named by their DIDs, roles by
// their names.
func (c *call) closedItems(id ulid.ULID) ([]wire.ReviewItem, error) {
	closed, _ := c.org.History.Find(history.Query{Role: id, Types: []events.Type{"review.closed"}})
	if len(closed) == 0 {
		return nil, errors.New("the review is closed, and no entry closes it: " + id.String())
	}
	end, err := c.entry(closed[0])
	if err != nil {
		return nil, err
	}
	if end.Document == nil {
		return nil, errors.New("the entry that closes a review has no document: " + end.CID())
	}
	cid := end.Document.CID
	d, ok := c.org.Documents.ByCID(cid)
	if !ok {
		return nil, errors.New("the document of a closed review is not there: " + cid)
	}
	var vc struct {
		Subject struct {
			Items []struct {
				UserID, Role, Permission, Scope, Grant, Decision, By string
				Decided                                              time.Time
			}
		} `json:"credentialSubject"`
	}
	if err := json.Unmarshal(d.File, &vc); err != nil {
		return nil, fmt.Errorf("the document %s: %w", cid, err)
	}
	keys := map[string]string{}
	for _, u := range c.org.Access.Subjects(c.org.Access.Now(c.now)) {
		keys[u.DID] = u.Key
	}
	key := func(did string) string {
		if k := keys[did]; k != "" {
			return k
		}
		return did
	}
	decided, err := c.decisionsOf(id, closed[0])
	if err != nil {
		return nil, err
	}
	items := []wire.ReviewItem{}
	for _, i := range vc.Subject.Items {
		item := wire.ReviewItem{
			Subject: key(i.UserID), Role: i.Role, Permission: i.Permission, Scope: i.Scope, Grant: grantID(i.Grant), Decision: i.Decision, Time: stamp(i.Decided),
		}
		if i.By != "" {
			item.By = key(i.By)
		}
		when := decided[itemName{item.Grant, item.Role, item.Permission, item.Scope}]
		item.At, item.Reason = when.at, when.why
		items = append(items, item)
	}
	return items, nil
}

// grantID gives the id that a urn:uuid: is of.
func grantID(urn string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimPrefix(urn, "urn:uuid:"), "-", ""))
	if err != nil || len(b) != len(ulid.ULID{}) {
		return urn
	}
	return ulid.ULID(b).String()
}

// reportUnreviewed lists the roles that nobody looked over for a time, a quarter unless days says otherwise: a review of
// the role was not recorded, and no access review that it was in was closed. A role younger than that is not due yet.
func reportUnreviewed(c *call) (wire.List[wire.RoleReport], error) {
	days, err := c.number("days", uint64(aQuarter/(24*time.Hour)))
	if err != nil {
		return wire.List[wire.RoleReport]{Items: []wire.RoleReport{}}, err
	}
	var all *reviewed
	return c.roleReport(func(v access.RoleView, a access.AsOf, one *wire.RoleReport) (bool, error) {
		if all == nil {
			if all, err = c.reviewedRoles(a); err != nil {
				return false, err
			}
		}
		due, at, last := all.due(v, time.Duration(days)*24*time.Hour)
		one.At, one.Last = at, stamp(last)
		return due, nil
	})
}

// reviewed knows when roles were looked over.
type reviewed struct {
	*call
	a          access.AsOf
	everything uint64 // the position at which a review of all that is given was closed last; 0: none was
}

func (c *call) reviewedRoles(a access.AsOf) (*reviewed, error) {
	r := &reviewed{call: c, a: a}
	closed, _ := c.org.History.Find(history.Query{Types: []events.Type{"review.closed"}, To: a.Position})
	for _, at := range closed {
		en, err := c.entry(at)
		if err != nil {
			return nil, err
		}
		if d := en.Event.Data.(*events.ReviewClosed); d.Scope == events.ReviewAll {
			r.everything = at
		}
	}
	return r, nil
}

// due says whether a role was not looked over for so long, and at which position and time it was last; 0: never.
func (r *reviewed) due(v access.RoleView, after time.Duration) (due bool, at uint64, last time.Time) {
	found, _ := r.org.History.Find(history.Query{Role: v.ID, Types: []events.Type{"role.reviewed", "review.closed"}, To: r.a.Position, Newest: true, Limit: 1})
	if len(found) > 0 {
		at = found[0]
	}
	if r.everything > v.Created {
		at = max(at, r.everything)
	}
	since, _ := r.org.Access.At(max(at, v.Created))
	if at != 0 {
		last = since.Time
	}
	return !since.Time.After(r.a.Instant.Add(-after)), at, last
}
