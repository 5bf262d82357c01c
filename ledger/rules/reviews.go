package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// review is a review that is not closed. The last one that was is kept until the next event: its document is made of it.
type review struct {
	id      ulid.ULID
	title   string
	scope   string
	due     time.Time // zero: none
	started uint64    // position
	by      ulid.ULID
	items   []ReviewItem // by subject, role, permission and scope
}

// A ReviewItem is something that was given when a review started, and what was decided of it.
type ReviewItem struct {
	Subject    ulid.ULID
	Grant      ulid.ULID // the event that gave it
	Role       ulid.ULID // zero where it is a permission
	Permission string    // empty where it is a role
	Scope      string
	Decided    uint64    // position; 0: nobody decided of it
	By         ulid.ULID // who did
	At         time.Time // when
	Revoke     bool      // what was decided
}

func (i *ReviewItem) compare(o *ReviewItem) int {
	return cmp.Or(i.Subject.Compare(o.Subject), i.Role.Compare(o.Role), cmp.Compare(i.Permission, o.Permission), cmp.Compare(i.Scope, o.Scope))
}

// A Review is a review as it is.
type Review struct {
	ID      ulid.ULID
	Title   string
	Scope   string    // events.ReviewAll, role/<id> or subject/<id>
	Due     time.Time // zero: none
	Started uint64    // position
	By      ulid.ULID
	Closed  bool // by the last event
	Items   []ReviewItem
}

// Review gives a review that is not closed, or that the last event closed.
func (s *State) Review(id ulid.ULID) (Review, bool) {
	r := s.reviews[id]
	closed := r == nil && s.closed != nil && s.closed.id == id
	if closed {
		r = s.closed
	}
	if r == nil {
		return Review{}, false
	}
	return Review{r.id, r.title, r.scope, r.due, r.started, r.by, closed, slices.Clone(r.items)}, true
}

// Reviews gives the ids of the reviews that are not closed, ascending.
func (s *State) Reviews() []ulid.ULID {
	var ids []ulid.ULID
	for id := range s.reviews {
		ids = append(ids, id)
	}
	return sortedIDs(ids)
}

// ReviewByTitle gives the review that has a title and is not closed; false where none or several have it.
func (s *State) ReviewByTitle(title string) (id ulid.ULID, ok bool) {
	for _, r := range s.reviews {
		if r.title == title {
			if ok {
				return ulid.ULID{}, false
			}
			id, ok = r.id, true
		}
	}
	return id, ok
}

func (s *State) decideRoleReviewed(e *events.Event, d *events.RoleReviewed) *Refusal {
	if r := s.need(e.Actor, ActionRoleReview, "", e.Time); r != nil {
		return r
	}
	_, r := s.role(d.Role)
	return r
}

func (s *State) decideReviewStarted(e *events.Event, d *events.ReviewStarted) *Refusal {
	if r := s.need(e.Actor, ActionReviewStart, "", e.Time); r != nil {
		return r
	}
	if s.reviews[d.Review] != nil {
		return refuse(Taken, "The id %s is another review's", d.Review)
	}
	if strings.TrimSpace(d.Title) == "" {
		return refuse(Invalid, "A review has a title").hint("Say what is looked over, and when")
	}
	if _, taken := s.ReviewByTitle(d.Title); taken {
		return refuse(Taken, "A review that is not closed is called %q already", d.Title)
	}
	if r := end(e, d.Due); r != nil {
		return r
	}
	if d.Scope != events.ReviewAll {
		kind, id, ok := Thing(d.Scope)
		r := refuse(NotFound, "There is no %s to look over", d.Scope)
		switch {
		case !ok:
			return r
		case kind == "role":
			if _, gone := s.role(id); gone != nil {
				return r
			}
		case s.subjects.get(id) == nil:
			return r
		}
	}
	if d.Items = uint64(len(s.reviewItems(d.Scope, e.Time))); d.Items == 0 {
		return refuse(Invalid, "Nothing was given there, so there is nothing to look over")
	}
	return nil
}

