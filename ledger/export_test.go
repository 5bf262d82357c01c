package ledger

import "context"

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

// Crowd makes the ledger believe that somebody else waits for an answer, so that it decides while it writes.
func (l *Ledger) Crowd() { l.callers.Add(1) }
