package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
)

func historyRoutes() []route {
	const get = http.MethodGet
	return []route{
		{method: get, path: "{org}/history", screen: (*visit).history},
		{method: get, path: "{org}/diff", screen: (*visit).diff},
		{method: get, path: "{org}/entries/{ref}", screen: (*visit).entry},
	}
}

// history is what happened up to the moment of the page, the newest first.
type history struct {
	Filter  historyFilter
	Travel  *travel
	Bars    *bars // nil: there are none
	Sets    []changeSet
	Problem *wire.Problem // why what was asked for cannot be found
	Older   string        // address of the next page; empty: there is none
	Newest  string        // address of the first page; empty: this is it
	Change  *difference   // what the newest set changed; nil: that is not shown here
}

// historyLines are how many events a page has.
const historyLines = 50

func (v *visit) history() (view, error) {
	if to := v.travelled(); to != "" {
		return view{to: to}, nil
	}
	h := history{Filter: readHistoryFilter(v.URL.Query())}
	q, err := h.Filter.query()
	if err == nil {
		q.AsOf, q.Newest, q.Limit, q.Cursor = v.read().AsOf, true, historyLines, h.Filter.cursor
		var list wire.List[wire.Item]
		list, err = v.client.History(v.ctx(), v.org, q)
		h.Sets = changeSets(list.Items)
		if list.Next != "" {
			h.Older = v.changed("cursor", list.Next)
		}
	}
	status := 0
	if p := refused(err); p != nil && p.Code() != wire.CodeBadAsOf {
		h.Problem, status = p, p.Status
	} else if err != nil {
		return view{}, err
	}
	if h.Filter.cursor != "" {
		h.Newest = v.changed("cursor", "")
	}
	if h.Travel, err = v.whereTo(); err != nil {
		return view{}, err
	}
	if h.Bars, err = v.barsOf(&h.Filter, h.Travel.At); err != nil {
		return view{}, err
	}
	if v.can("history.read") && !h.Filter.Any() && h.Filter.cursor == "" && len(h.Sets) > 0 && h.Sets[0].First > 1 {
		if h.Change, err = v.difference(wire.DiffQuery{From: number(h.Sets[0].First - 1), To: number(h.Sets[0].Last)}); err != nil {
			return view{}, err
		}
	}
	return view{template: "history", title: "History", data: &h, status: status}, nil
}

// historyFilter is what a form says of which lines of history are wanted.
type historyFilter struct {
	Actor, Type, About, Role, Subject, Permission, Since, Until string
	From, To                                                    string // positions
	Taking                                                      bool   // only what took something away
	cursor                                                      string
}

func readHistoryFilter(q url.Values) historyFilter {
	of := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	return historyFilter{
		Actor: of("actor"), Type: of("type"), About: of("about"), Role: of("role"), Subject: of("subject"), Permission: of("permission"),
		Since: of("since"), Until: of("until"), From: of("from"), To: of("to"), Taking: q.Has("taking"), cursor: of("cursor"),
	}
}

// Any says whether anything is left out.
func (f *historyFilter) Any() bool {
	all := *f
	all.cursor = ""
	return all != historyFilter{}
}

// query gives what to ask the API for.
func (f *historyFilter) query() (q wire.HistoryQuery, err error) {
	q = wire.HistoryQuery{Actor: f.Actor, Type: f.Type, About: f.About, Role: f.Role, Subject: f.Subject, Permission: f.Permission, Taking: f.Taking}
	var ok [2]bool
	if q.From, ok[0] = readNumber(f.From); !ok[0] {
		return q, badForm("the first event is a number")
	}
	if q.To, ok[1] = readNumber(f.To); !ok[1] {
		return q, badForm("the last event is a number")
	}
	if q.Since, err = day(f.Since, 0); err != nil {
		return q, err
	}
	q.Before, err = day(f.Until, 1)
	return q, err
}

// day gives the beginning of a day that a form names, or of the one so many days later, as the API takes it. An instant stays what
// it is.
func day(text string, later int) (string, error) {
	if text == "" {
		return "", nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.AddDate(0, 0, later).Format(time.RFC3339), nil
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return "", badForm("a day is written as 2026-12-31")
	}
	return text, nil
}

// Types are the types of events that one can choose from.
func (f *historyFilter) Types() []string {
	var all []string
	for t := range events.Types() {
		all = append(all, string(t))
	}
	slices.Sort(all)
	return all
}

// changed gives the address of this page with another value of a parameter; empty: without it.
func (v *visit) changed(name, value string) string { return v.changedAll(name, value) }

// changedAll is changed of several parameters, each with its value.
func (v *visit) changedAll(pairs ...string) string {
	q := v.URL.Query()
	q.Del("recorded")
	for i := 0; i < len(pairs); i += 2 {
		q.Del(pairs[i])
		if pairs[i] == "at" { // pages begin again there
			q.Del("cursor")
			q.Del("skip")
		}
		if value := pairs[i+1]; value != "" {
			q.Set(pairs[i], value)
		}
	}
	return with(v.URL.EscapedPath(), q.Encode())
}

// aside gives a client for what is beside the page: its answers are of whatever moment they are asked for.
func (v *visit) aside() *client.Client { return (&caller{api: v.server.api, from: v.Request}).client() }

// moment gives the position that the page is of.
func (v *visit) moment() (wire.AsOf, error) {
	if v.call.asOf.Seq != 0 {
		return v.call.asOf, nil
	}
	_, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, Newest: true, Limit: 1})
	return v.call.asOf, err
}

// head is the newest position when the page was begun.
func (v *visit) head() uint64 { return cmp.Or(v.me.AsOf.Seq, v.call.asOf.Seq) }
