package cli

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/node"
)

func TestServeWaitsForACommand(t *testing.T) {
	// Given a directory that a command has open
	dir := filepath.Join(t.TempDir(), "ledger")
	if err := node.Init(dir, "localhost"); err != nil {
		t.Fatal(err)
	}
	command, err := node.Open(t.Context(), dir, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// when serve has met it (it looks for a server then, in a file that the test answers), and the command ends
	if err := unix.Mkfifo(serverFile(dir), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		n, err := (&app{data: dir}).open(t.Context(), node.Options{})
		if err == nil {
			err = n.Close()
		}
		opened <- err
	}()
	met, err := os.OpenFile(serverFile(dir), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Close(); err != nil {
		t.Fatal(err)
	}
	if err := met.Close(); err != nil {
		t.Fatal(err)
	}
	// then serve has it
	if err := <-opened; err != nil {
		t.Errorf("serve: %v", err)
	}
}
