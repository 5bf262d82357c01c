package documents

import (
	"errors"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/snapshot"
	"github.com/permledger/permledger/projections"
)

var _ projections.Snapshotter = (*Projection)(nil)

// What stands before the snapshot of documents, and the version of its form.
const (
	snapshotOf      = "documents"
	snapshotVersion = 2
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
		for _, at := range []uint64{k.number, k.revoked, k.refreshed} {
			b = snapshot.AppendUint(b, at)
		}
		b = snapshot.AppendCount(b, slices.Index(aboutKinds, k.about.Kind))
		b = append(append(append(b, k.about.ID[:]...), k.digest[:]...), k.legacy[:]...)
		b = snapshot.AppendBytes(snapshot.AppendString(b, k.format), k.file)
		b = snapshot.AppendBytes(b, k.lists)
	}
	b = p.rest.appendSnapshot(p.keys.AppendSnapshot(b))
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
	count := r.Count(88)
	n.docs = make([]kept, 0, count)
	last, format := uint64(0), ""
	for range count {
		step := r.Uint()
		if step == 0 || last+step < last {
			r.Fail("its positions are out of order")
		}
		last += step
		number, revoked, refreshed := r.Uint(), r.Uint(), r.Uint()
		if i := len(n.docs); i > 0 && number <= n.docs[i-1].number {
			r.Fail("its documents are out of order")
		}
		about := document.Thing{Kind: aboutKinds[r.Below(uint64(len(aboutKinds)))], ID: r.ID()}
		k := kept{position: last, number: number, revoked: revoked, refreshed: refreshed, about: about, digest: r.Sum(), legacy: r.Sum()}
		if f := r.Bytes(); string(f) != format { // most have the same
			format = string(f)
		}
		k.format, k.file = format, slices.Clone(r.Bytes())
		if lists := r.Bytes(); len(lists) > 0 {
			k.lists = slices.Clone(lists)
		}
		n.add(k)
	}
	n.keys.ReadSnapshot(r)
	n.rest.readSnapshot(r)
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
	p.docs, p.block, p.about, p.keys, p.rest, p.err = n.docs, n.block, n.about, n.keys, n.rest, n.err
	return nil
}

func (r *resting) appendSnapshot(b []byte) []byte {
	b = snapshot.AppendCount(b, len(r.to))
	for _, by := range sorted(r.to) {
		b = snapshot.AppendCount(append(b, by[:]...), len(r.to[by]))
		for _, to := range sorted(r.to[by]) {
			b = append(b, to[:]...)
		}
	}
	b = snapshot.AppendCount(b, len(r.has))
	for _, id := range sorted(r.has) {
		b = snapshot.AppendCount(append(b, id[:]...), r.has[id])
	}
	b = snapshot.AppendCount(b, len(r.keys))
	for _, id := range sorted(r.keys) {
		b = append(b, id[:]...)
	}
	return b
}

func (r *resting) readSnapshot(in *snapshot.Reader) {
	for range in.Count(17) {
		by, to := ulid.ULID(in.ID()), map[ulid.ULID]bool{}
		for range in.Count(16) {
			to[in.ID()] = true
		}
		r.to[by] = to
	}
	for range in.Count(17) {
		id := ulid.ULID(in.ID())
		r.has[id] = int(in.Below(1 << 32))
	}
	for range in.Count(16) {
		r.keys[in.ID()] = true
	}
}
