package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// travel is where one can go from the moment of a page.
type travel struct {
	At, Head      uint64
	Time          string // of At
	To, Live      string // addresses: of POSITION, which stands in it, and of now
	Before, After string // addresses of the change sets around it; empty: there is none
	Presets       []preset
}

// A preset is a moment that is often asked for.
type preset struct {
	Title, Address string
	Why            string // why one cannot go there
	Here           bool
}

// travelled gives where the form that chooses a moment leads to; empty: it was not sent.
func (v *visit) travelled() string {
	q := v.URL.Query()
	if !q.Has("event") && !q.Has("time") {
		return ""
	}
	event, when := strings.TrimSpace(q.Get("event")), strings.TrimSpace(q.Get("time"))
	q.Del("event")
	q.Del("time")
	q.Del("cursor")
	q.Del("at")
	switch n, ok := readNumber(event); {
	case when != "": // in UTC, as everything here
		if _, err := time.Parse("2006-01-02T15:04", when); err == nil {
			when += "Z"
		}
		q.Set("at", when)
	case event == "" || ok && n >= v.head():
	default:
		q.Set("at", event)
	}
	return with(v.URL.EscapedPath(), q.Encode())
}

// near is how many events around a moment are looked at for the change sets there.
const near = 30

// whereTo finds where one can go from the moment of the page.
func (v *visit) whereTo() (*travel, error) {
	at, err := v.moment()
	if err != nil {
		return nil, err
	}
	var t travel
	t.At, t.Time, t.Head = at.Seq, at.Time, max(v.head(), at.Seq)
	t.To, t.Live = v.changed("at", "POSITION"), v.changed("at", "")
	around, err := v.aside().History(v.ctx(), v.org, wire.HistoryQuery{
		Newest: true, From: max(t.At, near) - near + 1, To: t.At + near, Limit: 2 * near,
	})
	if err != nil {
		return nil, err
	}
	sets := changeSets(around.Items)
	if i := slices.IndexFunc(sets, func(s changeSet) bool { return s.First <= t.At }); i >= 0 {
		if before := sets[i].First - 1; before > 0 {
			t.Before = v.changed("at", number(before))
		}
		switch { // sets are the newest first
		case sets[i].Last > t.At:
			t.After = v.moved(sets[i].Last)
		case i > 0:
			t.After = v.moved(sets[i-1].Last)
		}
	}
	first, err := v.aside().History(v.ctx(), v.org, wire.HistoryQuery{To: 1, Limit: 1})
	if err != nil {
		return nil, err
	}
	t.Presets = v.presets(first.Items, time.Now().UTC())
	return &t, nil
}

// moved gives the address of this page at another position; at the head it is live.
func (v *visit) moved(to uint64) string {
	if to >= v.head() {
		return v.changed("at", "")
	}
	return v.changed("at", number(to))
}

// presets are the moments that are often asked for. Yesterday is its last moment, as every day is.
func (v *visit) presets(first []wire.Item, now time.Time) []preset {
	all := []preset{{Title: "First event", Address: v.changed("at", "1"), Here: v.at == "1"}}
	for _, p := range []struct {
		title string
		days  int
	}{{"A year ago", 365}, {"30 days ago", 30}, {"7 days ago", 7}, {"Yesterday", 1}} {
		day := now.AddDate(0, 0, -p.days).Format(time.DateOnly)
		if len(first) == 0 { // it is not for the reader to know
			continue
		}
		one := preset{Title: p.title, Address: v.changed("at", day), Here: v.at == day}
		if day < first[0].Time[:len(time.DateOnly)] {
			if p.days > 1 {
				continue
			}
			one.Why = "the first event is of " + shownTime(first[0].Time)
		}
		all = append(all, one)
	}
	return append(all, preset{Title: "Live", Address: v.changed("at", ""), Here: v.at == ""})
}

// keep are the parameters of this page that a form which leads to it again keeps, but for some.
func (p *page) Keep(but ...string) url.Values {
	q := url.Values{}
	for name, values := range p.URL.Query() {
		if !slices.Contains(but, name) && name != "recorded" && name != "cursor" {
			q[name] = values
		}
	}
	return q
}

// Moments is where another moment is chosen for this page: the history, which leads back here.
func (p *page) Moments() string {
	to := p.address("history")
	if p.Method != http.MethodGet { // what answers a form has no other moments
		return to
	}
	from := p.URL.Query().Get("page")
	if p.URL.Path != address(p.org, "", []string{"history"}) {
		from = with(p.URL.EscapedPath(), p.Keep("at").Encode())
	}
	if from == "" {
		return to
	}
	return with(to, "page="+url.QueryEscape(from))
}

// CameFrom is the page that a moment is being chosen for, at the moment that is shown; empty: none.
func (p *page) CameFrom() string {
	from := p.URL.Query().Get("page")
	if from == "" || !inside(p.org, from) {
		return ""
	}
	if p.at == "" {
		return from
	}
	return with(from, "at="+url.QueryEscape(p.at))
}
