package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

func memberRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/members", screen: (*visit).members},
		{method: get, path: "{org}/members/{key}", screen: (*visit).member},
		{method: get, path: "{org}/members/{key}/roles", screen: (*visit).rolesOf},
		{method: post, path: "{org}/members/{key}/roles", screen: (*visit).giveRoles},
		{method: get, path: "{org}/members/{key}/permissions", screen: (*visit).permissionsOf},
		{method: post, path: "{org}/members/{key}/permissions", screen: (*visit).givePermissions},
		{method: get, path: "{org}/members/{key}/edit", screen: (*visit).editMember, form: true},
		{method: post, path: "{org}/members/{key}/edit", screen: (*visit).updateMember},
		{method: post, path: "{org}/members/{key}/change", screen: (*visit).changeMember},
		{method: get, path: "{org}/invite", screen: (*visit).invite, form: true},
		{method: post, path: "{org}/invite", screen: (*visit).makeInvitation},
		{method: get, path: "{org}/add-member", screen: (*visit).addMember, form: true},
		{method: post, path: "{org}/add-member", screen: (*visit).recordMember},
	}
}

// perPage is how many rows a page of a long list has.
const perPage = 50

// membersPage is what the list of members shows.
type membersPage struct {
	Query url.Values // what was asked for: q, kind, role, state
	Items []wire.Subject
	Total int
	Next  string // the query of the next page; empty: this is the last
	Roles []wire.Role
	Kinds []option
}

var memberKinds = []option{{"human", "People"}, {"technical", "Technical users"}, {"api-key", "API keys"}, {"wallet", "Wallets"}, {"did", "DIDs"}, {"wallet,did", "Wallets and DIDs"}}

func (v *visit) members() (view, error) {
	q := v.URL.Query()
	m := membersPage{Query: q, Kinds: memberKinds}
	list, err := v.client.FindSubjects(v.ctx(), v.org, wire.SubjectQuery{
		Text: strings.TrimSpace(q.Get("q")), Kind: q.Get("kind"), State: q.Get("state"), Role: q.Get("role"), Names: q.Has("names"),
	}, v.pageOf(perPage))
	if err != nil {
		return view{}, err
	}
	m.Items, m.Total, m.Next = list.Items, max(list.Total, len(list.Items)), v.next(list.Next, "q", "kind", "role", "state", "names")
	if m.Roles, err = v.allRoles(); err != nil {
		return view{}, err
	}
	return view{template: "members", title: "Members", data: &m}, nil
}

// allRoles gives all roles; none to who may not read them.
func (v *visit) allRoles() ([]wire.Role, error) {
	if !v.can("roles.read") {
		return nil, nil
	}
	list, err := v.client.Roles(v.ctx(), v.org, false, v.read())
	return list.Items, err
}

// pageOf says which page of a list is asked for.
func (v *visit) pageOf(limit int) client.Read {
	r := v.read()
	r.Limit, r.Cursor = limit, v.URL.Query().Get("cursor")
	return r
}

// next gives the query of the page behind this one, which is of the same moment, with the parameters of this one that are kept.
func (v *visit) next(cursor string, kept ...string) string {
	if cursor == "" {
		return ""
	}
	q := url.Values{"cursor": {cursor}}
	if v.at == "" {
		q.Set("of", number(v.call.asOf.Seq))
	}
	for _, name := range kept {
		if value := v.URL.Query().Get(name); value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}
