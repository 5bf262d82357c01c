package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// headEvery is how old the head record may be. It bounds how much of a lost end can go unnoticed, and how late a
// checkpoint comes; nothing acknowledged depends on it.
const headEvery = 50 * time.Millisecond

// publishWait bounds how long an unclear publish is asked after before the ledger stops.
const publishWait = 30 * time.Second

// writeAll writes groups in order until the decider ends.
func (l *Ledger) writeAll() {
	defer close(l.done)
	for g := range l.groups {
		l.finish(g)
		l.queued.Add(-1)
	}
	if l.taking {
		l.recordSnapshot(<-l.taken)
	}
}

// finish writes a group and answers its callers.
func (l *Ledger) finish(g *group) {
	switch err := l.Err(); {
	case len(g.entries) == 0:
		l.answer(g, nil)
	case err != nil: // sealed before the failure was known, and never handed to be written
		l.answer(g, fmt.Errorf("%w: %w", ErrStopped, err))
	default:
		l.answer(g, l.write(g))
	}
	if g.taken != nil {
		l.recordSnapshot(*g.taken)
	}
	if g.headDue {
		l.recordHead()
	}
	l.keep()
}

// write makes a group durable, orders it and shows it. A crash after any step leaves what the next start completes:
// after the texts, texts that nothing commits to; after the journal, entries that the stream lacks, not yet
// acknowledged; after the stream, a group whose callers ask again and get the old answer.
func (l *Ledger) write(g *group) error {
	var texts []private.Text
	for _, r := range g.texts {
		texts = append(texts, r.Texts...)
	}
	if err := l.c.Private.Put(texts); err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, l.fail(err))
	}
	begun := time.Now()
	first, err := l.c.Journal.Append(g.raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, l.fail(err))
	}
	synced := time.Now()
	msgs := make([]stream.Msg, len(g.entries))
	for i, en := range g.entries {
		msgs[i] = stream.Msg{Subject: en.Subject(), Data: g.raw[i]}
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishWait)
	defer cancel()
	if err := l.c.Log.Append(ctx, first-1, msgs); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, l.fail(err))
	}
	if l.c.Wrote != nil {
		l.c.Wrote(len(g.entries), synced.Sub(begun), time.Since(synced))
	}
	l.mu.Lock()
	for _, en := range g.entries {
		delete(l.pending, en.Event.Sequence)
	}
	l.mu.Unlock()
	if l.c.Applied != nil {
		for _, en := range g.entries {
			l.c.Applied(en)
		}
	}
	l.head = g.head
	l.keepHead()
	return nil
}

// keepHead has the head recorded when it is time. Nobody who waits for an answer waits for that.
func (l *Ledger) keepHead() {
	if !l.headWaits {
		l.headWaits = true
		time.AfterFunc(headEvery, l.HeadNow)
	}
}

// HeadNow has the head recorded as soon as what is under way is written, for somebody waits for that. It does not wait.
func (l *Ledger) HeadNow() {
	select {
	case l.headDue <- struct{}{}:
	default: // it is due already
	}
}

// recordHead records the head when it is time.
func (l *Ledger) recordHead() {
	l.headWaits = false
	if l.Err() != nil { // the head must not be moved to what is unclear
		return
	}
	if err := l.storeHead(); err != nil {
		l.fail(err) // what was written is recorded; nothing more is written
	}
}

// answer tells the callers of a group how it went: err is what became of its entries. What was decided on a state that
// is not written, in this group or one before, is no answer: neither that a command is recorded already, nor a refusal.
func (l *Ledger) answer(g *group, err error) {
	unwritten := g.after > l.head.Position
	for _, j := range g.jobs {
		for i := range j.outcomes {
			o := &j.outcomes[i]
			refused := errors.As(o.Err, new(*rules.Refusal))
			switch {
			case j.entries[i] != nil && err != nil:
				*o = Outcome{Err: err}
			case unwritten && (o.Repeated || refused):
				*o = Outcome{Err: fmt.Errorf("%w: %w", ErrUnknown, l.stopped())}
			}
		}
		close(j.done)
	}
}

// storeHead records how far the history goes, outside journal and stream, and which snapshot is the ledger's own.
func (l *Ledger) storeHead() error {
	head := l.head
	head.Snapshot = l.snapshot
	if head == l.stored {
		return nil
	}
	if err := l.c.Head.Store(head); err != nil {
		return fmt.Errorf("record the head: %w", err)
	}
	l.stored = head
	if l.c.Headed != nil {
		l.c.Headed(head)
	}
	return nil
}

// fail ends the writing for good: what follows a failed write must not be trusted before the ledger is opened anew.
func (l *Ledger) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
		l.log.Error("the ledger stops writing", "organization", l.c.Organization, "error", err)
	}
	return l.failed
}
