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

// TestDamagedCheckpoints damages each byte of the file in turn: it is said in one line, the file is kept aside, nothing that
// was changed is believed, all others are kept, and the log goes on.
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
	var records [][]byte
	for rest := kept; len(rest) > 0; {
		to := bytes.Index(rest[bytes.Index(rest, []byte("\n\n"))+2:], []byte("\n\n")) + bytes.Index(rest, []byte("\n\n")) + 4
		records, rest = append(records, rest[:to]), rest[to:]
	}
	if len(records) != 6 {
		t.Fatalf("there are %d records", len(records))
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
		before := w.said.count("level=")
		if err := w.open(); err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		w.await(13)
		if n := w.said.count("level=") - before; n != 1 {
			t.Fatalf("byte %d: %d lines are said\n%s", at, n, w.said)
		}
		again, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		from := 0
		for _, whole := range records {
			if to := from + len(whole); (at < from || at >= to) && !bytes.Contains(again, whole) {
				t.Fatalf("byte %d: the record of bytes %d to %d is lost", at, from, to)
			}
			from += len(whole)
		}
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
			if b, err := os.ReadFile(aside); err != nil || !bytes.Equal(b, damaged) {
				t.Fatalf("byte %d: what was there is not kept: %v", at, err)
			}
			_ = os.Remove(aside)
		}
		if len(asides) != 1 {
			t.Fatalf("byte %d: %d files are set aside", at, len(asides))
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

func TestDeletedCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.mustOpen() // of a ledger without a history
	w.write(3)
	w.log.Close()
	path := filepath.Join(w.dir, "log", "checkpoints")
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.said.count("level="); n != 0 {
		t.Fatalf("%d lines before anything happened:\n%s", n, w.said)
	}
	for i, do := range []func(string) error{os.Remove, func(path string) error { return os.Truncate(path, 0) }} {
		if err := do(path); err != nil {
			t.Fatal(err)
		}
		w.mustOpen()
		w.await(3)
		w.log.Close()
		if n := w.said.count("no checkpoint is kept although"); n != i+1 {
			t.Errorf("after %d it was said %d times:\n%s", i+1, n, w.said)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, kept) {
			t.Errorf("it is signed anew as\n%s\nwant\n%s%v", again, kept, err)
		}
	}
}

// TestUnsignedCheckpoints puts checkpoints into the file that have a sum, and no signature of the ledger's: they are not
// believed, not given to anybody, and those before them are.
func TestUnsignedCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.quorum = byWitness("w1")
	w.mustOpen()
	w.write(3)
	w.write(3)
	w.log.Close()
	path := filepath.Join(w.dir, "log", "checkpoints")
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	forged := func(size uint64) []byte {
		c := note.Checkpoint{Origin: origin, Size: size}
		s, err := note.Sign(c.Text(), origin, signer("a stranger"))
		if err != nil {
			t.Fatal(err)
		}
		by, err := note.Cosign(c.Text(), "w1", signer("w1"), w.now)
		if err != nil {
			t.Fatal(err)
		}
		return tlog.Record(w.now, (&note.Note{Text: c.Text(), Signatures: []note.Signature{s, by}}).Bytes())
	}
	// one that is older than the newest is found when it is asked for
	if err := os.WriteFile(path, append(forged(2), kept...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.mustOpen()
	if b, _, err := w.log.Cosigned(1); !errors.Is(err, tlog.ErrNoCheckpoint) {
		t.Errorf("a forged checkpoint is given: %v\n%s", err, b)
	}
	w.log.Close()
	// as the newest, at the start
	if err := os.WriteFile(path, append(bytes.Clone(kept), forged(9)...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.mustOpen()
	if b, c, _ := w.log.Latest(); c.Size != 6 {
		t.Errorf("the newest is\n%s", b)
	}
	w.log.Close()
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, kept) {
		t.Errorf("kept is\n%s\nwant\n%s%v", again, kept, err)
	}
	if n := w.said.count("is not signed with a key of this ledger"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, w.said)
	}
}

// TestThinnedOutMeanwhile writes while old checkpoints are thinned out: none that is young or cosigned is lost.
func TestThinnedOutMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.quorum = byWitness("w1")
	w.mustOpen()
	for range 50 {
		w.write(1)
	}
	w.mu.Lock()
	w.now = w.now.Add(2 * time.Hour)
	w.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		var err error
		for range 30 {
			err = errors.Join(err, tlog.Thin(w.log, -1))
		}
		done <- err
	}()
	for i := range uint64(50) {
		w.write(1)
		if i%5 == 0 {
			w.cosign("w1", 51+i)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.log.Close()
	sizes := map[uint64]bool{}
	if err := tlog.Read(filepath.Join(w.dir, "log"), origin, func(c note.Checkpoint, _ []byte, _ time.Time) { sizes[c.Size] = true }); err != nil {
		t.Fatal(err)
	}
	for size := uint64(51); size <= 100; size++ {
		if !sizes[size] {
			t.Errorf("the checkpoint of size %d is lost", size)
		}
	}
	if !sizes[1] || len(sizes) > 53 {
		t.Errorf("%d are kept", len(sizes))
	}
	w.mustOpen()
	for i := uint64(51); i <= 96; i += 5 {
		if _, c, err := w.log.Cosigned(i); err != nil || c.Size != i {
			t.Errorf("position %d is covered by %d, %v", i, c.Size, err)
		}
	}
	if n := w.said.count("level="); n != 0 {
		t.Errorf("it is said:\n%s", w.said)
	}
}

// BenchmarkStart opens a log that keeps 100,000 checkpoints.
func BenchmarkStart(b *testing.B) {
	w := newWorld(b)
	w.mustOpen()
	w.write(3)
	w.log.Close()
	path := filepath.Join(w.dir, "log", "checkpoints")
	one, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Repeat(one, 100_000), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w.mustOpen()
		w.log.Close()
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

// Given a log that cannot write its checkpoints, when entries are recorded, then the ledger goes on and the log says what is in
// the way; once it can, it signs by itself.
func TestCheckpointsThatCannotBeKept(t *testing.T) {
	w := newWorld(t)
	w.mustOpen()
	w.write(10)
	file := filepath.Join(w.dir, "log", "checkpoints")
	if err := errors.Join(os.Rename(file, file+".before"), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	w.record(5)
	w.log.Headed(w.head())
	w.until("it says that no checkpoint can be kept", func() bool { return w.log.Err() != nil })
	if _, c, _ := w.log.Latest(); c.Size != 10 || w.wasHalted() != nil {
		t.Errorf("the newest checkpoint is of %d, halted: %v", c.Size, w.wasHalted())
	}
	if err := errors.Join(os.Remove(file), os.Rename(file+".before", file)); err != nil {
		t.Fatal(err)
	}
	w.await(15)
	w.until("nothing is in the way", func() bool { return w.log.Err() == nil })
}
