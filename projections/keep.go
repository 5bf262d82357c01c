package projections

import (
	"fmt"

	"github.com/permledger/permledger/ledger/rules"
)

// Snapshot gives the state and then each projection, as bytes, and the position that all of them are of. Entries wait
// while it is taken, and with them who asks for the state: 9 ms for 10,000 small entries, 250 ms for 100,000 on a machine
// that was busy with other things. So a ledger that runs takes it of a Fold of its own: see ledger.Snapshots. To write
// it is for the caller, who keeps nobody waiting.
func (f *Fold) Snapshot() (position uint64, sections [][]byte) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	room := func(section int) []byte {
		if f.sizes == nil {
			return nil
		}
		return make([]byte, 0, f.sizes[section]*5/4) // to move what is large takes time in which nothing else can run
	}
	sections = append(sections, f.state.AppendSnapshot(room(0)))
	for i, p := range f.projections {
		sections = append(sections, p.AppendSnapshot(room(i+1)))
	}
	return f.state.Position(), sections
}

// Restore takes in what Snapshot gave, of the same projections in the same order, before any entry was applied. After an
// error, which wraps [ErrSnapshot], nothing was taken in.
func (f *Fold) Restore(sections [][]byte) (err error) {
	if len(sections) != len(f.projections)+1 {
		return fmt.Errorf("%w: it has %d sections; there are %d projections and a state", ErrSnapshot, len(sections), len(f.projections))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	state, err := rules.ReadSnapshot(sections[0])
	if err != nil {
		return err
	}
	for i, p := range f.projections {
		empty := p.AppendSnapshot(nil)
		if err = p.ReadSnapshot(sections[i+1]); err != nil {
			return err
		}
		defer func() {
			if err != nil { // of one behind it
				_ = p.ReadSnapshot(empty)
			}
		}()
	}
	f.state, f.sizes = state, nil
	for _, section := range sections {
		f.sizes = append(f.sizes, len(section))
	}
	return nil
}
