package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
)

func roleRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/roles", screen: (*visit).roles},
		{method: get, path: "{org}/matrix", screen: (*visit).matrix},
		{method: get, path: "{org}/role-reports", screen: (*visit).roleReports},
		{method: get, path: "{org}/create-role", screen: (*visit).newRole, form: true},
		{method: post, path: "{org}/create-role", screen: (*visit).createRole},
		{method: get, path: "{org}/roles/{key}", screen: (*visit).role},
		{method: get, path: "{org}/roles/{key}/edit", screen: (*visit).editRole, form: true},
		{method: post, path: "{org}/roles/{key}/edit", screen: (*visit).updateRole},
		{method: get, path: "{org}/roles/{key}/concerned", screen: (*visit).concerned},
		{method: get, path: "{org}/roles/{key}/members", screen: (*visit).roleMembers},
		{method: post, path: "{org}/roles/{key}/members", screen: (*visit).giveRole},
		{method: post, path: "{org}/roles/{key}/take", screen: (*visit).takeRole},
		{method: post, path: "{org}/roles/{key}/delete", screen: (*visit).deleteRole},
		{method: post, path: "{org}/roles/{key}/default", screen: (*visit).defaultRole},
		{method: post, path: "{org}/roles/{key}/reviewed", screen: (*visit).lookedOver},
	}
}

// rolesOnAPage is how many roles the table shows at once.
const rolesOnAPage = 50

// roleTable is the page of all roles.
type roleTable struct {
	Query      string
	All        int // roles, whether or not they match
	Roles      []wire.Role
	Matching   int
	First      int // number of the first one on the page, from 1
	Pages      pages
	Matrix     *matrix // nil: it would be too large for this page
	Forbidden  *wire.Problem
	MayCreate  bool
	MayManage  bool
	FixedRoles bool
}

func (v *visit) roles() (view, error) {
	list, err := v.client.Roles(v.ctx(), v.org, false, v.read())
	if err != nil {
		return view{}, err
	}
	t := roleTable{Query: v.query("q"), All: len(list.Items), MayManage: v.mayManage(), FixedRoles: v.switched("fixedRoles")}
	t.MayCreate = v.may("role.create") && !t.FixedRoles
	matching := slices.DeleteFunc(slices.Clone(list.Items), func(r wire.Role) bool { return !matches(t.Query, r.Key, r.Name, r.Description) })
	t.Matching = len(matching)
	t.Roles, t.Pages = paged(v, matching, rolesOnAPage)
	t.First = t.Pages.from + 1
	if t.Query == "" && len(list.Items) <= columnsAtFirst {
		t.Matrix, err = v.matrixOf(list.Items, matrixChoice{})
		if t.Forbidden = refused(err); err != nil && t.Forbidden == nil {
			return view{}, err
		}
		if t.Matrix != nil && t.Matrix.Permissions*len(t.Matrix.Columns) > openCells {
			t.Matrix = nil
		}
	}
	return view{template: "roles", title: "Roles", data: &t}, nil
}

// mayManage says whether the caller may give roles, or take them away, now.
func (v *visit) mayManage() bool {
	return v.may(mayAssign) || v.may(mayRevoke)
}

// switched says whether a switch of the organization's profile is on.
func (v *visit) switched(name string) bool {
	on, _ := v.details.Profile[name].(bool)
	return on
}

// query gives a parameter of the page's address.
func (v *visit) query(name string) string { return strings.TrimSpace(v.URL.Query().Get(name)) }

// matches says whether all words of a query are in one of the texts each, whatever their case.
func matches(query string, texts ...string) bool {
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(strings.ToLower(t), word) }) {
			return false
		}
	}
	return true
}

// pages leads to the parts of a list that stand before and behind the one that is shown.
type pages struct {
	from                  int
	First, Previous, Next string // addresses; empty: there is none
}

// paged gives the part of a list that the page's address asks for (from).
func paged[T any](v *visit, all []T, size int) ([]T, pages) {
	n, _ := readNumber(v.query("from"))
	p := pages{from: int(min(n, uint64(max(len(all)-1, 0))))}
	if p.from > 0 {
		p.Previous = v.here("from", number(uint64(max(p.from-size, 0))))
	}
	to := min(p.from+size, len(all))
	if to < len(all) {
		p.Next = v.here("from", number(uint64(to)))
	}
	return all[p.from:to], p
}

// here gives the address of this page with one parameter another; empty takes it away, as 0 does of from.
func (v *visit) here(name string, values ...string) string {
	q := v.URL.Query()
	q.Del(name)
	for _, value := range values {
		if value != "" && !(name == "from" && value == "0") {
			q.Add(name, value)
		}
	}
	q.Del("recorded")
	return with(v.URL.EscapedPath(), q.Encode())
}

// oneRole reads the role that the address names.
func (v *visit) oneRole() (wire.Role, error) {
	one, err := v.client.Role(v.ctx(), v.org, v.PathValue("key"), v.read())
	return one.Item, err
}

// everything says whether a role gives every permission, as the owner's does.
func everything(r wire.Role) bool { return r.Managed == events.ManagedOwner }

// managedWords says who gives the roles that are given in a way of their own.
var managedWords = map[string]string{
	events.ManagedOwner:       "It goes with the ownership, to one subject at a time, and gives every permission, future ones too.",
	events.ManagedOperator:    "Whoever runs the ledger gives it.",
	events.ManagedTokenOwner:  "The deployment of a token and its transfer give it.",
	events.ManagedTokenAgent:  "The owner of a token gives it.",
	events.ManagedTokenHolder: "Being qualified for a token gives it.",
}

// Actions of the ledger's rules, as whoami lists them, on which several pages depend.
const (
	mayAssign = "role.assign"
	mayRevoke = "role.revoke"
)

// Codes of refusals that a page puts beside what they are about.
const (
	refusedInUse    = "in-use"
	refusedInvalid  = "invalid"
	refusedNoChange = "no-change"
	refusedNotFound = "not-found"
	refusedTaken    = "taken"
	refusedUnknown  = "unknown"
)
