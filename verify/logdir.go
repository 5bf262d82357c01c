package verify

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
)

// CheckKept is the check that a checkpoint which was published is of these entries.
const CheckKept = "kept"

// fileKept is the file of checkpoints of an organization, as errors name it.
const fileKept = "log/checkpoints"

// logFiles is what a data directory keeps of an organization's log: the checkpoints that were published, and full tiles.
type logFiles struct {
	dir    string
	kept   *os.File
	size   int64       // of the file as it was before the journal was read: what comes later may be of later entries
	absent []tree.Tile // that were asked for
}

// openLog opens the log of an organization's directory; nil where no checkpoint was ever kept.
func openLog(dir string) (*logFiles, error) {
	l := &logFiles{dir: filepath.Join(dir, "log")}
	f, err := os.Open(filepath.Join(l.dir, "checkpoints"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.kept, l.size = f, info.Size()
	return l, nil
}

// Tile gives a tile. Where there is none it gives nothing, and remembers it: only the checkpoints say whether it had to be
// there.
func (l *logFiles) Tile(t tree.Tile) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(t.Path())))
	if errors.Is(err, fs.ErrNotExist) {
		l.absent = append(l.absent, t)
		return nil, errAbsent
	}
	return b, err
}

// judge holds the checkpoints against the entries: each has the root of so many of them, and is signed with a key that
// signed then. The newest one that is trusted is what the report speaks of.
func (l *logFiles) judge(f *fold) error {
	r := &f.report
	var newest signedTree
	var refused error // the last one that the policy did not take
	var last uint64
	origin := r.Source
	err := tlog.Kept(io.NewSectionReader(l.kept, 0, l.size), origin, func(b []byte, of note.Checkpoint, damaged int) error {
		if damaged > 0 {
			return &chain.BrokenError{File: fileKept, Check: chain.CheckForm, Expected: "one note behind the other",
				Found: fmt.Sprintf("%d lines before the one of size %d that are none", damaged, of.Size)}
		}
		c := signedTree{raw: b, file: fileKept}
		if root, ok := f.roots.Root(of.Size); !ok {
			return &chain.BrokenError{Position: r.Position + 1, File: fileKept, Check: CheckKept,
				Expected: fmt.Sprintf("a history of %d entries, of which a checkpoint was published", of.Size), Found: fmt.Sprintf("its end at %d", r.Position)}
		} else if root != of.Root {
			return &chain.BrokenError{Position: of.Size, File: fileKept, Check: CheckKept,
				Expected: fmt.Sprintf("the root of the first %d entries, %x", of.Size, root), Found: fmt.Sprintf("%x, which was published", of.Root)}
		}
		n, err := note.Parse(b)
		if err == nil {
			_, err = c.signers(n, origin, f.keys.At(of.Size))
		}
		if err != nil {
			return err
		}
		r.Kept++
		last = max(last, of.Size)
		if f.opts.Trust != nil {
			if _, err := f.opts.Trust.Verify(b); err != nil {
				refused = err
				return nil
			}
		}
		newest = c
		return nil
	})
	switch {
	case err != nil:
		return err
	case r.Kept == 0:
		return unsigned(f.opts)
	case newest.raw == nil:
		return signedTree{file: fileKept}.broken(CheckTrust, refused)
	}
	if err := l.lost(last); err != nil {
		return err
	}
	_, of, err := newest.read(origin)
	if err != nil {
		return err
	}
	at, err := f.lastTime()
	if err != nil {
		return err
	}
	root, _ := f.roots.Root(of.Size)
	r.Checkpoint, err = newest.judge(f.opts, origin, root, f.keys.At(of.Size), at)
	if err == nil {
		f.doubt()
	}
	return err
}

// lost looks whether a tile is not there that a published checkpoint needs.
func (l *logFiles) lost(size uint64) error {
	for _, t := range l.absent {
		if first(t, tree.TileWidth) <= size+1 {
			return &chain.BrokenError{Position: first(t, 0), File: "log/" + t.Path(), Check: CheckTile, Expected: fmt.Sprintf("a tile, under the checkpoint of %d entries", size), Found: "none"}
		}
	}
	return nil
}

// unsigned is what is wrong where there is no checkpoint: nothing, unless one was asked for.
func unsigned(o Options) error {
	if o.Trust == nil && o.MaxAge <= 0 {
		return nil
	}
	return &chain.BrokenError{File: fileCheckpoint, Check: CheckTrust, Expected: "a signed checkpoint", Found: "none"}
}
