package ledger

import (
	"errors"
	"testing"
	"time"
)

// TestClock reads a wall clock that somebody sets, beside a monotonic clock that nobody can.
func TestClock(t *testing.T) {
	start := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	type reading struct {
		since   time.Duration // by the monotonic clock
		off     time.Duration // of the wall clock
		before  time.Duration // of the entry before, after start
		refused bool
	}
	for name, readings := range map[string][]reading{
		"runs evenly":                  {{}, {since: time.Hour}, {since: 2 * time.Hour}},
		"is off a little":              {{}, {since: time.Hour, off: 2 * time.Second}, {since: 2 * time.Hour, off: -2 * time.Second}},
		"is set ahead, and stays":      {{}, {since: 1e9, off: time.Hour, refused: true}, {since: 10e9, off: time.Hour, refused: true}, {since: 12e9, off: time.Hour}, {since: 13e9, off: time.Hour}},
		"is set back, and stays":       {{}, {since: 1e9, off: -time.Hour, refused: true}, {since: 12e9, off: -time.Hour}},
		"jumps again and again":        {{}, {since: 1e9, off: time.Hour, refused: true}, {since: 9e9, off: 2 * time.Hour, refused: true}, {since: 12e9, off: 2 * time.Hour, refused: true}, {since: 20e9, off: 2 * time.Hour}},
		"jumps, comes back, and jumps": {{}, {since: 1e9, off: time.Hour, refused: true}, {since: 2e9}, {since: 60e9, off: time.Hour, refused: true}, {since: 61e9}},
		"is behind the entry before":   {{before: 2 * time.Second}, {before: 2*time.Second + 1, refused: true}, {since: 1e9, before: 3 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			var now reading
			c := clock{read: func() (time.Time, time.Duration) { return start.Add(now.since + now.off), now.since }}
			for i, r := range readings {
				now = r
				before := start.Add(r.before)
				if r.before == 0 {
					before = time.Time{}
				}
				at, err := c.stamp(before)
				if refused := errors.Is(err, ErrClock); refused != r.refused {
					t.Errorf("reading %d: %v", i, err)
				}
				want := start.Add(r.since + r.off)
				if want.Before(before) {
					want = before
				}
				if err == nil && !at.Equal(want) {
					t.Errorf("reading %d: stamped %s; want %s", i, at, want)
				}
			}
		})
	}
}
