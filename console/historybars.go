package console

import (
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// bars are how much happened in each part of the history: upwards what gave something or is neither, downwards what took something
// away.
type bars struct {
	Bars     []bar
	ByTime   bool
	Other    string // address of this page with bars of the other kind
	From, To string // when the first begins and the last ends
	Mark     int    // where the moment of the page is
	Took     int    // in all
	Entries  int
}

// A bar is of one part.
type bar struct {
	wire.HistoryPart
	X, Width        int // of barsWidth
	Above, Below    int // heights
	Top             int
	Later           bool   // it is behind the moment of the page
	Address, Events string // of the page at its end, and of what happened in it; empty: nothing did
}

// The picture's measures, in its own units.
const (
	barsWidth  = 1200
	barsMost   = 48
	barsAbove  = 48
	barsBelow  = 24
	barsLeast  = 3 // height of something
	barsHeight = barsAbove + barsBelow
)

// barsOf gives the bars of what fits a filter; nil: there is nothing to show.
func (v *visit) barsOf(f *historyFilter, at uint64) (*bars, error) {
	q, err := f.query()
	if err != nil {
		return nil, nil // said beside the form
	}
	switch kind, name, _ := strings.Cut(q.About, ":"); {
	case q.About == "":
	case kind == "role" && q.Role == "":
		q.Role = name
	case kind == "subject" && q.Subject == "":
		q.Subject = name
	default:
		return nil, nil // the outline knows nothing of that
	}
	q.About = ""
	if q.To == 0 {
		q.To = v.head()
	}
	byTime := v.URL.Query().Get("bars") != "events"
	list, err := v.aside().HistoryOutline(v.ctx(), v.org, q, barsMost, byTime)
	if refused(err) != nil {
		return nil, nil // as the list below it says
	}
	if err != nil || len(list.Items) < 2 {
		return nil, err
	}
	b := bars{ByTime: byTime, From: list.Items[0].Since, To: list.Items[len(list.Items)-1].Until, Other: v.changed("bars", "events")}
	if !byTime {
		b.Other = v.changed("bars", "")
	}
	v.draw(&b, list.Items, at)
	return &b, nil
}

// draw gives each part its place and its heights, on one scale.
func (v *visit) draw(b *bars, parts []wire.HistoryPart, at uint64) {
	most := 1
	for _, p := range parts {
		most = max(most, p.Entries-p.Took, p.Took*barsAbove/barsBelow)
	}
	height := func(n int) int {
		if n == 0 {
			return 0
		}
		return max(barsLeast, n*barsAbove/most)
	}
	b.Mark = barsWidth
	for i, p := range parts {
		x := i * barsWidth / len(parts)
		one := bar{HistoryPart: p, X: x, Width: max((i+1)*barsWidth/len(parts)-x-2, 2), Above: height(p.Entries - p.Took), Below: min(height(p.Took), barsBelow), Later: p.From > at}
		one.Top = barsAbove - one.Above
		if p.From <= at && at <= p.To {
			b.Mark = (x + (i+1)*barsWidth/len(parts)) / 2
		}
		if p.Entries > 0 {
			one.Address = v.moved(p.To)
			then := v.at
			if one.Later {
				then = ""
			}
			one.Events = v.changedAll("from", number(p.From), "to", number(p.To), "at", then)
		}
		b.Entries, b.Took = b.Entries+p.Entries, b.Took+p.Took
		b.Bars = append(b.Bars, one)
	}
}

// Quantities of the picture for the template.

func (b *bars) Wide() int { return barsWidth }
func (b *bars) High() int { return barsHeight }
func (b *bars) Line() int { return barsAbove }
