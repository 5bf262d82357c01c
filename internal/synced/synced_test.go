package synced_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/internal/synced"
)

// Given a file, when it is written anew, then it has the new content and mode and nothing else lies beside it; and where it
// cannot be written, what was there stays.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"one", "another one", ""} {
		if err := synced.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if b, err2 := os.ReadFile(path); err != nil || err2 != nil || string(b) != content || info.Mode().Perm() != 0o600 {
			t.Errorf("%q of mode %v, %v, %v", b, info.Mode(), err, err2)
		}
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("beside it lie %v, %v", all, err)
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := synced.WriteFile(path, []byte("more"), 0o600); err == nil {
		t.Error("it was written into a directory")
	}
	if b, err := os.ReadFile(path); err != nil || len(b) != 0 {
		t.Errorf("%q, %v", b, err)
	}
	if err := synced.Dir(filepath.Join(dir, "nothere")); err == nil {
		t.Error("a directory that is not there was synced")
	}
}
