package ledger

// Sealed says whether the entry at a position is sealed and not yet written.
func (l *Ledger) Sealed(position uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending[position] != nil
}
