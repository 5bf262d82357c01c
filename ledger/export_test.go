package ledger

import (
	"context"
	"time"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// Sealed says whether the entry at a position is sealed and not yet written.
func (l *Ledger) Sealed(position uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending[position] != nil
}

// Record is Execute of a request whose author's signature was checked before.
func (l *Ledger) Record(ctx context.Context, r Request) (Receipt, error) {
	defer l.callers.Add(-1)
	l.callers.Add(1)
	j := newJob([]Request{r}, true)
	if !l.alone(ctx, j) {
		j.outcomes = l.record(ctx, j, nil)
	}
	return j.outcomes[0].Receipt, j.outcomes[0].Err
}

// SkipDecision plants a bug: a group that lost a race is put behind what the winner wrote as it is, without a decision on
// what that left.
func (l *Ledger) SkipDecision() {
	l.s.rebase = func(lost *group) func(*group) {
		return func(g *group) {
			g.jobs, g.after = lost.jobs, lost.after
			for _, en := range lost.entries {
				e := *en.Event
				e.Sequence, e.Prev = l.next, l.prev
				if e.Time.Before(l.state.Time()) {
					e.Time = l.state.Time()
				}
				body, err := e.Encode()
				if err != nil {
					panic(err)
				}
				key, _ := l.c.Keys.Signer(en.Key)
				again, err := chain.Seal(&e, body, nil, en.Evidence, key, en.Key)
				if err != nil {
					panic(err)
				}
				rules.Evolve(l.state, &e)
				l.roots.Append(tree.Leaf(again.Bytes()))
				root, _ := l.roots.Root(e.Sequence)
				l.next, l.prev = e.Sequence+1, again.CID()
				g.entries, g.raw = append(g.entries, again), append(g.raw, again.Bytes())
				g.head = journal.Head{Position: e.Sequence, CID: again.CID(), Root: root}
				for _, j := range g.jobs {
					for i := range j.entries {
						if j.entries[i] == en {
							j.entries[i], j.outcomes[i].Position, j.outcomes[i].CID = again, e.Sequence, again.CID()
						}
					}
				}
			}
		}
	}
}

// Crowd makes the ledger believe that somebody else waits for an answer, so that it decides while it writes.
func (l *Ledger) Crowd() { l.callers.Add(1) }

// DoubtFor sets how long a stream must seem too short to be believed, and gives what it was.
func DoubtFor(d time.Duration) (was time.Duration) {
	was, doubtFor = doubtFor, d
	return was
}
