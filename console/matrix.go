package console

import (
	"net/url"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// Bounds of the matrix. A page of it never has more cells than a browser lays out at once, whatever is chosen.
const (
	maxCells       = 5_000
	openCells      = 1_500 // up to so many, all categories are open at first
	columnsAtFirst = 12
	maxColumns     = 50
	choicesShown   = 40 // roles that the picker offers beside those picked
)

// A matrixChoice is what a person chose to see of the matrix; it is the page's address.
type matrixChoice struct {
	Roles       []string // keys; none: the first ones
	RoleQuery   string   // for the picker
	Query       string   // for permissions
	Differences bool     // only permissions that not all roles shown have, or lack
	Open        []string // ids of categories; nil: as many as do no harm
	From        int      // rows to leave out
}

// matrix is permissions by category in rows, and roles in columns.
type matrix struct {
	Choice      matrixChoice
	Columns     []matrixColumn
	Groups      []matrixGroup
	Picker      []roleChoice
	Hidden      int // roles that the picker does not offer
	Roles       int // of the organization
	Permissions int
	Matching    int // permissions that the filters leave
	Dropped     int // roles picked beyond maxColumns
	LeftOut     int // categories for which there is no room beside so many roles
	Cells       int
	Pages       pages
	OpenAll     string // addresses
	CloseAll    string
}

type matrixColumn struct {
	wire.Role
	has map[string]bool
}

type matrixGroup struct {
	permissionGroup
	Total  int   // permissions of it that the filters leave
	Counts []int // how many of these each role has
	Open   bool
	Toggle string // address
	Rows   []matrixRow
}

type matrixRow struct {
	wire.Permission
	Cells []bool
}

type roleChoice struct {
	Key, Name string
	Picked    bool
}

func (v *visit) matrix() (view, error) {
	list, err := v.client.Roles(v.ctx(), v.org, false, v.read())
	if err != nil {
		return view{}, err
	}
	q := v.URL.Query()
	c := matrixChoice{
		Roles: q["role"], RoleQuery: v.query("roles"), Query: v.query("q"), Differences: q.Has("differences"), Open: q["open"],
	}
	from, _ := readNumber(v.query("from"))
	c.From = int(min(from, 1<<30))
	m, err := v.matrixOf(list.Items, c)
	if err != nil {
		return view{}, err
	}
	return view{template: "matrix", title: "Permission matrix", data: m}, nil
}

// matrixOf makes the matrix of a choice. Of roles that are not shown nothing but their names is asked for.
func (v *visit) matrixOf(roles []wire.Role, c matrixChoice) (*matrix, error) {
	m := &matrix{Choice: c, Roles: len(roles)}
	m.pick(roles)
	if err := v.fill(m.Columns); err != nil {
		return nil, err
	}
	list, err := v.client.Permissions(v.ctx(), v.org, v.read())
	if err != nil {
		return nil, err
	}
	var held []string
	for i := range m.Columns {
		held = append(held, m.Columns[i].Permissions...)
	}
	all := known(list.Items, held...)
	m.Permissions = len(all)
	for _, g := range groups(all) {
		m.Groups = append(m.Groups, m.group(g))
	}
	m.Groups = slices.DeleteFunc(m.Groups, func(g matrixGroup) bool { return g.Total == 0 })
	m.open(v)
	m.cut(v)
	return m, nil
}

// pick chooses the columns, and what the picker offers.
func (m *matrix) pick(roles []wire.Role) {
	for _, r := range roles {
		if slices.Contains(m.Choice.Roles, r.Key) {
			m.Columns = append(m.Columns, matrixColumn{Role: r})
		}
	}
	if len(m.Columns) == 0 {
		for _, r := range roles[:min(len(roles), columnsAtFirst)] {
			m.Columns = append(m.Columns, matrixColumn{Role: r})
		}
	}
	m.Dropped = max(0, len(m.Columns)-maxColumns)
	m.Columns = m.Columns[:len(m.Columns)-m.Dropped]
	offered := 0
	for _, r := range roles {
		picked := slices.ContainsFunc(m.Columns, func(c matrixColumn) bool { return c.Key == r.Key })
		switch {
		case picked:
		case !matches(m.Choice.RoleQuery, r.Key, r.Name), offered == choicesShown:
			m.Hidden++
			continue
		default:
			offered++
		}
		m.Picker = append(m.Picker, roleChoice{r.Key, r.Name, picked})
	}
}

// fill reads the permissions of the columns.
func (v *visit) fill(columns []matrixColumn) error {
	for i := range columns {
		one, err := v.client.Role(v.ctx(), v.org, columns[i].ID, v.read())
		if err != nil {
			return err
		}
		columns[i].Permissions = one.Item.Permissions
		columns[i].has = make(map[string]bool, len(one.Item.Permissions))
		for _, name := range one.Item.Permissions {
			columns[i].has[name] = true
		}
	}
	return nil
}

// group gives a category with the rows that the filters leave.
func (m *matrix) group(g permissionGroup) matrixGroup {
	out := matrixGroup{permissionGroup: g, Counts: make([]int, len(m.Columns))}
	for _, p := range g.Items {
		if !matches(m.Choice.Query, p.Name, p.Description, g.Title) {
			continue
		}
		row := matrixRow{Permission: p, Cells: make([]bool, len(m.Columns))}
		for i, c := range m.Columns {
			row.Cells[i] = everything(c.Role) || c.has[p.Name]
		}
		if m.Choice.Differences && m.same(row.Cells) {
			continue
		}
		for i, yes := range row.Cells {
			if yes {
				out.Counts[i]++
			}
		}
		out.Rows = append(out.Rows, row)
	}
	out.Total = len(out.Rows)
	m.Matching += out.Total
	return out
}

// same says whether the roles do not differ in a row. A role that gives everything differs from others everywhere, so it does not
// count beside two others.
func (m *matrix) same(cells []bool) bool {
	var some []bool
	for i, c := range m.Columns {
		if !everything(c.Role) {
			some = append(some, cells[i])
		}
	}
	if len(some) < 2 {
		some = cells
	}
	return !slices.Contains(some, true) || !slices.Contains(some, false)
}

// Values of the parameter open that are no category.
const (
	openAll  = "*"
	openNone = "-"
)

// open says which categories show their rows.
func (m *matrix) open(v *visit) {
	c := m.Choice
	all := slices.Contains(c.Open, openAll) || len(c.Open) == 0 && (m.Matching*len(m.Columns) <= openCells || c.Query != "" || c.Differences)
	var opened []string
	for i := range m.Groups {
		g := &m.Groups[i]
		closed := g.Ledgers && len(m.Groups) > 1 && len(c.Open) == 0 && c.Query == ""
		if g.Open = all && !closed || slices.Contains(c.Open, g.ID); g.Open {
			opened = append(opened, g.ID)
		}
	}
	for i := range m.Groups {
		g := &m.Groups[i]
		others := slices.DeleteFunc(slices.Clone(opened), func(id string) bool { return id == g.ID })
		if !g.Open {
			others = append(others, g.ID)
		}
		if len(others) == 0 {
			others = []string{openNone}
		}
		g.Toggle = v.matrixAddress("open", others...)
	}
	m.OpenAll, m.CloseAll = v.matrixAddress("open", openAll), v.matrixAddress("open", openNone)
}

// matrixAddress gives the address of the matrix with one parameter another, from its own page or the page of roles.
func (v *visit) matrixAddress(name string, values ...string) string {
	q := v.URL.Query()
	for _, other := range []string{"from", "recorded", name} {
		q.Del(other)
	}
	q[name] = values
	if !strings.HasSuffix(v.URL.Path, "/matrix") {
		q = url.Values{name: values}
		if v.at != "" {
			q.Set("at", v.at)
		}
	}
	return with(address(v.org, "", []string{"matrix"}), q.Encode())
}

// cut leaves the rows of one page. A category counts as a row, whose cells are its counts; headings are cells, too.
func (m *matrix) cut(v *visit) {
	rows := maxCells/(len(m.Columns)+1) - 1
	room := rows - len(m.Groups)
	if room < 1 {
		fit := rows - 1
		m.LeftOut = len(m.Groups) - fit
		m.Groups, room = m.Groups[:fit], 1
	}
	total := 0
	for _, g := range m.Groups {
		if g.Open {
			total += len(g.Rows)
		}
	}
	from := min(m.Choice.From, max(total-1, 0))
	row := 0
	for i := range m.Groups {
		g := &m.Groups[i]
		if !g.Open {
			g.Rows = nil
			continue
		}
		n := len(g.Rows)
		lo, hi := min(max(from-row, 0), n), min(max(from+room-row, 0), n)
		g.Rows = g.Rows[lo:hi]
		row += n
		m.Cells += len(g.Rows) * len(m.Columns)
	}
	m.Cells += len(m.Groups) * len(m.Columns)
	m.Pages.from = from
	if from > 0 {
		m.Pages.Previous = v.here("from", number(uint64(max(from-room, 0))))
	}
	if from+room < total {
		m.Pages.Next = v.here("from", number(uint64(from+room)))
	}
}

// From says where the rows shown begin and end, counted from 1.
func (m *matrix) From() int { return m.Pages.from + 1 }

// Shown is how many permissions are in the page.
func (m *matrix) Shown() (n int) {
	for _, g := range m.Groups {
		n += len(g.Rows)
	}
	return n
}

// Whole says whether all permissions are in the page, so that it can be filtered there.
func (m *matrix) Whole() bool { return m.Shown() == m.Permissions }

// matrixOn is a matrix on a page.
type matrixOn struct {
	Page   *page
	Matrix *matrix
}
