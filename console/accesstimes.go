package console

import (
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// allowed is when something was allowed.
type allowed struct {
	Spans []span
	From  uint64 // nothing before this position was looked at; 1: all was
}

// A span is from the event that allowed something to the last one at which that was so.
type span struct {
	From, To uint64
	Open     bool // it is so at the moment of the page
}

// looked is how many events of the subject and of the permission are looked at.
const looked = 40

// allowed finds when something was allowed, up to a position. Between two events about the subject, the permission or a role that was
// deleted the answer can only differ by what others did, as who delegated it; where it does, that event is searched for. Where
// the caller may not read the history, or there is nothing to tell, it is nil.
func (v *visit) allowed(a *accessPage, to uint64) (*allowed, error) {
	if !v.can("history.read") || a.With != "" {
		return nil, nil
	}
	at, from, err := v.turns(a, to)
	if err != nil || len(at) == 0 {
		return nil, err
	}
	aside := *a
	ask := v.aside()
	is := func(position uint64) (bool, error) {
		if position == to {
			return a.Answer.Allowed, nil
		}
		c, err := ask.Explain(v.ctx(), v.org, aside.Subject, aside.Permission, aside.Resource, client.Read{AsOf: number(position)})
		return c.Allowed, err
	}
	t := allowed{From: from}
	var before bool // whether it was so at the candidate before
	var last uint64
	for _, position := range at {
		now, err := is(position)
		if err != nil {
			return nil, err
		}
		if now != before && last != 0 {
			if position, err = turn(last, position, now, is); err != nil {
				return nil, err
			}
		}
		switch n := len(t.Spans); {
		case now && !before:
			t.Spans = append(t.Spans, span{From: position, Open: true})
		case !now && before:
			t.Spans[n-1].To, t.Spans[n-1].Open = position-1, false
		}
		before, last = now, position
	}
	return &t, nil
}

// turn gives the first position behind one, up to another, at which the answer is what it is at the latter.
func turn(low, high uint64, want bool, is func(uint64) (bool, error)) (uint64, error) {
	for low+1 < high {
		mid := low + (high-low)/2
		got, err := is(mid)
		if err != nil {
			return 0, err
		}
		if got == want {
			high = mid
		} else {
			low = mid
		}
	}
	return high, nil
}

// turns gives positions at which the answer may have changed, ascending, the last of them to; and from where on they are all.
func (v *visit) turns(a *accessPage, to uint64) (at []uint64, from uint64, err error) {
	from = 1
	for _, q := range []wire.HistoryQuery{{Subject: a.Subject}, {Permission: a.Answer.Permission}, {Type: "role.deleted"}} {
		q.To, q.Newest, q.Limit = to, true, looked
		list, err := v.aside().History(v.ctx(), v.org, q)
		if refused(err) != nil { // nobody of that name, or no such permission
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		for _, it := range list.Items {
			at = append(at, it.Seq)
		}
		if list.Next != "" {
			from = max(from, list.Items[len(list.Items)-1].Seq)
		}
	}
	at = append(at, to)
	slices.Sort(at)
	at = slices.DeleteFunc(slices.Compact(at), func(seq uint64) bool { return seq < from })
	return at, from, nil
}
