package ledger

import (
	"errors"
	"fmt"
	"time"
)

const (
	maxDrift = 2 * time.Second  // between wall clock and monotonic clock
	maxAhead = 2 * time.Second  // of the entry before
	settle   = 10 * time.Second // how long a clock that was set must run evenly to be believed
)

// ErrClock says that the machine's clock cannot be believed now, so that no time is stamped.
var ErrClock = errors.New("the clock cannot be believed")

// clock stamps entries. Time never goes back in a ledger, so a clock that jumped ahead would keep it ahead for good: a
// jump is not believed until the clock has run evenly for a while after it.
type clock struct {
	now  func() time.Time
	base time.Time // both clocks agreed here
	seen time.Time // when the drift was first seen as it is now
	off  time.Duration
}

// stamp gives the time of the next entry: now, in whole milliseconds, and never before the entry before.
func (c *clock) stamp(before time.Time) (time.Time, error) {
	now := c.now()
	if c.base.IsZero() {
		c.base = now
	}
	// Sub uses the monotonic clock where both have one; without it (Round(0)) the wall clock.
	drift := now.Round(0).Sub(c.base.Round(0)) - now.Sub(c.base)
	if drift.Abs() > maxDrift {
		if c.seen.IsZero() || (drift-c.off).Abs() > maxDrift {
			c.seen, c.off = now, drift
		}
		if now.Sub(c.seen) < settle {
			return time.Time{}, fmt.Errorf("%w: it was set by %s; waiting until it has run evenly for %s", ErrClock, drift.Round(time.Millisecond), settle)
		}
		c.base, c.seen = now, time.Time{}
	}
	at := now.UTC().Truncate(time.Millisecond)
	if at.Before(before) {
		if ahead := before.Sub(at); ahead > maxAhead {
			return time.Time{}, fmt.Errorf("%w: the last event is %s ahead of it", ErrClock, ahead)
		}
		at = before
	}
	return at, nil
}
