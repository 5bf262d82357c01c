package backup

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

// copying is the copying of one ledger.
type copying struct {
	from string // directory of the organization
	dest string // of the backup
	to   string // below dest
	old  Ledger // what is in the backup already; no position: nothing
	l    Ledger
}

func (c *copying) path(name string) string {
	return filepath.Join(c.dest, filepath.FromSlash(c.to), filepath.FromSlash(name))
}

// aim finds the position to copy up to: that of the newest checkpoint, if it reaches what was asked for, else that of the head
// record. What the head record or a checkpoint says is synced; what the journal has beyond it may not be, and be other
// entries after a power cut.
func (c *copying) aim(ctx context.Context, source string, atLeast uint64, patience time.Duration) (head journal.Head, root tree.Hash, err error) {
	begun := time.Now()
	for {
		var newest uint64
		var signed tree.Hash
		if err := tlog.ReadLast(filepath.Join(c.from, "log"), source, func(k note.Checkpoint, _ []byte, _ time.Time) {
			if k.Size >= newest {
				newest, signed = k.Size, k.Root
			}
		}); err != nil {
			return head, root, err
		}
		// After the checkpoints, so that it has as much.
		head, known, err := journal.ReadHead(filepath.Join(c.from, "head"))
		if err != nil {
			return head, root, err
		}
		waited := time.Since(begun)
		switch {
		case newest > 0 && newest >= atLeast && newest <= head.Position:
			c.l.Signed = true
			head.Position = newest
			return head, signed, nil
		case known && head.Position >= atLeast && (newest == 0 || waited > unsigned):
			return head, head.Root, nil
		case known && waited > patience:
			c.l.Behind = atLeast - min(atLeast, head.Position)
			return head, head.Root, nil
		case waited > patience:
			return head, root, errors.New("no head record was stored yet")
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return head, root, context.Cause(ctx)
		}
	}
}

// run copies everything of the ledger that the manifest is to name.
func (c *copying) run(ctx context.Context, atLeast uint64, patience time.Duration) error {
	g, raw, err := readGenesis(filepath.Join(c.from, "genesis"))
	if err != nil {
		return err
	}
	c.l.Source, c.l.Genesis = g.Source, g.CID
	if c.old.Position > 0 && c.old.Genesis != g.CID {
		return fmt.Errorf("%w: its first entry is %s, the ledger's is %s", ErrBackward, c.old.Genesis, g.CID)
	}
	if c.old.Position == 0 { // what is there is of a first run that was cut off
		if err := os.RemoveAll(c.path("")); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.path("log"), 0o700); err != nil {
		return err
	}
	head, root, err := c.aim(ctx, g.Source, atLeast, patience)
	if err != nil {
		return err
	}
	if head.Position < c.old.Position {
		return fmt.Errorf("%w: it has %d entries, the ledger %d", ErrBackward, c.old.Position, head.Position)
	}
	erased, err := c.entries(ctx, head.Position, root)
	if err != nil {
		return err
	}
	c.l.Root = hex.EncodeToString(root[:])
	if err := c.texts(erased); err != nil {
		return err
	}
	if err := c.checkpoints(); err != nil {
		return err
	}
	if err := c.head(journal.Head{Position: c.l.Position, CID: c.l.CID, Root: root}); err != nil {
		return err
	}
	if err := c.put("genesis", raw); err != nil {
		return err
	}
	mended, err := os.ReadFile(filepath.Join(c.from, "mended.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.put("mended.jsonl", mended[:bytes.LastIndexByte(mended, '\n')+1])
}

// group is how many bytes of entries are appended with one sync.
const group = 4 << 20

// entries copies the entries up to a position, looks whether all of them have the root that was signed, and those that the
// backup has already the one that it had; and gives the commitments that were ever erased.
func (c *copying) entries(ctx context.Context, to uint64, root tree.Hash) (map[events.Digest]bool, error) {
	src, damage, err := journal.Salvage(filepath.Join(c.from, "journal"), journal.Options{})
	if err != nil {
		return nil, err
	}
	if src.Len() < to {
		if len(damage) > 0 {
			return nil, damage[0]
		}
		return nil, fmt.Errorf("the journal ends at %d, the head record says %d: see `permledger doctor`", src.Len(), to)
	}
	erased, err := c.erasedBefore()
	if err != nil {
		return nil, err
	}
	dst, err := journal.Open(c.path("journal"), journal.Options{Create: true})
	if err != nil {
		return nil, err
	}
	defer dst.Close()
	if dst.Len() != c.old.Position {
		return nil, fmt.Errorf("%w: its journal has %d entries, %s says %d", ErrDamaged, dst.Len(), ManifestFile, c.old.Position)
	}
	var edge tree.Frontier
	var pending [][]byte
	size := 0
	flush := func() error {
		_, err := dst.Append(pending)
		pending, size = nil, 0
		return err
	}
	for r, err := range src.Range(1, to) {
		if err != nil {
			return nil, err
		}
		edge.Append(tree.Leaf(r.Entry))
		if r.Position == c.old.Position {
			if was := edge.Root(); hex.EncodeToString(was[:]) != c.old.Root {
				return nil, fmt.Errorf("%w: the first %d entries of the ledger are others", ErrBackward, r.Position)
			}
		}
		if r.Position == to {
			c.l.Position, c.l.CID = to, chain.CID(r.Entry)
		}
		if r.Position <= c.old.Position {
			continue
		}
		if err := erasing(r.Entry, erased); err != nil {
			return nil, fmt.Errorf("entry %d: %w", r.Position, err)
		}
		pending, size = append(pending, bytes.Clone(r.Entry)), size+len(r.Entry)
		if size >= group {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if got := edge.Root(); got != root {
		return nil, fmt.Errorf("the %d entries have the root %x, and %x is what the ledger says: run `permledger doctor`", to, got[:8], root[:8])
	}
	segments, err := filepath.Glob(filepath.Join(escape(c.path("journal")), "*.seg"))
	if err != nil {
		return nil, err
	}
	for i, s := range segments {
		name := "journal/" + filepath.Base(s)
		if f, ok := c.old.file(c.to + "/" + name); ok && i < len(segments)-1 && sized(s, f.Size) {
			c.l.Files = append(c.l.Files, f) // full, and not written to
			continue
		}
		f, err := sum(s, c.to+"/"+name)
		if err != nil {
			return nil, err
		}
		c.l.Files = append(c.l.Files, f)
	}
	return erased, nil
}

// checkpoints copies those that the log keeps of what is copied.
func (c *copying) checkpoints() error {
	var b bytes.Buffer
	err := tlog.Read(filepath.Join(c.from, "log"), c.l.Source, func(k note.Checkpoint, raw []byte, at time.Time) {
		if k.Size <= c.l.Position {
			b.Write(tlog.Record(at, raw))
		}
	})
	if err != nil || b.Len() == 0 {
		return err
	}
	return c.put("log/checkpoints", b.Bytes())
}

// head writes the head record of what is copied.
func (c *copying) head(h journal.Head) error {
	aside := c.path("head") + ".made"
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := journal.OpenHead(aside, true)
	if err == nil {
		err = f.Store(h)
	}
	if err != nil {
		return err
	}
	b, err := os.ReadFile(aside)
	if err != nil {
		return err
	}
	return errors.Join(c.put("head", b), os.Remove(aside))
}
