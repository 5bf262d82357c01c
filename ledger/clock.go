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
	// read gives the wall clock and the time since some instant by the monotonic clock.
	read func() (wall time.Time, since time.Duration)

	started bool
	base    time.Duration // wall clock less monotonic clock, as believed
	jumped  bool
	drift   time.Duration // since jumped: how far the wall clock is off
	seen    time.Duration // since jumped: when that was first seen, by the monotonic clock
}

// newClock reads both clocks from instants that now gives.
func newClock(now func() time.Time) clock {
	start := now()
	return clock{read: func() (time.Time, time.Duration) {
		t := now()
		return t.Round(0), t.Sub(start) // Sub uses the monotonic clock where both instants have it
	}}
}

// stamp gives the time of the next entry: now, in whole milliseconds, and never before the entry before.
func (c *clock) stamp(before time.Time) (time.Time, error) {
	wall, since := c.read()
	offset := time.Duration(wall.UnixNano()) - since
	if !c.started {
		c.started, c.base = true, offset
	}
	switch drift := offset - c.base; {
	case drift.Abs() <= maxDrift:
		c.jumped = false // it came back: a later jump is a new one
	case !c.jumped || (drift-c.drift).Abs() > maxDrift:
		c.jumped, c.drift, c.seen = true, drift, since
		fallthrough
	case since-c.seen < settle:
		return time.Time{}, fmt.Errorf("%w: it was set by %s; waiting until it has run evenly for %s", ErrClock, drift.Round(time.Millisecond), settle)
	default:
		c.base, c.jumped = offset, false
	}
	at := wall.UTC().Truncate(time.Millisecond)
	if at.Before(before) {
		if ahead := before.Sub(at); ahead > maxAhead {
			return time.Time{}, fmt.Errorf("%w: the last event is %s ahead of it", ErrClock, ahead)
		}
		at = before
	}
	return at, nil
}
