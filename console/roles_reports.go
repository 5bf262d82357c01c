package console

import (
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// roleReports is the page of what somebody who looks after roles may want to mend. A report that the caller may not read has the
// reason in its place.
type roleReports struct {
	Least        int // percent
	Days         int
	Similar      []wire.Similar
	Undocumented []wire.RoleReport
	Unheld       []wire.RoleReport
	Unreviewed   []wire.RoleReport
	Unused       *wire.Usage // nil: not asked for, as it takes reading all of the history
	NoUnused     *wire.Problem
	More         map[string]int // how many lines of a report are left out
}

// reportLines is how many lines of a report a page shows.
const reportLines = 100

// Values of the reports where nothing else is asked for.
const (
	similarAtLeast = 80 // percent
	quarter        = 90 // days
)

func (v *visit) roleReports() (view, error) {
	r := roleReports{Least: v.between("least", 1, 100, similarAtLeast), Days: v.between("days", 1, 3650, quarter), More: map[string]int{}}
	ctx, read := v.ctx(), v.read()
	similar, err := v.client.SimilarRoles(ctx, v.org, r.Least, read)
	if err != nil {
		return view{}, err
	}
	r.Similar, r.More["similar"] = firstOf(similar.Items)
	for _, report := range []struct {
		name string
		into *[]wire.RoleReport
		ask  func(client.Read) (wire.List[wire.RoleReport], error)
	}{
		{"undocumented", &r.Undocumented, func(read client.Read) (wire.List[wire.RoleReport], error) {
			return v.client.UndocumentedRoles(ctx, v.org, read)
		}},
		{"unheld", &r.Unheld, func(read client.Read) (wire.List[wire.RoleReport], error) {
			return v.client.UnheldRoles(ctx, v.org, read)
		}},
		{"unreviewed", &r.Unreviewed, func(read client.Read) (wire.List[wire.RoleReport], error) {
			return v.client.UnreviewedRoles(ctx, v.org, r.Days, read)
		}},
	} {
		list, err := report.ask(read)
		if err != nil {
			return view{}, err
		}
		*report.into, r.More[report.name] = firstOf(list.Items)
	}
	if v.query("unused") != "" {
		unused, err := v.client.UnusedRoles(ctx, v.org, "", read)
		if r.NoUnused = refused(err); err != nil && r.NoUnused == nil {
			return view{}, err
		}
		r.Unused = &unused
		r.Unused.Roles, r.More["unused"] = firstOf(r.Unused.Roles)
	}
	return view{template: "role-reports", title: "Reports on roles", data: &r}, nil
}

// between reads a number of the page's address that must lie between two others.
func (v *visit) between(name string, least, most, otherwise int) int {
	n, ok := readNumber(v.query(name))
	if !ok || n == 0 {
		return otherwise
	}
	return int(min(max(n, uint64(least)), uint64(most)))
}

// firstOf gives the lines that a report shows, and how many there are beside.
func firstOf[T any](all []T) ([]T, int) {
	n := min(len(all), reportLines)
	return all[:n], len(all) - n
}

// reported is a line of a report on a page.
type reported struct {
	Page *page
	wire.RoleReport
}
