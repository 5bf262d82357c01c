package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/permledger/permledger/client"
)

// patience bounds how long a process of the program may take to start, or to stop when it is told to.
const patience = 60 * time.Second

// Organization is the one that the load is written to; `permledger init` opens it.
const Organization = "main"

// Program is the built permledger.
type Program struct {
	Path string
	env  []string // what it is run with beside our own environment
}

// Build builds the program into dir. The working directory lies within the module.
func Build(ctx context.Context, dir string) (*Program, error) {
	path := filepath.Join(dir, "permledger")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/permledger/permledger/cmd/permledger").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build permledger: %w\n%s", err, out)
	}
	return &Program{Path: path}, nil
}

// ExitError says how a process of the program ended, other than with 0.
type ExitError struct {
	Args   []string
	Code   int // -1: by a signal
	Stderr string
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("permledger %s: exit %d: %s", strings.Join(e.Args, " "), e.Code, strings.TrimSpace(e.Stderr))
}

// Run runs a command of the program to its end and gives its stdout; the error is an [*ExitError] where the program
// ended with another code than 0.
func (p *Program) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.Path, args...)
	cmd.Env = p.environment()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = &ExitError{args, exit.ExitCode(), errs.String()}
	}
	return out.String(), err
}

// environment is ours without what would turn the program to another ledger.
func (p *Program) environment() []string {
	env := append(slices.Clone(p.env), "PERMLEDGER_PINS=off")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PERMLEDGER_") {
			env = append(env, v)
		}
	}
	return env
}

// Server is a running `permledger serve`.
type Server struct {
	dir   string
	args  []string
	cmd   *exec.Cmd
	ready chan string   // gets the URL, once
	done  chan struct{} // closed when the process has ended and all it said is in said

	mu   sync.Mutex
	said strings.Builder
	url  string
}

// Serve starts a server on a data directory and does not wait for it. wrap is what the program is started by, as strace
// with its arguments; it must leave the program the process that is started.
func (p *Program) Serve(dir string, wrap ...string) (*Server, error) {
	args := []string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}
	line := append(append(append([]string{}, wrap...), p.Path), args...)
	s := &Server{dir: dir, args: args, cmd: exec.Command(line[0], line[1:]...), ready: make(chan string, 1), done: make(chan struct{})}
	s.cmd.Env = p.environment()
	if len(wrap) > 0 { // strace counts calls by thread
		s.cmd.Env = append(s.cmd.Env, "GOMAXPROCS=1")
	}
	s.cmd.Stderr = s // the copy ends with the process, so Wait has it whole
	s.cmd.WaitDelay = patience
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start permledger: %w", err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// Write takes in what the process says.
func (s *Server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said.Write(b)
	if s.url != "" {
		return len(b), nil
	}
	for line := range strings.Lines(s.said.String()) {
		if _, at, ok := strings.Cut(line, " at http://"); ok && strings.HasPrefix(line, "serving ") && strings.HasSuffix(line, "\n") {
			s.url = "http://" + strings.Fields(at)[0]
			s.ready <- s.url
		}
	}
	return len(b), nil
}

// Said gives what the process has said so far.
func (s *Server) Said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// Ready waits until the server takes requests and gives a client of it. Where the process ends instead, the error is an
// [*ExitError].
func (s *Server) Ready(ctx context.Context) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case url := <-s.ready:
		token, err := os.ReadFile(filepath.Join(s.dir, "run", "token"))
		if err != nil {
			return nil, fmt.Errorf("the server's token: %w", err)
		}
		return client.New(url, strings.TrimSpace(string(token)), nil), nil
	case <-s.done:
		return nil, s.ended()
	case <-ctx.Done():
		return nil, fmt.Errorf("permledger is not ready: %w; it said: %s", context.Cause(ctx), s.Said())
	}
}

func (s *Server) ended() error {
	return &ExitError{s.args, s.cmd.ProcessState.ExitCode(), s.Said()}
}

// Done is closed when the process has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.done
}

// Stop tells the process to end and waits until it has.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop permledger: %w", err)
	}
	select {
	case <-s.done:
	case <-time.After(patience):
		s.Kill()
		return fmt.Errorf("permledger did not stop within %s; it said: %s", patience, s.Said())
	}
	if s.cmd.ProcessState.ExitCode() != 0 {
		return s.ended()
	}
	return nil
}
