package tlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// publish signs a checkpoint whose root was computed twice, keeps it, and shows it.
func (l *Log) publish(c note.Checkpoint) error {
	l.mu.RLock()
	latest := l.latest
	l.mu.RUnlock()
	switch {
	case c.Size < latest.Size, c.Size == latest.Size && c.Root != latest.Root:
		return fmt.Errorf("%w: size %d with root %x comes after size %d with root %x", ErrForked, c.Size, c.Root[:8], latest.Size, latest.Root[:8])
	case c.Size == latest.Size:
		return nil
	}
	n, err := l.sign(c)
	if errors.Is(err, ErrNoKey) {
		if !l.keyless {
			l.log.Info("the organization has no checkpoints: "+ErrNoKey.Error(), "organization", l.c.Organization)
		}
		l.keyless = true
		l.mu.Lock()
		l.noKey = true
		l.mu.Unlock()
		l.tell()
		return nil
	}
	if err != nil {
		return err
	}
	p := published{c, n.Bytes()}
	if err := l.keepNote(p, false); err != nil {
		return err
	}
	l.keyless = false
	l.mu.Lock()
	l.latest, l.noKey = p, false
	l.mu.Unlock()
	l.tell()
	if l.c.Publish != nil {
		l.c.Publish(p.bytes)
	}
	return nil
}

// sign signs a checkpoint with each of its keys that this node holds. [note.Sign] verifies what a signer gives.
func (l *Log) sign(c note.Checkpoint) (*note.Note, error) {
	signers, err := l.c.Signers(c.Size)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	if len(signers) == 0 {
		return nil, ErrNoKey
	}
	n := &note.Note{Text: c.Text()}
	for _, s := range signers {
		signature, err := note.Sign(n.Text, c.Origin, s)
		if err != nil {
			return nil, err
		}
		n.Signatures = append(n.Signatures, signature)
	}
	return n, nil
}

// tell wakes those who wait for another checkpoint or cosignature.
func (l *Log) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Changed gives a channel that is closed when there is another checkpoint or cosignature.
func (l *Log) Changed() <-chan struct{} {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.changed
}

// Latest gives the newest checkpoint, with the cosignatures that it has so far; false: there is none yet.
func (l *Log) Latest() (b []byte, c note.Checkpoint, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.latest.bytes, l.latest.Checkpoint, l.latest.Size > 0
}

// SignAt signs a checkpoint of a size that the log had, not beyond its newest checkpoint: the same bytes each time, as
// Ed25519 gives them, and the root that everybody computes. [ErrNoCheckpoint], [ErrNoKey].
func (l *Log) SignAt(size uint64) ([]byte, error) {
	n, _, err := l.signAt(size)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), nil
}

func (l *Log) signAt(size uint64) (*note.Note, note.Checkpoint, error) {
	c := note.Checkpoint{Origin: l.c.Origin, Size: size}
	if _, latest, ok := l.Latest(); !ok || size == 0 || size > latest.Size {
		return nil, c, fmt.Errorf("size %d: %w", size, ErrNoCheckpoint)
	}
	edge, err := tree.Resume(reader{l, size}, size)
	if err != nil {
		return nil, c, err
	}
	c.Root = edge.Root()
	n, err := l.sign(c)
	return n, c, err
}

// Cosigned gives the smallest checkpoint kept that covers a position and has a quorum of cosignatures: [ErrNoCheckpoint]
// where there is none, [ErrNoWitnesses].
func (l *Log) Cosigned(covering uint64) ([]byte, note.Checkpoint, error) {
	if l.c.Quorum == nil {
		return nil, note.Checkpoint{}, ErrNoWitnesses
	}
	p, ok, err := l.cosigned(covering)
	if err != nil {
		return nil, note.Checkpoint{}, err
	}
	if ok {
		return p.bytes, p.Checkpoint, nil
	}
	return nil, note.Checkpoint{}, fmt.Errorf("position %d, with enough cosignatures: %w", covering, ErrNoCheckpoint)
}

// AddCosignature keeps a cosignature of a checkpoint that was published, which whoever brings it has verified. What is kept
// does not change any more once it has enough of them, so that evidence with it is the same for ever. Further ones, and newer
// ones of a log that nothing is written to, are only shown.
func (l *Log) AddCosignature(size uint64, s note.Signature) error {
	l.cosigning.Lock() // witnesses answer at the same time, and none must take another one's away
	defer l.cosigning.Unlock()
	l.keep.Lock()
	p, ok, err := l.kept.at(size)
	l.keep.Unlock()
	if err != nil {
		return err
	}
	if !ok {
		n, c, err := l.signAt(size)
		if err != nil {
			return err
		}
		p = published{c, n.Bytes()}
	}
	n, err := note.Parse(p.bytes)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(n.Signatures, s.SameKey) && !(l.c.Quorum != nil && l.c.Quorum(p.bytes)) {
		p.bytes = n.With(s).Bytes()
		if err := l.keepNote(p, true); err != nil {
			return err
		}
	}
	if err := l.show(size, s); err != nil {
		return err
	}
	l.tell()
	return nil
}

// show puts a cosignature on the newest checkpoint, in the place of an older one of the same witness.
func (l *Log) show(size uint64, s note.Signature) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest.Size != size {
		return nil
	}
	n, err := note.Parse(l.latest.bytes)
	if err != nil {
		return err
	}
	n.Signatures = slices.DeleteFunc(n.Signatures, s.SameKey)
	l.latest.bytes = n.With(s).Bytes()
	return nil
}

// Committed waits for a checkpoint that covers a position, and gives it: the newest, or ctx's error, [ErrNoKey], [ErrClosed].
func (l *Log) Committed(ctx context.Context, position uint64) ([]byte, note.Checkpoint, error) {
	for {
		changed := l.Changed()
		b, c, ok := l.Latest()
		if ok && c.Size >= position {
			return b, c, nil
		}
		l.mu.RLock()
		noKey := l.noKey
		l.mu.RUnlock()
		if noKey {
			return nil, c, ErrNoKey
		}
		l.c.Urge()
		if err := l.wait(ctx, changed); err != nil {
			return nil, c, err
		}
	}
}

// Witnessed waits for a checkpoint that covers a position and has a quorum of cosignatures, and gives the smallest.
func (l *Log) Witnessed(ctx context.Context, position uint64) ([]byte, note.Checkpoint, error) {
	if _, c, err := l.Committed(ctx, position); err != nil {
		return nil, c, err
	}
	for {
		changed := l.Changed()
		b, c, err := l.Cosigned(position)
		if !errors.Is(err, ErrNoCheckpoint) {
			return b, c, err
		}
		if err := l.wait(ctx, changed); err != nil {
			return nil, c, err
		}
	}
}

func (l *Log) wait(ctx context.Context, changed <-chan struct{}) error {
	if l.closing() {
		return ErrClosed
	}
	select {
	case <-changed:
		return nil
	case <-l.quit:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Prove gives the proof that the entry at a position is under a checkpoint of this log, as a tlog-proof.
func (l *Log) Prove(position uint64, checkpoint []byte, c note.Checkpoint) (*note.Proof, error) {
	if position == 0 || position > c.Size {
		return nil, fmt.Errorf("position %d: %w", position, tree.ErrRange)
	}
	hashes, err := tree.Inclusion(reader{l, c.Size}, c.Size, position-1)
	if err != nil {
		return nil, err
	}
	return &note.Proof{Index: position - 1, Hashes: hashes, Checkpoint: checkpoint}, nil
}
