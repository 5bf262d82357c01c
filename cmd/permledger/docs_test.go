package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTranscripts executes what README.md and the documents show between ```console and ```, in order, in one shell and
// one directory for each document, and demands the output shown. In a document … stands for anything: a line that is
// only … for any number of lines.
func TestTranscripts(t *testing.T) {
	root := filepath.Join("..", "..")
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	programsDir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", programsDir, "../../examples/service").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", strings.Join([]string{filepath.Dir(signerProgram(t)), programsDir, os.Getenv("PATH")}, string(os.PathListSeparator)))
	for _, path := range append(documents, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		steps := transcript(string(text))
		shown += len(steps)
		t.Run(filepath.Base(path), func(t *testing.T) {
			needed(t, tools[filepath.Base(path)])
			inOneShell(t, append(programs(string(text)), steps...))
		})
	}
	if shown == 0 {
		t.Error("no document shows a transcript")
	}
}

// tools are what a document needs beside a shell and permledger.
var tools = map[string][]string{
	"services.md": {"curl"}, "signing-in.md": {"openssl", "curl"},
	"verify-without-us.md": {"unzip", "sha256sum", "openssl", "python3", "base32"},
}

// needed skips a document where a tool is missing; in CI it fails.
func needed(t *testing.T, tools []string) {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("PERMLEDGER_JUDGES") != "" {
				t.Fatal(err)
			}
			t.Skipf("what this page shows is not tried: %v", err)
		}
	}
}

var scripts = regexp.MustCompile("(?s)```python\n# (\\w+\\.py)\n(.*?)```")

// programs gives the steps that save the programs which a document tells to save, beside the directory of the walk.
func programs(text string) (steps []step) {
	for _, s := range scripts.FindAllStringSubmatch(text, -1) {
		steps = append(steps, step{command: "mkdir -p evidence && cat > evidence/" + s[1] + " <<'END OF PROGRAM'\n" + s[2] + "END OF PROGRAM"})
	}
	return steps
}

// step is a command and the output that a document shows for it.
type step struct{ command, output string }

var consoles = regexp.MustCompile("(?s)```console\n(.*?)```")

func transcript(text string) []step {
	var steps []step
	for _, block := range consoles.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, step{command: strings.TrimSuffix(command, "\n")})
			} else if n := len(steps); n > 0 {
				steps[n-1].output += line
			}
		}
	}
	return steps
}

// inOneShell runs all steps in one shell, so that what one exports the next one has.
func inOneShell(t *testing.T, steps []step) {
	var script bytes.Buffer
	for i, s := range steps {
		fmt.Fprintf(&script, "%s\nprintf '\\n=%d=\\n'\n", s.command, i)
	}
	sh := exec.Command("bash")
	sh.Dir, sh.Stdin = t.TempDir(), &script
	sh.Env = append(os.Environ(), "PERMLEDGER_DATA=", "PERMLEDGER_ORG=", "PERMLEDGER_KEY=", "PERMLEDGER_SIGNER=", "PERMLEDGER_PINS="+filepath.Join(t.TempDir(), "pins"))
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	for i, s := range steps {
		var got string
		got, rest, _ = strings.Cut(rest, fmt.Sprintf("\n=%d=\n", i))
		if !pattern(s.output).MatchString(got) {
			t.Errorf("$ %s\ngives\n%s\nand the document shows\n%s", s.command, got, s.output)
		}
	}
}

// pattern makes a regular expression of what a document shows.
func pattern(shown string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^(?s)")
	for line := range strings.Lines(shown) {
		line = strings.TrimSuffix(line, "\n")
		if line == "…" {
			b.WriteString("(.*\n)?")
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", "[^\n]*") + "\n?")
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String())
}
