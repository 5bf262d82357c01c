//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// logOf reads a log as somebody outside does, without a token.
type logOf struct {
	t   *testing.T
	url string
}

func (l logOf) get(path string) ([]byte, error) {
	resp, err := http.Get(l.url + "/orgs/main/log/" + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(path + ": " + resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func (l logOf) Tile(t tree.Tile) ([]byte, error) { return l.get(t.Path()) }

// checkpoint gives the newest one, which its tiles must give; false: the server answers no more, or not yet.
func (l logOf) checkpoint() (c note.Checkpoint, ok bool) {
	l.t.Helper()
	b, err := l.get("checkpoint")
	if err != nil {
		return c, false
	}
	n, err := note.Parse(b)
	if err != nil {
		l.t.Fatal(err)
	}
	if c, err = note.ParseCheckpoint(n.Text); err != nil {
		l.t.Fatal(err)
	}
	edge, err := tree.Resume(l, c.Size)
	if err != nil {
		return c, false // it was killed meanwhile
	}
	if edge.Root() != c.Root {
		l.t.Fatalf("the tiles of size %d give another root than the checkpoint", c.Size)
	}
	return c, true
}

// TestLogSurvivesKills kills the server again and again while somebody writes and somebody reads its log: whatever anybody
// was shown stays the beginning of what is shown later.
func TestLogSurvivesKills(t *testing.T) {
	t.Setenv("PERMLEDGER_PINS", t.TempDir())
	program := build(t)
	dir := filepath.Join(t.TempDir(), "L")
	runProgram(t, program, "init", dir)
	history := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(history, roleLines(4000), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := &served{t: t, program: program, dir: dir, args: []string{"serve", "--data", dir, "--listen", address}, said: new(bytes.Buffer)}
	log := logOf{t, "http://" + address}
	var last note.Checkpoint
	next := func() bool {
		c, ok := log.checkpoint()
		if !ok || c == last {
			return false
		}
		if last.Size > 0 {
			p, err := tree.Consistency(log, last.Size, c.Size)
			if err != nil {
				return false // killed meanwhile
			}
			if err := tree.CheckConsistency(p, last.Size, last.Root, c.Size, c.Root); err != nil {
				t.Fatalf("the log of %d entries does not continue the one of %d: %v\n%s", c.Size, last.Size, err, s.said)
			}
		}
		last = c
		return true
	}
	kills := 3
	if os.Getenv("PERMLEDGER_LONG") != "" {
		kills = 20
	}
	for kill := range kills {
		s.start()
		write := exec.Command(program, "import", "--format", "role-history", history)
		write.Env = append(os.Environ(), "PERMLEDGER_DATA="+dir)
		if err := write.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = write.Wait() }() // it loses its server, or has written all
		for range 1 + kill {
			until(t, "another checkpoint is shown", func() bool {
				select {
				case <-done:
					return true
				default:
					return next()
				}
			})
		}
		s.kill()
		<-done
	}
	s.start()
	runProgram(t, program, "--data", dir, "import", "--format", "role-history", history)
	until(t, "all of it is under a checkpoint", func() bool { next(); return last.Size == 4001 })
	s.stop()
	runProgram(t, program, "--data", dir, "verify")
}
