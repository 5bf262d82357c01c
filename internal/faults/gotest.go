package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A fuzzTarget is a function that Go can fuzz.
type fuzzTarget struct{ pkg, name string }

// fuzzTargets finds all in the module that the working directory lies in.
func fuzzTargets(ctx context.Context) ([]fuzzTarget, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-list", "^Fuzz", modulePath+"/...").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("look for fuzz targets: %w\n%s", err, out)
	}
	var all []fuzzTarget
	var names []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) > 1 && fields[0] == "ok":
			for _, n := range names {
				all = append(all, fuzzTarget{fields[1], n})
			}
			names = nil
		}
	}
	return all, nil
}

const modulePath = "github.com/permledger/permledger"

// Fuzz runs every fuzz target of the module for a time each, until ctx ends, and gives how many it ran. An input that
// fails is kept by Go below testdata/fuzz of its package, where the package's ordinary tests try it from then on.
func Fuzz(ctx context.Context, o Options, each time.Duration) (ran int, err error) {
	targets, err := fuzzTargets(ctx)
	if err != nil {
		return 0, err
	}
	if len(targets) == 0 {
		return 0, errors.New("there are no fuzz targets")
	}
	for _, t := range targets {
		if ctx.Err() != nil {
			break
		}
		one := goTest(ctx, o, "fuzz", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", each.String(), t.pkg)
		err = errors.Join(err, one)
		ran++
		o.Log("fuzz: %d of %d targets, %s %s", ran, len(targets), t.pkg, t.name)
	}
	return ran, err
}

// Model runs the tests of every package that has property tests with many checks for each, under the seed, until ctx ends.
// What takes longer than a time each is cut off, which is no failure. It gives how many packages it ran.
func Model(ctx context.Context, o Options, checks int, each time.Duration) (ran int, err error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", `{{.ImportPath}}{{range .TestImports}} {{.}}{{end}}{{range .XTestImports}} {{.}}{{end}}`, modulePath+"/...").Output()
	if err != nil {
		return 0, fmt.Errorf("look for property tests: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if !strings.Contains(line, " pgregory.net/rapid") {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		limited, cancel := context.WithTimeout(ctx, each)
		// rapid takes the seed 0 for none.
		one := goTest(limited, o, "model", "-count=1", "-timeout", "60m", fields[0],
			fmt.Sprintf("-rapid.checks=%d", checks), fmt.Sprintf("-rapid.seed=%d", max(o.Seed, 1)), "-rapid.nofailfile")
		cancel()
		err = errors.Join(err, one)
		ran++
		o.Log("model: %s with %d checks each", fields[0], checks)
	}
	if ran == 0 && ctx.Err() == nil {
		err = errors.New("there are no property tests")
	}
	return ran, err
}

// goTest runs `go test`, and keeps what it says where it fails. Where ctx ends first, it ends with the test that it started.
func goTest(ctx context.Context, o Options, what string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return nil
	}
	err = fmt.Errorf("%s, seed %d: go test %s: %w\n%s", what, o.Seed, strings.Join(args, " "), err, tail(out, 4000))
	if o.Keep == "" {
		return err
	}
	if failed := os.MkdirAll(o.Keep, 0o700); failed != nil {
		return errors.Join(err, failed)
	}
	dir, failed := os.MkdirTemp(o.Keep, what+"-")
	if failed == nil {
		failed = os.WriteFile(filepath.Join(dir, "output"), out, 0o600)
	}
	return errors.Join(err, failed)
}

// tail gives the end of what a process said.
func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
