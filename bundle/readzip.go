package bundle

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
)

// ErrNoTile says that a bundle does not have a tile.
var ErrNoTile = errors.New("the bundle has no such tile")

// openZip reads the list of files and the small ones, and looks whether these are the files that such a bundle has.
func (r *Reader) openZip(at io.ReaderAt, size int64) error {
	z, err := openZip(at, size)
	if err != nil {
		return err
	}
	r.in = &zipPacked{z, r}
	for _, f := range []struct {
		name     string
		required bool
		take     func([]byte) error
	}{
		{fileManifest, true, r.readManifest},
		{fileCheckpoint, true, func(b []byte) error { r.checkpoint = b; return nil }},
		{filePolicy, false, func(b []byte) error { r.policy = b; return nil }},
		{fileDID, false, func(b []byte) error { r.did = b; return nil }},
		{fileReadme, true, nil},
		{fileSums, true, nil},
	} {
		i, ok := z.find(place{kind: single[f.name]})
		switch {
		case !ok && f.required:
			return malformed(f.name, "it is missing")
		case !ok || f.take == nil:
			continue
		}
		b, err := z.read(i)
		if err == nil {
			err = f.take(b)
		}
		if err != nil {
			return err
		}
	}
	if r.manifest.Question.Kind == All {
		return z.wholeTree(&r.manifest)
	}
	return z.entriesWithProofs(&r.manifest)
}

// wholeTree looks whether just the bundles of the entries up to the position are there, and just the tiles of the checkpoint.
func (z *zipFile) wholeTree(m *Manifest) error {
	i := z.since(entries)
	expect := func(path string, fits func(place) bool) error {
		if i == len(z.files) || !fits(z.place(i)) {
			return malformed(path, "it is missing, or not as many hashes or entries wide as the manifest implies")
		}
		i++
		return nil
	}
	for n := range (m.Position + tree.TileWidth - 1) / tree.TileWidth {
		width := int(min(m.Position-n*tree.TileWidth, tree.TileWidth))
		err := expect(tree.EntriesPath(n, width), func(p place) bool { return p.kind == entries && p.a == n && p.tile.Width == width })
		if err != nil {
			return err
		}
	}
	for t := range tree.Tiles(m.Size) {
		if err := expect(t.Path(), func(p place) bool {
			return p.kind == tile && p.tile == t && uint64(z.files[i].size) == p.limit()
		}); err != nil {
			return err
		}
	}
	if i < len(z.files) && z.place(i).kind < document {
		return malformed(z.name(i), "a bundle as its manifest describes it does not have this file")
	}
	return nil
}

// entriesWithProofs looks whether each entry has its proof, and none lies beyond the position.
func (z *zipFile) entriesWithProofs(m *Manifest) error {
	i := z.since(entries)
	for ; i < len(z.files) && z.place(i).kind == entry; i += 2 {
		p := z.place(i)
		if p.b != 0 || p.a > m.Position {
			return malformed(z.name(i), "a bundle as its manifest describes it does not have this file")
		}
		if i+1 == len(z.files) || z.place(i+1) != (place{kind: entry, a: p.a, b: 1}) {
			return malformed(proofPath(p.a), "it is missing")
		}
	}
	if first, ok := z.find(place{kind: entry, a: 1}); !ok || first != z.since(entries) {
		return malformed(entryPath(1), "it is missing, or other entries stand in its place")
	}
	if i < len(z.files) && z.place(i).kind < document {
		return malformed(z.name(i), "a bundle as its manifest describes it does not have this file")
	}
	return nil
}

// zipPacked is a zip bundle that was opened.
type zipPacked struct {
	*zipFile
	of *Reader
}

// proof reads the proof of the entry at a position.
func (z *zipPacked) proof(i int, position uint64) ([]byte, error) {
	b, err := z.read(i)
	if err != nil {
		return nil, err
	}
	switch at, err := proven(b, z.of.checkpoint); {
	case err != nil:
		return nil, malformed(z.name(i), "%w", err)
	case at != position:
		return nil, malformed(z.name(i), "it is of entry %d", at)
	}
	return b, nil
}

func (z *zipPacked) entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for i := z.since(entries); i < len(z.files); i++ {
			switch p := z.place(i); p.kind {
			case entries:
				if !z.entryBundle(i, p, yield) {
					return
				}
			case entry:
				b, err := z.read(i)
				if err == nil && len(b) == 0 {
					err = malformed(z.name(i), "it is empty")
				}
				var proof []byte
				if err == nil {
					i++
					proof, err = z.proof(i, p.a)
				}
				if err != nil {
					yield(Entry{Position: p.a}, err)
					return
				}
				if !yield(Entry{Position: p.a, Bytes: b, Proof: proof}, nil) {
					return
				}
			default:
				return
			}
		}
	}
}

// slab is how much memory is taken at once for entries, in bytes: few of them outlive the others of their slab.
const slab = 128 << 10

// entryBundle gives the entries of one bundle of tlog-tiles, whose form it has looked at as a whole. That bytes have changed
// it says behind them: who verifies entries can say which one it is.
func (z *zipPacked) entryBundle(i int, p place, yield func(Entry, error) bool) bool {
	first := p.a*tree.TileWidth + 1
	fail := func(err error) bool {
		yield(Entry{Position: first}, err)
		return false
	}
	changed := z.check(i, &records{path: z.name(i), want: p.tile.Width, left: uint64(z.files[i].size)})
	if err := changed; err != nil && !errors.Is(err, errChanged) {
		return fail(err)
	}
	var (
		in   = bufio.NewReaderSize(z.section(i), 64<<10)
		room []byte
	)
	for n := range uint64(p.tile.Width) {
		var prefix [2]byte
		_, err := io.ReadFull(in, prefix[:])
		size := int(binary.BigEndian.Uint16(prefix[:]))
		if size > len(room) {
			room = make([]byte, max(slab, size))
		}
		b := room[:size:size]
		room = room[size:]
		if err == nil {
			_, err = io.ReadFull(in, b)
		}
		if err != nil { // it was whole a moment ago
			return fail(cutOff(z.name(i), err))
		}
		if !yield(Entry{Position: first + n, Bytes: b}, nil) {
			return false
		}
	}
	if changed != nil {
		return fail(changed)
	}
	return true
}

