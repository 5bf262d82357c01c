package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/stream"
)

func TestFailingWritesLoseNothing(t *testing.T) {
	_, err := FailingWrites(t.Context(), options(t), times(3, 0))
	skipWhereItCannotBe(t, err)
	if err != nil {
		t.Fatal(err)
	}
}

func TestFailingStartsDestroyNothing(t *testing.T) {
	report, err := FailingStarts(t.Context(), options(t), times(15, 0))
	skipWhereItCannotBe(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report)
}

// plainStore names the variable that makes the test binary open the embedded server on a store, and nothing else: without
// our look at the files before.
const plainStore = "FAULTS_PLAIN_STORE"

// openPlain prints how many entries the ledger's stream has once nats-server has opened its store.
func openPlain(dir string) error {
	s, err := stream.Start(stream.Options{StoreDir: dir})
	if err != nil {
		return err
	}
	last := uint64(0)
	log, err := s.OpenLog(context.Background(), Organization)
	if err == nil {
		last, _, err = log.Last(context.Background())
	}
	fmt.Println(last)
	return errors.Join(err, s.Close())
}

// The control: one call that fails makes nats-server by itself, as it comes, destroy what is acknowledged. Where it does
// not, calls are not made to fail here, and the tests above prove nothing.
func TestFailingStartsDestroyAPlainStream(t *testing.T) {
	skipWhereItCannotBe(t, canTrace(t.Context()))
	// Given the store of a ledger whose server was killed
	root := t.TempDir()
	whole := filepath.Join(root, "whole")
	loaded(t, whole, damageEntries/2, (*Server).Kill)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	open := func(dir string, wrap ...string) string {
		line := append(wrap, self)
		cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
		cmd.Env = append(os.Environ(), plainStore+"="+filepath.Join(dir, "store"), "GOMAXPROCS=1")
		out, _ := cmd.Output() // it may well fail
		return strings.TrimSpace(string(out))
	}
	copied := func(name string) string {
		dir := filepath.Join(root, name)
		if err := copyDir(dir, whole); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	want := open(copied("control"))
	if n, err := strconv.Atoi(want); err != nil || n < damageEntries/2 {
		t.Fatalf("the stream has %q entries without any fault", want)
	}
	// when nats-server opens it, and one call about its block fails once
	lost := 0
	for i, c := range []struct{ call, when string }{{"openat", "1"}, {"openat", "2"}, {"read", "1"}, {"read", "2"}, {"pread64", "1"}, {"fstat", "1"}} {
		dir := copied(fmt.Sprint(i))
		files, err := blocks(dir)
		if err != nil {
			t.Fatal(err)
		}
		open(dir, inject(c.call, "EIO", c.when, files[0])...)
		// then a start without the fault finds less
		if got := open(dir); got != want {
			lost++
			t.Logf("%s %s of the block fails: %s entries of %s are left", c.call, c.when, got, want)
		}
	}
	if lost == 0 {
		t.Error("nothing was lost by any fault; want at least one loss")
	}
}
