package bundle_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/bundle"
)

// tool gives a program that is on this machine, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not here", name)
	}
	return path
}

func run(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

// Given bundles, when programs that are not ours unpack them, then they find nothing wrong, and the sums and the
// program in the bundle find nothing either.
func TestOtherProgramsReadTheZip(t *testing.T) {
	python := tool(t, "python3")
	role, about := some(t, 140)
	names, _, _ := withTexts(t, 5)
	for _, tt := range []struct {
		s *bundle.Source
		q bundle.Question
	}{{role, about}, {role, bundle.Question{Kind: bundle.All}}, {names, bundle.Question{Kind: bundle.All, Texts: bundle.Personal}}} {
		s, q := tt.s, tt.q
		dir := t.TempDir()
		file := filepath.Join(dir, "b.zip")
		if err := os.WriteFile(file, write(t, bundle.Zip, s, q, s.Journal.Len()), 0o600); err != nil {
			t.Fatal(err)
		}
		if unzip, err := exec.LookPath("unzip"); err == nil {
			if out, err := run(t, dir, unzip, "-tq", file); err != nil || !strings.Contains(out, "No errors") {
				t.Errorf("unzip: %v\n%s", err, out)
			}
		}
		out := filepath.Join(dir, "out")
		if said, err := run(t, dir, python, "-m", "zipfile", "-e", file, out); err != nil {
			t.Fatalf("python: %v\n%s", err, said)
		}
		if sums, err := exec.LookPath("sha256sum"); err == nil {
			if said, err := run(t, out, sums, "--quiet", "-c", "SHA256SUMS"); err != nil {
				t.Errorf("sha256sum: %v\n%s", err, said)
			}
		}
		for _, place := range []string{file, out} {
			said, err := run(t, dir, python, filepath.Join(out, "verify.py"), place, "--key", logKey(s))
			if err != nil || !strings.Contains(said, "OK           "+q.Kind) {
				t.Errorf("verify.py: %v\n%s", err, said)
			}
			t.Log(said)
		}
	}
}
