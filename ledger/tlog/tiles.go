package tlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/tree"
)

const (
	hashSize = 32
	width    = tree.TileWidth
)

// Tile gives a tile that the newest checkpoint implies, or the beginning of one, down to a single hash: [ErrNoTile] for
// every other.
func (l *Log) Tile(t tree.Tile) ([]byte, error) {
	l.mu.RLock()
	size := l.latest.Size
	l.mu.RUnlock()
	return reader{l, size}.Tile(t)
}

// Entries gives the first width entries of an entry bundle, as tlog-tiles has them, where the newest checkpoint covers them.
func (l *Log) Entries(index uint64, width int) ([]byte, error) {
	l.mu.RLock()
	size := l.latest.Size
	l.mu.RUnlock()
	if !(tree.Tile{Index: index, Width: width}).In(size) {
		return nil, ErrNoTile
	}
	return l.c.Journal.Bundle(index, width)
}

// reader reads the tree up to a size.
type reader struct {
	*Log
	size uint64
}

func (r reader) Tile(t tree.Tile) ([]byte, error) {
	if !t.In(r.size) {
		return nil, fmt.Errorf("%s: %w", t.Path(), ErrNoTile)
	}
	b, err := r.edge(t)
	if errors.Is(err, errFull) {
		b, err = r.full(t.Level, t.Index)
	}
	if err != nil {
		return nil, err
	}
	return b[:t.Width*hashSize], nil
}

// errFull says that a tile lies before the right edge, and so on the disk.
var errFull = errors.New("the tile is full")

// errUnderway says that the tree is being made of the journal again, and has not come so far.
var errUnderway = errors.New("the tree is being made of the journal again")

// edge gives a tile of the right edge, or the beginning of it.
func (l *Log) edge(t tree.Tile) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	edge := l.edges[t.Level]
	switch at := l.size >> (8 * uint(t.Level)) / width; {
	case t.Index < at:
		return nil, errFull
	case t.Index > at || t.Width > len(edge):
		return nil, fmt.Errorf("%s: %w", t.Path(), errUnderway)
	}
	return join(edge[:t.Width]), nil
}

