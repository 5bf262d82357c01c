package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func activityRoutes() []route {
	return []route{{method: http.MethodGet, path: "{org}/activity", screen: (*visit).activity}}
}

// activityPage is what was asked or done and is not in the ledger: refusals, sign-ins, who read personal data.
type activityPage struct {
	Items   []wire.Activity // the newest first
	Form    filled
	Older   string // the query of the page behind
	Problem *wire.Problem
	Kinds   []option
	Whose   string // in words: whose doings the caller may read
	now     string
}

// activityKinds are the kinds of records, in the words of the page.
var activityKinds = []option{
	{"refused", "a change was refused"}, {"denied", "a request was refused"}, {"signed-in", "signed in"}, {"signed-out", "signed out"},
	{"sign-in-refused", "a sign-in was refused"}, {"personal-data", "personal data was read"}, {"decided", "a check was recorded"},
	{"webhook", "a webhook was changed"}, {"mended", "a copy was mended"}, {"alarm", "alarm"},
}

// In says how far an instant is from the page's, in words.
func (a *activityPage) In(instant string) string { return distance(a.now, instant) }

// Kind says what a record is, in words.
func (a *activityPage) Kind(kind string) string {
	if i := slices.IndexFunc(activityKinds, func(o option) bool { return o.Value == kind }); i >= 0 {
		return activityKinds[i].Text
	}
	return kind
}

// Bad says that a record tells of something that did not go as somebody wanted.
func (a *activityPage) Bad(r wire.Activity) bool {
	return slices.Contains([]string{"refused", "denied", "sign-in-refused", "alarm"}, r.Kind)
}

// unpinned gives a client for questions about what has no earlier moments: its answers say nothing about the position of the page.
func (v *visit) unpinned() *client.Client {
	return (&caller{api: v.server.api, from: v.Request, csrf: v.call.csrf}).client()
}

// momentShown has the page be of a position, where nothing else on it is.
func (v *visit) momentShown() error {
	if v.call.asOf.Seq != 0 {
		return nil
	}
	_, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, Newest: true, Limit: 1})
	return err
}

func (v *visit) activity() (view, error) {
	if err := v.momentShown(); err != nil {
		return view{}, err
	}
	a := activityPage{Form: filled{Values: v.URL.Query()}, Kinds: activityKinds, now: v.call.asOf.Instant}
	get := func(name string) string { return strings.TrimSpace(a.Form.Get(name)) }
	q := wire.ActivityQuery{
		Actor: get("actor"), Kind: get("kind"), Type: get("type"), About: get("about"), Code: get("code"), Permission: get("permission"),
		Limit: onePage, Cursor: get("cursor"),
	}
	var ok bool
	if q.Since, ok = dayBegins(get("since")); !ok {
		a.Form.fail("since", "A day, as 2026-12-31.")
	}
	if q.Before, ok = dayBegins(get("before")); !ok {
		a.Form.fail("before", "A day, as 2026-12-31.")
	}
	if at := v.call.asOf.Instant; v.at != "" && (q.Before == "" || at < q.Before) {
		q.Before = at
	}
	switch system, users := v.can("log.system") || v.can("history.read"), v.can("log.users") || v.can("history.read"); {
	case system && users:
		a.Whose = "You see everybody's."
	case users:
		a.Whose = "You see everybody's but the owner's and the ledger's own."
	case system:
		a.Whose = "You see your own, the owner's and the ledger's."
	default:
		a.Whose = "You see your own alone: what others do is for those to read who may read their log."
	}
	status := a.Form.status()
	if !a.Form.bad() {
		list, err := v.unpinned().FindActivity(v.ctx(), v.org, q)
		if p := refused(err); p != nil {
			a.Problem, status = p, p.Status
		} else if err != nil {
			return view{}, err
		}
		a.Items = list.Items
		slices.Reverse(a.Items)
		if list.Next != "" {
			older := url.Values{"cursor": {list.Next}}
			for _, name := range []string{"actor", "kind", "type", "about", "code", "permission", "since", "before"} {
				if text := get(name); text != "" {
					older.Set(name, text)
				}
			}
			a.Older = older.Encode()
		}
	}
	return view{template: "activity", title: "Activity", data: &a, status: status}, nil
}

// dayBegins gives the instant at which the day of a form begins in UTC; empty for none.
func dayBegins(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	day, err := time.Parse(time.DateOnly, text)
	return day.Format(time.RFC3339), err == nil
}
