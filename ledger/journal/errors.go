package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrMissing says that there is no journal or head record where one was to be opened.
	ErrMissing = errors.New("missing")

	// ErrNoEntry says that the journal has no entry at a position.
	ErrNoEntry = errors.New("no such entry")

	// ErrEntrySize says that an entry is empty or longer than [MaxEntry].
	ErrEntrySize = errors.New("an entry has 1 to 65,535 bytes")

	// ErrTorn refuses an append behind a torn tail: see [Journal.CutTorn].
	ErrTorn = errors.New("torn tail")

	// ErrBroken says that a write or sync failed before, so that nothing more is written until the next start.
	// The error that it came from is wrapped beside it.
	ErrBroken = errors.New("broken by a failed write or sync")

	// ErrDamaged is what every [*DamageError] is.
	ErrDamaged = errors.New("damaged")
)

// DamageError says where a file does not hold what was written to it.
type DamageError struct {
	File     string // path
	Offset   int64  // in File, in bytes
	Position uint64 // the first position that cannot be read because of it; 0 in a head record
	Reason   string
}

func (e *DamageError) Error() string {
	if e.Position == 0 {
		return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s is damaged at byte %d (position %d): %s", e.File, e.Offset, e.Position, e.Reason)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// HeadConflictError refuses a head that is not ahead of the one on record: an earlier position, or the same position
// with another CID or root, which is a fork. It keeps both as evidence.
type HeadConflictError struct{ Have, Want Head }

func (e *HeadConflictError) Error() string {
	if e.Want.Position < e.Have.Position {
		return fmt.Sprintf("head would go back from position %d to %d", e.Have.Position, e.Want.Position)
	}
	return fmt.Sprintf("head at position %d is %s with root %x, and cannot become %s with root %x",
		e.Have.Position, e.Have.CID, e.Have.Root, e.Want.CID, e.Want.Root)
}
