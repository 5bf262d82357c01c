package ledger

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
)

// While the ledger runs, a snapshot is made aside: the last one is read back into a folding of its own, and the entries
// since are folded into it from the journal, by one goroutine. So it takes no lock that a command or a reader waits for,
// at the price of the work of a start and of a second state with its projections in memory: for that time a ledger takes
// twice as much, and the file's bytes besides. Nothing holds on to the copy once it is encoded; the next garbage collection
// has it. At a start and when the ledger is closed nobody waits: the live folding is encoded then, see [Ledger.folded].
//
// Close gives up what has not come as far as being encoded. It waits for the step that cannot be interrupted: for one
// entry, or until the last snapshot is read back, which for a million entries takes a second or two.

// errGivenUp says that a snapshot was not made because the ledger is being closed, or writes no more.
var errGivenUp = errors.New("the snapshot was given up")

// keep has a snapshot made aside when it is time, and none is being made. It is the writer's.
func (l *Ledger) keep() {
	if !l.taking && l.c.Snapshots.due(l.head.Position, l.keptAt, false) && l.Err() == nil {
		l.taking = true
		at := l.head
		at.Snapshot = l.snapshot
		go func() { l.taken <- l.takeAside(at) }()
	}
}

// takeAside makes a snapshot as of an entry that is recorded, and writes it. One that is encoded when the ledger is closed
// is written still: another one would be no better.
func (l *Ledger) takeAside(at journal.Head) taken {
	s := l.c.Snapshots
	if s.Turn != nil {
		select {
		case s.Turn <- struct{}{}:
			defer func() { <-s.Turn }()
		case <-l.quit:
			return taken{err: errGivenUp}
		}
	}
	sections, err := l.foldAside(at)
	if err != nil {
		return taken{position: at.Position, err: err}
	}
	return s.keep(kept{at.Position, at.CID, sections})
}

// foldAside folds the entries up to a position anew and encodes what they make. They were verified when they were taken
// in; that they are those still, their links say, up to the CID that is known of the last one.
func (l *Ledger) foldAside(at journal.Head) ([][]byte, error) {
	fold, position, prev, err := l.lastKept(at)
	if err != nil {
		return nil, err
	}
	for r, err := range l.records(position+1, at.Position) {
		if err == nil {
			err = l.goesOn()
		}
		if err != nil {
			return nil, err
		}
		p := chain.Load(r.Entry)
		switch {
		case p.Err != nil:
			return nil, fmt.Errorf("the journal's entry %d: %w", r.Position, p.Err)
		case p.Entry.Event.Sequence != r.Position || p.Entry.Event.Prev != prev:
			return nil, fmt.Errorf("the journal's entry %d does not follow the one before it", r.Position)
		}
		fold.Apply(p.Entry)
		position, prev = r.Position, p.CID
		runtime.Gosched() // commands go first where processors are few
	}
	if prev != at.CID {
		return nil, fmt.Errorf("the journal's entry %d is %s; %s was recorded", position, prev, at.CID)
	}
	_, sections := fold.Snapshot()
	return sections, nil
}

// lastKept gives a folding of its own with what the last snapshot has, and the entry that it ends with; where there is
// none that can be used, one that has folded nothing.
func (l *Ledger) lastKept(at journal.Head) (fold Folding, position uint64, cid string, err error) {
	s := l.c.Snapshots
	fold = s.Fresh()
	if at.Snapshot == [32]byte{} {
		return fold, 0, "", l.goesOn()
	}
	k, err := s.read(at)
	if err == nil {
		if err = l.goesOn(); err != nil {
			return nil, 0, "", err
		}
		err = fold.Restore(k.sections)
	}
	if err != nil {
		l.unused(err)
		return fold, 0, "", l.goesOn()
	}
	return fold, k.position, k.cid, l.goesOn()
}

// goesOn says whether it is worth while to go on with a snapshot.
func (l *Ledger) goesOn() error {
	if l.closing() || l.Err() != nil {
		return errGivenUp
	}
	return nil
}
