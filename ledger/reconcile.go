package ledger

import (
	"context"
	"errors"
	"fmt"

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

// Compare reads both copies, byte for byte, before nats-server may touch the stream: it deletes what it cannot read.
func Compare(j *journal.Reader, storeDir, organization string) (Comparison, error) {
	c := Comparison{Organization: organization, Journal: j.Len()}
	for rec, err := range stream.Scan(storeDir, stream.LogName(organization)) {
		if block := (*stream.BlockError)(nil); errors.As(err, &block) || errors.Is(err, stream.ErrMissing) {
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
	return c, nil
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
