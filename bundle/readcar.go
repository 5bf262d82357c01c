package bundle

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// Names of the parts of a CAR file in errors.
const (
	carHeader = "header"
	carRoot   = "manifest"
)

// blocks reads the blocks of a CAR file from a place on. The file says the length and the CID of each, and the reader
// knows before which CID it is to be: so no list of blocks is kept, and no links can go around in circles.
type blocks struct {
	r    *bufio.Reader
	at   int64 // of the next byte
	left int64
	part string
	n    uint64 // of the block within its part
}

func (b *blocks) bad(format string, args ...any) error {
	return malformedAt(b.part, b.n, format, args...)
}

// length reads an unsigned varint, in its shortest form.
func (b *blocks) length() (uint64, error) {
	var n uint64
	for i := range 4 { // 28 bits are more than any block has
		c, err := b.r.ReadByte()
		if err != nil {
			return 0, b.cut(err)
		}
		b.at++
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				return 0, b.bad("a length with zeros in front")
			}
			return n, nil
		}
	}
	return 0, b.bad("a length above any that a block has")
}

func (b *blocks) cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return b.bad("it is cut off")
	}
	return fmt.Errorf("%s[%d]: %w", b.part, b.n, err)
}

// next reads the next block, which is to have a CID.
func (b *blocks) next(want link, limit uint64) ([]byte, error) {
	n, err := b.length()
	if err != nil {
		return nil, err
	}
	if n < linkLen || n-linkLen > limit {
		return nil, b.bad("a block of %d bytes with its CID; it has %d to %d", n, linkLen, linkLen+limit)
	}
	if n > uint64(max(0, b.left-b.at)) {
		return nil, b.bad("it is cut off")
	}
	var have link
	block := make([]byte, n-linkLen)
	if _, err = io.ReadFull(b.r, have[:]); err == nil {
		_, err = io.ReadFull(b.r, block)
	}
	if err != nil {
		return nil, b.cut(err)
	}
	b.at += int64(n)
	if have != want {
		return nil, b.bad("a block that does not come here: links are followed in order, and lead to no block twice")
	}
	if sha256.Sum256(block) != want.digest() {
		return nil, b.bad("its bytes are not those of its CID")
	}
	b.n++
	return block, nil
}

// part is a list of raw blocks, and where in the file its first page begins.
type part struct {
	name  string
	limit uint64 // of a block
	pages []link
	at    int64
}

// carFile is a CAR file that was gone over.
type carFile struct {
	r                                  io.ReaderAt
	size                               int64
	m                                  *carManifest
	checkpoint                         []byte
	textsAt, proofsAt, entriesAt, docs part
}

func (c *carFile) from(at int64, name string) *blocks {
	return &blocks{r: bufio.NewReaderSize(io.NewSectionReader(c.r, at, c.size-at), 64<<10), at: at, left: c.size, part: name}
}

