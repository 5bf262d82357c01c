package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// Get gives a file of a log that is served in the form of C2SP tlog-tiles, by its path below the log's prefix. One that is
// longer than limit, in bytes, is an error; of one that is not there the error is fs.ErrNotExist.
type Get func(ctx context.Context, path string, limit int64) ([]byte, error)

// Log verifies a served log: the entries under its checkpoint, every hash tile, and the checkpoint itself. What the log
// answers is held against the checkpoint that it showed first, however it grows meanwhile. Errors are as of [Entries], or
// what get gave.
func Log(ctx context.Context, get Get, o Options) (*Report, error) {
	l := &servedLog{ctx: ctx, get: get}
	checkpoint := signedTree{file: fileCheckpoint}
	var err error
	if checkpoint.raw, err = get(ctx, fileCheckpoint, note.MaxSize); err != nil {
		return &Report{}, err
	}
	if _, l.of, err = note.ReadCheckpoint(checkpoint.raw); err != nil {
		return &Report{}, checkpoint.broken(CheckCheckpoint, err)
	}
	f := newFold(o)
	f.tiles, f.covered = &tiles{kept: l}, true
	r, err := f.run(ctx, l.entries())
	if err != nil {
		return r, l.named(err)
	}
	if err := f.tiles.end(); err != nil {
		return r, err
	}
	last, err := f.lastTime()
	if err != nil {
		return r, err
	}
	r.Checkpoint, err = checkpoint.judge(o, r.Source, f.root(), f.keys.At(l.of.Size), last)
	if err == nil {
		f.doubt()
	}
	return r, err
}

// servedLog reads a log under one checkpoint.
type servedLog struct {
	ctx context.Context
	get Get
	of  note.Checkpoint
}

// Tile implements tree.TileReader.
func (l *servedLog) Tile(t tree.Tile) ([]byte, error) {
	return l.get(l.ctx, t.Path(), tree.TileWidth*int64(len(tree.Hash{})))
}

// bundle gives which entries lie together with the one of a position, and where.
func (l *servedLog) bundle(position uint64) (path string, width int) {
	index := (position - 1) / tree.TileWidth
	width = int(min(l.of.Size-index*tree.TileWidth, tree.TileWidth))
	return tree.EntriesPath(index, width), width
}

// entries gives all entries under the checkpoint.
func (l *servedLog) entries() iter.Seq2[Raw, error] {
	return func(yield func(Raw, error) bool) {
		for at := uint64(1); at <= l.of.Size; {
			path, width := l.bundle(at)
			b, err := l.get(l.ctx, path, int64(width)*(2+events.MaxEntry))
			if errors.Is(err, fs.ErrNotExist) { // and not that it could not be fetched
				err = &chain.BrokenError{Position: at, File: path, Check: chain.CheckForm, Expected: fmt.Sprintf("%d entries", width), Found: "no such bundle"}
			}
			if err != nil {
				yield(Raw{}, err)
				return
			}
			for range width {
				n := 0
				if len(b) >= 2 {
					n = 2 + int(binary.BigEndian.Uint16(b))
				}
				if n == 0 || n > len(b) {
					yield(Raw{}, &chain.BrokenError{Position: at, File: path, Check: chain.CheckForm, Expected: fmt.Sprintf("%d whole entries", width), Found: "fewer"})
					return
				}
				if !yield(Raw{Bytes: b[2:n:n]}, nil) {
					return
				}
				b, at = b[n:], at+1
			}
			if len(b) > 0 {
				yield(Raw{}, &chain.BrokenError{Position: at, File: path, Check: chain.CheckForm, Expected: fmt.Sprintf("%d entries", width), Found: fmt.Sprintf("%d bytes behind them", len(b))})
				return
			}
		}
	}
}

// named says of an entry that does not hold in which bundle it stands.
func (l *servedLog) named(err error) error {
	if b := (*chain.BrokenError)(nil); errors.As(err, &b) && b.File == "" && b.Position > 0 && b.Position <= l.of.Size {
		b.File, _ = l.bundle(b.Position)
	}
	return err
}
