package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
)

// Comparison says how the two copies of a ledger lie to each other. They never hold different entries at one position:
// that is a fork, and an error.
type Comparison struct {
	Organization string
	Journal      uint64   // entries in the journal
	Stream       uint64   // entries in the stream that are the journal's
	OnlyStream   [][]byte // what the stream holds beyond the journal's end
	Damage       error    // why the stream must be made again; nil where it is whole as far as it goes
}

// Compare reads both copies, byte for byte, before nats-server may touch the stream: it deletes what it cannot read. What
// could not be read is an error, and no damage.
func Compare(j *journal.Reader, storeDir, organization string) (Comparison, error) {
	return CompareTo(j, j.Len(), storeDir, organization)
}

// CompareTo is [Compare] with a journal that counts only up to a position: what is behind it is to be cut.
func CompareTo(j *journal.Reader, length uint64, storeDir, organization string) (Comparison, error) {
	c := Comparison{Organization: organization, Journal: length}
	for rec, err := range stream.Scan(storeDir, stream.LogName(organization)) {
		if damagedStream(err) {
			c.Damage = err
			break
		} else if err != nil { // it cannot be read now, which says nothing of what it holds
			return c, fmt.Errorf("compare journal and stream of %s: %w", organization, err)
		}
		at := rec.Seq
		if at > c.Journal {
			c.OnlyStream = append(c.OnlyStream, append([]byte(nil), rec.Data...))
			continue
		}
		want, err := j.Read(at)
		if err != nil {
			return c, fmt.Errorf("compare journal and stream of %s: %w", organization, err)
		}
		if string(want) != string(rec.Data) {
			return c, fmt.Errorf("compare journal and stream of %s: %w", organization, chain.Differ(at, want, rec.Data))
		}
		c.Stream = at
	}
	if err := stream.CheckFiles(storeDir, organization); damagedStream(err) {
		c.Damage = cmp.Or(c.Damage, err)
	} else if err != nil {
		return c, fmt.Errorf("compare journal and stream of %s: %w", organization, err)
	}
	return c, nil
}

// Further gives the greatest position after the given one at which a damaged stream holds something that has the form of
// an entry; 0 for none. It must not be made again without it.
func Further(storeDir, organization string, after uint64) (further uint64, err error) {
	dir, err := stream.StreamDir(storeDir, stream.LogName(organization))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for f, err := range stream.Salvage(dir, organization) {
		if err != nil {
			return 0, err
		}
		if position, ok := claims(f.Data); ok && position > after {
			further = max(further, position)
		}
	}
	return further, nil
}

// claims says which position an entry says it has; false where the bytes have not the form of one.
func claims(raw []byte) (uint64, bool) {
	en, err := chain.Parse(raw)
	if err != nil {
		return 0, false
	}
	return en.Event.Sequence, true
}

// Missing says whether the stream is not there at all.
func (c *Comparison) Missing() bool { return errors.Is(c.Damage, stream.ErrMissing) }

// Extend appends to the journal what only the stream holds, after checking that it continues the journal's history.
func Extend(j *journal.Journal, entries [][]byte) error {
	if len(entries) == 0 {
		return nil
	}
	var v chain.Verifier
	for r, err := range j.Range(1, j.Len()) {
		if err != nil {
			return fmt.Errorf("extend the journal: %w", err)
		}
		if err := v.Next(chain.Load(append([]byte(nil), r.Entry...)), ""); err != nil {
			return fmt.Errorf("extend the journal: %w", err)
		}
	}
	for _, raw := range entries {
		if err := v.Next(chain.Inspect(raw), ""); err != nil {
			return fmt.Errorf("extend the journal from the stream: %w", err)
		}
	}
	if _, err := j.Append(entries); err != nil {
		return fmt.Errorf("extend the journal from the stream: %w", err)
	}
	return nil
}

// Complete appends to the stream what only the journal holds: what a kill between the two, or a power cut, leaves.
func Complete(ctx context.Context, j *journal.Reader, log *stream.Log) (added uint64, err error) {
	last, _, err := log.Last(ctx)
	if err != nil {
		return 0, err
	}
	if last > j.Len() {
		return 0, fmt.Errorf("%w: the journal has %d entries, the stream %d", ErrRolledBack, j.Len(), last)
	}
	var msgs []stream.Msg
	size, after := 0, last
	flush := func() error {
		if err := log.Append(ctx, after, msgs); err != nil {
			return fmt.Errorf("complete the stream from the journal: %w", err)
		}
		after += uint64(len(msgs))
		msgs, size = nil, 0
		return nil
	}
	for r, err := range j.Range(last+1, j.Len()) {
		if err != nil {
			return 0, fmt.Errorf("complete the stream from the journal: %w", err)
		}
		raw := append([]byte(nil), r.Entry...)
		en, err := chain.Parse(raw)
		if err != nil {
			return 0, fmt.Errorf("complete the stream from the journal: %w", &chain.BrokenError{Position: r.Position, Check: chain.CheckForm, Err: err})
		}
		msgs, size = append(msgs, stream.Msg{Subject: en.Subject(), Data: raw}), size+len(raw)
		if len(msgs) == maxGroup || size > maxGroupBytes {
			if err := flush(); err != nil {
				return 0, err
			}
		}
	}
	if len(msgs) > 0 {
		if err := flush(); err != nil {
			return 0, err
		}
	}
	return after - last, nil
}

// Fill appends a surveyed history to an empty journal.
func Fill(ctx context.Context, j *journal.Journal, s *Survey) error {
	var group [][]byte
	size := 0
	for raw, err := range s.Entries(ctx) {
		if err != nil {
			return fmt.Errorf("fill the journal: %w", err)
		}
		group, size = append(group, raw), size+len(raw)
		if size > maxGroupBytes {
			if _, err := j.Append(group); err != nil {
				return fmt.Errorf("fill the journal: %w", err)
			}
			group, size = nil, 0
		}
	}
	if _, err := j.Append(group); err != nil {
		return fmt.Errorf("fill the journal: %w", err)
	}
	return nil
}
