package tlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
)

// byWitness says whether a note has the cosignature of a witness.
func byWitness(name string) func([]byte) bool {
	return func(b []byte) bool {
		n, err := note.Parse(b)
		if err != nil {
			return false
		}
		_, err = n.Verify(witnessKey(name))
		return err == nil
	}
}

func witnessKey(name string) note.Key {
	public := signer(name).Public()
	return note.WitnessKey(name, publicKey(public))
}

// cosign has a witness cosign the checkpoint of a size, as a submitter does.
func (w *world) cosign(name string, size uint64) {
	w.t.Helper()
	b, err := w.log.SignAt(size)
	if err != nil {
		w.t.Fatal(err)
	}
	n, _ := note.Parse(b)
	s, err := note.Cosign(n.Text, name, signer(name), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.log.AddCosignature(size, s); err != nil {
		w.t.Fatal(err)
	}
}

func TestCosignedCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.quorum = byWitness("w2")
	w.mustOpen()
	for range 6 {
		w.write(10)
	}
	if _, _, err := w.log.Cosigned(1); !errors.Is(err, tlog.ErrNoCheckpoint) {
		t.Errorf("before there are cosignatures: %v", err)
	}
	w.cosign("w1", 20) // no quorum
	w.cosign("w1", 40)
	w.cosign("w2", 40)
	w.cosign("w2", 60) // the newest
	w.cosign("w2", 60) // again
	check := func() {
		t.Helper()
		for position, want := range map[uint64]uint64{1: 40, 20: 40, 40: 40, 41: 60, 60: 60} {
			b, c, err := w.log.Cosigned(position)
			if err != nil || c.Size != want || !w.quorum(b) {
				t.Errorf("position %d is covered by %d, %v; want %d", position, c.Size, err, want)
			}
		}
		if _, _, err := w.log.Cosigned(61); !errors.Is(err, tlog.ErrNoCheckpoint) {
			t.Errorf("beyond the log: %v", err)
		}
		if b, c, _ := w.log.Latest(); c.Size != 60 || !w.quorum(b) || bytes.Count(b, []byte("— ")) != 2 {
			t.Errorf("the newest checkpoint is\n%s", b)
		}
		b, _, _ := w.log.Cosigned(40)
		if !byWitness("w1")(b) {
			t.Errorf("the first cosignature is gone:\n%s", b)
		}
	}
	check()
	w.log.Close()
	w.mustOpen()
	check()
	w.write(5) // and they stay while the log grows
	if _, c, err := w.log.Cosigned(41); err != nil || c.Size != 60 {
		t.Errorf("position 41 is covered by %d, %v", c.Size, err)
	}
}

func TestWitnessedWaits(t *testing.T) {
	w := newWorld(t)
	w.quorum = byWitness("w1")
	w.mustOpen()
	w.write(10)
	type answer struct {
		c   note.Checkpoint
		err error
	}
	got := make(chan answer, 1)
	go func() {
		_, c, err := w.log.Witnessed(t.Context(), 7)
		got <- answer{c, err}
	}()
	w.write(10)
	w.cosign("w2", 10) // no quorum
	w.cosign("w1", 20)
	if a := <-got; a.err != nil || a.c.Size != 20 {
		t.Errorf("witnessed under %d, %v", a.c.Size, a.err)
	}
	w.log.Close()
	w.quorum = nil
	w.mustOpen()
	if _, _, err := w.log.Witnessed(t.Context(), 7); !errors.Is(err, tlog.ErrNoWitnesses) {
		t.Errorf("without witnesses: %v", err)
	}
}

func TestWaitersAskForTheHeadRecord(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	w.record(1)
	done := make(chan error, 1)
	go func() {
		_, _, err := w.log.Committed(t.Context(), 1)
		done <- err
	}()
	w.until("the waiter asks", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.urged > 0 })
	w.log.Headed(w.head())
	if err := <-done; err != nil {
		t.Error(err)
	}
	// Whoever waits for what never comes is let go when the log is closed.
	go func() {
		_, _, err := w.log.Committed(t.Context(), 100)
		done <- err
	}()
	w.until("the waiter asks", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.urged > 1 })
	w.log.Close()
	if err := <-done; !errors.Is(err, tlog.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestDamagedCheckpoints damages each byte of the file in turn: nothing that was changed is believed, and the log goes on.
func TestDamagedCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.quorum = byWitness("w1")
	w.mustOpen()
	for range 4 {
		w.write(3)
	}
	w.cosign("w1", 6)
	w.write(1)
	w.log.Close()
	path := filepath.Join(w.dir, "log", "checkpoints")
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 7
	if os.Getenv("PERMLEDGER_LONG") != "" {
		step = 1
	}
	for at := 0; at < len(kept); at += step {
		damaged := bytes.Clone(kept)
		damaged[at] ^= 4
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.open(); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		w.await(13)
		b, c, _ := w.log.Latest()
		if n, _ := note.Parse(b); c.Size != 13 {
			t.Fatalf("byte %d: the newest is of %d", at, c.Size)
		} else if _, err := n.Verify(note.LogKey(origin, publicKey(signer("log").Public()))); err != nil {
			t.Fatalf("byte %d: a checkpoint is shown that is not signed: %v", at, err)
		}
		if b, _, err := w.log.Cosigned(1); err == nil && !w.quorum(b) {
			t.Fatalf("byte %d: a cosignature that does not hold counts", at)
		}
		w.log.Close()
		asides, _ := filepath.Glob(path + "-aside-*")
		for _, aside := range asides {
			_ = os.Remove(aside)
		}
	}
}

