// Package projections folds the entries of a ledger into what readers ask for. A projection takes entries in order,
// from one goroutine; it cannot refuse, for what is in the log has happened; and it can be thrown away and folded
// again, without any key, to the same bytes.
package projections

import (
	"sync"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

// A Projection takes in the entries of one ledger.
type Projection interface {
	// Apply takes in the entry that comes next; after is the state with it, to be read during the call only.
	Apply(en *chain.Entry, after *rules.State)
}

// Fold feeds entries to projections and keeps the state they are computed from. Apply is for one goroutine; State may
// be read by many.
type Fold struct {
	mu          sync.RWMutex
	state       *rules.State
	projections []Snapshotter
	sizes       []int // of the sections that were restored, the state's first; nil: none were
}

// NewFold begins before the first entry.
func NewFold(projections ...Snapshotter) *Fold {
	return &Fold{state: rules.New(), projections: projections}
}

// Apply takes in the next entry, which was verified.
func (f *Fold) Apply(en *chain.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rules.Evolve(f.state, en.Event)
	for _, p := range f.projections {
		p.Apply(en, f.state)
	}
}

// Read calls f with the state, which stays as it is during the call.
func (f *Fold) Read(read func(*rules.State)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	read(f.state)
}

// Try calls with with the state, which it may evolve, and then, when that is taken back, without with the state as it
// is; both see the same position. Nothing is kept of what with did. Entries, and who asks for the state, wait meanwhile;
// checks do not.
func (f *Fold) Try(with, without func(*rules.State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Begin()
	func() {
		defer f.state.Rollback()
		with(f.state)
	}()
	without(f.state)
}
