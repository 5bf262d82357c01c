package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	program *Program
	long    = os.Getenv("PERMLEDGER_LONG") != ""
	seed    = flag.Uint64("faults.seed", 1, "the seed of all choices")
	built   = flag.String("faults.program", "", "a permledger to test, instead of one built from here")
	keep    = flag.String("faults.keep", "", "a directory to keep failures in")
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(plainStore); dir != "" {
		if err := openPlain(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "permledger-faults-")
		if err == nil {
			defer os.RemoveAll(dir)
			program = &Program{Path: *built}
			if *built == "" {
				program, err = Build(context.Background(), dir)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// options give the options of a test.
func options(t *testing.T) Options {
	t.Helper()
	t.Logf("seed %d", *seed)
	return Options{Program: program, Seed: *seed, Scratch: t.TempDir(), Keep: *keep, Log: t.Logf}
}

// times gives how often a test does something: seldom, or often in the long form.
func times(seldom, often int) int {
	if long {
		return often
	}
	return seldom
}

// skipWhereItCannotBe skips a test of a fault that cannot be made on this machine.
func skipWhereItCannotBe(t *testing.T, err error) {
	t.Helper()
	if e := (*CannotError)(nil); errors.As(err, &e) {
		t.Skip(e)
	}
}
