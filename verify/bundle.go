package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// The checks that are of bundles alone.
const (
	CheckManifest = "manifest" // it says of the bundle what is so
	CheckText     = "text"     // an entry commits to it
	CheckSum      = "sum"      // a file has the SHA-256 that the bundle lists
	CheckProof    = "proof"    // the checkpoint covers the entry, at its position
	CheckIssuer   = "issuer"   // the DID document names the keys that the entries register for documents
	CheckTree     = "tree"     // the tree of the checkpoint begins with that of the entries
)

// The files of a zip bundle in which things stand, which are also what errors call these parts of other forms.
const (
	fileManifest   = "manifest.json"
	fileCheckpoint = "checkpoint"
	filePolicy     = "policy"
	fileDID        = "did.json"
)

// Bundle verifies a bundle of size bytes that somebody exported. It trusts nothing of it, and holds no more of it in memory
// than one file's pieces beside what verification itself takes. Errors are as of [Entries]; a [*chain.BrokenError] names the
// file within the bundle.
func Bundle(ctx context.Context, r io.ReaderAt, size int64, o Options) (*Report, error) {
	b, err := bundle.Open(r, size)
	if err != nil {
		return &Report{}, inBundle(nil, err)
	}
	p := &packed{Reader: b, m: b.Manifest()}
	report, err := p.verify(ctx, o)
	err = inBundle(p, err)
	if b := (*chain.BrokenError)(nil); p.Form() == bundle.Lines && errors.As(err, &b) && b.Check == chain.CheckPosition {
		err = fmt.Errorf("%w (lines of one role or subject alone have no proofs: of that, export a bundle or a CAR file)", err)
	}
	return report, err
}

// packed is a bundle that is verified.
type packed struct {
	*bundle.Reader
	m      bundle.Manifest
	policy *note.Policy
	edge   []byte // the tile of leaves that was read last
	edgeOf uint64 // its index
}

func (p *packed) verify(ctx context.Context, o Options) (*Report, error) {
	if p.Form() == bundle.Lines {
		if err := unsigned(o); err != nil {
			return &Report{}, err
		}
		return p.entries(ctx, o)
	}
	if text := p.Policy(); text != nil {
		var err error
		if p.policy, err = note.ParsePolicy(text); err != nil {
			return &Report{}, &chain.BrokenError{File: filePolicy, Check: chain.CheckForm, Err: err}
		}
	}
	if p.m.Question.Kind != bundle.All {
		return p.extract(ctx, o)
	}
	return p.entries(ctx, o)
}

// entries verifies a bundle that has every entry up to a position.
func (p *packed) entries(ctx context.Context, o Options) (*Report, error) {
	f := newFold(o)
	f.documents, f.opts.disclosed = map[string]uint64{}, commitments{}
	if f.covered = p.Form() != bundle.Lines; p.Form() == bundle.Zip {
		f.tiles = &tiles{kept: p}
	}
	_, err := f.run(ctx, p.raws())
	if err == nil && p.Form() != bundle.Lines {
		err = p.around(f)
	}
	return &f.report, newer(err)
}

// raws gives the entries for a fold.
func (p *packed) raws() iter.Seq2[Raw, error] {
	return func(yield func(Raw, error) bool) {
		for e, err := range p.Entries() {
			if !yield(Raw{Bytes: e.Bytes}, err) || err != nil {
				return
			}
		}
	}
}

// around verifies what stands beside the entries: tree, checkpoint, documents and texts.
func (p *packed) around(f *fold) error {
	r := &f.report
	checkpoint := signedTree{raw: p.Checkpoint(), file: fileCheckpoint, policy: p.policy}
	_, c, err := checkpoint.read(r.Source)
	if err != nil {
		return err
	}
	if err := p.claims(r.Source, c.Size); err != nil {
		return err
	}
	root, err := p.root(f, c)
	if err != nil {
		return err
	}
	last, err := f.lastTime()
	if err != nil {
		return err
	}
	if r.Checkpoint, err = checkpoint.judge(f.opts, r.Source, root, f.keys.At(c.Size), last); err != nil {
		return err
	}
	f.doubt()
	if err := p.issuer(f); err != nil || r.Fast {
		return err
	}
	if err := p.carried(f.documents); err != nil {
		return err
	}
	if err := p.texts(r, f.opts.disclosed); err != nil {
		return err
	}
	return p.sums()
}

// issuer looks whether the DID document is the one that the entries of keys give.
func (p *packed) issuer(f *fold) error {
	if p.DID() == nil || string(p.DID()) == string(document.DIDDocument(f.report.Source, f.did, f.issuer.At(p.m.Position))) {
		return nil
	}
	return &chain.BrokenError{File: fileDID, Check: CheckIssuer, Expected: "the DID document that the entries give", Found: "another"}
}

// claims holds what the manifest says against what is there. Its form is the reader's work, and so is that the bundle has
// just the files that it implies.
func (p *packed) claims(source string, size uint64) error {
	broken := func(expected, found any) error {
		return &chain.BrokenError{File: fileManifest, Check: CheckManifest, Expected: fmt.Sprint(expected), Found: fmt.Sprint(found)}
	}
	switch {
	case p.m.Origin != source:
		return broken("the origin "+source, p.m.Origin)
	case p.m.Size != size:
		return broken(fmt.Sprint("a checkpoint of ", size, " entries"), p.m.Size)
	}
	return nil
}

