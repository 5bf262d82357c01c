package tree_test

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/permledger/permledger/ledger/tree"
)

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		tile    tree.Tile
		entries bool
		path    string
	}{
		{tree.Tile{Level: 0, Index: 0, Width: 256}, false, "tile/0/000"},
		{tree.Tile{Level: 0, Index: 0, Width: 1}, false, "tile/0/000.p/1"},
		{tree.Tile{Level: 1, Index: 273, Width: 112}, false, "tile/1/273.p/112"},
		{tree.Tile{Level: 63, Index: 1000, Width: 255}, false, "tile/63/x001/000.p/255"},
		{tree.Tile{Level: 0, Index: 1234067, Width: 256}, true, "tile/entries/x001/x234/067"},
		{tree.Tile{Level: 0, Index: 1<<64 - 1, Width: 256}, false, "tile/0/x018/x446/x744/x073/x709/x551/615"},
	} {
		path := c.tile.Path()
		if c.entries {
			path = tree.EntriesPath(c.tile.Index, c.tile.Width)
		}
		if path != c.path {
			t.Errorf("%+v has the path %s, want %s", c.tile, path, c.path)
		}
		if got, entries, err := tree.ParseTile(c.path); got != c.tile || entries != c.entries || err != nil {
			t.Errorf("%s reads as %+v, %v, %v", c.path, got, entries, err)
		}
	}
}

// oddPaths are spellings that a lenient reader would take for a tile.
var oddPaths = []string{
	"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile//000", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/+1/000",
	"tile/-1/000", "tile/64/000", "tile/256/000", "tile/0/x000", "tile/0/x000/000", "tile/0/x000/x001/000", "tile/0/001/000", "tile/0/x001/x000",
	"tile/0/X001/000", "tile/0/xx01/000", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256",
	"tile/0/000.p/257", "tile/0/000.p/+1", "tile/0/000.p/-1", "tile/0/000.p/0x1", "tile/0/000.p/1/", "tile/0/000.p/1.p/1", "tile/0/000/", "tile/0/000/..",
	"tile/0/../0/000", "tile/0/000 ", "tile/0/٣٣٣", "tile/0/1_0", "tile/0/x1_0/000", "tile/data/000", "tile/entries", "tile/entries/", "tile/entries/0/000",
	"tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
	"checkpoint", "tile/0/000\x00", "tile/0/%30%30%30",
}

func TestOddPathsAreRefused(t *testing.T) {
	for _, path := range oddPaths {
		if got, entries, err := tree.ParseTile(path); !errors.Is(err, tree.ErrTilePath) {
			t.Errorf("%q reads as %+v, %v, %v", path, got, entries, err)
		}
	}
}

func FuzzParseTile(f *testing.F) {
	for _, path := range append(oddPaths, "tile/0/000", "tile/7/x001/234.p/17", "tile/entries/x001/x234/067.p/255") {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, entries, err := tree.ParseTile(path)
		if err != nil {
			return
		}
		again := tile.Path()
		if entries {
			again = tree.EntriesPath(tile.Index, tile.Width)
		}
		if again != path || tile.Width < 1 || tile.Width > 256 || tile.Level > 63 {
			t.Fatalf("%q reads as %+v, whose path is %q", path, tile, again)
		}
	})
}

// TestTilesEqualSumdb holds the list of a tree's tiles against the one that the Go checksum database makes.
func TestTilesEqualSumdb(t *testing.T) {
	for _, size := range []int64{0, 1, 2, 255, 256, 257, 511, 512, 3000, 65535, 65536, 65537, 70000, 131328} {
		want := map[tree.Tile]bool{}
		for _, tile := range tlog.NewTiles(8, 0, size) {
			want[tree.Tile{Level: uint8(tile.L), Index: uint64(tile.N), Width: tile.W}] = true
		}
		got := slices.Collect(tree.Tiles(uint64(size)))
		for _, tile := range got {
			if !want[tile] {
				t.Errorf("a tree of %d has the tile %+v here, and not there", size, tile)
			}
			if !tile.In(uint64(size)) {
				t.Errorf("a tree of %d does not know its tile %+v", size, tile)
			}
		}
		if len(got) != len(want) {
			t.Errorf("a tree of %d has %d tiles, want %d", size, len(got), len(want))
		}
	}
}

func TestIn(t *testing.T) {
	for _, c := range []struct {
		tile tree.Tile
		size uint64
		in   bool
	}{
		{tree.Tile{Level: 0, Index: 0, Width: 1}, 0, false},
		{tree.Tile{Level: 0, Index: 0, Width: 1}, 1, true},
		{tree.Tile{Level: 0, Index: 0, Width: 2}, 1, false},
		{tree.Tile{Level: 0, Index: 0, Width: 0}, 1, false},
		{tree.Tile{Level: 0, Index: 0, Width: 257}, 1000, false},
		{tree.Tile{Level: 0, Index: 0, Width: 7}, 1000, true},
		{tree.Tile{Level: 0, Index: 3, Width: 232}, 1000, true},
		{tree.Tile{Level: 0, Index: 3, Width: 233}, 1000, false},
		{tree.Tile{Level: 0, Index: 4, Width: 1}, 1000, false},
		{tree.Tile{Level: 1, Index: 0, Width: 3}, 1000, true},
		{tree.Tile{Level: 1, Index: 0, Width: 4}, 1000, false},
		{tree.Tile{Level: 7, Index: 0, Width: 255}, 1<<64 - 1, true},
		{tree.Tile{Level: 8, Index: 0, Width: 1}, 1<<64 - 1, false},
	} {
		if c.tile.In(c.size) != c.in {
			t.Errorf("%+v in a tree of %d: want %v", c.tile, c.size, c.in)
		}
	}
}