func TestOldCheckpointsAreThinnedOut(t *testing.T) {
	w := newWorld(t)
	w.quorum = byWitness("w1")
	w.mustOpen()
	const n = 200
	for i := range n {
		w.write(1)
		if i == 30 {
			w.cosign("w1", 31)
		}
		w.mu.Lock()
		w.now = w.now.Add(10 * time.Second)
		w.mu.Unlock()
	}
	const burst = 6 // in two seconds
	for range burst {
		w.write(1)
		w.mu.Lock()
		w.now = w.now.Add(time.Second / 3)
		w.mu.Unlock()
	}
	sizes := func() (out []string) {
		b, err := os.ReadFile(filepath.Join(w.dir, "log", "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		for i, line := range lines {
			if line == origin {
				out = append(out, lines[i+1])
			}
		}
		return out
	}
	if err := tlog.Thin(w.log, 0); err != nil || len(sizes()) != n+burst+1 {
		t.Fatalf("young checkpoints are thinned out to %d, %v", len(sizes()), err)
	}
	later := func(d time.Duration) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now = w.now.Add(d)
	}
	later(2 * time.Hour)
	if err := tlog.Thin(w.log, 0); err != nil || len(sizes()) != n+1+3 { // those of 31, and of the burst two and the newest
		t.Fatalf("after hours they are thinned out to %d, %v", len(sizes()), err)
	}
	later(24 * time.Hour)
	w.write(1)
	if err := tlog.Thin(w.log, 0); err != nil {
		t.Fatal(err)
	}
	var want []string // the first of each minute, those with cosignatures, the newest
	for i := range n {
		if i%6 == 0 {
			want = append(want, fmt.Sprint(i+1))
		}
		if i == 30 {
			want = append(want, "31")
		}
	}
	want = append(want, fmt.Sprint(n+burst+1))
	if got := strings.Join(sizes(), " "); got != strings.Join(want, " ") {
		t.Errorf("kept:\n%s\nwant:\n%s", got, strings.Join(want, " "))
	}
	if _, c, err := w.log.Cosigned(20); err != nil || c.Size != 31 {
		t.Errorf("position 20 is covered by %d, %v", c.Size, err)
	}
	w.write(1)
	w.log.Close()
	w.mustOpen()
	w.whole()
	if _, c, err := w.log.Cosigned(20); err != nil || c.Size != 31 {
		t.Errorf("position 20 is covered by %d, %v", c.Size, err)
	}
}

// Given a log that runs, when somebody takes its directory away, or cuts or empties its file of checkpoints, then the next
// checkpoint is signed and kept, with the newest one before it, and all that is left holds at the next start.
func TestKeptTakenAwayWhileOpen(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"the directory": os.RemoveAll,
		"the file":      func(dir string) error { return os.Remove(filepath.Join(dir, "checkpoints")) },
		"its end":       func(dir string) error { return os.Truncate(filepath.Join(dir, "checkpoints"), 300) },
		"all of it":     func(dir string) error { return os.Truncate(filepath.Join(dir, "checkpoints"), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.quorum = byWitness("w1")
			w.mustOpen()
			w.write(10)
			w.write(300)
			w.cosign("w1", 310)
			dir := filepath.Join(w.dir, "log")
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			w.write(300)
			w.cosign("w1", 610)
			if _, c, err := w.log.Cosigned(400); err != nil || c.Size != 610 {
				t.Errorf("position 400 is covered by %d, %v", c.Size, err)
			}
			w.whole()
			if w.said.count("shortened or taken away") != 1 {
				t.Errorf("it says\n%s", w.said)
			}
			w.log.Close()
			var kept []uint64
			if err := tlog.Read(dir, origin, func(c note.Checkpoint, _ []byte, _ time.Time) { kept = append(kept, c.Size) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(kept, 310) || !slices.Contains(kept, 610) {
				t.Errorf("kept are those of %v", kept)
			}
			w.mustOpen()
			if w.said.count("checkpoints are damaged") > 0 {
				t.Errorf("it says\n%s", w.said)
			}
		})
	}
}

// Given many checkpoints without a quorum, when many wait for one, then each is judged once.
func TestEachCheckpointIsJudgedOnce(t *testing.T) {
	w := newWorld(t)
	var judged atomic.Int64
	w.quorum = func(b []byte) bool { judged.Add(1); return byWitness("w2")(b) }
	w.mustOpen()
	for range 20 {
		c := w.write(1)
		w.cosign("w1", c.Size)
	}
	before := judged.Load()
	for range 50 {
		if _, _, err := w.log.Cosigned(1); !errors.Is(err, tlog.ErrNoCheckpoint) {
			t.Fatal(err)
		}
	}
	if n := judged.Load() - before; n > 20 {
		t.Errorf("20 checkpoints were judged %d times", n)
	}
	w.cosign("w2", 7) // which is judged anew
	if _, c, err := w.log.Cosigned(1); err != nil || c.Size != 7 {
		t.Errorf("covered by %d, %v", c.Size, err)
	}
}
