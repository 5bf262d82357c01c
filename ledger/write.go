package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tree"
)

// headEvery is how old the head record may be while commands come in. It only bounds how much of a lost end can go
// unnoticed; nothing acknowledged depends on it.
const headEvery = 100 * time.Millisecond

// publishWait bounds how long an unclear publish is asked after before the ledger stops.
const publishWait = 30 * time.Second

// writeAll writes groups in order until the decider ends.
func (l *Ledger) writeAll() {
	defer close(l.done)
	for g := range l.groups {
		err := l.Err()
		if err != nil && len(g.entries) > 0 {
			err = fmt.Errorf("%w: %w", ErrStopped, err) // sealed before the failure was known, and never written
		} else if len(g.entries) > 0 {
			err = l.write(g)
		} else {
			err = nil
		}
		l.answer(g, err)
	}
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
	first, err := l.c.Journal.Append(g.raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, l.fail(err))
	}
	msgs := make([]stream.Msg, len(g.entries))
	for i, en := range g.entries {
		msgs[i] = stream.Msg{Subject: en.Subject(), Data: g.raw[i]}
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishWait)
	defer cancel()
	if err := l.c.Log.Append(ctx, first-1, msgs); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, l.fail(err))
	}
	l.mu.Lock()
	for _, en := range g.entries {
		delete(l.pending, en.Event.Sequence)
	}
	l.mu.Unlock()
	for i, en := range g.entries {
		l.frontier.Append(tree.Leaf(g.raw[i]))
		if l.c.Applied != nil {
			l.c.Applied(en)
		}
	}
	last := g.entries[len(g.entries)-1]
	l.written.Position, l.written.CID = last.Event.Sequence, chain.CID(last.Bytes())
	if now := l.c.Now(); now.Sub(l.headAt) >= headEvery {
		l.headAt = now
		if err := l.storeHead(); err != nil {
			l.fail(err) // this group is recorded; no other is written
		}
	}
	return nil
}

// answer tells the callers of a group how it went.
func (l *Ledger) answer(g *group, err error) {
	for _, j := range g.jobs {
		for i := range j.outcomes {
			if err != nil && (j.entries[i] != nil || j.outcomes[i].Repeated) {
				j.outcomes[i] = Outcome{Err: err}
			}
		}
		close(j.done)
	}
}

// storeHead records how far the history goes, outside journal and stream.
func (l *Ledger) storeHead() error {
	n := l.frontier.Size()
	if n == 0 {
		return nil
	}
	cid := l.written.CID
	if l.written.Position != n {
		raw, err := l.c.Journal.Read(n)
		if err != nil {
			return fmt.Errorf("record the head: %w", err)
		}
		cid = chain.CID(raw)
	}
	l.written = journal.Head{Position: n, CID: cid, Root: l.frontier.Root()}
	if err := l.c.Head.Store(l.written); err != nil {
		return fmt.Errorf("record the head: %w", err)
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
