package tlog_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
)

// Given a log with an old and a new key, when it says that its newest checkpoint is the newest, then the checkpoint has each key's
// word for the time, under the log's own name, beside the signatures that it has always.
func TestAttest(t *testing.T) {
	w := newWorld(t)
	w.keys = []crypto.Signer{signer("new"), signer("log")}
	w.mustOpen()
	c := w.write(5)
	at := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	b, err := w.log.Attest(t.Context(), 4, at)
	if err != nil {
		t.Fatal(err)
	}
	n, got, err := note.ReadCheckpoint(b)
	if err != nil || got != c {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, k := range w.keys {
		public := k.Public().(ed25519.PublicKey)
		if said, err := n.Verify(note.WitnessKey(origin, public)); err != nil || !said.Equal(at) {
			t.Errorf("%v, %v", said, err)
		}
		if _, err := n.Verify(note.LogKey(origin, public)); err != nil {
			t.Error(err)
		}
	}
	// and nothing of it is kept: the checkpoint is what it was
	if latest, _, _ := w.log.Latest(); string(latest) == string(b) || len(n.Signatures) != 4 {
		t.Errorf("%d signatures\n%s", len(n.Signatures), latest)
	}
	// and of what has no checkpoint yet it says nothing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.log.Attest(ctx, 6, at); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the context's", err)
	}
	w.keys = nil
	if _, err := w.log.Attest(t.Context(), 5, at); !errors.Is(err, tlog.ErrNoKey) {
		t.Errorf("%v; want ErrNoKey", err)
	}
}
