package verify

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"runtime"
	"strconv"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// An Extract says what a report is about that is not of a whole ledger.
type Extract struct {
	Kind    string // "role" or "subject"
	ID      string
	Entries uint64 // that are here
	AsOf    uint64 // as of which position they were chosen
}

// proven is an entry of an extract that many at once have looked at.
type proven struct {
	looked
	position uint64
	err      error // of its proof
}

// extract verifies a bundle of the entries about one role or subject. Each is proven by itself to lie under the checkpoint;
// that they are all, and that the rules permitted them, cannot be seen without the others.
func (p *packed) extract(ctx context.Context, o Options) (*Report, error) {
	o.Fast = false // it is no more than a few entries
	f := newFold(o)
	f.opts.disclosed = commitments{}
	r := &f.report
	r.Extract = &Extract{Kind: p.m.Question.Kind, ID: p.m.Question.ID.String(), AsOf: p.m.Position}
	x := &extract{fold: f, packed: p, carries: map[string]carried{}}
	err := x.all(ctx)
	if err == nil {
		err = x.around()
	}
	return r, newer(err)
}

// carried is a document that an entry carries.
type carried struct {
	position uint64
	key      string
}

// extract is what goes in order.
type extract struct {
	*fold
	*packed
	carries  map[string]carried
	document string // the document key at this position
}

func (x *extract) all(ctx context.Context) error {
	checkpoint := x.Checkpoint()
	_, c, err := note.ReadCheckpoint(checkpoint)
	if err != nil {
		return &chain.BrokenError{File: fileCheckpoint, Check: CheckCheckpoint, Err: err}
	}
	look := func(e bundle.Entry) proven {
		p := proven{looked: look(Raw{Bytes: e.Bytes}), position: e.Position}
		p.err = included(e, p.leaf, c, checkpoint)
		return p
	}
	workers := x.opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for p, err := range chain.InOrder(workers, iter.Seq2[bundle.Entry, error](x.Entries()), look) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := x.next(p); err != nil {
			return err
		}
	}
	x.progress()
	return nil
}

// included checks the proof of an entry under the checkpoint of the bundle.
func included(e bundle.Entry, leaf tree.Hash, c note.Checkpoint, checkpoint []byte) error {
	proof, err := note.ParseProof(e.Proof)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(proof.Checkpoint, checkpoint):
		return fmt.Errorf("it is under another checkpoint than the one of the bundle")
	case proof.Index+1 != e.Position:
		return fmt.Errorf("it is of position %d", proof.Index+1)
	case len(proof.Extra) > 0:
		return fmt.Errorf("it has extra data, which nothing vouches for")
	}
	return tree.CheckInclusion(proof.Hashes, c.Size, c.Root, proof.Index, leaf)
}

// next takes in the next entry that is here.
func (x *extract) next(p proven) error {
	if p.err != nil {
		return &chain.BrokenError{Position: p.position, File: x.proofFile(p.position), Check: CheckProof, Err: p.err}
	}
	if err := x.chain.Skip(p.position); err != nil {
		return err
	}
	if err := x.chain.Next(p.Parsed, ""); err != nil {
		return err
	}
	en := p.Entry
	if p.position == 1 {
		if err := x.begins(p.CID, en.Event.Source); err != nil {
			return err
		}
	}
	switch d := en.Event.Data.(type) {
	case *events.OrganizationOpened:
		x.document = d.Keys.Document
	case *events.KeyRotated:
		if d.Purpose == events.PurposeDocument {
			x.document = d.New
		}
	}
	if d := en.Document; d != nil {
		if d.Key != x.document {
			return &chain.BrokenError{Position: p.position, Check: chain.CheckDocument, Expected: "the ledger's document key " + x.document, Found: d.Key}
		}
		x.carries[d.CID] = carried{p.position, d.Key}
		if x.opts.carries != nil {
			x.opts.carries(p.position, en.Event.Source, d)
		}
	}
	x.count(en)
	x.report.Extract.Entries++
	x.report.Position, x.report.CID = p.position, p.CID
	return nil
}

// around verifies what stands beside the entries.
func (x *extract) around() error {
	r := &x.report
	checkpoint := signedTree{raw: x.Checkpoint(), file: fileCheckpoint, policy: x.policy}
	_, c, err := checkpoint.read(r.Source)
	if err != nil {
		return err
	}
	if err := x.claims(r.Source, c.Size); err != nil {
		return err
	}
	if r.Checkpoint, err = checkpoint.judge(x.opts, r.Source, c.Root, x.keys.At(c.Size), x.last); err != nil {
		return err
	}
	x.doubt()
	if err := x.packed.issuer(x.fold); err != nil {
		return err
	}
	for d, err := range x.Documents() {
		if err != nil {
			return err
		}
		broken := func(err error) error {
			return &chain.BrokenError{File: documentFile(d.CID), Position: x.carries[d.CID].position, Check: chain.CheckDocument, Err: err}
		}
		by, ok := x.carries[d.CID]
		if !ok {
			return broken(fmt.Errorf("no entry here carries it"))
		}
		key, err := didkey.Parse(by.key)
		if err == nil {
			_, err = credential.Verify(d.Bytes, credential.WithKey(key))
		}
		if err != nil {
			return broken(err)
		}
		r.Documents++
	}
	if err := x.texts(r, x.opts.disclosed); err != nil {
		return err
	}
	x.suspected()
	return x.sums()
}

// file names the part of a bundle in which an entry stands.
func (p *packed) file(position uint64) string {
	switch {
	case p.Form() == bundle.CAR:
		return "entries"
	case p.Form() == bundle.Lines:
		return "line " + strconv.FormatUint(position, 10)
	case p.m.Question.Kind != bundle.All:
		return "entries/" + strconv.FormatUint(position, 10)
	}
	n := (position - 1) / tree.TileWidth
	return tree.EntriesPath(n, int(min(p.m.Position-n*tree.TileWidth, tree.TileWidth)))
}

func (p *packed) proofFile(position uint64) string {
	if p.Form() == bundle.CAR {
		return "proofs"
	}
	return p.file(position) + ".tlog-proof"
}

func documentFile(cid string) string { return "documents/" + cid + ".json" }
