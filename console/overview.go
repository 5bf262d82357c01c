package console

import (
	"net/http"
	"slices"

	"github.com/permledger/permledger/api/wire"
)

func overviewRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}", screen: func(v *visit) (view, error) { return view{to: v.address("overview")}, nil }, open: true},
		{method: http.MethodGet, path: "{org}/overview", screen: (*visit).overview},
	}
}

// overview is what the first page shows: how much there is, whether the ledger holds, what somebody should look at, what came last.
type overview struct {
	Organization wire.Organization
	Integrity    *integrity      // nil in the past: it is of now
	Attention    *wire.Attention // nil in the past, and for who may not read it
	Withheld     *wire.Problem   // why there is no Attention
	Sets         []changeSet
	now          string
}

// shownOfEach is how many lines of a kind ask for attention on the first page.
const shownOfEach = 5

func (v *visit) overview() (view, error) {
	o := overview{Organization: v.details}
	h, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, Newest: true, Limit: 10})
	if err != nil {
		return view{}, err
	}
	o.Sets, o.now = changeSets(h.Items), h.AsOf.Instant
	if v.at == "" {
		if o.Integrity, err = v.integrity(h.AsOf.Seq); err != nil {
			return view{}, err
		}
		if v.can("roles.read") {
			a, err := v.client.Attention(v.ctx(), v.org, 0, 0)
			if o.Withheld = withheld(err); err != nil && o.Withheld == nil {
				return view{}, err
			}
			o.Attention = &a
		}
	}
	return view{template: "overview", title: "Overview", data: &o}, nil
}

// withheld gives the problem of a part of a page that the caller may not read, and nil for other errors: the rest is shown.
func withheld(err error) *wire.Problem {
	if err == nil {
		return nil
	}
	if p := problem(err); p.Status == http.StatusForbidden {
		return &p
	}
	return nil
}

// In says how far an instant is from the page's, in words.
func (o *overview) In(instant string) string { return distance(o.now, instant) }

// Calm says that nothing asks for attention.
func (o *overview) Calm() bool {
	a := o.Attention
	return a != nil && len(a.Ends)+len(a.Keys)+len(a.Invitations)+len(a.Reviews)+a.Unreviewed+a.Unheld+a.Undescribed == 0 &&
		o.Organization.Recovery == nil && !slices.ContainsFunc(o.Organization.Witnesses, func(w wire.Witness) bool { return w.Alarm })
}

// Overdue says that the day by which a review was to be done is over.
func (o *overview) Overdue(r wire.Review) bool { return r.Due != "" && r.Due <= o.now }

// First gives the first lines of a list, as many as the page has room for.
func (o *overview) First(list any) any {
	switch all := list.(type) {
	case []wire.Ending:
		return all[:min(len(all), shownOfEach)]
	case []wire.Key:
		return all[:min(len(all), shownOfEach)]
	case []wire.Invitee:
		return all[:min(len(all), shownOfEach)]
	case []wire.Review:
		return all[:min(len(all), shownOfEach)]
	}
	return list
}

// Left is how many lines the page leaves out.
func (o *overview) Left() int {
	left := o.Attention.More
	for _, n := range []int{len(o.Attention.Ends), len(o.Attention.Keys), len(o.Attention.Invitations), len(o.Attention.Reviews)} {
		left += max(n-shownOfEach, 0)
	}
	return left
}
