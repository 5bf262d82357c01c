package acceptance_test

import (
	"encoding/csv"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

//go:generate go test . -run ^TestFeatures$ -rewrite

var rewrite = flag.Bool("rewrite", false, "write docs/features.md")

// maxProved is how many rows may be proved by the test of another row.
const maxProved = 10

const pagePath = "../docs/features.md"

// row is one statement of features.csv.
type row struct {
	id, holds string
	proved    string // by the test of this row
	why       string
	tests     []rowTest
}

type rowTest struct{ name, file string }

// documents are the sources of the rows, in order, and how many each has.
var documents = []struct {
	letter, title string
	rows          int
}{
	{"S", "STOKR", 38}, {"T", "Tokeny", 70}, {"I", "IPAware", 83}, {"G", "Guardian", 44},
}

func readRows(t *testing.T) []*row {
	t.Helper()
	f, err := os.Open("features.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []*row
	for _, l := range lines[1:] {
		rows = append(rows, &row{id: l[0], holds: l[1], proved: l[2], why: l[3]})
	}
	return rows
}

// testName is what tests of rows are called.
var testName = regexp.MustCompile(`^Test([STIG][0-9]+)([A-Z]\w*)?$`)

// testsHere gives the tests of this package by row, read from its sources.
func testsHere(t *testing.T) map[string][]rowTest {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]rowTest{}
	for _, path := range files {
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			if m := testName.FindStringSubmatch(f.Name.Name); m != nil {
				found[m[1]] = append(found[m[1]], rowTest{f.Name.Name, path})
			}
		}
	}
	return found
}

// faults says what is wrong with the rows and their tests; without says which rows have none.
func faults(rows []*row, tests map[string][]rowTest) (wrong, without []string) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	var want []string
	for _, d := range documents {
		for n := range d.rows {
			want = append(want, fmt.Sprintf("%s%d", d.letter, n+1))
		}
	}
	var have []string
	known := map[string]*row{}
	for _, r := range rows {
		have, known[r.id] = append(have, r.id), r
	}
	if !slices.Equal(have, want) {
		fault("the rows are not S1 to S38, T1 to T70, I1 to I83 and G1 to G44, in this order")
	}
	for id, list := range tests {
		if known[id] == nil {
			fault("%s, in %s: there is no row %s", list[0].name, list[0].file, id)
			continue
		}
		known[id].tests = list
		if len(list) > 1 {
			fault("%s has two tests: %s in %s and %s in %s", id, list[0].name, list[0].file, list[1].name, list[1].file)
		}
		if strings.TrimPrefix(list[0].name, "Test"+id) == "" {
			fault("%s, in %s: the name does not say what holds", list[0].name, list[0].file)
		}
	}
	proved := 0
	for _, r := range rows {
		switch by := known[r.proved]; {
		case strings.TrimSpace(r.holds) == "":
			fault("%s does not say what holds", r.id)
		case r.proved == "" && len(r.tests) == 0:
			without = append(without, r.id)
		case r.proved == "":
		case len(r.tests) > 0:
			fault("%s has a test of its own, and is said to be proved by %s", r.id, r.proved)
		case by == nil || len(tests[r.proved]) == 0:
			fault("%s is said to be proved by %s, which has no test", r.id, r.proved)
		case r.why == "":
			fault("%s is proved by %s: it is not said why", r.id, r.proved)
		default:
			proved++
			r.tests = tests[r.proved]
		}
	}
	if proved > maxProved {
		fault("%d rows are proved by others, and at most %d may be", proved, maxProved)
	}
	slices.Sort(wrong)
	return wrong, without
}

