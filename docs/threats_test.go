package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testLink is a link of a page to a test: its name, and the file that has it.
var testLink = regexp.MustCompile(`\[((?:Test|Fuzz)\w+|\w+\.txtar)\]\((\.\./[^)]+)\)`)

// Each row of the threat model names tests, and each test that it names is where it says.
func TestEveryThreatHasItsTest(t *testing.T) {
	page, err := os.ReadFile("threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		if strings.Count(line, "|") != 6 || strings.HasPrefix(line, "| attack |") || strings.HasPrefix(line, "|---") {
			continue
		}
		rows++
		links := testLink.FindAllStringSubmatch(line, -1)
		if len(links) == 0 {
			t.Errorf("no test shows this row: %s", line)
		}
		for _, l := range links {
			b, err := os.ReadFile(filepath.FromSlash(l[2]))
			if err != nil {
				t.Error(err)
				continue
			}
			if !strings.HasSuffix(l[1], ".txtar") && !strings.Contains(string(b), "func "+l[1]+"(") {
				t.Errorf("%s has no %s", l[2], l[1])
			}
		}
	}
	if rows < 20 {
		t.Errorf("%d rows; the table is gone", rows)
	}
}
