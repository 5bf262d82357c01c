// Package documents keeps the signed documents of one ledger, by their content identifiers.
//
// It is a projection: each file is computed again from the entries, without any private key, and checked against what
// its entry records (ledger/document). A document that does not hold cannot be refused here, for its entry has
// happened; it is not handed out, and [Projection.Err] says so.
package documents

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/rules"
)

// A Doc is one signed document.
type Doc struct {
	CID      string // version 1, raw, in base32: of the file's exact bytes
	Position uint64 // of the entry that carries it
	Format   string // how it is rendered
	About    document.Thing
	File     []byte // the caller's own; [Projection.List] leaves it out
}

// Projection holds the documents of one ledger, in memory and packed. Apply is for one goroutine; the other methods are
// for any.
type Projection struct {
	mu    sync.RWMutex
	docs  []kept                   // by position
	block map[block]int            // index in docs by the CIDs of the file
	about map[document.Thing][]int // indexes in docs, ascending
	err   error                    // the first document that does not hold
}

type kept struct {
	position uint64
	about    document.Thing
	format   string
	digest   [32]byte // SHA-256 of the file
	legacy   [32]byte // what its other CID is made of; zero where it has none
	file     packed
}

// A block is what a CID of either version names.
type block struct {
	codec  uint64
	digest [32]byte
}

// New gives the projection before the first entry.
func New() *Projection {
	return &Projection{block: map[block]int{}, about: map[document.Thing][]int{}}
}

// Apply takes in an entry. It implements projections.Projection.
func (p *Projection) Apply(en *chain.Entry, after *rules.State) {
	e := en.Event
	if en.Document == nil {
		if after.Documented(e.Data) {
			p.fail(&chain.BrokenError{Position: e.Sequence, Check: chain.CheckDocument, Expected: "a document", Found: "none"})
		}
		return
	}
	file, err := document.Rebuild(after, e, en.Document)
	if err != nil {
		p.fail(&chain.BrokenError{Position: e.Sequence, Check: chain.CheckDocument, Err: err})
		return
	}
	about, _ := document.About(e.Data) // it was rebuilt, so it is about something
	k := kept{position: e.Sequence, about: about, format: en.Document.Format, file: pack(file)}
	k.digest = mustBlock(en.Document.CID).digest
	if legacy, ok := credential.LegacyCID(file); ok {
		k.legacy = mustBlock(legacy).digest
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(k)
}

func (p *Projection) add(k kept) {
	n := len(p.docs)
	p.block[block{cid.Raw, k.digest}] = n
	if k.legacy != ([32]byte{}) {
		p.block[block{cid.DagProtobuf, k.legacy}] = n
	}
	p.about[k.about] = append(p.about[k.about], n)
	p.docs = append(p.docs, k)
}

// mustBlock reads a CID that was computed from a file.
func mustBlock(name string) block {
	b, ok := blockOf(name)
	if !ok {
		panic("documents: no block of our own CID " + name)
	}
	return b
}

func (p *Projection) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = fmt.Errorf("documents: %w", err)
	}
}

// Err gives the first document that does not hold, as a [*chain.BrokenError] of the check [chain.CheckDocument]; nil
// where all do. Those that do not hold are in none of the other answers.
func (p *Projection) Err() error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.err
}

// Len says how many documents there are.
func (p *Projection) Len() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.docs)
}

// ByCID gives the document of a CID: that of its bytes (bafkrei…), or the one that plain `ipfs add` prints of the file
// (Qm…), which only files of up to [credential.Chunk] bytes have.
func (p *Projection) ByCID(name string) (Doc, bool) {
	b, ok := blockOf(name)
	if !ok {
		return Doc{}, false
	}
	p.mu.RLock()
	i, ok := p.block[b]
	var k kept
	if ok {
		k = p.docs[i]
	}
	p.mu.RUnlock()
	if !ok {
		return Doc{}, false
	}
	return p.open(k)
}

// open gives a document with its file. What a snapshot brought is looked at now, for unpacking all of it would take
// longer than anything else at a start: where it is not what its digest says, it is not handed out.
func (p *Projection) open(k kept) (Doc, bool) {
	file, err := k.file.unpack()
	if err == nil && sha256.Sum256(file) != k.digest {
		err = errors.New("a snapshot brought another file")
	}
	if err != nil {
		p.fail(&chain.BrokenError{Position: k.position, Check: chain.CheckDocument, Err: err})
		return Doc{}, false
	}
	d := k.doc()
	d.File = file
	return d, true
}

// At gives the document that the entry at a position carries.
func (p *Projection) At(position uint64) (Doc, bool) {
	p.mu.RLock()
	i, ok := slices.BinarySearchFunc(p.docs, position, byPosition)
	var k kept
	if ok {
		k = p.docs[i]
	}
	p.mu.RUnlock()
	if !ok {
		return Doc{}, false
	}
	return p.open(k)
}

// List gives the documents from a position on, in order, at most limit of them, without their files. about is what they
// speak of (role/<id>, subject/<id>); empty for all.
func (p *Projection) List(about string, from uint64, limit int) []Doc {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if about == "" {
		i, _ := slices.BinarySearchFunc(p.docs, from, byPosition)
		list := make([]Doc, 0, max(0, min(limit, len(p.docs)-i)))
		for _, k := range p.docs[i : i+cap(list)] {
			list = append(list, k.doc())
		}
		return list
	}
	kind, id, ok := rules.Thing(about)
	if !ok {
		return nil
	}
	of := p.about[document.Thing{Kind: kind, ID: id}]
	i, _ := slices.BinarySearchFunc(of, from, func(i int, from uint64) int { return byPosition(p.docs[i], from) })
	list := make([]Doc, 0, max(0, min(limit, len(of)-i)))
	for _, i := range of[i : i+cap(list)] {
		list = append(list, p.docs[i].doc())
	}
	return list
}

func byPosition(k kept, position uint64) int { return cmp.Compare(k.position, position) }

func (k kept) doc() Doc {
	return Doc{CID: chain.CIDOf(k.digest), Position: k.position, Format: k.format, About: k.about}
}

// blockOf reads a CID of a SHA-256, of either version.
func blockOf(name string) (block, bool) {
	if len(name) > 128 { // decoding takes quadratic time in the length
		return block{}, false
	}
	c, err := cid.Decode(name)
	if err != nil {
		return block{}, false
	}
	hash, err := multihash.Decode(c.Hash())
	if err != nil || hash.Code != multihash.SHA2_256 || len(hash.Digest) != 32 {
		return block{}, false
	}
	return block{c.Type(), [32]byte(hash.Digest)}, true
}