// page writes the rows as docs/features.md.
func page(rows []*row) string {
	var b strings.Builder
	b.WriteString(`# What permledger promises, row by row

Each row is a statement of one of the four documents that the model covers, and has a test of its own, through the HTTP
API or the command line: ` + "`go test ./acceptance -run TestS21`" + `. A row that begins with the name of a permission says: it is
allowed with this permission, and denied without it. This page is generated: ` + "`go generate ./acceptance`" + ` writes it from
[features.csv](../acceptance/features.csv) and the tests, and a test holds it to both.
`)
	i := 0
	for _, d := range documents {
		fmt.Fprintf(&b, "\n## %s\n\n| row | what holds | test |\n|---|---|---|\n", d.title)
		for ; i < len(rows) && strings.HasPrefix(rows[i].id, d.letter); i++ {
			r := rows[i]
			test := "–"
			if len(r.tests) > 0 {
				test = fmt.Sprintf("[%s](../acceptance/%s)", r.tests[0].name, r.tests[0].file)
			}
			if r.proved != "" {
				test += fmt.Sprintf(", of %s: %s", r.proved, r.why)
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.id, r.holds, test)
		}
	}
	return b.String()
}

// Every row has its test, and docs/features.md says so.
func TestFeatures(t *testing.T) {
	rows := readRows(t)
	wrong, without := faults(rows, testsHere(t))
	for _, w := range wrong {
		t.Error(w)
	}
	want := page(rows)
	if *rewrite {
		if err := os.WriteFile(pagePath, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(without) > 0 {
		t.Errorf("%d rows have no test: %s", len(without), strings.Join(without, " "))
	}
	have, err := os.ReadFile(pagePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Error("docs/features.md is not what the tests give: run go generate ./acceptance")
	}
}

// What TestFeatures looks for it finds.
func TestFeaturesFaults(t *testing.T) {
	all := func() ([]*row, map[string][]rowTest) {
		rows, tests := readRows(t), map[string][]rowTest{}
		for _, r := range rows {
			r.proved, r.why = "", ""
			tests[r.id] = []rowTest{{"Test" + r.id + "Holds", "a_test.go"}}
		}
		return rows, tests
	}
	rows, tests := all()
	if wrong, without := faults(rows, tests); len(wrong)+len(without) > 0 {
		t.Fatalf("nothing is wrong here: %q %q", wrong, without)
	}
	prove := func(r *row, tests map[string][]rowTest) {
		delete(tests, r.id)
		r.proved, r.why = "T1", "it says so"
	}
	for name, c := range map[string]struct {
		spoil func([]*row, map[string][]rowTest)
		says  string
	}{
		"a row no test names":   {func(_ []*row, ts map[string][]rowTest) { delete(ts, "S21") }, "S21"},
		"a test of no row":      {func(_ []*row, ts map[string][]rowTest) { ts["S39"] = ts["S1"] }, "no row S39"},
		"two tests of one row":  {func(_ []*row, ts map[string][]rowTest) { ts["S2"] = append(ts["S2"], ts["S1"]...) }, "S2 has two tests"},
		"a test without a name": {func(_ []*row, ts map[string][]rowTest) { ts["S2"][0].name = "TestS2" }, "does not say what holds"},
		"a row that is gone":    {func(rs []*row, _ map[string][]rowTest) { rs[4].id = "S4" }, "the rows are not"},
		"proved without reason": {func(rs []*row, ts map[string][]rowTest) { prove(rs[0], ts); rs[0].why = "" }, "not said why"},
		"proved by nothing":     {func(rs []*row, ts map[string][]rowTest) { prove(rs[0], ts); delete(ts, "T1") }, "which has no test"},
		"proved and tested":     {func(rs []*row, _ map[string][]rowTest) { rs[0].proved = "T1" }, "has a test of its own"},
		"too many proved": {func(rs []*row, ts map[string][]rowTest) {
			for _, r := range rs[:maxProved+1] {
				prove(r, ts)
			}
		}, "at most 10"},
	} {
		rows, tests := all()
		c.spoil(rows, tests)
		wrong, without := faults(rows, tests)
		if !strings.Contains(strings.Join(append(wrong, without...), "\n"), c.says) {
			t.Errorf("%s: %q %q", name, wrong, without)
		}
	}
}