// each gives the blocks of a part in order, with the number of each; b stands at the part's first page.
func (p *part) each(b *blocks, f func(n uint64, cid link, block []byte) error) error {
	var n uint64
	for i, to := range p.pages {
		b.part, b.n = p.name+" page", uint64(i)
		raw, err := b.next(to, page*inCBOR+3)
		if err != nil {
			return err
		}
		links, err := parsePage(raw)
		if err != nil || i+1 < len(p.pages) && len(links) < page {
			return malformedAt(p.name+" page", uint64(i), "%w", errCBOR)
		}
		b.part = p.name
		for _, l := range links {
			b.n = n
			block, err := b.next(l, p.limit)
			if err != nil {
				return err
			}
			if err := f(n, l, block); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

// openCAR goes over the whole file: each block is where and what its link says.
func (r *Reader) openCAR(at io.ReaderAt, size int64) error {
	c := &carFile{r: at, size: size}
	b := c.from(0, carHeader)
	root, err := b.header()
	if err != nil {
		return err
	}
	b.part, b.n = carRoot, 0
	raw, err := b.next(root, 4<<20)
	if err != nil {
		return err
	}
	if c.m, err = parseCARManifest(raw); err != nil {
		return malformed(carRoot, "%w", err)
	}
	m := c.m
	one := func(name string, l []link, to *[]byte) {
		if len(l) > 0 && err == nil {
			b.part, b.n = name, 0
			*to, err = b.next(l[0], maxSmall)
		}
	}
	all := func(p *part, name string, limit uint64, pages []link, f func(n uint64, cid link, block []byte) error) (n uint64) {
		*p = part{name: name, limit: limit, pages: pages, at: b.at}
		if err == nil {
			err = p.each(b, func(i uint64, cid link, block []byte) error { n = i + 1; return f(i, cid, block) })
		}
		return n
	}
	nothing := func(uint64, link, []byte) error { return nil }
	one(fileDID, m.did, &r.did)
	order := ascendingTexts()
	all(&c.textsAt, "texts", maxText, m.texts, func(n uint64, _ link, block []byte) error {
		_, err := order("texts", n, block)
		return err
	})
	one(filePolicy, m.policy, &r.policy)
	proofs := all(&c.proofsAt, "proofs", maxSmall, m.proofs, ascendingProofs(m.Position))
	entries := all(&c.entriesAt, "entries", maxEntry, m.entries, nothing)
	all(&c.docs, "documents", maxDocument, m.documents, ascendingCIDs())
	one(fileCheckpoint, m.checkpoint, &r.checkpoint)
	var proof []byte
	one("consistency", m.consistency, &proof)
	switch {
	case err != nil:
		return err
	case b.at != size:
		return malformed("", "%d bytes follow the last block", size-b.at)
	case m.Question.Kind == All && entries != m.Position:
		return malformed("entries", "%d of them as of position %d", entries, m.Position)
	case m.Question.Kind != All && entries != proofs:
		return malformed("proofs", "%d of them for %d entries", proofs, entries)
	}
	if len(proof)%32 != 0 || len(proof) > 64*32 {
		return malformed("consistency", "%d bytes: it is a list of hashes of 32 bytes, 64 at most", len(proof))
	}
	for ; len(proof) > 0; proof = proof[32:] {
		r.consistency = append(r.consistency, tree.Hash(proof))
	}
	r.in, r.manifest, c.checkpoint = c, m.Manifest, r.checkpoint
	return nil
}

// carRoots is the header of a CAR file up to its one root.
var carRoots = append([]byte("\xa2\x65roots\x81"), appendLink(nil, linkTo(codecDagCBOR, [32]byte{}))...)

func appendCARHeader(b []byte, root link) []byte {
	header := append([]byte("\xa2\x65roots"), appendLinks(nil, []link{root})...)
	header = append(header, "\x67version\x01"...)
	return append(binary.AppendUvarint(b, uint64(len(header))), header...)
}

// header reads the header of a CAR file with one root.
func (b *blocks) header() (root link, err error) {
	have := make([]byte, len(appendCARHeader(nil, link{})))
	if _, err := io.ReadFull(b.r, have); err != nil {
		return root, b.cut(err)
	}
	root = link(have[1+len(carRoots)-linkLen:])
	if string(appendCARHeader(nil, root)) != string(have) || root != linkTo(codecDagCBOR, root.digest()) {
		return root, b.bad("not that of a CAR file of version 1 with one DAG-CBOR root")
	}
	b.at = int64(len(have))
	return root, nil
}

// ascendingTexts reads texts, each of which has a greater commitment than the one before.
func ascendingTexts() func(path string, n uint64, b []byte) (Text, error) {
	var before *Text
	return func(path string, n uint64, b []byte) (Text, error) {
		t, err := readText(b)
		if err == nil && before != nil && string(t.Commitment[:]) <= string(before.Commitment[:]) {
			err = errors.New("the texts are not in ascending order of their commitments")
		}
		if err != nil {
			return Text{}, malformedAt(path, n, "%w", err)
		}
		before = &t
		return t, nil
	}
}

func ascendingCIDs() func(uint64, link, []byte) error {
	var before string
	return func(n uint64, l link, _ []byte) error {
		name := chain.CIDOf(l.digest())
		if name <= before {
			return malformedAt("documents", n, "they are not in ascending order of their CIDs")
		}
		before = name
		return nil
	}
}

func ascendingProofs(last uint64) func(uint64, link, []byte) error {
	var before uint64
	return func(n uint64, _ link, block []byte) error {
		at, err := proven(block, nil)
		if err != nil {
			return malformedAt("proofs", n, "%w", err)
		}
		if at <= before || at > last || n == 0 && at != 1 {
			return malformedAt("proofs", n, "of position %d: they begin with the first entry, ascend, and end at %d", at, last)
		}
		before = at
		return nil
	}
}

var errEnough = errors.New("enough")

func (c *carFile) entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		nextProof, stop := iter.Pull2(c.proofs())
		defer stop()
		err := c.entriesAt.each(c.from(c.entriesAt.at, ""), func(n uint64, _ link, block []byte) error {
			e := Entry{Position: n + 1, Bytes: block}
			if len(block) == 0 {
				return malformedAt("entries", n, "it is empty")
			}
			if c.m.Question.Kind != All {
				proof, err, _ := nextProof() // there are as many
				if err == nil {
					if e.Position, err = proven(proof, c.checkpoint); err != nil {
						err = malformedAt("proofs", n, "%w", err)
					}
				}
				if err != nil {
					return err
				}
				e.Proof = proof
			}
			if !yield(e, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Entry{}, err)
		}
	}
}

func (c *carFile) proofs() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		err := c.proofsAt.each(c.from(c.proofsAt.at, ""), func(_ uint64, _ link, block []byte) error {
			if !yield(block, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

func (c *carFile) tile(t tree.Tile) ([]byte, error) {
	return nil, fmt.Errorf("%s: %w", t.Path(), ErrNoTile)
}

func (c *carFile) documents() iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		err := c.docs.each(c.from(c.docs.at, ""), func(_ uint64, l link, block []byte) error {
			if !yield(Document{CID: chain.CIDOf(l.digest()), Bytes: block}, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Document{}, err)
		}
	}
}

func (c *carFile) texts() iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		err := c.textsAt.each(c.from(c.textsAt.at, ""), func(_ uint64, _ link, block []byte) error {
			t, err := readText(block)
			if err == nil && !yield(t, nil) {
				return errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Text{}, err)
		}
	}
}

func (c *carFile) others() iter.Seq2[File, error] { return func(func(File, error) bool) {} }

func (c *carFile) sums() error { return nil }

// proven reads a tlog-proof under a checkpoint and gives the position that it is of. Before the checkpoint is read it is nil.
func proven(b, checkpoint []byte) (uint64, error) {
	p, err := note.ParseProof(b)
	if err == nil && checkpoint != nil && !bytes.Equal(p.Checkpoint, checkpoint) {
		err = errors.New("its checkpoint is not the one of the bundle")
	}
	if err != nil {
		return 0, err
	}
	return p.Index + 1, nil
}
