// Package signertest has real signer programs for tests: the one in examples/signer, and one that stands before it and
// spoils its answers.
package signertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Built are the programs.
type Built struct{ example, faulty string }

// Build builds them, for a test and those below it.
func Build(t testing.TB) Built {
	t.Helper()
	return Built{build(t, "examples/signer"), build(t, "internal/signer/signertest/faulty")}
}

// Program gives the command line of the example, and the directory of the test where it keeps its keys.
func (b Built) Program(t testing.TB) (argv []string, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	return []string{b.example, dir}, dir
}

// Faulty is [Built.Program] with something before it that does what fault was told last: "" for nothing, "die", "hang",
// "wrong", "garbage" or "refuse", each also as "wrong of document", for one purpose alone.
func (b Built) Faulty(t testing.TB) (argv []string, fault func(string)) {
	t.Helper()
	program, _ := b.Program(t)
	return b.Before(t, program)
}

// Before puts what [Built.Faulty] has before the program of a command line.
func (b Built) Before(t testing.TB, program []string) (argv []string, fault func(string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fault")
	fault = func(what string) {
		if err := os.WriteFile(file, []byte(what), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fault("")
	return append([]string{b.faulty, file}, program...), fault
}

func build(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", path, "github.com/permledger/permledger/"+pkg).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}
