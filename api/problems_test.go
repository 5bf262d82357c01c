package api_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/permledger/permledger/api"
)

// statusesIn gives the statuses with which this package answers each code: as its source has them.
func statusesIn(t *testing.T) map[string][]int {
	t.Helper()
	names := map[string]int{}
	for status := 400; status < 600; status++ {
		name := "Status" + strings.NewReplacer(" ", "", "-", "", "'", "").Replace(http.StatusText(status))
		names[name] = status
	}
	codes := constantsOf(t, filepath.Join("wire", "*.go"), "Code")
	for name, code := range constantsOf(t, filepath.Join("..", "ledger", "rules", "refusal.go"), "") {
		codes[name] = code
	}
	found := map[string][]int{}
	for code, status := range api.RefusalStatuses() {
		found[code] = append(found[code], status)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok || len(c.Args) != 3 {
				return true
			}
			if id, ok := c.Fun.(*ast.Ident); !ok || id.Name != "problemOf" {
				return true
			}
			status, code := lastName(c.Args[0]), lastName(c.Args[1])
			if s, known := names[status], codes[code]; s != 0 && known != "" && !slices.Contains(found[known], s) {
				found[known] = append(found[known], s)
			}
			return true
		})
	}
	return found
}

// lastName gives the name behind the last dot of an expression, through a conversion.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			return lastName(e.Args[0])
		}
	}
	return ""
}

// constantsOf gives the constants of files whose names begin so, and that are texts.
func constantsOf(t *testing.T, pattern, prefix string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", pattern, err)
	}
	all := map[string]string{}
	for _, file := range files {
		f, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, prefix) {
				return true
			}
			if lit, ok := v.Values[0].(*ast.BasicLit); ok && lit.Kind == gotoken.STRING {
				all[v.Names[0].Name], _ = strconv.Unquote(lit.Value)
			}
			return true
		})
	}
	return all
}

// Every code that a problem can have is a kind of problem with a title, is written in one way, and is answered with a status.
func TestEveryProblemHasATitleAndAStatus(t *testing.T) {
	found := statusesIn(t)
	for name, code := range constantsOf(t, filepath.Join("wire", "*.go"), "Code") {
		if api.ProblemTitles()[code] == "" {
			t.Errorf("%s (%s) has no title", code, name)
		}
		if strings.Trim(code, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("%s is no code", code)
		}
	}
	for code := range api.ProblemTitles() {
		if len(found[code]) == 0 {
			t.Errorf("nothing is answered with %s", code)
		}
	}
	if len(found) < 40 {
		t.Errorf("only %d codes were found", len(found))
	}
}
