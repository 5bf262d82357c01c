// Package signertest has real signer programs for tests: the one in examples/signer, and one that stands before it and
// spoils its answers.
package signertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program builds the example, which keeps its keys in a directory of the test, and gives its command line and that
// directory.
func Program(t testing.TB) (argv []string, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	return []string{build(t, "examples/signer"), dir}, dir
}

// Faulty is [Program] with something before it that does what fault was told last: "" for nothing, "die", "hang",
// "wrong", "garbage" or "refuse", each also as "wrong of document", for one purpose alone.
func Faulty(t testing.TB) (argv []string, fault func(string)) {
	t.Helper()
	program, _ := Program(t)
	file := filepath.Join(t.TempDir(), "fault")
	fault = func(what string) {
		if err := os.WriteFile(file, []byte(what), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fault("")
	return append([]string{build(t, "internal/signer/signertest/faulty"), file}, program...), fault
}

func build(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", path, "github.com/permledger/permledger/"+pkg).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}
