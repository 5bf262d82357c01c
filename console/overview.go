package console

import (
	"net/http"

	"github.com/permledger/permledger/api/wire"
)

func overviewRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}", screen: func(v *visit) (view, error) { return view{to: v.address("overview")}, nil }, open: true},
		{method: http.MethodGet, path: "{org}/overview", screen: (*visit).overview},
	}
}

// overview is what the first page shows.
type overview struct {
	Newest []wire.Item
}

func (v *visit) overview() (view, error) {
	var o overview
	h, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, Newest: true, Limit: 10})
	if err != nil {
		return view{}, err
	}
	o.Newest = h.Items
	return view{template: "overview", title: "Overview", data: &o}, nil
}
