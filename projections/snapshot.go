package projections

import "github.com/permledger/permledger/ledger/snapshot"

// A Snapshotter is a projection that can be kept and read back, so that a start folds only the entries that came later.
// After ReadSnapshot and the entries from there on, every answer is that of a fold from the first entry.
type Snapshotter interface {
	Projection

	// AppendSnapshot appends all that the projection has taken in. Equal content gives equal bytes. It must not be called
	// while an entry is applied.
	AppendSnapshot(b []byte) []byte

	// ReadSnapshot takes in what AppendSnapshot gave, all of b, into a projection that has taken in nothing yet. It is
	// strict and never panics; the memory it takes is bounded by the length of b. The error wraps [ErrSnapshot], and the
	// projection is then as it was: entries can be folded into it.
	ReadSnapshot(b []byte) error
}

// ErrSnapshot says that bytes are no snapshot that this release reads. The entries are to be folded instead.
var ErrSnapshot = snapshot.ErrSnapshot
