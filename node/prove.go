package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/history"
)

// Prove gives the proof that the entry at a position is in the log: under the smallest checkpoint with enough
// cosignatures that covers it, else under the newest. It waits until the entry is under a checkpoint, or ctx ends;
// [tlog.ErrNoKey].
func (o *Org) Prove(ctx context.Context, position uint64) (*note.Proof, error) {
	b, c, err := o.Log.Committed(ctx, position)
	if err != nil {
		return nil, err
	}
	if cosigned, cc, err := o.Log.Cosigned(position); err == nil {
		b, c = cosigned, cc
	}
	return o.Log.Prove(position, b, c)
}

// Grown gives the proof that the log of newer entries begins with the one of older entries. It waits as Prove does.
func (o *Org) Grown(ctx context.Context, older, newer uint64) (*note.Consistency, error) {
	if older == 0 || older > newer {
		return nil, fmt.Errorf("size %d %w of %d", older, tree.ErrRange, newer)
	}
	if _, _, err := o.Log.Committed(ctx, newer); err != nil {
		return nil, err
	}
	if first := o.SignableFrom(older); first > older {
		return nil, fmt.Errorf("%w for %d entries: the first signs for %d", tlog.ErrNoKey, older, first)
	}
	p := new(note.Consistency)
	var err error
	if p.Old, err = o.checkpointOf(older); err != nil {
		return nil, err
	}
	if p.New, err = o.checkpointOf(newer); err != nil {
		return nil, err
	}
	p.Hashes, err = tree.Consistency(o.Log, older, newer)
	return p, err
}

// Vouched gives the checkpoint under which the entries up to a position stand: the smallest with enough cosignatures that
// covers it, else one of just so many entries, which nobody but the ledger has signed. One that only later keys signed would
// be of no use, for no entry up to the position names these. It waits as Prove does.
func (o *Org) Vouched(ctx context.Context, position uint64) ([]byte, error) {
	return o.vouched(ctx, position, func(b []byte) bool { return o.signedAsOf(position, b) })
}

// vouched is Vouched with the cosigned checkpoints that fit.
func (o *Org) vouched(ctx context.Context, position uint64, fits func([]byte) bool) ([]byte, error) {
	if _, _, err := o.Log.Committed(ctx, position); err != nil {
		return nil, err
	}
	b, _, err := o.Log.Cosigned(position)
	switch {
	case errors.Is(err, tlog.ErrNoCheckpoint), errors.Is(err, tlog.ErrNoWitnesses), err == nil && !fits(b):
		return o.Log.SignAt(max(position, o.SignableFrom(position)))
	}
	return b, err
}

// signedAsOf says whether a key that was the ledger's at a position already signed a checkpoint.
func (o *Org) signedAsOf(position uint64, checkpoint []byte) bool {
	n, c, err := note.ReadCheckpoint(checkpoint)
	if err != nil {
		return false
	}
	var keys []string
	o.Fold.Read(func(s *rules.State) { keys = s.CheckpointKeys(position) })
	by, err := n.SignedBy(c.Origin, keys)
	return err == nil && len(by) > 0
}

// SignableFrom is [rules.State.SignableFrom] of the ledger as it is.
func (o *Org) SignableFrom(size uint64) (least uint64) {
	o.Fold.Read(func(s *rules.State) { least = s.SignableFrom(size) })
	return least
}

// checkpointOf gives a checkpoint of just this size: the one that was cosigned, else one that is signed now.
func (o *Org) checkpointOf(size uint64) ([]byte, error) {
	if b, c, err := o.Log.Cosigned(size); err == nil && c.Size == size {
		return b, nil
	}
	return o.Log.SignAt(size)
}

// Decide answers a question with a signed decision: with what gives a yes, under the smallest checkpoint with enough
// cosignatures that covers it, else under one of just as many entries as it takes. It waits as Prove does. What it gives
// has been verified.
func (n *Node) Decide(ctx context.Context, o *Org, q decision.Question, a access.AsOf) (file []byte, yes bool, err error) {
	if !a.Occurred.IsZero() {
		return nil, false, errors.New("decide: a decision is as of a position, not of an occurred time")
	}
	d := &decision.Decision{Question: q, Answer: decision.No, Position: min(a.Position, o.Access.Head().Position)}
	source := o.source()
	positions := []uint64{1}
	if cited := o.Access.Basis(q.Subject.String(), q.Permission, q.Resource, q.In, a); cited != nil {
		d.Answer, yes, positions = decision.Yes, true, cited
	}
	entries, err := source.Collect(positions)
	if err == nil && yes {
		entries, err = decision.Least(entries, &q)
	}
	if err != nil {
		return nil, false, fmt.Errorf("decide: %w", err)
	}
	var document string
	head := uint64(0)
	o.Fold.Read(func(s *rules.State) {
		d.Ledger, document, head = s.Source(), s.Key(events.PurposeDocument), s.Position()
	})
	keys, err := n.keys.of(o.ID)
	if err != nil {
		return nil, false, err
	}
	signer, ok := keys.Signer(document)
	if !ok {
		return nil, false, fmt.Errorf("decide: this node does not hold the document key %s", document)
	}
	if entries, err = source.WithKeys(entries, head, document); err != nil {
		return nil, false, err
	}
	// The key that signs may be newer than what is asked about.
	b, err := o.vouched(ctx, max(d.Position, entries[len(entries)-1].Event.Sequence), func([]byte) bool { return true }) // its keys are added below
	if err != nil {
		return nil, false, fmt.Errorf("decide: %w", err)
	}
	checkpoint, c, err := note.ReadCheckpoint(b)
	if err != nil {
		return nil, false, fmt.Errorf("decide: %w", err)
	}
	var logKeys []string
	o.Fold.Read(func(s *rules.State) { logKeys = s.CheckpointKeys(c.Size) })
	if logKeys, err = checkpoint.SignedBy(d.Ledger, logKeys); err != nil {
		return nil, false, fmt.Errorf("decide: %w", err)
	}
	if entries, err = source.WithKeys(entries, c.Size, logKeys...); err != nil {
		return nil, false, err
	}
	d.Checkpoint = b
	for _, en := range entries {
		p, err := o.Log.Prove(en.Event.Sequence, b, c)
		if err != nil {
			return nil, false, fmt.Errorf("decide: %w", err)
		}
		d.Entries = append(d.Entries, decision.Cited{Entry: en, Proof: p.Hashes})
	}
	if file, err = d.Sign(signer); err != nil {
		return nil, false, err
	}
	if _, err := d.Verify(nil); err != nil {
		return nil, false, fmt.Errorf("decide: what was made is not given away: %w", err)
	}
	return file, yes, nil
}

// source is where the entries of a decision are looked up.
func (o *Org) source() decision.Source {
	return decision.Source{
		Entry: func(at uint64) (*chain.Entry, error) {
			raw, err := o.Journal.Read(at)
			if err != nil {
				return nil, err
			}
			return chain.Parse(raw)
		},
		Deployed: o.Access.Tokens().Deployed,
		Find: func(upTo uint64, types ...events.Type) []uint64 {
			found, _ := o.History.Find(history.Query{Types: types, To: upTo, Newest: true})
			return found
		},
	}
}
