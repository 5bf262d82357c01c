package backup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

// Known is something that somebody has seen of a ledger.
type Known struct {
	Where  string    // as "the pins of this user": for what is said
	Origin string    // the ledger's name
	Keys   []string  // vkeys that the ledger signed with, of which one has to be this ledger's; none: the note's own signature says it
	Size   uint64    // at least so many entries
	Root   tree.Hash // of so many; zero: not known
	Note   []byte    // the checkpoint that says it; nil: none
}

// A NewerError says that more of a ledger is known than a backup has: a server that began with it would go on with another
// history at positions that are taken.
type NewerError struct {
	Organization string
	Position     uint64 // of the backup
	Known        Known
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s: the backup ends at event %d, and %s has %d: restored, it would give those positions out anew. "+
		"Look for a newer backup or the disk; --accept-loss says that what is behind is lost for ever", e.Organization, e.Position, e.Known.Where, e.Known.Size)
}

// A ForkError says that what is known of a ledger is of another history than the backup's.
type ForkError struct {
	Organization string
	Known        Known
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("%s: the first %d events of the backup are not those that %s has: the one or the other is not the ledger", e.Organization, e.Known.Size, e.Known.Where)
}

// NoteKnown reads what a checkpoint says.
func NoteKnown(where string, b []byte) (Known, error) {
	_, c, err := note.ReadCheckpoint(b)
	if err != nil {
		return Known{}, fmt.Errorf("%s: %w", where, err)
	}
	return Known{Where: where, Origin: c.Origin, Size: c.Size, Root: c.Root, Note: b}, nil
}

// DirectoryKnown gives what a data directory has of its ledgers: head records, checkpoints and journals, whatever of these can
// be read. Damage is no error here: it is what a backup is for.
func DirectoryKnown(dir string) ([]Known, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "orgs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Known
	for _, e := range entries {
		org := filepath.Join(dir, "orgs", e.Name())
		g, _, err := readGenesis(filepath.Join(org, "genesis"))
		if err != nil {
			continue
		}
		at := func(what string, size uint64, root tree.Hash, b []byte) {
			all = append(all, Known{Where: what + " in " + org, Origin: g.Source, Size: size, Root: root, Note: b, Keys: []string{g.CID}})
		}
		if h, known, err := journal.ReadHead(filepath.Join(org, "head")); err == nil && known {
			at("the head record", h.Position, h.Root, nil)
		}
		_ = tlog.ReadLast(filepath.Join(org, "log"), g.Source, func(c note.Checkpoint, b []byte, _ time.Time) {
			at("a checkpoint", c.Size, c.Root, b)
		})
		if j, _, err := journal.Salvage(filepath.Join(org, "journal"), journal.Options{}); err == nil {
			at("the journal", j.Len(), tree.Hash{}, nil)
		}
	}
	return all, nil
}

// history is what a backup's ledger is held against what is known with.
type history struct {
	Ledger
	roots tree.Roots
	keys  chain.CheckpointKeys
}

func (l Ledger) history(dir string) (*history, error) {
	h := &history{Ledger: l}
	j, err := journal.OpenReader(filepath.Join(dir, ledgersDir, l.Organization, "journal"), journal.Options{})
	if err != nil {
		return nil, err
	}
	for r, err := range j.Range(1, l.Position) {
		if err != nil {
			return nil, err
		}
		h.roots.Append(tree.Leaf(r.Entry))
		en, err := chain.Parse(bytes.Clone(r.Entry))
		if err != nil {
			return nil, err
		}
		h.keys.Note(en.Event)
	}
	return h, nil
}

// same says whether what is known is of this ledger. Directories name it by its first entry; pins and notes by a key.
func (h *history) same(k Known) (bool, error) {
	if k.Origin != h.Source {
		return false, nil
	}
	if len(k.Keys) > 0 && slices.Contains(k.Keys, h.Genesis) {
		return true, nil
	}
	var mine []note.Key
	for _, key := range h.keys.All() {
		public, err := didkey.Parse(key.DID)
		if err != nil {
			return false, err
		}
		mine = append(mine, note.LogKey(h.Source, public))
	}
	for _, vkey := range k.Keys {
		if slices.ContainsFunc(mine, func(m note.Key) bool { return m.String() == vkey }) {
			return true, nil
		}
	}
	if k.Note == nil || len(k.Keys) > 0 {
		return false, nil
	}
	n, err := note.Parse(k.Note)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(mine, func(m note.Key) bool { _, err := n.Verify(m); return err == nil }), nil
}

// against says whether the backup is as new as what is known of its ledger, and of the same history.
func (h *history) against(k Known) error {
	if k.Size > h.Position {
		return &NewerError{h.Organization, h.Position, k}
	}
	if root, ok := h.roots.Root(k.Size); ok && k.Root != (tree.Hash{}) && root != k.Root {
		return &ForkError{h.Organization, k}
	}
	return nil
}

// RootOf gives the root of a ledger in a backup.
func (l Ledger) RootOf() (root tree.Hash, err error) {
	b, err := hex.DecodeString(l.Root)
	if err != nil || len(b) != len(root) {
		return root, fmt.Errorf("%w: %s: the root of %s", ErrDamaged, ManifestFile, l.Organization)
	}
	return tree.Hash(b), nil
}
