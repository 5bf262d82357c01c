package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/permledger/permledger/ledger/rules"
)

const (
	maxBatch    = 256     // records sent together
	maxBytes    = 1 << 20 // of names and texts that wait to be sent
	maxAttempts = 100     // to record the parts of a set again
)

// record is one record of the source on its way into the target.
type record struct {
	line     int
	name     string
	commands []Command // the last says what the record says, those before it record parts; none: nothing is to be said
	sent     int       // how many of commands were answered
	size     int       // of names and texts, in bytes
	attempt  uint64    // how often the parts had to be recorded again
	edits    bool      // it changes a set of permissions
	err      error     // why nothing can be said
	undo     func()    // takes back what converting the record did to the history; nil: nothing

	change change // of a role history
	broken error  // why the line could not be read
}

// sender brings records into the target, in order and many at a time. Records are converted as they come, on the
// assumption that those before them are recorded. Where one is refused, the records after it are taken back and
// converted again on what is really there.
type sender struct {
	target  Target
	opt     Options
	history *history // nil: records come converted
	queue   []*record
	size    int
	limit   int // of records in one batch: small after a refusal, as what follows is sent again
	read    int64
	sum     Summary
}

// add takes in the next record.
func (s *sender) add(ctx context.Context, r *record) error {
	if err := s.convert(ctx, r); err != nil {
		return err
	}
	s.queue = append(s.queue, r)
	s.size += r.size
	if len(s.queue) >= maxBatch || s.size >= maxBytes || s.stops(r) {
		return s.flush(ctx)
	}
	return nil
}

func (s *sender) convert(ctx context.Context, r *record) error {
	if s.history == nil {
		return nil
	}
	return s.history.convert(ctx, r)
}

// stops says whether the run ends at a record before the target is asked.
func (s *sender) stops(r *record) bool { return r.err != nil && !s.opt.SkipBad }

// flush settles every record that waits.
func (s *sender) flush(ctx context.Context) error {
	for len(s.queue) > 0 {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		var err error
		if r := s.queue[0]; len(r.commands) == 0 {
			err = s.settleUnsent(r)
		} else {
			err = s.send(ctx)
		}
		if err != nil {
			return err
		}
	}
	s.size = 0
	if s.opt.Progress != nil {
		s.opt.Progress(s.read, s.sum)
	}
	return nil
}

func (s *sender) settleUnsent(r *record) error {
	s.queue = s.queue[1:]
	s.sum.Records++
	if r.err == nil {
		s.sum.Unchanged++
		return nil
	}
	s.sum.Bad++
	bad := &BadRecord{Line: r.line, Record: r.name, Err: r.err}
	if !s.opt.SkipBad {
		return bad
	}
	if s.opt.Bad != nil {
		s.opt.Bad(bad)
	}
	return nil
}

// send sends the commands of the first records in the queue, up to one that ends the run.
func (s *sender) send(ctx context.Context) error {
	var batch []Command
	for _, r := range s.queue[:min(s.limit, len(s.queue))] {
		if s.stops(r) {
			break
		}
		batch = append(batch, r.commands[r.sent:]...)
	}
	outcomes, failed := s.target.Do(ctx, batch)
	switch {
	case len(outcomes) > len(batch):
		return fmt.Errorf("the target gave %d outcomes for %d commands", len(outcomes), len(batch))
	case len(outcomes) == 0 && failed == nil:
		return fmt.Errorf("the target tried none of %d commands", len(batch))
	}
	for i, o := range outcomes {
		for len(s.queue[0].commands) == 0 {
			if err := s.settleUnsent(s.queue[0]); err != nil {
				return err
			}
		}
		r := s.queue[0]
		if o.Refusal != nil {
			if i != len(outcomes)-1 {
				return fmt.Errorf("the target went on after it refused %s", r.name)
			}
			s.limit = max(1, s.limit/4)
			if err := s.refused(ctx, r, o.Refusal); err != nil || failed == nil {
				return err
			}
			break
		}
		s.answered(r, o)
	}
	if failed != nil {
		return fmt.Errorf("record: %w", failed)
	}
	s.limit = min(maxBatch, 2*s.limit)
	return nil
}

// answered counts a command that is recorded.
func (s *sender) answered(r *record, o Outcome) {
	if !o.Repeated {
		s.sum.Commands++
	}
	if r.sent++; r.sent < len(r.commands) {
		return
	}
	s.queue = s.queue[1:]
	s.sum.Records++
	if o.Repeated {
		s.sum.Repeated++
	} else {
		s.sum.Recorded++
	}
}

// refused settles the first record of the queue, which was refused, and converts those after it again.
func (s *sender) refused(ctx context.Context, r *record, refusal error) error {
	var why *rules.Refusal
	if errors.As(refusal, &why) {
		switch {
		case final(why.Code):
			return fmt.Errorf("stopped at record %s: %w", r.name, refusal)
		case why.Code == rules.PartMissing && len(r.commands) > 1 && r.attempt < maxAttempts:
			r.attempt++
			r.commands, r.sent = recordAgain(r.commands, r.attempt), 0
			return nil
		case why.Code == rules.NoChange && !r.edits:
			refusal = nil
		}
	}
	for i := len(s.queue) - 1; i >= 0; i-- {
		if undo := s.queue[i].undo; undo != nil {
			undo()
		}
	}
	r.commands, r.err = nil, refusal
	if s.history != nil {
		s.history.missed(r)
	}
	if err := s.settleUnsent(r); err != nil {
		return err
	}
	for _, later := range s.queue {
		if err := s.convert(ctx, later); err != nil {
			return err
		}
	}
	return nil
}
