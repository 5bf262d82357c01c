package pin

import (
	"context"
	"fmt"

	"github.com/permledger/permledger/ledger/note"
)

// walk gives the keys that may sign a checkpoint which no key that is kept signed.
func walk(_ context.Context, _ Source, kept *Pin, _ note.Checkpoint, n *note.Note, c note.Checkpoint) ([]string, error) {
	return nil, fmt.Errorf("%w: the checkpoint of %d entries of %s is signed by no key that is known", ErrUnproven, c.Size, kept.Origin)
}