// reviewItems gives what was given in a scope and holds at an instant.
func (s *State) reviewItems(scope string, at time.Time) []ReviewItem {
	kind, id, _ := Thing(scope)
	var items []ReviewItem
	for u := range s.subjects.all() {
		if kind == "subject" && u.id != id {
			continue
		}
		for i := range u.grants {
			g := &u.grants[i]
			role, permission := s.names(g.what)
			if g.holds(at) && (kind != "role" || role == id) {
				items = append(items, ReviewItem{Subject: u.id, Grant: g.id, Role: role, Permission: permission, Scope: g.scope})
			}
		}
	}
	slices.SortFunc(items, func(a, b ReviewItem) int { return a.compare(&b) })
	return items
}

func (s *State) review(id ulid.ULID) (*review, *Refusal) {
	if r := s.reviews[id]; r != nil {
		return r, nil
	}
	return nil, refuse(NotFound, "There is no review %s, or it is closed", id)
}

func (s *State) decideReviewDecided(e *events.Event, d *events.ReviewDecided) *Refusal {
	if r := s.need(e.Actor, ActionReviewDecide, d.Scope, e.Time); r != nil {
		return r
	}
	v, r := s.review(d.Review)
	if r != nil {
		return r
	}
	item := v.find(d)
	if item == nil || item.Grant != d.Grant {
		return refuse(NotFound, "This is no item of the review %q", v.title).hint("Items are what was given when it started")
	}
	if item.Decided != 0 {
		return refuse(NoChange, "Of this item was decided at %d", item.Decided)
	}
	switch has := s.stillHas(item, e.Time); {
	case has && d.Revoke:
		return refuse(InUse, "It is still held").hint("Take it away first: then decide that it is revoked")
	case !has && !d.Revoke:
		return refuse(NotFound, "It is not held any more, and cannot be kept").hint("Decide that it is revoked")
	}
	return nil
}

// stillHas says whether a subject still has what an item is, by the same grant.
func (s *State) stillHas(i *ReviewItem, at time.Time) bool {
	u := s.subjects.get(i.Subject)
	if u == nil {
		return false
	}
	for k := range u.grants {
		g := &u.grants[k]
		if role, permission := s.names(g.what); g.id == i.Grant && role == i.Role && permission == i.Permission && g.scope == i.Scope {
			return g.holds(at)
		}
	}
	return false
}

func (r *review) find(d *events.ReviewDecided) *ReviewItem {
	want := ReviewItem{Subject: d.Subject, Role: d.Role, Permission: d.Permission, Scope: d.Scope}
	i, there := slices.BinarySearchFunc(r.items, want, func(a, b ReviewItem) int { return a.compare(&b) })
	if !there {
		return nil
	}
	return &r.items[i]
}

func (s *State) decideReviewClosed(e *events.Event, d *events.ReviewClosed) *Refusal {
	if r := s.need(e.Actor, ActionReviewClose, "", e.Time); r != nil {
		return r
	}
	v, r := s.review(d.Review)
	if r != nil {
		return r
	}
	d.Scope = v.scope
	for i := range v.items {
		switch item := &v.items[i]; {
		case item.Decided == 0:
			d.Rest++
		case item.Revoke:
			d.Revoked++
		default:
			d.Kept++
		}
	}
	if d.Rest > 0 && !d.KeepRest {
		return refuse(InUse, "Of %d of the %d items nobody has decided", d.Rest, len(v.items)).
			hint("Decide of each, or say that the rest is kept, or revoked")
	}
	return nil
}

func (s *State) startReview(e *events.Event, d *events.ReviewStarted) {
	put(s.notes, s.reviews, d.Review, &review{
		id: d.Review, title: d.Title, scope: d.Scope, due: d.Due, started: e.Sequence, by: e.Actor, items: s.reviewItems(d.Scope, e.Time),
	})
}

func (s *State) decideItem(e *events.Event, d *events.ReviewDecided) {
	item := s.reviews[d.Review].find(d)
	keep(s.notes, item)
	item.Decided, item.By, item.At, item.Revoke = e.Sequence, e.Actor, e.Time, d.Revoke
}

func (s *State) closeReview(d *events.ReviewClosed) {
	s.closed = s.reviews[d.Review]
	drop(s.notes, s.reviews, d.Review)
}
