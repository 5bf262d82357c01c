package bundle_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/bundle"
)

// tool gives a program that is on this machine, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("PERMLEDGER_JUDGES") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("%s is not here; with PERMLEDGER_JUDGES=1, as in CI, that is a failure", name)
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
		place := file
		if q.Kind == bundle.All {
			place = out
		}
		said, err := run(t, dir, python, filepath.Join(out, "verify.py"), place, "--key", logKey(s))
		if err != nil || !strings.Contains(said, "OK           "+q.Kind) {
			t.Errorf("verify.py: %v\n%s", err, said)
		}
	}
}

// Given bundles that were changed, with sums that fit, when the program that lies in them checks them, then it says what
// is wrong, and where.
func TestTheProgramNoticesDamage(t *testing.T) {
	python := tool(t, "python3")
	s, q := some(t, 2)
	dir := t.TempDir()
	flip := func(name string, i int) func([]*file) {
		return func(files []*file) {
			contents(func(b []byte) []byte { b[(i+len(b))%len(b)] ^= 1; return b })(files[at(files, name)])
		}
	}
	all := bundle.Question{Kind: bundle.All}
	other, _ := some(t, 3)
	for name, tt := range map[string]struct {
		q      bundle.Question
		change func([]*file)
		want   string
	}{
		"entry":            {all, flip("tile/entries/000.p/7", 900), "tile/entries/000.p/7[0]: it is not the entry in the tree"},
		"tile":             {all, flip("tile/0/000.p/7", 40), "tile: the root is not the one of the checkpoint"},
		"checkpoint":       {all, flip("checkpoint", -12), "checkpoint: not signed"},
		"entry of a part":  {q, flip("entries/3", 30), "entries/3: its proof does not lead to the root"},
		"proof of another": {q, func(f []*file) { f[at(f, "entries/3")].swap(f[at(f, "entries/4")]) }, "entries/3: its proof does not lead to the root"},
		"another's checkpoint": {all, func(f []*file) {
			contents(func([]byte) []byte { return other.Checkpoint })(f[at(f, "checkpoint")])
		}, "checkpoint: it is not the one that the manifest names"},
		"document": {q, func(f []*file) {
			i := slices.IndexFunc(f, func(f *file) bool { return strings.HasPrefix(f.Name, "documents/") })
			contents(func(b []byte) []byte { return append(b, ' ') })(f[i])
		}, "its bytes have another CID"},
	} {
		b := repack(t, write(t, bundle.Zip, s, tt.q, s.Journal.Len()), func(files []*file) []*file {
			tt.change(files)
			var sums strings.Builder
			for _, f := range files[:len(files)-1] {
				fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(f.contents), f.Name)
			}
			contents(func([]byte) []byte { return []byte(sums.String()) })(files[len(files)-1])
			return files
		})
		path := filepath.Join(dir, "b.zip")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := run(t, dir, python, filepath.Join(source(t), "verify.py"), path, "--key", logKey(s))
		if err == nil || !strings.Contains(said, "NOT OK") || !strings.Contains(said, tt.want) {
			t.Errorf("%s: %v\n%s; want %q", name, err, said, tt.want)
		}
	}
}

// Given somebody who does not know the program, when it is asked for help or given what it does not know, then it says how
// it is called, and judges nothing.
func TestTheProgramSaysHowItIsCalled(t *testing.T) {
	python := tool(t, "python3")
	for _, args := range [][]string{{"--help"}, {"-h"}, {"--key"}, {"--trust", "policy"}, {"a.zip", "b.zip"}} {
		said, err := run(t, t.TempDir(), python, append([]string{filepath.Join(source(t), "verify.py")}, args...)...)
		if code := (*exec.ExitError)(nil); !errors.As(err, &code) || code.ExitCode() != 2 || !strings.Contains(said, "[--key VKEY]") || strings.Contains(said, "OK") {
			t.Errorf("%q: %v\n%s", args, err, said)
		}
	}
}

// source gives the folder of this package.
func source(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
