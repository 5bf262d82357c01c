package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// TestConfirm: given the leader of a stream, when it hears from the others it confirms where the stream ends, and when both
// others are paused it does not, though it goes on answering.
func TestConfirm(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	createOn(t, remote(t, c, c.URLs), "acme")
	leader := c.Leader("LEDGER_acme")
	l := openOn(t, remote(t, c, c.URL(leader)), "acme")
	if err := l.Append(deadline(t), 0, []Msg{{"ledger.acme.x", []byte("one")}}); err != nil {
		t.Fatal(err)
	}
	if s, err := l.Confirm(deadline(t)); err != nil || s.LastSeq != 1 {
		t.Fatalf("got %+v, %v", s, err)
	}
	for i := range c.Len() {
		if i != leader {
			c.Pause(i)
			defer c.Resume(i)
		}
	}
	for end := deadline(t); ; {
		ctx, cancel := context.WithTimeout(end, 300*time.Millisecond)
		_, err := l.Confirm(ctx)
		cancel()
		if errors.Is(err, ErrUnconfirmed) {
			return
		}
		if end.Err() != nil {
			t.Fatalf("a leader that hears from nobody confirms: %v", err)
		}
	}
}
