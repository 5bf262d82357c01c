package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Given the list of mutations, then each fits its file in one place, and each place at which a file reports that
// something does not hold stands in one of them.
func TestMutationsCoverEveryCheck(t *testing.T) {
	for _, c := range checked {
		content, err := os.ReadFile(filepath.Join("..", c.file))
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		type span struct{ from, to int }
		var spans []span
		note := func(old string) {
			if n := strings.Count(text, old); n != 1 {
				t.Errorf("%s: %q stands there %d times", c.file, old, n)
			} else {
				at := strings.Index(text, old)
				spans = append(spans, span{at, at + len(old)})
			}
		}
		for _, m := range c.mutations {
			note(m.old)
			if m.old == m.new {
				t.Errorf("%s: %q changes nothing", c.file, m.old)
			}
		}
		for _, old := range c.plumbing {
			note(old)
		}
	next:
		for _, found := range regexp.MustCompile(c.reports).FindAllStringIndex(text, -1) {
			for _, s := range spans {
				if s.from <= found[0] && found[1] <= s.to {
					continue next
				}
			}
			line := 1 + strings.Count(text[:found[0]], "\n")
			t.Errorf("%s:%d reports something with %q, and no mutation takes that check away", c.file, line, text[found[0]:found[1]])
		}
	}
}

// Given the verifier without one of its checks, then a test of this package, or of ledger/chain, fails. Each check is
// taken away in turn; the files themselves stay as they are.
func TestEveryCheckIsTested(t *testing.T) {
	if os.Getenv("PERMLEDGER_LONG") == "" {
		t.Skip("compiles and runs the tests once for each check of the verifier, which takes many minutes; set PERMLEDGER_LONG=1")
	}
	m := mutator{dir: t.TempDir()}
	var err error
	if m.root, err = filepath.Abs(".."); err != nil {
		t.Fatal(err)
	}
	if how, err := m.killed(t, "", ""); err != nil || how != "" {
		t.Fatalf("the tests fail without any mutation: %v\n%s", err, how)
	}
	// PERMLEDGER_FILES=verify/bundle.go,verify/keys.go tries those of these files alone.
	files := os.Getenv("PERMLEDGER_FILES")
	// PERMLEDGER_SAMPLE=n tries one mutation in n, others each day.
	sample, _ := strconv.Atoi(os.Getenv("PERMLEDGER_SAMPLE"))
	tried, met := 0, time.Now().YearDay()
	for _, c := range checked {
		if files != "" && !slices.Contains(strings.Split(files, ","), c.file) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(m.root, c.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, mutation := range c.mutations {
			at := fmt.Sprintf("%s:%d", c.file, 1+strings.Count(string(content[:max(0, bytes.Index(content, []byte(mutation.old)))]), "\n"))
			if mutation.covered != "" {
				t.Logf("%s: %q is not tried: %s", at, mutation.old, mutation.covered)
				continue
			}
			if met++; sample > 1 && met%sample != 0 {
				continue
			}
			tried++
			how, err := m.killed(t, c.file, strings.Replace(string(content), mutation.old, mutation.new, 1))
			switch {
			case err != nil:
				t.Errorf("%s: %q instead of %q: %v", at, mutation.new, mutation.old, err)
			case how == "":
				t.Errorf("%s: no test notices %q instead of %q", at, mutation.new, mutation.old)
			default:
				t.Logf("%s: %q: %s", at, mutation.old, how)
			}
		}
	}
	t.Logf("%d mutations were tried", tried)
}

// A mutator runs tests with one file of the module replaced.
type mutator struct{ root, dir string }

// killed gives the test that fails when a file has another content; empty: none. An error says that the mutation does
// not compile.
func (m mutator) killed(t *testing.T, file, content string) (string, error) {
	t.Helper()
	overlay := map[string]map[string]string{"Replace": {}}
	if file != "" {
		mutant := filepath.Join(m.dir, "mutant.go")
		if err := os.WriteFile(mutant, []byte(content), 0o600); err != nil {
			return "", err
		}
		overlay["Replace"][filepath.Join(m.root, file)] = mutant
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	list := filepath.Join(m.dir, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		return "", err
	}
	for _, pkg := range []string{"verify", "ledger/chain"} {
		if pkg == "ledger/chain" && (strings.HasPrefix(file, "verify/") || strings.HasPrefix(file, "ledger/replay/")) {
			continue // it does not know these packages
		}
		binary := filepath.Join(m.dir, "mutant.test")
		// Tests run without vet, which would refuse some mutations, and may not take long: a hang is noticed too.
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", list, "-o", binary, "./"+pkg)
		build.Dir = m.root
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		args := []string{"-test.failfast", "-test.timeout", "2m"}
		if pkg == "ledger/chain" {
			args = append(args, "-rapid.nofailfile") // a failure is what is wanted here, and nothing to keep
		}
		run := exec.CommandContext(t.Context(), binary, args...)
		run.Dir = filepath.Join(m.root, pkg)
		run.Env = append(os.Environ(), "PERMLEDGER_LONG=")
		run.WaitDelay = 10 * time.Second
		if out, err := run.CombinedOutput(); err != nil {
			if failed := regexp.MustCompile(`(?m)^ *(--- FAIL: \S+|panic: .*)`).FindAllString(string(out), -1); len(failed) > 0 {
				return strings.TrimSpace(failed[len(failed)-1]), nil
			}
			return "", fmt.Errorf("%w: %s", err, out)
		}
	}
	return "", nil
}
