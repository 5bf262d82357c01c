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
	o := l.record(ctx, newJob([]Request{r}, true))[0]
	return o.Receipt, o.Err
}
