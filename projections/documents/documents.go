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
	CID       string // version 1, raw, in base32: of the file's exact bytes
	LegacyCID string // that plain `ipfs add` prints of the file (Qm…); empty: it is larger than [credential.Chunk]
	Position  uint64 // of the entry that carries it
	Number    uint64 // of the document in its ledger, from 0: its place in the status lists
	Format    string // how it is rendered
	About     document.Thing
	Revoked   uint64 // the position that revoked it; 0: none has
	Refreshed uint64 // the position of the next document about the same thing; 0: there is none
	File      []byte // the caller's own; [Projection.List] leaves it out
}

// Projection holds the documents of one ledger, in memory and packed. Apply is for one goroutine; the other methods are
// for any.
type Projection struct {
	mu    sync.RWMutex
	docs  []kept                   // by position
	block map[block]int            // index in docs by the CIDs of the file
	about map[document.Thing][]int // indexes in docs, ascending
	keys  document.Keys
	rest  resting
	err   error // the first document that does not hold
}

type kept struct {
	position  uint64
	number    uint64
	revoked   uint64
	refreshed uint64
	about     document.Thing
	format    string
	digest    [32]byte // SHA-256 of the file
	legacy    [32]byte // what its other CID is made of; zero where it has none
	file      packed
	lists     packed // that the file names by their digests, as one JSON object; nil: none
}

// A block is what a CID of either version names.
type block struct {
	codec  uint64
	digest [32]byte
}

// New gives the projection before the first entry.
func New() *Projection {
	return &Projection{block: map[block]int{}, about: map[document.Thing][]int{}, rest: newResting()}
}

// Apply takes in an entry. It implements projections.Projection.
func (p *Projection) Apply(en *chain.Entry, after *rules.State) {
	e := en.Event
	p.changed(e, after)
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
	k := kept{position: e.Sequence, number: after.Documents() - 1, about: about, format: en.Document.Format, file: pack(file)}
	if k.format == document.FormatOne && over(e, about, after) {
		k.revoked = e.Sequence
	}
	if len(document.Named(file)) > 0 {
		lists, err := document.Lists(after, e, en.Document)
		if err != nil {
			p.fail(&chain.BrokenError{Position: e.Sequence, Check: chain.CheckDocument, Err: err})
			return
		}
		k.lists = pack(object(lists))
	}
	k.digest = mustBlock(en.Document.CID).digest
	if legacy, ok := credential.LegacyCID(file); ok {
		k.legacy = mustBlock(legacy).digest
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(k)
	if of := p.about[about]; len(of) > 1 {
		p.docs[of[len(of)-2]].refreshed = e.Sequence
	}
}

// object writes lists as the members of one JSON object.
func object(lists []document.List) []byte {
	b := []byte{'{'}
	for i, l := range lists {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), l.Member...), `":`...)
		b = append(b, l.Array...)
	}
	return append(b, '}')
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
	d := Doc{
		CID: chain.CIDOf(k.digest), Position: k.position, Number: k.number, Format: k.format, About: k.about,
		Revoked: k.revoked, Refreshed: k.refreshed,
	}
	if k.legacy != ([32]byte{}) {
		d.LegacyCID = credential.LegacyCIDOf(k.legacy)
	}
	return d
}

// Lists gives what the document at a position names by digests alone, as a JSON object of the members that it would have
// been: permissions, roles, items (see document.List). It is empty where the document holds all it says, or is not there.
func (p *Projection) Lists(position uint64) []byte {
	p.mu.RLock()
	var lists packed
	if i, ok := slices.BinarySearchFunc(p.docs, position, byPosition); ok {
		lists = p.docs[i].lists
	}
	p.mu.RUnlock()
	if lists == nil {
		return nil
	}
	b, err := lists.unpack()
	if err != nil {
		p.fail(&chain.BrokenError{Position: position, Check: chain.CheckDocument, Err: err})
		return nil
	}
	return b
}

// Keys gives the keys that signed documents up to a position.
func (p *Projection) Keys(position uint64) []document.Key {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.keys.At(position)
}

// Status gives the status list of a purpose with a number, as it was at a position; false where no document up to there
// is in it, or there is no such purpose.
func (p *Projection) Status(purpose string, list, position uint64) (credential.Bits, bool) {
	if purpose != document.PurposeRevocation && purpose != document.PurposeRefresh || list > 1<<40 {
		return nil, false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	first := list * document.StatusListLength
	i, _ := slices.BinarySearchFunc(p.docs, first, func(k kept, n uint64) int { return cmp.Compare(k.number, n) })
	var bits credential.Bits
	for _, k := range p.docs[i:] {
		if k.number >= first+document.StatusListLength || k.position > position {
			break
		}
		if bits == nil {
			bits = credential.NewBits(document.StatusListLength)
		}
		at := k.revoked
		if purpose == document.PurposeRefresh {
			at = k.refreshed
		}
		if at != 0 && at <= position {
			bits.Set(int(k.number - first))
		}
	}
	return bits, bits != nil
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
