package documents

import (
	"errors"
	"slices"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/projections"
)

var _ projections.Snapshotter = (*Projection)(nil)

// What stands before the snapshot of documents, and the version of its form.
const (
	snapshotOf      = "documents"
	snapshotVersion = 1
)

// aboutKinds are the kinds of things that documents are about, as a snapshot numbers them.
var aboutKinds = []string{document.KindSubject, document.KindRole, document.KindReview}

// AppendSnapshot implements projections.Snapshotter: each document as it is kept, packed, for to render one takes the
// state that it was of; then the first that does not hold. How a file is packed is the release's own affair, so equal
// content gives equal bytes within one release.
func (p *Projection) AppendSnapshot(b []byte) []byte {
	p.mu.RLock()
	defer p.mu.RUnlock()
	b = snapshot.AppendHeader(b, snapshotOf, snapshotVersion)
	b = snapshot.AppendCount(b, len(p.docs))
	last := uint64(0)
	for _, k := range p.docs {
		b, last = snapshot.AppendUint(b, k.position-last), k.position
		b = snapshot.AppendCount(b, slices.Index(aboutKinds, k.about.Kind))
		b = append(append(append(b, k.about.ID[:]...), k.digest[:]...), k.legacy[:]...)
		b = snapshot.AppendBytes(snapshot.AppendString(b, k.format), k.file)
	}
	var broken *chain.BrokenError
	if b = snapshot.AppendBool(b, errors.As(p.err, &broken)); broken != nil {
		b = snapshot.AppendUint(b, broken.Position)
		b = snapshot.AppendString(snapshot.AppendString(b, broken.Expected), broken.Found)
		if b = snapshot.AppendBool(b, broken.Err != nil); broken.Err != nil {
			b = snapshot.AppendString(b, broken.Err.Error())
		}
	}
	return b
}

// ReadSnapshot implements projections.Snapshotter. Whether a file is the one that its digest names is looked at when it
// is asked for.
func (p *Projection) ReadSnapshot(b []byte) error {
	r := snapshot.NewReader(b)
	r.Header(snapshotOf, snapshotVersion)
	n := New()
	count := r.Count(84)
	n.docs = make([]kept, 0, count)
	last, format := uint64(0), ""
	for range count {
		step := r.Uint()
		if step == 0 || last+step < last {
			r.Fail("its positions are out of order")
		}
		last += step
		about := document.Thing{Kind: aboutKinds[r.Below(uint64(len(aboutKinds)))], ID: r.ID()}
		k := kept{position: last, about: about, digest: r.Sum(), legacy: r.Sum()}
		if f := r.Bytes(); string(f) != format { // most have the same
			format = string(f)
		}
		k.format, k.file = format, slices.Clone(r.Bytes())
		n.add(k)
	}
	if r.Bool() {
		broken := &chain.BrokenError{Position: r.Uint(), Check: chain.CheckDocument, Expected: r.String(), Found: r.String()}
		if r.Bool() {
			broken.Err = errors.New(r.String())
		}
		n.fail(broken)
	}
	if err := r.Close(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.docs, p.block, p.about, p.err = n.docs, n.block, n.about, n.err
	return nil
}
