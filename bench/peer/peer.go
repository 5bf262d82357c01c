// Package peer builds, starts and loads what is compared: each is a process of its own on a loopback address, with the same
// data in it, and is asked the same questions.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/world"
)

// Env is where peers are built and run.
type Env struct {
	World *world.World
	Cache string // a directory for what is built from other modules, which takes minutes
	Dir   string // a directory for this run
	Bench string // the directory of this module; permledger's is the one above
	Say   func(format string, args ...any)
}

// A Peer is something to compare.
type Peer struct {
	Name  string
	build func(ctx context.Context, e *Env) error
	start func(ctx context.Context, e *Env) (*Server, error)
}

// All are the peers, in the order in which they are shown.
var All = []Peer{floor, permledger, openfga, cerbos, casbin, cedar, opa}

// Server is a peer that runs and has its data.
type Server struct {
	*Process
	Rows    []Row
	Library string   // what it is within a process
	Measure []string // the command that measures that, once the server has ended; empty: there is none
	Profile []string // the command that serves the same and profiles it, but for the name of the file; empty: there is none
}

// A Row is one way of asking a server.
type Row struct {
	Name   string
	Asks   int // decisions in a request
	Target load.Target
}

// Start builds a peer where it is not built yet, starts it and puts the data in.
func (p Peer) Start(ctx context.Context, e *Env) (*Server, error) {
	e.Say("%s: building", p.Name)
	if err := p.build(ctx, e); err != nil {
		return nil, fmt.Errorf("%s: build: %w", p.Name, err)
	}
	e.Say("%s: starting", p.Name)
	s, err := p.start(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return s, nil
}

// module builds a program of another module, by its version, once.
func (e *Env) module(ctx context.Context, name, module, pkg, version string) error {
	to := e.binary(name, version)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	var source struct{ Dir string }
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@"+version).Output()
	if err = errors.Join(err, json.Unmarshal(out, &source)); err != nil {
		return fmt.Errorf("go mod download %s@%s: %w", module, version, err)
	}
	// It is built in a copy, as its own main module: go install refuses a module that replaces others.
	dir, err := os.MkdirTemp(e.Cache, "build")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(filepath.Join(dir, "src"), os.DirFS(source.Dir)); err != nil {
		return err
	}
	if err := build(ctx, filepath.Join(dir, "src"), filepath.Join(dir, name), pkg, "GOWORK=off", "GOFLAGS=-mod=mod"); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, name), to)
}

func (e *Env) binary(name, version string) string {
	return filepath.Join(e.Cache, name+"-"+version)
}

// local builds a package of a directory into the directory of this run.
func (e *Env) local(ctx context.Context, dir, name, pkg string) error {
	return build(ctx, dir, filepath.Join(e.Dir, name), pkg)
}

func build(ctx context.Context, dir, to, pkg string, env ...string) error {
	cmd := background(ctx, "go", "build", "-p", "1", "-o", to, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out[max(0, len(out)-2000):])
	}
	return nil
}

// background gives a command that leaves the processor to others, where there is nice.
func background(ctx context.Context, name string, args ...string) *exec.Cmd {
	if nice, err := exec.LookPath("nice"); err == nil {
		return exec.CommandContext(ctx, nice, append([]string{"-n", "10", name}, args...)...)
	}
	return exec.CommandContext(ctx, name, args...)
}

// address gives a loopback address that was free a moment ago.
func address() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Find gives the peers of a list of names, separated by commas; all where it is empty.
func Find(names string) ([]Peer, error) {
	if names == "" {
		return All, nil
	}
	var found []Peer
	for name := range strings.SplitSeq(names, ",") {
		var one *Peer
		for i := range All {
			if All[i].Name == name {
				one = &All[i]
			}
		}
		if one == nil {
			var all []string
			for _, p := range All {
				all = append(all, p.Name)
			}
			return nil, fmt.Errorf("there is no peer %q; there are %s", name, strings.Join(all, ", "))
		}
		found = append(found, *one)
	}
	return found, nil
}

// single is what has one decision in each answer.
func single(w *world.World) [][]bool {
	var want [][]bool
	for _, c := range w.Checks {
		want = append(want, []bool{c.Allowed})
	}
	return want
}
