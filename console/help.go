package console

import "net/http"

func helpRoutes() []route {
	return []route{{method: http.MethodGet, path: "{org}/help", screen: (*visit).help}}
}

// keys are what the keyboard does on every page; static/console.js goes by them.
var keys = []struct{ Keys, Does string }{
	{"/", "to the search or filter of the page"},
	{"g o", "Overview"}, {"g r", "Roles"}, {"g m", "Members"}, {"g k", "Keys and wallets"}, {"g p", "Policies"}, {"g t", "Tokens"},
	{"g e", "Effective access"}, {"g h", "History"}, {"g w", "Access reviews"}, {"g x", "Exports"}, {"g v", "Verify"}, {"g s", "Streams"}, {"g a", "Activity"},
	{"[", "to what was before: the event, the page of a list"}, {"]", "to what comes after"},
	{"k  r", "in an access review: keep, revoke"},
	{"?", "this page"},
}

func (v *visit) help() (view, error) {
	return view{template: "help", title: "Keyboard and help", data: keys}, nil
}
