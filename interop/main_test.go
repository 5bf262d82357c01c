package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/klog/v2"
)

// program is the built permledger.
var program string

func TestMain(m *testing.M) {
	klog.LogToStderr(false) // Tessera's
	klog.SetOutput(io.Discard)
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "permledger")
	build := exec.Command("go", "build", "-o", program, "./cmd/permledger")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build permledger: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// need skips a test where a tool is missing; in CI it fails.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			without(t, err)
		}
	}
}

func without(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("PERMLEDGER_JUDGES") != "" {
		t.Fatalf("a judge is missing: %v", err)
	}
	t.Skipf("a judge is missing, and this is not tested: %v", err)
}

// A ledger is a data directory of its own, with the organization main.
type ledger struct {
	t    *testing.T
	dir  string
	home string
}

// initialised gives a new ledger that goes by a profile.
func initialised(t *testing.T, profile string) *ledger {
	t.Helper()
	l := &ledger{t: t, dir: filepath.Join(t.TempDir(), "ledger"), home: t.TempDir()}
	l.run("init", l.dir, "--profile", profile)
	return l
}

func (l *ledger) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(l.t.Context(), program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.home, "PERMLEDGER_DATA=" + l.dir}
	cmd.Dir = l.home
	return cmd
}

// run runs the program, which has to succeed, and gives what it wrote to stdout.
func (l *ledger) run(args ...string) string {
	l.t.Helper()
	cmd := l.command(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatalf("permledger %q: %v\n%s%s", args, err, out, errs.String())
	}
	return string(out)
}

// file runs the program and writes what it wrote to a file.
func (l *ledger) file(name string, args ...string) string {
	l.t.Helper()
	at := filepath.Join(l.home, name)
	if err := os.WriteFile(at, []byte(l.run(args...)), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return at
}

// A server is `permledger serve` on a ledger.
type server struct {
	cmd  *exec.Cmd
	url  string
	said *said
}

// said is what a process has written so far.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// serve starts a server, and waits until it answers.
func (l *ledger) serve(args ...string) *server {
	l.t.Helper()
	s := &server{said: &said{}}
	s.cmd = l.command(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(s.kill)
	l.eventually("the server answers", func() error {
		var at struct {
			URL string `json:"url"`
			PID int    `json:"pid"`
		}
		b, err := os.ReadFile(filepath.Join(l.dir, "run", "server.json"))
		if err == nil {
			err = json.Unmarshal(b, &at)
		}
		if err == nil && at.PID != s.cmd.Process.Pid {
			err = errors.New("the file of an earlier server")
		}
		if err != nil {
			return fmt.Errorf("%w; it says %s", err, s.said)
		}
		s.url = at.URL
		resp, err := http.Get(s.url + "/healthz")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	})
	return s
}

// kill ends a server at once, as a power failure of the process: SIGKILL.
func (s *server) kill() {
	if s.cmd.ProcessState == nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // it may have ended by itself
		_ = s.cmd.Wait()         // killed
	}
}

// eventually waits until something is so.
func (l *ledger) eventually(what string, try func() error) {
	l.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: not within 30 s: %v", what, err)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-l.t.Context().Done():
			l.t.Fatal(errors.Join(l.t.Context().Err(), err))
		}
	}
}
