package tlog_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

// TestRenewedCosignatures: a witness cosigns a log that nothing is written to again and again. The newest cosignature is
// shown, the first is kept, and neither grows.
func TestRenewedCosignatures(t *testing.T) {
	key := note.WitnessKey("witness.example/w1", signer("w1").Public().(ed25519.PublicKey))
	policy := &note.Policy{
		Logs:      []note.Log{{Key: note.LogKey(origin, signer("log").Public().(ed25519.PublicKey))}},
		Witnesses: []note.Witness{{Name: "w1", Key: key}}, Quorum: "w1",
	}
	w := newWorld(t)
	w.quorum = func(b []byte) bool { _, err := policy.Verify(b); return err == nil }
	w.mustOpen()
	c := w.write(5)
	first := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cosign := func(at time.Time) {
		t.Helper()
		s, err := note.Cosign(c.Text(), key.Name, signer("w1"), at)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.log.AddCosignature(c.Size, s); err != nil {
			t.Fatal(err)
		}
	}
	cosign(first)
	kept, _, err := w.log.Witnessed(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * note.MaxSignatures {
		at := first.Add(time.Duration(i) * time.Minute)
		cosign(at)
		b, _, _ := w.log.Latest()
		if v, err := policy.Verify(b); err != nil || len(v.Note.Signatures) != 2 || !v.At.Equal(at) {
			t.Fatalf("after %d: %v\n%s", i, err, b)
		}
	}
	late, err := note.Cosign(c.Text(), "witness.example/late", signer("late"), first)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.log.AddCosignature(c.Size, late); err != nil { // there are enough without it
		t.Fatal(err)
	}
	if b, _, _ := w.log.Latest(); !bytes.Contains(b, []byte("witness.example/late")) {
		t.Errorf("it is not shown:\n%s", b)
	}
	for _, when := range []string{"now", "after a start"} {
		if b, _, err := w.log.Cosigned(3); err != nil || !bytes.Equal(b, kept) {
			t.Errorf("%s it is kept as\n%s\nwant\n%s%v", when, b, kept, err)
		}
		w.log.Close()
		w.mustOpen()
	}
}

// TestWitnessesAnswerAtOnce: no cosignature is lost to another that comes at the same time.
func TestWitnessesAnswerAtOnce(t *testing.T) {
	const witnesses = 8
	w := newWorld(t)
	w.mustOpen()
	c := w.write(5)
	var all sync.WaitGroup
	for i := range witnesses {
		s, err := note.Cosign(c.Text(), fmt.Sprint("w", i), signer(fmt.Sprint("w", i)), w.now)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			if err := w.log.AddCosignature(c.Size, s); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for range 2 {
		b, _, _ := w.log.Latest()
		if n, err := note.Parse(b); err != nil || len(n.Signatures) != 1+witnesses {
			t.Errorf("%v\n%s", err, b)
		}
		w.log.Close()
		w.mustOpen()
	}
}
