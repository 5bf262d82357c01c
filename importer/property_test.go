package importer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
)

// line is a random line of a history, good or not.
type line struct {
	day         int
	op, role    string
	names, less []string
	title       string // of update-role; empty: not said
}

func (l line) String() string {
	list := func(names []string) string { return `["` + strings.Join(names, `","`) + `"]` }
	s := fmt.Sprintf(`{{T%d},"op":%q,"role":%q`, l.day, l.op, l.role)
	switch {
	case l.op == opCreate && len(l.names) == 0:
		s += `,"permissions":[]`
	case l.op == opCreate:
		s += `,"permissions":` + list(l.names)
	case l.op == opUpdate:
		if len(l.names) > 0 {
			s += `,"add":` + list(l.names)
		}
		if len(l.less) > 0 {
			s += `,"remove":` + list(l.less)
		}
		if l.title != "" {
			s += `,"title":"` + l.title + `"`
		}
	}
	return s + "}"
}

var names = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "no:such"}), 0, 2, rapid.ID)

func aLine(t *rapid.T) line {
	return line{
		day: rapid.IntRange(1, 3).Draw(t, "day"), op: rapid.SampledFrom([]string{opCreate, opUpdate, opUpdate, opUpdate, opDelete}).Draw(t, "op"),
		role: rapid.SampledFrom([]string{"q", "r", "live"}).Draw(t, "role"), names: names.Draw(t, "names"), less: names.Draw(t, "less"),
		title: rapid.SampledFrom([]string{"", "", "A", "B"}).Draw(t, "title"),
	}
}

// expect folds lines the plain way, leaving out bad ones: what each role that the lines make holds. Lines of the same
// role and time as one that the ledger refused are bad too.
func expect(all []line) map[string][]string {
	roles := map[string]map[string]bool{}
	refused := map[string]int{}
	for _, l := range all {
		has := func(n string) bool { return roles[l.role][n] }
		hasNot := func(n string) bool { return !has(n) }
		known := !slices.Contains(l.names, "no:such")
		_, there := roles[l.role]
		both := slices.ContainsFunc(l.less, func(n string) bool { return slices.Contains(l.names, n) })
		if there == (l.op == opCreate) || l.role == "live" || l.op != opCreate && refused[l.role] == l.day {
			continue
		}
		if l.op == opUpdate && (both || slices.ContainsFunc(l.names, has) || slices.ContainsFunc(l.less, hasNot)) {
			continue
		}
		if !known && l.op != opDelete {
			if l.op == opUpdate {
				refused[l.role] = l.day
			}
			continue
		}
		switch l.op {
		case opCreate:
			delete(refused, l.role)
			roles[l.role] = map[string]bool{}
		case opDelete:
			delete(roles, l.role)
			continue
		case opUpdate:
			for _, n := range l.less {
				delete(roles[l.role], n)
			}
		}
		for _, n := range l.names {
			roles[l.role][n] = true
		}
	}
	out := map[string][]string{}
	for key, set := range roles {
		out[key] = slices.AppendSeq([]string{}, maps.Keys(set))
		slices.Sort(out[key])
	}
	return out
}

// Whatever a history says: a run that stops has recorded nothing after the first bad line, runs that are killed and
// continued end as one that was not, another run changes nothing, and
// roles that the history alone makes, with its times in order, hold what a plain fold says.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(aLine), 0, 30).Draw(rt, "lines")
		ordered := rapid.Bool().Draw(rt, "in order")
		if ordered {
			slices.SortStableFunc(all, func(a, b line) int { return a.day - b.day })
		}
		theirs := rapid.Bool().Draw(rt, "with a role of somebody else")
		if !theirs {
			all = slices.DeleteFunc(all, func(l line) bool { return l.role == "live" })
		}
		var text []string
		for _, l := range all {
			text = append(text, l.String())
		}
		in := historyOf(text...)
		open := func() *ledger {
			l := newLedger(t)
			l.say(&events.RoleCreated{Role: ulid.ULID{1, 2, 3}, Key: "live", Name: "Live", Permissions: []string{"a"}})
			return l
		}
		whole := open()
		var bad []int
		first := whole.run(FormatRoleHistory, in, Options{SkipBad: true, Bad: func(b *BadRecord) { bad = append(bad, b.Line) }})
		if first.Records != len(all) || first.Records != first.Recorded+first.Unchanged+first.Bad {
			rt.Fatalf("first run: %+v", first)
		}
		if ordered && !theirs {
			if d := cmp.Diff(expect(all), holdings(whole.state, []string{"q", "r"})); d != "" {
				rt.Fatalf("roles (-want +got):\n%s", d)
			}
		}
		stops := open()
		_, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{}, stops)
		if b := new(BadRecord); errors.As(err, &b) != (len(bad) > 0) || len(bad) > 0 && b.Line != bad[0] {
			rt.Fatalf("stops with %v; the bad lines are %v", err, bad)
		}
		for i, e := range stops.log {
			if o := e.Origin.Import; e.ID != whole.log[i].ID || o != nil && len(bad) > 0 && len(o.Record) == len(fmt.Sprint(bad[0])) && o.Record >= fmt.Sprint(bad[0]) {
				rt.Fatalf("stopped at line %d, with line %s recorded", bad[0], o.Record)
			}
		}
		if first.Recorded > 0 {
			l := open()
			l.killIn = rapid.IntRange(1, first.Recorded).Draw(rt, "kill in")
			l.most = rapid.IntRange(0, 3).Draw(rt, "most")
			if _, err := Run(t.Context(), bytes.NewReader(in), FormatRoleHistory, Options{SkipBad: true}, l); !errors.Is(err, errKilled) {
				rt.Fatalf("killed: %v", err)
			}
			l.run(FormatRoleHistory, in, Options{SkipBad: true})
			if l.prev != whole.prev {
				rt.Fatalf("continued: the last entry is %s; want %s", l.prev, whole.prev)
			}
		}
		end := whole.state.Position()
		second := whole.run(FormatRoleHistory, in, Options{SkipBad: true})
		if second.Repeated != first.Recorded || whole.state.Position() != end {
			rt.Fatalf("first run %+v, second %+v, %d entries more", first, second, whole.state.Position()-end)
		}
	})
}