// root gives the root of the tree of the checkpoint's size, of whose entries the bundle has the first. Of the others, in a
// zip bundle, only the hashes are there.
func (p *packed) root(f *fold, c note.Checkpoint) (tree.Hash, error) {
	if f.tiles == nil {
		if c.Size == f.roots.Size() {
			return f.root(), nil
		}
		if err := tree.CheckConsistency(p.Consistency(), f.roots.Size(), f.root(), c.Size, c.Root); err != nil {
			return tree.Hash{}, &chain.BrokenError{File: "consistency", Check: CheckTree, Err: err}
		}
		return c.Root, nil
	}
	for at := f.roots.Size(); at < c.Size; at++ {
		leaf, err := p.leaf(c.Size, at)
		if err != nil {
			return tree.Hash{}, err
		}
		f.roots.Append(leaf)
		if err := f.tiles.append(leaf); err != nil {
			return tree.Hash{}, err
		}
	}
	return f.root(), f.tiles.end()
}

// carried looks whether the documents are those that entries carry. Each that an entry carries was computed again: so its
// CID vouches for the file.
func (p *packed) carried(carried map[string]uint64) error {
	for d, err := range p.Documents() {
		if err != nil {
			return err
		}
		if carried[d.CID] == 0 {
			return &chain.BrokenError{File: documentFile(d.CID), Check: chain.CheckDocument, Expected: "a document that an entry carries", Found: "another"}
		}
		delete(carried, d.CID)
	}
	for cid, position := range carried {
		return &chain.BrokenError{Position: position, File: documentFile(cid), Check: chain.CheckDocument, Expected: "the document of this entry", Found: "none"}
	}
	return nil
}

// texts looks whether the private texts are those that entries commit to.
func (p *packed) texts(r *Report, committed commitments) error {
	here := map[events.Digest]bool{}
	for t, err := range p.Texts() {
		if err != nil {
			return err
		}
		if _, ok := committed[t.Commitment]; !ok || p.m.Question.Texts == bundle.NoTexts {
			return &chain.BrokenError{File: fmt.Sprintf("texts/%x.json", t.Commitment), Check: CheckText, Expected: "a text that an entry commits to", Found: "another"}
		}
		here[t.Commitment] = true
	}
	if left := r.disclosed(committed, func(c events.Digest) bool { return here[c] }); left > 0 {
		r.note(fmt.Sprintf("%d private texts are here that entries say were erased.", left))
	}
	return nil
}

// sums compares each file with the SHA-256 that a zip bundle lists, after all that can say more than that it has changed. It
// covers what proves nothing: the readme, the schemas, the program.
func (p *packed) sums() error {
	err := p.CheckSums()
	if f := (*bundle.FormError)(nil); errors.As(err, &f) {
		return &chain.BrokenError{File: f.Path, Check: CheckSum, Err: err}
	}
	return err
}

// leaf gives the hash of an entry of which a zip bundle has no more than that.
func (p *packed) leaf(size, index uint64) (h tree.Hash, err error) {
	t := tree.Tile{Index: index / tree.TileWidth, Width: int(min(size-index/tree.TileWidth*tree.TileWidth, tree.TileWidth))}
	if p.edge == nil || p.edgeOf != t.Index {
		if p.edge, err = p.Tile(t); err != nil {
			return h, err
		}
		p.edgeOf = t.Index
	}
	return tree.Hash(hash(p.edge, int(index%tree.TileWidth))), nil
}

// inBundle says of what does not hold in which file of the bundle it stands.
func inBundle(p *packed, err error) error {
	if f := (*bundle.FormError)(nil); errors.As(err, &f) && !errors.As(err, new(*chain.BrokenError)) {
		return &chain.BrokenError{File: f.Path, Position: place(f), Check: chain.CheckForm, Err: err}
	}
	if b := (*chain.BrokenError)(nil); p != nil && errors.As(err, &b) && b.File == "" && b.Position > 0 {
		b.File = p.file(b.Position)
		if p.Form() == bundle.Lines && b.Check == chain.CheckPosition { // what follows is said of the error as it is now
			err = fmt.Errorf("%w (lines of one role or subject alone have no proofs: of that, export a bundle or a CAR file)", err)
		}
	}
	return err
}

// place gives the position of the entry that is not in the form it should have; 0 where no one entry is meant.
func place(f *bundle.FormError) uint64 {
	if n, err := strconv.ParseUint(strings.TrimPrefix(f.Path, "entries/"), 10, 53); err == nil {
		return n
	}
	if f.Index == bundle.Whole {
		return 0
	}
	if t, entries, err := tree.ParseTile(f.Path); err == nil && entries {
		return t.Index*tree.TileWidth + f.Index + 1
	}
	if f.Path == "entries" {
		return f.Index + 1
	}
	return 0
}
