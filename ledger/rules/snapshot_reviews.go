package rules

import (
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/snapshot"
)

// appendReviews appends the reviews that are not closed, and the one that the last event closed.
func (s *State) appendReviews(b []byte) []byte {
	b = snapshot.AppendCount(b, len(s.reviews))
	for _, id := range slices.SortedFunc(maps.Keys(s.reviews), ulid.ULID.Compare) {
		b = s.reviews[id].appendSnapshot(b)
	}
	if b = snapshot.AppendBool(b, s.closed != nil); s.closed != nil {
		b = s.closed.appendSnapshot(b)
	}
	return b
}

func (r *review) appendSnapshot(b []byte) []byte {
	b = snapshot.AppendString(snapshot.AppendString(append(b, r.id[:]...), r.title), r.scope)
	b = snapshot.AppendInt(b, instantOf(r.due))
	b = append(snapshot.AppendUint(b, r.started), r.by[:]...)
	b = snapshot.AppendCount(b, len(r.items))
	for _, i := range r.items {
		b = append(append(append(b, i.Subject[:]...), i.Grant[:]...), i.Role[:]...)
		b = snapshot.AppendString(snapshot.AppendString(b, i.Permission), i.Scope)
		if b = snapshot.AppendUint(b, i.Decided); i.Decided != 0 {
			b = snapshot.AppendBool(snapshot.AppendInt(append(b, i.By[:]...), i.At.UnixMilli()), i.Revoke)
		}
	}
	return b
}

func (s *State) readReviews(r *snapshot.Reader) {
	readByID(r, 39, func(id ulid.ULID) {
		v := s.readReview(r, id)
		s.reviews[v.id] = v
	})
	if r.Bool() {
		s.closed = s.readReview(r, r.ID())
		if s.reviews[s.closed.id] != nil {
			r.Fail("a review is closed and is not")
		}
	}
}

func (s *State) readReview(r *snapshot.Reader, id ulid.ULID) *review {
	v := &review{id: id, title: r.String(), scope: r.String(), due: timeOf(r.Int()), started: s.past(r), by: r.ID()}
	if _, _, one := Thing(v.scope); v.scope != events.ReviewAll && !one {
		r.Fail("a review is of %q", v.scope)
	}
	v.items = make([]ReviewItem, r.Count(51))
	for n := range v.items {
		i := &v.items[n]
		*i = ReviewItem{Subject: r.ID(), Grant: r.ID(), Role: r.ID(), Permission: r.String(), Scope: r.String(), Decided: s.past(r)}
		if i.Decided != 0 {
			i.By, i.At, i.Revoke = r.ID(), instant(r.Int()), r.Bool()
		}
		if n > 0 && v.items[n-1].compare(i) >= 0 {
			r.Fail("the items of a review are out of order")
		}
	}
	return v
}

// instantOf writes an instant that may be none.
func instantOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
