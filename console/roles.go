package console

import (
	"net/http"

	"github.com/permledger/permledger/api/wire"
)

func roleRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "{org}/roles", screen: (*visit).roles},
	}
}

func (v *visit) roles() (view, error) {
	list, err := v.client.Roles(v.ctx(), v.org, false, v.read())
	if err != nil {
		return view{}, err
	}
	return view{template: "roles", title: "Roles", data: struct{ Roles []wire.Role }{list.Items}}, nil
}
