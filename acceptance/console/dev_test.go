// Package console_test is the console as people meet it: a ledger that `permledger dev` serves, a browser, and the days of an
// administrator and an auditor from the first page to the file that proves what was so. The walks make the pictures of
// docs/console.md (go test -rewrite).
package console_test

import (
	"bufio"
	"bytes"
	"flag"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/permledger/permledger/console/browsertest"
	"github.com/permledger/permledger/internal/faults"
)

var rewrite = flag.Bool("rewrite", false, "make the pictures of docs/console.md anew")

var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "permledger-console-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		scratch = dir
		return browsertest.Run(m)
	}())
}

// password is what the owner of the ledgers chooses.
const password = "look before you sign it"

// dev is a running `permledger dev`: a throw-away ledger with the story in it, of Acme Securities, whose owner is anna.
type dev struct {
	t       *testing.T
	program *faults.Program
	said    string // up to its last line
	server  string
	address string // of the console, with the one-time code
	dir     string // of the ledger
}

func startDev(t *testing.T) *dev {
	t.Helper()
	build := sync.OnceValues(func() (*faults.Program, error) { return faults.Build(t.Context(), scratch) })
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	d := &dev{t: t, program: program}
	cmd := exec.Command(program.Path, "dev", "--port", "0")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "PERMLEDGER_PINS=off")
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(3*browsertest.Patience, func() { _ = cmd.Process.Kill() }) // then what it said is all that is read
	var said strings.Builder
	for lines := bufio.NewScanner(errs); lines.Scan(); {
		line := lines.Text()
		said.WriteString(line + "\n")
		if dir, ok := strings.CutPrefix(line, "  export PERMLEDGER_DATA="); ok {
			d.dir, _, _ = strings.Cut(dir, " ")
		}
		if at := strings.TrimSpace(line); strings.HasPrefix(at, "http://") {
			d.address = at
		}
		if strings.HasPrefix(line, "Ctrl-C") {
			break
		}
	}
	late.Stop()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("permledger dev: %v", err)
		}
	})
	d.said = said.String()
	u, err := url.Parse(d.address)
	if err != nil || u.Host == "" || d.dir == "" {
		t.Fatalf("permledger dev does not say where the console is:\n%s", d.said)
	}
	d.server = u.Scheme + "://" + u.Host
	return d
}

// run runs a command on the ledger of dev and gives what it says.
func (d *dev) run(args ...string) (out string, code int) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), d.program.Path, args...)
	var b bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "PERMLEDGER_DATA="+d.dir, "PERMLEDGER_ORG=acme", "PERMLEDGER_PINS=off"), &b, &b
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		d.t.Fatal(err)
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

// keep writes a file that a page gave.
func (d *dev) keep(name string, b []byte) (path string) {
	d.t.Helper()
	path = filepath.Join(d.t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// verified holds a file against `permledger verify`, which opens no ledger and asks no server.
func (d *dev) verified(path string) (out string) {
	d.t.Helper()
	out, code := d.run("verify", path)
	if code != 0 || !strings.Contains(out, "VERIFIED\n") {
		d.t.Errorf("permledger verify %s ended with %d:\n%s", path, code, out)
	}
	return out
}
