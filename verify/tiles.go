package verify

import (
	"errors"
	"fmt"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
)

// CheckTile is the check that a tile of a log holds the hashes that its entries, or the tiles below it, give.
const CheckTile = "tile"

// errAbsent says that a tile is not kept.
var errAbsent = errors.New("there is no such tile")

// tiles computes the hash tiles of a growing tree, and holds each against the one that was kept or handed over as soon as
// it is whole. It holds at most one tile of each level.
type tiles struct {
	kept   tree.TileReader
	prefix string // of their paths, in errors
	full   bool   // only full tiles are kept, and errAbsent is no error
	size   uint64
	edge   [8][]byte // of each level, the hashes of the tile that is not full yet
}

// append takes in the leaf of the next entry.
func (t *tiles) append(leaf tree.Hash) error {
	t.size++
	for level := range uint8(len(t.edge)) {
		if t.edge[level] == nil {
			t.edge[level] = make([]byte, 0, tree.TileWidth*len(leaf))
		}
		t.edge[level] = append(t.edge[level], leaf[:]...)
		if len(t.edge[level]) < tree.TileWidth*len(leaf) {
			return nil
		}
		over := t.size >> (8 * (uint(level) + 1)) // full tiles of this level
		if err := t.compare(tree.Tile{Level: level, Index: over - 1, Width: tree.TileWidth}, t.edge[level]); err != nil {
			return err
		}
		var err error
		if leaf, err = tree.SumTile(t.edge[level]); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		t.edge[level] = t.edge[level][:0]
	}
	return nil
}

// end compares the tiles at the edge, which are not full.
func (t *tiles) end() error {
	for level := range uint8(len(t.edge)) {
		n := len(t.edge[level]) / len(tree.Hash{})
		if n == 0 {
			continue
		}
		index := t.size >> (8 * (uint(level) + 1))
		if err := t.compare(tree.Tile{Level: level, Index: index, Width: n}, t.edge[level]); err != nil {
			return err
		}
	}
	return nil
}

// compare names the first entry whose hash, or the hash over which, is another.
func (t *tiles) compare(at tree.Tile, want []byte) error {
	file := t.prefix + at.Path()
	have, err := t.kept.Tile(at)
	switch {
	case t.full && errors.Is(err, errAbsent):
		return nil
	case err != nil:
		return &chain.BrokenError{File: file, Position: first(at, 0), Check: CheckTile, Err: err}
	}
	if string(have) == string(want) {
		return nil
	}
	if len(have) != len(want) {
		return &chain.BrokenError{File: file, Position: first(at, min(len(have), len(want)-1)/len(tree.Hash{})), Check: CheckTile,
			Expected: fmt.Sprintf("%d bytes", len(want)), Found: fmt.Sprint(len(have))}
	}
	i := 0
	for i < len(want)/len(tree.Hash{})-1 && string(hash(have, i)) == string(hash(want, i)) {
		i++
	}
	return &chain.BrokenError{File: file, Position: first(at, i), Check: CheckTile,
		Expected: fmt.Sprintf("hash %d to be %x", i, hash(want, i)), Found: fmt.Sprintf("%x", hash(have, i))}
}

func hash(tile []byte, i int) []byte { return tile[i*len(tree.Hash{}):][:len(tree.Hash{})] }

// first gives the position of the first entry under hash i of a tile.
func first(t tree.Tile, i int) uint64 {
	return (t.Index*tree.TileWidth+uint64(i))<<(8*uint(t.Level)) + 1
}
