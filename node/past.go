package node

import (
	"context"
	"fmt"
	"iter"
	"runtime"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/tree"
)

// holds goes through a journal and says what in it is not as it was left: forms, places and links, and whether the first
// entry, the head's CID and the head's root are the recorded ones. Signatures are for verification. Nothing is changed.
// each, where it is not nil, is given every event that holds.
func holds(ctx context.Context, j *journal.Reader, genesis string, head journal.Head, each func(*events.Event)) error {
	if j.Len() < head.Position {
		return fmt.Errorf("%w: the journal has %s, %d were recorded", ledger.ErrRolledBack, eventsOf(j.Len()), head.Position)
	}
	type looked struct {
		chain.Parsed
		leaf tree.Hash
	}
	look := func(r journal.Record) looked { return looked{chain.Load(r.Entry), tree.Leaf(r.Entry)} }
	var v chain.Verifier
	var roots tree.Roots
	for p, err := range chain.InOrder(runtime.GOMAXPROCS(0), records(j), look) {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = v.Next(p.Parsed, "")
		}
		if err != nil {
			return err
		}
		roots.Append(p.leaf)
		at := p.Entry.Event.Sequence
		if at == 1 && genesis != "" && p.CID != genesis {
			return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: genesis, Found: p.CID}
		}
		if at == head.Position {
			if root, _ := roots.Root(at); p.CID != head.CID || root != head.Root {
				return &chain.BrokenError{Position: at, Check: chain.CheckHead, Expected: head.CID, Found: p.CID}
			}
		}
		if each != nil {
			each(p.Entry.Event)
		}
	}
	return nil
}

// records gives a journal's records, each with memory of its own.
func records(j *journal.Reader) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		var own chain.Copier
		for r, err := range j.Range(1, j.Len()) {
			if r.Entry = own.Copy(r.Entry); !yield(r, err) {
				return
			}
		}
	}
}

// anew says what a person can do about the journal of a cluster's node that is not as it was left.
func (n *Node) anew(name string, err error) error {
	if !isDamage(err) {
		return err
	}
	return fmt.Errorf("%w; nothing was changed; move %s out of orgs/ and start the node again: it takes the organization in anew from the cluster", err, n.orgDir(name))
}
