package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api"
)

// docs/api.md says of each command by which routes the same is done, or why by none. What it names is there, and nothing that
// is there is left out.
func TestEveryCommandHasItsRoute(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok1 := strings.Cut(string(b), "<!-- commands -->\n")
	table, _, ok2 := strings.Cut(rest, "<!-- end of commands -->")
	if !ok1 || !ok2 {
		t.Fatal("docs/api.md has no list of commands")
	}
	routes := map[string]bool{}
	for _, r := range api.Routes() {
		routes[r.Method+" "+r.Path] = true
	}
	doc, quoted := api.OpenAPI(nil), regexp.MustCompile("`([^`]*)`")
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	said := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[1], -1) {
			if said[name[1]] {
				t.Errorf("%s is listed twice", name[1])
			}
			said[name[1]] = true
		}
		for _, route := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if !routes[route[1]] {
				t.Errorf("%s: there is no route %s", cells[1], route[1])
			}
		}
		if _, kinds, ok := strings.Cut(cells[2], "/do` "); ok {
			for kind := range strings.FieldsFuncSeq(kinds, func(r rune) bool { return strings.ContainsRune(" ,;`", r) }) {
				if strings.Contains(kind, "-") && !strings.HasPrefix(kind, "/") && schemas["Intent."+kind] == nil {
					t.Errorf("%s: there is no change %s", cells[1], kind)
				}
			}
		}
	}
	have := map[string]bool{}
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		path := strings.TrimPrefix(c.CommandPath(), "permledger ")
		first, _, _ := strings.Cut(path, " ")
		helps := c.HasParent() && !c.HasSubCommands() && c.GroupID == "" && c.Parent() == c.Root() // a topic to read, or help itself
		if leaf := c.Runnable() && !c.HasAvailableSubCommands() || said[path]; leaf && c.HasParent() && !helps && first != "completion" {
			have[path] = true
			if !said[path] {
				t.Errorf("docs/api.md does not say by which route %s is done, or why by none", path)
			}
		}
		for _, below := range c.Commands() {
			look(below)
		}
	}
	look(New(Process{Env: func(string) string { return "" }, Out: io.Discard, Err: io.Discard}))
	for path := range said {
		if !have[path] && !slices.Contains([]string{"version", "completion", "help"}, path) {
			t.Errorf("docs/api.md lists %s, which is no command", path)
		}
	}
	if len(have) < 100 {
		t.Errorf("only %d commands were found", len(have))
	}
}
