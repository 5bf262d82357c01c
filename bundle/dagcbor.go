package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
)

// The subset of DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/) that bundles consist of: maps with known keys, which
// stand shortest first, lists of links, texts and unsigned integers.

const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorList  = 4
	majorMap   = 5
	majorTag   = 6
	tagLink    = 42

	codecRaw     = 0x55
	codecDagCBOR = 0x71

	linkLen = 4 + 32          // of a CIDv1 of a SHA-256, in bytes
	inCBOR  = 2 + 3 + linkLen // of a link: tag, head and zero byte before the CID
)

// link is a CID of version 1 of a SHA-256: 01, codec, 12, 20, digest.
type link [linkLen]byte

func linkTo(codec byte, digest [32]byte) (l link) {
	copy(l[:], []byte{1, codec, 0x12, 0x20})
	copy(l[4:], digest[:])
	return l
}

func (l link) digest() [32]byte { return [32]byte(l[4:]) }

func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendCBORText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func appendLink(b []byte, l link) []byte {
	b = appendHead(b, majorTag, tagLink)
	b = appendHead(b, majorBytes, linkLen+1)
	b = append(b, 0)
	return append(b, l[:]...)
}

func appendLinks(b []byte, list []link) []byte {
	b = appendHead(b, majorList, uint64(len(list)))
	for _, l := range list {
		b = appendLink(b, l)
	}
	return b
}

var errCBOR = errors.New("not the DAG-CBOR that a bundle has here")

// decoder reads what it is asked for. After the first failure it gives zeros. That what it read was written in the one
// way there is, its callers find out by writing it again.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) head(major byte) uint64 {
	first := d.take(1)
	if d.bad || first[0]>>5 != major || first[0]&31 > 27 {
		d.bad = true
		return 0
	}
	low := first[0] & 31
	if low < 24 {
		return uint64(low)
	}
	var n uint64
	for _, c := range d.take(1 << (low - 24)) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (d *decoder) text() string { return string(d.take(d.head(majorText))) }

// key reads a key where it is the one that stands there.
func (d *decoder) key(name string) bool {
	want := appendCBORText(make([]byte, 0, 32), name)
	if d.bad || !bytes.HasPrefix(d.b, want) {
		return false
	}
	d.b = d.b[len(want):]
	return true
}

func (d *decoder) link(codec byte) (l link) {
	b := d.take(inCBOR)
	if d.bad || !bytes.Equal(b, appendLink(nil, link(b[inCBOR-linkLen:]))) || !bytes.Equal(b[inCBOR-linkLen:][:4], []byte{1, codec, 0x12, 0x20}) {
		d.bad = true
		return link{}
	}
	return link(b[inCBOR-linkLen:])
}

func (d *decoder) links(codec byte) []link {
	n := d.head(majorList)
	if d.bad || n > uint64(len(d.b))/inCBOR {
		d.bad = true
		return nil
	}
	list := make([]link, 0, n)
	for range n {
		list = append(list, d.link(codec))
	}
	return list
}

// carManifest is the root block of a CAR file. A member that is empty is left out.
type carManifest struct {
	Manifest
	did, policy, checkpoint           []link // one or none
	consistency                       []link // one where the checkpoint is of more entries than are all here, else none
	texts, proofs, entries, documents []link // pages
}

// members gives the pairs of the map that are there, in the order of DAG-CBOR: by the length of the key, then by its bytes.
func (m *carManifest) append(b []byte) []byte {
	var pairs uint64
	begin := len(b)
	pair := func(key string) { pairs++; b = appendCBORText(b, key) }
	list := func(key string, pages []link) {
		if len(pages) > 0 {
			pair(key)
			b = appendLinks(b, pages)
		}
	}
	one := func(key string, l []link) {
		if len(l) > 0 {
			pair(key)
			b = appendLink(b, l[0])
		}
	}
	one("did", m.did)
	list("texts", m.texts)
	pair("format")
	b = appendCBORText(b, Format)
	pair("origin")
	b = appendCBORText(b, m.Origin)
	one("policy", m.policy)
	list("proofs", m.proofs)
	list("entries", m.entries)
	pair("position")
	b = appendHead(b, majorUint, m.Position)
	pair("question")
	b = m.Question.appendCBOR(b)
	list("documents", m.documents)
	one("checkpoint", m.checkpoint)
	one("consistency", m.consistency)
	pair("checkpointSize")
	b = appendHead(b, majorUint, m.Size)
	return append(b[:begin], append(appendHead(nil, majorMap, pairs), b[begin:]...)...)
}

func (q Question) appendCBOR(b []byte) []byte {
	pairs := uint64(1)
	if q.ID != (ulid.ULID{}) {
		pairs++
	}
	if q.Texts != NoTexts {
		pairs++
	}
	b = appendHead(b, majorMap, pairs)
	if q.ID != (ulid.ULID{}) {
		b = appendCBORText(appendCBORText(b, "id"), q.ID.String())
	}
	b = appendCBORText(appendCBORText(b, "kind"), q.Kind)
	if q.Texts != NoTexts {
		b = appendCBORText(appendCBORText(b, "texts"), q.Texts)
	}
	return b
}

// parseCARManifest reads the root block.
func parseCARManifest(b []byte) (*carManifest, error) {
	m, d := &carManifest{}, &decoder{b: b}
	d.head(majorMap)
	list := func(key string, to *[]link) {
		if d.key(key) {
			*to = d.links(codecDagCBOR)
		}
	}
	one := func(key string, to *[]link) {
		if d.key(key) {
			*to = []link{d.link(codecRaw)}
		}
	}
	one("did", &m.did)
	list("texts", &m.texts)
	if d.key("format") {
		if f := d.text(); !d.bad && f != Format {
			return nil, fmt.Errorf("its format is %.40q; this release reads %s", f, Format)
		}
	}
	if d.key("origin") {
		m.Origin = d.text()
	}
	one("policy", &m.policy)
	list("proofs", &m.proofs)
	list("entries", &m.entries)
	if d.key("position") {
		m.Position = d.head(majorUint)
	}
	if d.key("question") {
		d.head(majorMap)
		if d.key("id") {
			if id, err := canon.ParseULID(d.text()); err == nil {
				m.Question.ID = id
			}
		}
		if d.key("kind") {
			m.Question.Kind = d.text()
		}
		if d.key("texts") {
			m.Question.Texts = d.text()
		}
	}
	list("documents", &m.documents)
	one("checkpoint", &m.checkpoint)
	one("consistency", &m.consistency)
	if d.key("checkpointSize") {
		m.Size = d.head(majorUint)
	}
	if d.bad || !bytes.Equal(m.append(nil), b) {
		return nil, errCBOR
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := canon.Source.Check(m.Origin); err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	if len(m.checkpoint) == 0 || len(m.entries) == 0 || (len(m.proofs) > 0) != (m.Question.Kind != All) || len(m.texts) > 0 && m.Question.Texts == NoTexts ||
		(len(m.consistency) > 0) != m.further() {
		return nil, errors.New("it lacks what such a bundle has, or has what it does not")
	}
	return m, nil
}

// parsePage reads the links to raw blocks that one page holds.
func parsePage(b []byte) ([]link, error) {
	d := &decoder{b: b}
	list := d.links(codecRaw)
	if d.bad || len(list) == 0 || len(list) > page || !bytes.Equal(appendLinks(nil, list), b) {
		return nil, errCBOR
	}
	return list, nil
}
