package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// settle writes a group. It returns nil when all of it is recorded and shown, [errOvertaken] when none of it is and it
// should be decided again, and else what its callers are to be told.
func (l *Ledger) settle(a attempt) error {
	if err := l.Err(); err != nil { // of before, or met while deciding
		l.undo(a)
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	if a.unsigned != nil {
		l.undo(a)
		return a.unsigned
	}
	if len(a.entries) == 0 {
		l.undo(a)
		return l.current(a.group)
	}
	if err := l.keepTexts(a.group); err != nil {
		l.undo(a)
		return err
	}
	begun := time.Now()
	err := l.publish(a.next-1, a.group)
	if stale := (*stream.StaleError)(nil); errors.As(err, &stale) {
		l.undo(a)
		return l.overtaken(stale)
	}
	if err != nil {
		l.undo(a)
		return err
	}
	l.state.Commit()
	ordered := time.Now()
	err = l.written(a.group.entries, a.group.raw, a.group.head)
	if err == nil && l.c.Wrote != nil {
		l.c.Wrote(len(a.group.entries), time.Since(ordered), ordered.Sub(begun))
	}
	return err
}

// written makes entries that the quorum has ordered durable here, and shows them.
func (l *Ledger) written(entries []*chain.Entry, raw [][]byte, head journal.Head) error {
	for _, en := range entries {
		if err := l.s.verifier.Next(chain.Parsed{Entry: en, CID: en.CID()}, ""); err != nil {
			return fmt.Errorf("%w: %w", ErrUnknown, l.fail(err))
		}
	}
	if _, err := l.c.Journal.Append(raw); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, l.fail(err))
	}
	l.forget(&group{entries: entries})
	l.show(entries, head)
	return nil
}

// show applies entries that are in the journal to the projections.
func (l *Ledger) show(entries []*chain.Entry, head journal.Head) {
	if l.c.Applied != nil {
		for _, en := range entries {
			l.c.Applied(en)
		}
	}
	l.head = head
	l.keepHead()
	l.keep()
}

// current says whether a group without entries can be answered: a refusal speaks of a state, which must be the one that
// the stream has now, not one that another node has left behind.
func (l *Ledger) current(g *group) error {
	if !g.denied() {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.s.ctx, askWait)
	defer cancel()
	state, err := l.c.Log.Confirm(ctx)
	switch {
	case errors.As(err, new(*stream.ConfigError)) || errors.As(err, new(*stream.DamagedError)):
		return fmt.Errorf("%w: %w", ErrStopped, l.fail(err))
	case err != nil:
		return fmt.Errorf("%w: whether a refusal still holds cannot be asked: %w", ErrWait, err)
	case state.LastSeq == l.next-1:
		return nil
	}
	return l.overtaken(&stream.StaleError{Want: l.next - 1, Have: state.LastSeq})
}

// denied says whether a command was refused by the rules.
func (g *group) denied() bool {
	for _, j := range g.jobs {
		for i := range j.outcomes {
			if j.unproven[i] == nil && errors.As(j.outcomes[i].Err, new(*rules.Refusal)) {
				return true
			}
		}
	}
	return false
}

// keepTexts puts the private texts of a group where they last, here and for the other nodes.
func (l *Ledger) keepTexts(g *group) error {
	var texts, fresh []private.Text
	for _, r := range g.texts {
		texts = append(texts, r.Texts...)
	}
	for _, t := range texts {
		if _, ok := l.c.Private.Get(t.Commitment()); !ok {
			fresh = append(fresh, t)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	if err := l.c.Private.Put(fresh); err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, l.fail(err))
	}
	ctx, cancel := context.WithTimeout(l.s.ctx, askWait)
	defer cancel()
	if err := l.c.Shared.Texts(ctx, texts); err != nil {
		return fmt.Errorf("%w: keep private texts: %w", ErrWait, err)
	}
	return nil
}

// publish orders a group behind a position. An outcome that is not known is no end: the same bytes are published at the
// same place again until it is known, and nothing else is decided meanwhile.
func (l *Ledger) publish(after uint64, g *group) error {
	msgs := make([]stream.Msg, len(g.entries))
	for i, en := range g.entries {
		msgs[i] = stream.Msg{Subject: en.Subject(), Data: g.raw[i]}
	}
	if err := l.c.Shared.Ready(); err != nil {
		return fmt.Errorf("%w: %w", ErrWait, err)
	}
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(l.s.ctx, askWait)
		err := l.c.Log.Append(ctx, after, msgs)
		cancel()
		switch {
		case err == nil || errors.As(err, new(*stream.StaleError)):
			if try > 1 {
				l.log.Info("the outcome of a write is known again", "organization", l.c.Organization, "recorded", err == nil)
			}
			return err
		case !errors.As(err, new(*stream.UnknownError)) && try == 1:
			return fmt.Errorf("%w: %w", ErrWait, err) // nothing was sent
		case l.s.ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		case try == 1:
			l.log.Warn("the outcome of a write is not known; it is asked for until it is", "organization", l.c.Organization, "after", after, "error", err)
		}
		l.rest(rand.N(100 * time.Millisecond))
	}
}

// overtaken takes in what other nodes wrote. It returns [errOvertaken] when all of it is there.
func (l *Ledger) overtaken(stale *stream.StaleError) error {
	if stale.Want == l.next-1 && stale.Have > stale.Want {
		if err := l.catchUp(l.s.ctx); err != nil {
			return err
		}
		return errOvertaken
	}
	// A stream that ends before the journal does was put back; one that holds a part of a group has lost its rest. Who
	// leads the stream could have changed while it answered, so that it is asked again.
	if err := l.whole(l.s.ctx); err != nil {
		return err
	}
	return errOvertaken
}

// conclude answers the jobs of a group.
func (l *Ledger) conclude(g *group, err error) {
	if err == nil {
		for _, r := range g.refused {
			l.c.Refused(r.Command, r.Refusal)
		}
		l.answer(g, nil)
		return
	}
	for _, j := range g.jobs {
		for i := range j.outcomes {
			o := &j.outcomes[i]
			if recorded := o.Repeated && o.Position <= l.c.Journal.Len(); j.unproven[i] == nil && !recorded {
				*o = Outcome{Err: err}
			}
		}
		close(j.done)
	}
}
