package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// AsOf says of when a question is. Every question takes one.
type AsOf struct {
	// Position is how many entries of the log count. One beyond the head means the head; 0 is before the first entry.
	Position uint64
	// Instant is when grants with an end must still hold.
	Instant time.Time
	// Occurred, unless zero, leaves out changes of roles and grants that occurred later.
	Occurred time.Time
}

// Errors of [Index.ParseAsOf]. They come wrapped, with what was asked for.
var (
	ErrSyntax      = errors.New("names no time or position")
	ErrNoPosition  = errors.New("there is no such position")
	ErrBeforeFirst = errors.New("lies before the first entry")
)

// Now gives the AsOf of the head, at an instant.
func (x *Index) Now(instant time.Time) AsOf {
	return AsOf{Position: x.head.Load(), Instant: instant}
}

// ParseAsOf reads what people write for a point in the ledger's history, and gives the position it stands for:
//
//	(empty), head                 the last entry; the instant is now
//	head~3                        three entries before the last; the instant is that entry's time
//	41                            position 41; the instant is that entry's time
//	cid:bafk…                     the entry of this CID; the instant is its time
//	2026-10-28T07:44Z             the last entry at that time or before it; any RFC 3339 time, seconds may be left out
//	2026-10-28                    the last entry of that day (UTC) or before it; the instant is the day's last millisecond
//	24h                           so long before now, as time.ParseDuration reads it
//	occurred:2021-11-12           the head, of changes that occurred by then; the instant is the time named
//
// Errors wrap [ErrSyntax], [ErrNoPosition] or [ErrBeforeFirst].
func (x *Index) ParseAsOf(text string, now time.Time) (AsOf, Pos, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	a, err := x.parseAsOf(text, now)
	if err != nil {
		return AsOf{}, Pos{}, fmt.Errorf("as of %q: %w", text, err)
	}
	return a, x.pos(a.Position), nil
}

func (x *Index) parseAsOf(text string, now time.Time) (AsOf, error) {
	head := uint64(x.entries.len())
	if head == 0 {
		return AsOf{}, fmt.Errorf("it %w: the ledger has none", ErrBeforeFirst)
	}
	if text == "" || text == "head" {
		return AsOf{Position: head, Instant: now}, nil
	}
	if back, ok := strings.CutPrefix(text, "head~"); ok {
		n, err := strconv.ParseUint(back, 10, 64)
		switch {
		case err != nil:
			return AsOf{}, fmt.Errorf("%q is no number of entries: it %w", back, ErrSyntax)
		case n >= head:
			return AsOf{}, fmt.Errorf("it %w: the head is %d", ErrBeforeFirst, head)
		}
		return x.ofEntry(head - n), nil
	}
	if digits(text) {
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err != nil || n > head:
			return AsOf{}, fmt.Errorf("%w: the head is %d", ErrNoPosition, head)
		case n == 0:
			return AsOf{}, fmt.Errorf("it %w, which is 1", ErrBeforeFirst)
		}
		return x.ofEntry(n), nil
	}
	if _, ok := strings.CutPrefix(text, "cid:"); ok {
		at := x.byCID(text[len("cid:"):])
		if at == 0 {
			return AsOf{}, fmt.Errorf("%w: no entry up to %d has this CID", ErrNoPosition, head)
		}
		return x.ofEntry(at), nil
	}
	if when, ok := strings.CutPrefix(text, "occurred:"); ok {
		t, err := parseTime(when)
		if err != nil {
			return AsOf{}, err
		}
		return AsOf{Position: head, Instant: t, Occurred: t}, nil
	}
	t, err := parseTime(text)
	if err != nil {
		ago, notDuration := time.ParseDuration(text)
		if notDuration != nil || ago < 0 {
			return AsOf{}, err
		}
		t = now.Add(-ago)
	}
	at := x.atTime(t.UnixMilli())
	if at == 0 {
		return AsOf{}, fmt.Errorf("%s %w, which is of %s", t.UTC().Format(time.RFC3339), ErrBeforeFirst, x.pos(1).Time.Format(time.RFC3339))
	}
	return AsOf{Position: at, Instant: t}, nil
}

func (x *Index) ofEntry(position uint64) AsOf {
	return AsOf{Position: position, Instant: time.UnixMilli(x.entry(position).time).UTC()}
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// parseTime reads an RFC 3339 time, with or without seconds, or a date, which means the end of that day, UTC.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Millisecond), nil
	}
	return time.Time{}, fmt.Errorf("it %w: write head, head~3, 41, 2026-10-28, 2026-10-28T07:44Z, 24h, cid:bafk… or occurred:2021-11-12", ErrSyntax)
}

// byCID gives the position of the entry with a CID; 0 where there is none. Of the bytes only the hash counts, so any
// spelling of the same CID will do.
func (x *Index) byCID(text string) uint64 {
	c, err := cid.Decode(text)
	if err != nil || c.Type() != cid.Raw {
		return 0
	}
	hash, err := multihash.Decode(c.Hash())
	if err != nil || hash.Code != multihash.SHA2_256 || len(hash.Digest) != sha256.Size {
		return 0
	}
	n, ok := x.entryOf([sha256.Size]byte(hash.Digest))
	if !ok {
		return 0
	}
	return uint64(n) + 1
}

// view is an AsOf as the index reads it.
type view struct {
	position uint64
	instant  int64 // Unix milliseconds
	occurred int64 // Unix milliseconds, of a filtered view
	filtered bool
	head     bool // everything in the index counts
}

func (x *Index) view(a AsOf) view {
	v := view{position: min(a.Position, uint64(x.entries.len())), instant: a.Instant.UnixMilli()}
	if !a.Occurred.IsZero() {
		v.filtered, v.occurred = true, a.Occurred.UnixMilli()
	}
	v.head = !v.filtered && v.position == uint64(x.entries.len())
	return v
}

// counts says whether what an entry says counts in the view.
func (x *Index) counts(position uint64, v view) bool {
	return position <= v.position && (!v.filtered || x.entry(position).occurred <= v.occurred)
}