func join(hashes []tree.Hash) []byte {
	b := make([]byte, 0, len(hashes)*hashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// full gives a full tile that fits the level above it, from the disk or else made again.
func (l *Log) full(level uint8, index uint64) ([]byte, error) {
	above, err := l.above(level, index)
	if err != nil {
		return nil, err
	}
	if b, err := l.load(level, index); err == nil && sum(b) == above {
		return b, nil
	}
	l.heal.Lock()
	defer l.heal.Unlock()
	if b, err := l.load(level, index); err == nil && sum(b) == above {
		return b, nil
	}
	b, err := l.remake(level, index, true)
	if err == nil && sum(b) != above { // a tile below it may be damaged too
		b, err = l.remake(level, index, false)
	}
	if err != nil {
		return nil, err
	}
	path := tree.Tile{Level: level, Index: index, Width: width}.Path()
	if sum(b) != above {
		return nil, fmt.Errorf("%s cannot be made again: %w", path, ErrDoubt)
	}
	l.log.Warn("a tile was lost or damaged; it was made again from the journal", "organization", l.c.Organization, "tile", path)
	if err := l.store(level, index, b); err != nil { // on a full disk it can be read all the same
		l.log.Warn("it cannot be stored", "organization", l.c.Organization, "tile", path, "error", err)
	}
	return b, nil
}

// above gives the hash that a full tile has in the level above it.
func (l *Log) above(level uint8, index uint64) (h tree.Hash, err error) {
	up, at := tree.Tile{Level: level + 1, Index: index / width, Width: int(index%width) + 1}, index%width*hashSize
	b, err := l.edge(up)
	if errors.Is(err, errFull) {
		b, err = l.full(up.Level, up.Index)
	}
	if err != nil {
		return h, err
	}
	return tree.Hash(b[at : at+hashSize]), nil
}

func sum(b []byte) tree.Hash {
	h, err := tree.SumTile(b)
	if err != nil {
		return tree.Hash{}
	}
	return h
}

// remake makes a full tile of what lies below it: of the journal's entries, or of full tiles, which are taken from the disk
// where that is asked for and they are there.
func (l *Log) remake(level uint8, index uint64, stored bool) ([]byte, error) {
	if l.closing() {
		return nil, ErrClosed
	}
	hashes := make([]tree.Hash, 0, width)
	if level == 0 {
		for r, err := range l.c.Journal.Range(index*width+1, index*width+width) {
			if err != nil {
				return nil, err
			}
			hashes = append(hashes, tree.Leaf(r.Entry))
		}
		return join(hashes), nil
	}
	for below := index * width; below < index*width+width; below++ {
		var b []byte
		var err error
		if stored {
			b, err = l.load(level-1, below)
		}
		if !stored || err != nil {
			if b, err = l.remake(level-1, below, stored); err != nil {
				return nil, err
			}
			if err := l.store(level-1, below, b); err != nil {
				return nil, err
			}
		}
		hashes = append(hashes, sum(b))
	}
	return join(hashes), nil
}

func (l *Log) path(level uint8, index uint64) string {
	return filepath.Join(l.c.Dir, filepath.FromSlash(tree.Tile{Level: level, Index: index, Width: width}.Path()))
}

var errTile = errors.New("a full tile has 8,192 bytes")

// load reads a full tile, which may hold anything.
func (l *Log) load(level uint8, index uint64) ([]byte, error) {
	b, err := os.ReadFile(l.path(level, index))
	if err == nil && len(b) != width*hashSize {
		err = errTile
	}
	return b, err
}

// store writes a full tile, if it is not there as it must be. The directory is not synced: a tile that a power cut takes is
// made again.
func (l *Log) store(level uint8, index uint64, data []byte) error {
	if have, err := l.load(level, index); err == nil && bytes.Equal(have, data) {
		return nil
	}
	path := l.path(level, index)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store a tile: %w", err)
	}
	if err := synced.Replace(path, data, 0o600); err != nil {
		return fmt.Errorf("store a tile: %w", err)
	}
	return nil
}

// restart makes the right edge of the tree anew, at the head record. It reads the full tiles beside the edge, 255 of each
// level at most, and the journal's last entries. If that gives another root than the head record, a tile is damaged, or
// was of another history: then all of them are made of the journal again.
func (l *Log) restart(head journal.Head) error {
	l.ready = false
	err := l.fromTiles(head.Position)
	if err == nil && l.frontier.Root() != head.Root {
		err = l.fromJournal(head)
	}
	l.ready = err == nil
	return err
}

// fromTiles trusts the tiles that are there.
func (l *Log) fromTiles(size uint64) error {
	l.heal.Lock()
	defer l.heal.Unlock()
	var edges [8][]tree.Hash
	for level := range uint8(len(edges)) {
		have := size >> (8 * uint(level))
		for index := have / width * width; index < have && level > 0; index++ {
			b, err := l.load(level-1, index)
			if err != nil {
				// What came behind the newest checkpoint was not stored yet when the process ended.
				if end := (index + 1) << (8 * uint(level)); end <= l.kept.newest.Size {
					l.log.Warn("a tile was lost or damaged; it is made again from the journal", "organization", l.c.Organization,
						"tile", tree.Tile{Level: level - 1, Index: index, Width: width}.Path())
				}
				if b, err = l.remake(level-1, index, true); err == nil {
					err = l.store(level-1, index, b)
				}
			}
			if err != nil {
				return err
			}
			edges[level] = append(edges[level], sum(b))
		}
	}
	for r, err := range l.c.Journal.Range(size/width*width+1, size) {
		if err != nil {
			return err
		}
		edges[0] = append(edges[0], tree.Leaf(r.Entry))
	}
	return l.stand(size, edges)
}

// stand puts the tree where a size and its edge are.
func (l *Log) stand(size uint64, edges [8][]tree.Hash) error {
	l.mu.Lock()
	l.size, l.edges = size, edges
	l.mu.Unlock()
	var err error
	l.frontier, err = tree.Resume(edgeReader(edges), size)
	return err
}

// edgeReader reads a tree of which only the right edge is needed.
type edgeReader [8][]tree.Hash

func (e edgeReader) Tile(t tree.Tile) ([]byte, error) {
	if len(e[t.Level]) != t.Width {
		return nil, fmt.Errorf("%s: %w", t.Path(), ErrNoTile)
	}
	return join(e[t.Level]), nil
}

// fromJournal goes through all entries, and puts right every tile that is not theirs.
func (l *Log) fromJournal(head journal.Head) error {
	l.log.Warn("tiles of the log do not fit its entries; all of them are made again from the journal", "organization", l.c.Organization)
	if err := l.stand(0, [8][]tree.Hash{}); err != nil {
		return err
	}
	if err := l.grow(head.Position); err != nil {
		return err
	}
	if root := l.frontier.Root(); root != head.Root {
		return fmt.Errorf("%w: %d entries, %x and %x", ErrDoubt, head.Position, root[:8], head.Root[:8])
	}
	return nil
}

// grow takes in the journal's entries up to a position, and writes the tiles that become full. After an error the tree
// must be made anew.
func (l *Log) grow(to uint64) error {
	edges, size := l.edges, l.size // nobody else writes them; readers see no more of them than there was
	for r, err := range l.c.Journal.Range(size+1, to) {
		if err != nil {
			return err
		}
		leaf := tree.Leaf(r.Entry)
		l.frontier.Append(leaf)
		edges[0] = append(edges[0], leaf)
		size++
		for level := 0; len(edges[level]) == width; level++ {
			data := join(edges[level])
			if err := l.store(uint8(level), size>>(8*uint(level))/width-1, data); err != nil {
				return err
			}
			edges[level], edges[level+1] = nil, append(edges[level+1], sum(data))
		}
		if size%width == 0 || size == to {
			l.mu.Lock()
			l.size, l.edges = size, edges
			l.mu.Unlock()
			if l.closing() && size < to {
				return ErrClosed
			}
		}
	}
	return nil
}
