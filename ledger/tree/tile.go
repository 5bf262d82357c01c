package tree

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// TileWidth is the number of hashes in a full tile, and of entries in a full bundle.
const TileWidth = 256

const tileHeight = 8

// A Tile is a piece of a tree as C2SP tlog-tiles cuts it: Width hashes side by side, each the root of a perfect subtree
// of 256^Level entries, from the hash number 256*Index of that level on.
type Tile struct {
	Level uint8 // 0 to 63; the tile of a tree that can exist has at most 7
	Index uint64
	Width int // 1 to 256, which is a full tile
}

// Path gives the tile's address below a log's prefix: tile/<level>/<index>, with .p/<width> where it is not full.
func (t Tile) Path() string {
	return "tile/" + strconv.Itoa(int(t.Level)) + "/" + indexPath(t.Index, t.Width)
}

// EntriesPath gives the address of the bundle of entries whose leaf hashes the level 0 tile of that index and width has.
func EntriesPath(index uint64, width int) string { return "tile/entries/" + indexPath(index, width) }

func indexPath(index uint64, width int) string {
	p := fmt.Sprintf("%03d", index%1000)
	for index /= 1000; index > 0; index /= 1000 {
		p = fmt.Sprintf("x%03d/", index%1000) + p
	}
	if width != TileWidth {
		p += ".p/" + strconv.Itoa(width)
	}
	return p
}

// ErrTilePath is what [ParseTile] refuses.
var ErrTilePath = errors.New("is no path of a tile")

// ParseTile reads a path in the one spelling that [Tile.Path] and [EntriesPath] give it, and refuses every other. Of a
// bundle of entries it gives the tile that holds the leaf hashes.
func ParseTile(path string) (t Tile, entries bool, err error) {
	bad := fmt.Errorf("%q %w", path, ErrTilePath)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return Tile{}, false, bad
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Tile{}, false, bad
	}
	if entries = level == "entries"; !entries {
		n, err := strconv.ParseUint(level, 10, 8)
		if err != nil || n > 63 {
			return Tile{}, false, bad
		}
		t.Level = uint8(n)
	}
	t.Width = TileWidth
	if before, width, partial := strings.Cut(rest, ".p/"); partial {
		n, err := strconv.ParseUint(width, 10, 8)
		if err != nil {
			return Tile{}, false, bad
		}
		rest, t.Width = before, int(n)
	}
	for group := range strings.SplitSeq(rest, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(group, "x"), 10, 16)
		if err != nil || n > 999 || t.Index > (1<<64-1-n)/1000 {
			return Tile{}, false, bad
		}
		t.Index = t.Index*1000 + n
	}
	again := t.Path()
	if entries {
		again = EntriesPath(t.Index, t.Width)
	}
	if again != path || t.Width == 0 {
		return Tile{}, false, bad
	}
	return t, entries, nil
}

// In tells whether a tree of that size has the tile, as wide as it is or wider.
func (t Tile) In(size uint64) bool {
	if t.Level >= 64/tileHeight || t.Width < 1 || t.Width > TileWidth {
		return false
	}
	have := size >> (tileHeight * uint(t.Level)) // hashes of that level
	return t.Index < have/TileWidth || t.Index == have/TileWidth && uint64(t.Width) <= have%TileWidth
}

// tileOf gives the tile of a tree of that size which has the hash number index of a level, as wide as that tree implies.
// The tree must have it.
func tileOf(size uint64, level uint8, index uint64) Tile {
	have := size >> (tileHeight * uint(level))
	t := Tile{Level: level, Index: index / TileWidth, Width: TileWidth}
	if t.Index == have/TileWidth {
		t.Width = int(have % TileWidth)
	}
	return t
}

// Tiles gives every tile of a tree of that size that is not empty, the lowest level first.
func Tiles(size uint64) iter.Seq[Tile] {
	return func(yield func(Tile) bool) {
		for level, have := uint8(0), size; have > 0; level, have = level+1, have/TileWidth {
			for index := range have / TileWidth {
				if !yield(Tile{Level: level, Index: index, Width: TileWidth}) {
					return
				}
			}
			if w := int(have % TileWidth); w > 0 && !yield(Tile{Level: level, Index: have / TileWidth, Width: w}) {
				return
			}
		}
	}
}

// A TileReader gives the hashes of a tile: 32*Width bytes. It is asked only for widths that the size of the tree at hand
// implies.
type TileReader interface {
	Tile(t Tile) ([]byte, error)
}

// SumTile gives the root over the hashes of a tile. The one of a full tile is a hash of the level above.
func SumTile(hashes []byte) (Hash, error) {
	if len(hashes) == 0 || len(hashes)%32 != 0 || len(hashes) > TileWidth*32 {
		return Hash{}, fmt.Errorf("a tile of %d bytes: it is of 1 to 256 hashes of 32 bytes", len(hashes))
	}
	var f Frontier
	for ; len(hashes) > 0; hashes = hashes[32:] {
		f.Append(Hash(hashes))
	}
	return f.Root(), nil
}

// hashes reads a tree of one size. It keeps the tiles it got, for a proof meets each of them several times.
type hashes struct {
	from  TileReader
	size  uint64
	tiles map[Tile][]byte
}

func read(r TileReader, size uint64) *hashes {
	return &hashes{from: r, size: size, tiles: make(map[Tile][]byte)}
}

// perfect gives the root of the subtree over the 2^height entries from index<<height on. The tree must have them.
func (r *hashes) perfect(height uint, index uint64) (Hash, error) {
	within := height % tileHeight
	first := index << within
	t := tileOf(r.size, uint8(height/tileHeight), first)
	data, ok := r.tiles[t]
	if !ok {
		var err error
		if data, err = r.from.Tile(t); err != nil {
			return Hash{}, fmt.Errorf("read %s: %w", t.Path(), err)
		}
		if len(data) != 32*t.Width {
			return Hash{}, fmt.Errorf("%s has %d bytes: it is of %d", t.Path(), len(data), 32*t.Width)
		}
		r.tiles[t] = data
	}
	at := first % TileWidth * 32
	return SumTile(data[at : at+32<<within])
}

// frontier gives the roots of the perfect subtrees that the entries from first up to end are made of. first must be a
// multiple of a power of two that is not below end-first.
func (r *hashes) frontier(first, end uint64) (f Frontier, err error) {
	f.size = end - first
	at := first
	for height := 63; height >= 0; height-- {
		if f.size>>height&1 == 0 {
			continue
		}
		edge, err := r.perfect(uint(height), at>>height)
		if err != nil {
			return Frontier{}, err
		}
		f.edges = append(f.edges, edge)
		at += 1 << height
	}
	return f, nil
}

// root gives the root over the entries from first up to end, of which there is at least one.
func (r *hashes) root(first, end uint64) (Hash, error) {
	f, err := r.frontier(first, end)
	return f.Root(), err
}

// Resume gives the right edge of a tree of that size from its tiles: it reads at most one tile of each level.
func Resume(r TileReader, size uint64) (Frontier, error) { return read(r, size).frontier(0, size) }
