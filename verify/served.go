package verify

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// Served verifies a log that somebody serves as C2SP tlog-tiles says: the entries in its bundles, every hash tile, and the
// checkpoint, which is fetched first and says how many entries that are. fetch gives the file at a path below the log's
// prefix. Errors are as of [Entries], or those of fetch where a checkpoint could not be fetched; a [*chain.BrokenError]
// names the file.
func Served(ctx context.Context, fetch func(ctx context.Context, path string) ([]byte, error), o Options) (*Report, error) {
	raw, err := fetch(ctx, fileCheckpoint)
	if err != nil {
		return &Report{}, err
	}
	checkpoint := signedTree{raw: raw, file: fileCheckpoint}
	n, err := note.Parse(raw)
	var c note.Checkpoint
	if err == nil {
		c, err = note.ParseCheckpoint(n.Text)
	}
	if err != nil {
		return &Report{}, checkpoint.broken(CheckCheckpoint, err)
	}
	s := &served{ctx: ctx, fetch: fetch, size: c.Size}
	f := newFold(o)
	f.tiles = &tiles{kept: s}
	if _, err = f.run(ctx, s.entries()); err == nil {
		err = f.tiles.end()
	}
	if err == nil {
		err = f.under(checkpoint, c)
	}
	if b, ok := err.(*chain.BrokenError); ok && b.File == "" && b.Position > 0 && b.Position <= c.Size {
		b.File = s.bundle((b.Position - 1) / tree.TileWidth)
	}
	return &f.report, newer(err)
}

// under judges the checkpoint that all entries are under.
func (f *fold) under(checkpoint signedTree, c note.Checkpoint) error {
	r := &f.report
	if _, _, err := checkpoint.read(r.Source); err != nil {
		return err
	}
	last, err := f.lastTime()
	if err != nil {
		return err
	}
	r.Checkpoint, err = checkpoint.judge(f.opts, r.Source, r.Root, f.keys.at(c.Size), last)
	return err
}

// served is a log that is read file by file.
type served struct {
	ctx   context.Context
	fetch func(ctx context.Context, path string) ([]byte, error)
	size  uint64 // that the checkpoint says
}

// Tile implements tree.TileReader.
func (s *served) Tile(t tree.Tile) ([]byte, error) { return s.fetch(s.ctx, t.Path()) }

// bundle gives the path of a bundle of entries, as wide as the checkpoint implies.
func (s *served) bundle(index uint64) string {
	return tree.EntriesPath(index, int(min(s.size-index*tree.TileWidth, tree.TileWidth)))
}

// entries gives the entries of all bundles, each of which has to hold as many as its path says and not a byte more.
func (s *served) entries() iter.Seq2[Raw, error] {
	return func(yield func(Raw, error) bool) {
		for first := uint64(0); first < s.size; first += tree.TileWidth {
			path, want := s.bundle(first/tree.TileWidth), int(min(s.size-first, tree.TileWidth))
			b, err := s.fetch(s.ctx, path)
			if err != nil {
				yield(Raw{}, &chain.BrokenError{File: path, Position: first + 1, Check: chain.CheckForm, Err: err})
				return
			}
			for i := range want {
				n := 0
				if len(b) >= 2 {
					n = 2 + int(binary.BigEndian.Uint16(b))
				}
				if n < 2 || n > len(b) {
					yield(Raw{}, &chain.BrokenError{File: path, Position: first + uint64(i) + 1, Check: chain.CheckForm,
						Expected: fmt.Sprintf("%d entries", want), Found: fmt.Sprintf("its end within number %d", i+1)})
					return
				}
				if !yield(Raw{Bytes: b[2:n]}, nil) {
					return
				}
				b = b[n:]
			}
			if len(b) > 0 {
				yield(Raw{}, &chain.BrokenError{File: path, Position: first + uint64(want), Check: chain.CheckForm,
					Expected: fmt.Sprintf("%d entries and nothing behind them", want), Found: fmt.Sprintf("%d bytes more", len(b))})
				return
			}
		}
	}
}