// records is written an entry bundle and looks whether it is of so many records of 1 byte and more.
type records struct {
	path string
	want int
	n    int    // records that have begun
	skip int    // bytes of the current one that are to come
	half []byte // the first byte of a length
	left uint64 // bytes to come
}

func (r *records) Write(b []byte) (int, error) {
	all := len(b)
	for len(b) > 0 {
		if r.skip > 0 {
			n := min(r.skip, len(b))
			r.skip, r.left, b = r.skip-n, r.left-uint64(n), b[n:]
			continue
		}
		if r.half = append(r.half, b[0]); len(r.half) == 1 && r.n == r.want {
			return 0, malformedAt(r.path, uint64(r.n), "bytes follow the last entry")
		}
		b, r.left = b[1:], r.left-1
		if len(r.half) == 1 {
			continue
		}
		r.skip, r.half = int(binary.BigEndian.Uint16(r.half)), r.half[:0]
		if r.skip == 0 || uint64(r.skip) > r.left {
			return 0, malformedAt(r.path, uint64(r.n), "an entry of %d bytes, where %d follow", r.skip, r.left)
		}
		r.n++
	}
	if r.left == 0 && (r.n != r.want || len(r.half) > 0) {
		return 0, malformedAt(r.path, uint64(r.n), "it ends after %d of %d entries", r.n, r.want)
	}
	return all, nil
}

func (z *zipPacked) tile(t tree.Tile) ([]byte, error) {
	i, ok := z.find(place{kind: tile, a: uint64(t.Level), b: t.Index})
	if !ok {
		return nil, fmt.Errorf("%s: %w", t.Path(), ErrNoTile)
	}
	have := z.place(i).tile
	if have.Width < t.Width {
		return nil, fmt.Errorf("%s: %w", t.Path(), ErrNoTile)
	}
	b, err := z.read(i)
	if err != nil {
		return nil, err
	}
	return b[:t.Width*32], nil
}

// each gives the files of a kind.
func (z *zipPacked) each(k kind, f func(i int, p place) bool) {
	for i := z.since(k); i < len(z.files); i++ {
		if p := z.place(i); p.kind != k || !f(i, p) {
			return
		}
	}
}

func (z *zipPacked) documents() iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		z.each(document, func(i int, p place) bool {
			b, err := z.read(i)
			if err == nil && chain.CID(b) != p.name {
				err = malformed(z.name(i), "its bytes have another CID: %s", chain.CID(b))
			}
			return yield(Document{CID: p.name, Bytes: b}, err) && err == nil
		})
	}
}

func (z *zipPacked) texts() iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		var n uint64
		order := ascendingTexts()
		z.each(texts, func(i int, p place) bool {
			name := z.name(i)
			fail := func(err error) bool {
				yield(Text{}, err)
				return false
			}
			if p.a*page != n {
				return fail(malformed(name, "the file before it is missing, or not full"))
			}
			if err := z.check(i, io.Discard); err != nil {
				return fail(err)
			}
			in := bufio.NewReaderSize(z.section(i), maxText+1)
			for line := uint64(0); ; line++ {
				b, err := in.ReadSlice('\n')
				if err == io.EOF && len(b) == 0 && line > 0 {
					return true
				}
				if err != nil || line == page {
					return fail(malformedAt(name, line, "a line that is cut off or too long, or too few or too many lines"))
				}
				t, err := order(name, line, b[:len(b)-1])
				if err != nil {
					return fail(err)
				}
				if !yield(t, nil) {
					return false
				}
				n++
			}
		})
	}
}

func (z *zipPacked) others() iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for _, k := range []kind{readme, schema, verifier} {
			more := true
			z.each(k, func(i int, _ place) bool {
				b, err := z.read(i)
				more = yield(File{z.name(i), b}, err) && err == nil
				return more
			})
			if !more {
				return
			}
		}
	}
}

// sums makes the list of sums again.
func (z *zipPacked) sums() error {
	at, _ := z.find(place{kind: sums})
	have := bufio.NewReaderSize(z.section(at), 64<<10)
	var line, want []byte
	sum := sha256.New()
	for i := range z.files {
		if i == at {
			continue
		}
		sum.Reset()
		if err := z.check(i, sum); err != nil {
			return err
		}
		want = appendSum(want[:0], sum, z.name(i))
		if cap(line) < len(want) {
			line = make([]byte, len(want))
		}
		line = line[:len(want)]
		if _, err := io.ReadFull(have, line); err != nil || !bytes.Equal(line, want) {
			return malformed(z.name(i), "its SHA-256 is not the one in %s", fileSums)
		}
	}
	if _, err := have.ReadByte(); err != io.EOF {
		return malformed(fileSums, "it lists more than there is")
	}
	return z.check(at, io.Discard)
}

// appendSum writes a line as sha256sum does.
func appendSum(b []byte, sum hash.Hash, name string) []byte {
	b = hex.AppendEncode(b, sum.Sum(nil))
	b = append(b, ' ', ' ')
	b = append(b, name...)
	return append(b, '\n')
}
