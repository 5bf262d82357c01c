package api_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
)

// -rewrite writes the generated part of docs/api.md anew.
var rewrite = flag.Bool("rewrite", false, "write the generated part of docs/api.md anew")

// withProblems writes the list of problems into a text that has its marks.
func withProblems(t *testing.T, text string) string {
	const begin, end = "<!-- generated with the routes -->\n", "<!-- end of problems -->"
	before, rest, ok1 := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/api.md has no list of problems")
	}
	var table strings.Builder
	table.WriteString("| type | status | title |\n|---|---|---|\n")
	found, titles := statusesIn(t), api.ProblemTitles()
	for _, code := range slices.Sorted(maps.Keys(titles)) {
		var numbers []string
		for _, s := range slices.Sorted(slices.Values(found[code])) {
			numbers = append(numbers, strconv.Itoa(s))
		}
		fmt.Fprintf(&table, "| `%s%s` | %s | %s |\n", wire.ProblemType, code, strings.Join(numbers, ", "), titles[code])
	}
	return before + begin + table.String() + end + after
}

// The document lists every route, with what it takes and gives, and the action that it demands or the reason for none.
func TestRoutesAreDocumented(t *testing.T) {
	const begin, end = "-rewrite` -->\n", "<!-- end -->"
	path := filepath.Join("..", "docs", "api.md")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(b), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no generated part", path)
	}
	var table strings.Builder
	table.WriteString("| route | what | takes the action |\n|---|---|---|\n")
	for _, r := range api.Routes() {
		query := ""
		if len(r.Query) > 0 {
			query = "<br>?" + strings.Join(r.Query, ", ")
		}
		demands := "`" + r.Action + "`"
		switch {
		case r.Operator:
			demands = "the node's operator alone: " + r.Why
		case r.Action == "":
			demands = "none: " + r.Why
		}
		fmt.Fprintf(&table, "| `%s %s`%s | %s | %s |\n", r.Method, r.Path, query, r.Summary, demands)
	}
	want := withProblems(t, before) + begin + table.String() + end + after
	if want == string(b) {
		return
	}
	if !*rewrite {
		t.Fatalf("%s does not list the routes as they are; run `go test ./api -run TestRoutesAreDocumented -rewrite`", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
