package bundle

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/tree"
)

// series is a list of raw blocks that is read more than once: for the links of its pages, and to be written.
type series struct {
	n   int
	get func(i, j int) iter.Seq2[[]byte, error] // j is not included; a block is valid until the next one
}

// links gives those of the blocks from i to j.
func (s *series) links(i, j int) ([]link, error) {
	list := make([]link, 0, j-i)
	for b, err := range s.get(i, j) {
		if err != nil {
			return nil, err
		}
		list = append(list, linkTo(codecRaw, sha256.Sum256(b)))
	}
	return list, nil
}

// pages gives the links to the pages of links.
func (s *series) pages() ([]link, error) {
	var list []link
	for i := 0; i < s.n; i += page {
		links, err := s.links(i, min(i+page, s.n))
		if err != nil {
			return nil, err
		}
		list = append(list, linkTo(codecDagCBOR, sha256.Sum256(appendLinks(nil, links))))
	}
	return list, nil
}

// each makes a series of what get gives for each number.
func each(n int, get func(i int) ([]byte, error)) *series {
	return &series{n, func(i, j int) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for ; i < j; i++ {
				b, err := get(i)
				if !yield(b, err) || err != nil {
					return
				}
			}
		}
	}}
}

func (p *packer) writeCAR(w io.Writer) error {
	entries := &series{p.count(), func(i, j int) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for r, err := range p.entries(i, j) {
				if !yield(r.Entry, err) || err != nil {
					return
				}
			}
		}
	}}
	texts, err := p.carTexts()
	if err != nil {
		return err
	}
	proofs := each(0, nil)
	if p.m.Question.Kind != All {
		proofs = each(p.count(), func(i int) ([]byte, error) { return p.proof(p.position(i)) })
	}
	consistency, err := p.consistency()
	if err != nil {
		return err
	}
	documents := each(len(p.documents), func(i int) ([]byte, error) { return p.document(p.documents[i]) })

	m := &carManifest{Manifest: p.m, did: one(p.DID), policy: one(p.Policy), checkpoint: one(p.Checkpoint), consistency: one(consistency)}
	for _, list := range []struct {
		of *series
		to *[]link
	}{{texts, &m.texts}, {proofs, &m.proofs}, {entries, &m.entries}, {documents, &m.documents}} {
		if *list.to, err = list.of.pages(); err != nil {
			return err
		}
	}
	c := &carWriter{w: bufio.NewWriterSize(w, 64<<10)}
	root := m.append(nil)
	c.write(appendCARHeader(nil, linkTo(codecDagCBOR, sha256.Sum256(root))))
	c.block(codecDagCBOR, root)
	// Depth first, in the order of the keys of the manifest.
	c.one(p.DID)
	c.series(texts)
	c.one(p.Policy)
	c.series(proofs)
	c.series(entries)
	c.series(documents)
	c.one(p.Checkpoint)
	c.one(consistency)
	if c.err != nil {
		return c.err
	}
	return c.w.Flush()
}

// consistency proves that the tree of the checkpoint begins with the one of the entries that are here: RFC 6962 section
// 2.1.2, one hash behind the other. A zip file has the tiles instead.
func (p *packer) consistency() (b []byte, err error) {
	if !p.m.further() {
		return nil, nil
	}
	hashes, err := tree.Consistency(p.Tiles, p.m.Position, p.m.Size)
	if err != nil {
		return nil, err
	}
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b, nil
}

// carTexts gives the private texts. Only now are the commitments known.
func (p *packer) carTexts() (*series, error) {
	if p.m.Question.Texts != NoTexts {
		for r, err := range p.entries(0, p.count()) {
			if err == nil {
				err = p.note(r.Position, r.Entry)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	var here []events.Digest
	for _, c := range p.commitments() {
		if b, err := p.text(c); err != nil {
			return nil, err
		} else if b != nil {
			here = append(here, c)
		}
	}
	return each(len(here), func(i int) ([]byte, error) {
		b, err := p.text(here[i])
		if err == nil && b == nil {
			err = fmt.Errorf("%w: a private text was erased meanwhile; ask again", ErrSource)
		}
		return b, err
	}), nil
}

// one gives the link to a block, where there is one.
func one(b []byte) []link {
	if len(b) == 0 {
		return nil
	}
	return []link{linkTo(codecRaw, sha256.Sum256(b))}
}

type carWriter struct {
	w   *bufio.Writer
	err error
}

func (c *carWriter) write(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
	}
}

func (c *carWriter) block(codec byte, b []byte) {
	l := linkTo(codec, sha256.Sum256(b))
	c.write(binary.AppendUvarint(nil, uint64(len(l)+len(b))))
	c.write(l[:])
	c.write(b)
}

func (c *carWriter) one(b []byte) {
	if len(b) > 0 {
		c.block(codecRaw, b)
	}
}

func (c *carWriter) series(s *series) {
	for i := 0; i < s.n && c.err == nil; i += page {
		j := min(i+page, s.n)
		links, err := s.links(i, j)
		if err != nil {
			c.err = err
			return
		}
		c.block(codecDagCBOR, appendLinks(nil, links))
		for b, err := range s.get(i, j) {
			if err != nil {
				c.err = err
				return
			}
			c.block(codecRaw, b)
		}
	}
}
