package bundle

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/schemas"
)

//go:embed verify.py
var program []byte

// zipWriter writes the files of a bundle one behind the other.
type zipWriter struct {
	w     io.Writer
	at    uint64
	files []header
	sums  []byte
	room  []byte
	err   error
}

func (z *zipWriter) write(b []byte) {
	if z.err == nil {
		_, z.err = z.w.Write(b)
	}
	z.at += uint64(len(b))
}

// add writes a file. Its place must be behind that of the file before.
func (z *zipWriter) add(name string, contents []byte) {
	if len(z.files) == maxFiles && z.err == nil {
		z.err = fmt.Errorf("%w: it would be more than %d files; the forms car and jsonl take as many as there are", ErrSource, maxFiles)
	}
	if z.err != nil {
		return
	}
	h := header{name: name, crc: crc32.ChecksumIEEE(contents), size: uint32(len(contents)), offset: z.at}
	z.files = append(z.files, h)
	if name != fileSums {
		sum := sha256.New()
		sum.Write(contents)
		z.sums = appendSum(z.sums, sum, name)
	}
	z.room = h.appendLocal(z.room[:0])
	z.write(z.room)
	z.write(contents)
}

// end writes the list of files.
func (z *zipWriter) end() error {
	e := ending{files: uint64(len(z.files)), offset: z.at}
	for _, h := range z.files {
		z.room = h.appendCentral(z.room[:0])
		z.write(z.room)
	}
	e.size = z.at - e.offset
	z.write(e.append(z.room[:0]))
	return z.err
}

func (p *packer) writeZip(w io.Writer) error {
	z := &zipWriter{w: w}
	manifest, err := canon.Encode(p.m.members)
	if err != nil {
		return err
	}
	readme, err := p.readme()
	if err != nil {
		return err
	}
	z.add(fileReadme, readme)
	z.add(fileManifest, manifest)
	z.add(fileCheckpoint, p.Checkpoint)
	if len(p.Policy) > 0 {
		z.add(filePolicy, p.Policy)
	}
	if len(p.DID) > 0 {
		z.add(fileDID, p.DID)
	}
	if p.m.Question.Kind == All {
		err = p.zipTree(z)
	} else {
		err = p.zipEntries(z)
	}
	if err != nil {
		return err
	}
	for _, cid := range p.documents {
		b, err := p.document(cid)
		if err != nil {
			return err
		}
		z.add(documentPath(cid), b)
	}
	if err := p.zipTexts(z); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.schemas)) {
		b, err := schemaOf(name)
		if err != nil {
			return err
		}
		z.add("schemas/"+name+".json", b)
	}
	z.add(fileVerifier, program)
	z.add(fileSums, z.sums)
	return z.end()
}

// zipTree adds the bundles of the entries, and the tiles.
func (p *packer) zipTree(z *zipWriter) error {
	for n := range (p.m.Position + tree.TileWidth - 1) / tree.TileWidth {
		width := int(min(p.m.Position-n*tree.TileWidth, tree.TileWidth))
		b, err := p.Journal.Bundle(n, width)
		if err != nil {
			return err
		}
		at := n*tree.TileWidth + 1
		for rest := b; len(rest) > 0; at++ {
			size := int(binary.BigEndian.Uint16(rest))
			if err := p.note(at, rest[2:2+size:2+size]); err != nil {
				return err
			}
			rest = rest[2+size:]
		}
		z.add(tree.EntriesPath(n, width), b)
	}
	for t := range tree.Tiles(p.m.Size) {
		b, err := p.Tiles.Tile(t)
		if err != nil {
			return err
		}
		z.add(t.Path(), b)
	}
	return z.err
}

// zipEntries adds the entries of a role or subject with their proofs.
func (p *packer) zipEntries(z *zipWriter) error {
	for r, err := range p.entries(0, p.count()) {
		if err != nil {
			return err
		}
		if err := p.note(r.Position, r.Entry); err != nil {
			return err
		}
		proof, err := p.proof(r.Position)
		if err != nil {
			return err
		}
		z.add(entryPath(r.Position), r.Entry)
		z.add(proofPath(r.Position), proof)
	}
	return z.err
}

// zipTexts adds the private texts, one a line.
func (p *packer) zipTexts(z *zipWriter) error {
	var lines []byte
	n := uint64(0)
	for _, c := range p.commitments() {
		b, err := p.text(c)
		if err != nil {
			return err
		}
		if b == nil {
			continue
		}
		lines = append(append(lines, b...), '\n')
		if n++; n%page == 0 {
			z.add(textsPath(n/page-1), lines)
			lines = lines[:0]
		}
	}
	if len(lines) > 0 {
		z.add(textsPath(n/page), lines)
	}
	return z.err
}

// schemaOf gives the schema of a type in a version.
func schemaOf(name string) ([]byte, error) {
	for _, path := range []string{name + ".json", "events/" + name + ".json"} {
		if b, ok := schemas.File(path); ok {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no schema of %s", ErrSource, strconv.Quote(name))
}
