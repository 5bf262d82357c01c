package interop

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestOthersOpenOurBundles(t *testing.T) {
	need(t, "unzip", "python3")
	// Given a bundle of everything, and one of a role
	l := initialised(t, "guardian")
	l.run("role", "create", "desk", "--allow", "POLICIES_POLICY_READ", "--reason", "TICKET-201")
	l.run("user", "add", "ben")
	l.run("grant", "desk", "to", "ben")
	all, role := filepath.Join(l.home, "all.zip"), filepath.Join(l.home, "role.zip")
	l.run("export", "--all", "-f", "bundle", "-O", all)
	l.run("export", "--role", "desk", "-f", "bundle", "-O", role)
	for _, file := range []string{all, role} {
		// when unzip and Python's zipfile open it
		run(t, "unzip", "-t", "-q", file)
		out := run(t, "python3", "-c", `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    assert z.testzip() is None
    for i in z.infolist():
        assert i.compress_type == zipfile.ZIP_STORED and not i.is_dir() and i.date_time[:3] == (1980, 1, 1), i
        print(i.filename)
`, file)
		// then both find every file whole, and the verifier inside accepts what it stands among
		for _, want := range []string{"README.txt", "manifest.json", "checkpoint", "verify.py"} {
			if !strings.Contains("\n"+out, "\n"+want+"\n") {
				t.Errorf("%s has no %s: %s", file, want, out)
			}
		}
		to := t.TempDir()
		run(t, "unzip", "-q", file, "-d", to)
		if out := run(t, "python3", filepath.Join(to, "verify.py"), to); !strings.Contains(out, "OK") {
			t.Errorf("verify.py: %s", out)
		}
		l.run("verify", file)
	}
	// and the same question gives the same bytes
	again := filepath.Join(l.home, "again.zip")
	l.run("export", "--all", "-f", "bundle", "-O", again)
	a, err1 := os.ReadFile(all)
	b, err2 := os.ReadFile(again)
	if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
		t.Errorf("two exports differ: %v %v", err1, err2)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
