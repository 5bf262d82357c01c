package pin

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// walk gives the keys that may sign a checkpoint which no key that is kept signed. It reads the whole ledger: only entries
// that its own keys signed say which keys sign its checkpoints, and which entries these are, the checkpoint that is kept
// says up to its size. That is seldom, for while a key is being replaced both sign.
func walk(ctx context.Context, src Source, kept *Pin, was note.Checkpoint, n *note.Note, c note.Checkpoint) ([]string, error) {
	unproven := func(format string, args ...any) error {
		return fmt.Errorf("%w: the checkpoint of %d entries of %s is signed by no key that is known, and %w", ErrUnproven, c.Size, kept.Origin, fmt.Errorf(format, args...))
	}
	var v chain.Verifier
	var keys chain.CheckpointKeys
	var roots tree.Frontier
	read := uint64(0)
	for p, err := range chain.InOrder(runtime.GOMAXPROCS(0), src.Entries(ctx, c.Size), chain.Inspect) {
		if err == nil && read < c.Size {
			err = v.Next(p, "")
		}
		if err != nil {
			return nil, unproven("its entries do not say which key that is: %w", err)
		}
		if read++; read > c.Size {
			break
		}
		keys.Note(p.Entry.Event)
		roots.Append(tree.Leaf(p.Entry.Bytes()))
		if read == was.Size && roots.Root() != was.Root {
			if !shared(kept, keys.At(read)) {
				return nil, &Error{Kind: Another, Known: kept, Shown: n.Bytes(), What: another}
			}
			return nil, &Error{Kind: Fork, Known: kept, Shown: n.Bytes(), What: "its history does not begin with the one that it showed before"}
		}
	}
	if read != c.Size || roots.Root() != c.Root {
		return nil, unproven("its %d entries are not those that the checkpoint is of", read)
	}
	now := vkeys(kept.Origin, keys.At(c.Size))
	err := (&Pin{Origin: kept.Origin, Keys: now}).signed(n)
	if errors.Is(err, note.ErrUnsigned) {
		return nil, unproven("its entries say that another key signs")
	}
	if err != nil {
		return nil, unproven("%w", err)
	}
	if c.Size < was.Size && !slices.ContainsFunc(keys.All(), func(k chain.CheckpointKey) bool { return shared(kept, []string{k.DID}) }) {
		return nil, &Error{Kind: Another, Known: kept, Shown: n.Bytes(), What: another}
	}
	return now, nil
}

const another = "another ledger of that name is there, with other keys from the beginning on"

// shared says whether one of some keys is one that is kept.
func shared(kept *Pin, dids []string) bool {
	return slices.ContainsFunc(vkeys(kept.Origin, dids), func(k string) bool { return slices.Contains(kept.Known, k) })
}

// vkeys spells did:keys as keys of notes.
func vkeys(origin string, dids []string) []string {
	var out []string
	for _, did := range dids {
		if public, err := didkey.Parse(did); err == nil {
			out = append(out, note.LogKey(origin, public).String())
		}
	}
	return out
}
