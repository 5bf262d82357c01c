package replica

import (
	"log/slog"
	"testing"
	"time"
)

// Given a replica that was proven to be fresh, when the clock is put back behind that, then it does not take itself for fresh
// until the clock has come up again; it waits for the next proof, which counts by the clock as it is then.
func TestTheClockIsPutBack(t *testing.T) {
	r := &Replica{log: slog.New(slog.DiscardHandler), changed: make(chan struct{})}
	r.accepted = true
	at := time.Now()
	r.prove(at)
	for back, fresh := range map[time.Duration]bool{0: true, 100 * time.Millisecond: true, time.Hour: false} {
		r.prove(at)
		now := at.Add(-back)
		r.see(func() time.Time { return now })
		if r.within(r.clock.Load(), time.Minute) != fresh {
			t.Errorf("with a clock put back by %s it counts as fresh: %t", back, !fresh)
		}
	}
	r.proven.Store(never)
	r.prove(time.Now())
	if r.see(time.Now); !r.within(r.clock.Load(), time.Minute) {
		t.Error("the next proof does not count")
	}
}
