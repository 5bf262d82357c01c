package ledger

import (
	"context"
	"fmt"
	"iter"
	"runtime"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// signedTail is how many of the newest entries have their signatures checked when a ledger is opened. All of them are
// checked by verification, which the operator runs; opening must not take half a minute for a million events.
const signedTail = 1024

func (l *Ledger) load(ctx context.Context) error {
	head, known, err := l.c.Head.Load()
	if err != nil {
		return err
	}
	length := l.c.Journal.Len()
	if known && head.Position > length {
		return fmt.Errorf("%w: %d entries, %d were recorded", ErrRolledBack, length, head.Position)
	}
	if err := l.resume(ctx, head); err != nil {
		return err
	}
	first := l.head.Position + 1
	if err := l.check(ctx, &l.s.verifier, first, length); err != nil {
		return err
	}
	type looked struct {
		chain.Parsed
		leaf tree.Hash
	}
	look := func(r journal.Record) looked { return looked{chain.Load(r.Entry), tree.Leaf(r.Entry)} }
	for p, err := range chain.InOrder(runtime.GOMAXPROCS(0), l.records(first, length), look) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.Err != nil {
			return p.Err
		}
		rules.Evolve(l.state, p.Entry.Event)
		l.roots.Append(p.leaf)
		position := p.Entry.Event.Sequence
		if position == length || known && position == head.Position {
			root, _ := l.roots.Root(position)
			if known && position == head.Position && (p.CID != head.CID || root != head.Root) {
				return l.notTheHead(ctx, head, p.CID, length)
			}
			l.head = journal.Head{Position: position, CID: p.CID, Root: root}
		}
		l.prev = p.CID
		if l.c.Applied != nil {
			l.c.Applied(p.Entry)
		}
	}
	l.next, l.stored = length+1, head
	if err := l.storeHead(); err != nil {
		return err
	}
	if l.c.Headed != nil && l.stored.Position > 0 {
		l.c.Headed(l.stored)
	}
	return nil
}

// notTheHead says that the history is not the one of the head record, or which entry breaks it, where one does.
func (l *Ledger) notTheHead(ctx context.Context, head journal.Head, found string, length uint64) error {
	if err := l.check(ctx, new(chain.Verifier), 1, length); err != nil {
		return err
	}
	return &chain.BrokenError{Position: head.Position, Check: chain.CheckHead, Expected: head.CID, Found: found}
}

// check goes through the journal once, from an entry on, before anything is made of it: one that was changed would else
// be taken in, and only the link of the next one would show it. This is a pass of its own, because an entry is only as
// good as what vouches for it: links up to the newest entries, and the signatures of those. Rules and projections must
// not be shown an entry before that; they may rely on what the rules once let in.
func (l *Ledger) check(ctx context.Context, v *chain.Verifier, first, length uint64) error {
	look := func(r journal.Record) chain.Parsed {
		if r.Position+signedTail > length {
			return chain.Inspect(r.Entry)
		}
		return chain.Load(r.Entry)
	}
	for p, err := range chain.InOrder(runtime.GOMAXPROCS(0), l.records(first, length), look) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := v.Next(p, ""); err != nil {
			return err
		}
	}
	return nil
}

// records gives the journal's records, each with memory of its own.
func (l *Ledger) records(first, last uint64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		var own chain.Copier
		for r, err := range l.c.Journal.Range(first, last) {
			if r.Entry = own.Copy(r.Entry); !yield(r, err) {
				return
			}
		}
	}
}
