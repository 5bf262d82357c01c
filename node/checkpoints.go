package node

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/rules"
)

// CheckpointSigners gives the keys that this node holds and that may sign a checkpoint of a size up to what is recorded:
// the one in use at that size first, then the one that it replaced, while both sign. None where the organization has no
// checkpoint key yet, or this node does not hold it.
func (n *Node) CheckpointSigners(o *Org, size uint64) ([]crypto.Signer, error) {
	keys, err := n.keys.of(o.ID)
	if err != nil {
		return nil, err
	}
	var dids []string
	o.Fold.Read(func(s *rules.State) { dids = s.CheckpointKeys(size) })
	var signers []crypto.Signer
	for _, did := range dids {
		if key, ok := keys.Signer(did); ok {
			signers = append(signers, key)
		}
	}
	return signers, nil
}

// RecordCheckpoints records checkpoints of other organizations in the operator's ledger, as its own actor: of the given
// ones, sorted by organization, those that are due now: of a log that has grown since the last one recorded, a minute ago
// or longer. It gives how many it recorded. [ErrNoOrganization] where the operator's ledger is not here.
func (n *Node) RecordCheckpoints(ctx context.Context, all []events.RecordedCheckpoint) (int, error) {
	o, err := n.Org(Operator)
	if err != nil {
		return 0, err
	}
	now := n.opts.Now()
	var due []events.RecordedCheckpoint
	old := false
	o.Fold.Read(func(s *rules.State) {
		old = s.Newest((*events.CheckpointsRecorded)(nil).Type()) == 0
		for _, c := range all {
			last, _, next, ok := s.RecordedCheckpoint(c.Organization)
			if c.Organization != Operator && c.Size > last.Size && (!ok || !now.Before(next)) {
				due = append(due, c)
			}
		}
	})
	if old {
		return 0, fmt.Errorf("%s: %w", Operator, ErrOldRules)
	}
	recorded := 0
	for len(due) > 0 {
		some := due[:min(len(due), events.MaxCheckpoints)]
		due = due[len(some):]
		if err := n.actAsNode(ctx, o, &events.CheckpointsRecorded{Checkpoints: some}); err != nil {
			return recorded, fmt.Errorf("record checkpoints: %w", err)
		}
		recorded += len(some)
	}
	return recorded, nil
}

// ErrOldRules says that a ledger goes by rules that do not know what is asked for.
var ErrOldRules = errors.New("the ledger goes by version 1 of the rules; its owner adopts newer ones with `permledger org adopt`")

// errNoEventKey says that the node cannot act in the name of the ledger yet.
var errNoEventKey = fmt.Errorf("%w: this node has no event key in the ledger yet", ledger.ErrWait)

// actAsNode records something in the name of a ledger's own actor.
func (n *Node) actAsNode(ctx context.Context, o *Org, data events.Data) error {
	keys, err := n.keys.of(o.ID)
	if err != nil {
		return err
	}
	c := events.Command{ID: NewID(n.opts.Now().UnixMilli()), Data: data}
	o.Fold.Read(func(s *rules.State) {
		if d := s.Opened(); d != nil {
			c.Ledger, c.Actor, c.Version = s.Source(), d.Node, s.Newest(data.Type())
			c.Auth = events.Auth{Method: events.MethodNode, Credential: n.eventKey(s, keys)}
		}
	})
	if c.Auth.Credential == "" {
		return errNoEventKey
	}
	_, err = o.Ledger.Execute(ctx, ledger.Request{Command: c})
	return err
}

// eventKey gives the event key that this node signs with; empty: it holds none.
func (n *Node) eventKey(s *rules.State, keys *keys) string {
	if n.cluster != nil {
		return ledger.EventKey(s, keys.own())
	}
	if did := s.Key(events.PurposeEvent); did != "" {
		if _, ok := keys.Signer(did); ok {
			return did
		}
	}
	return ""
}

// tendCheckpointKey gives the organization a checkpoint key where it goes by rules that know one and has none, because it
// was opened by older ones; and ends the overlap of a key that was replaced, when it is over. In a cluster one node is
// first, and its key is the organization's.
func (n *Node) tendCheckpointKey(ctx context.Context, o *Org) {
	made := ""
	for ctx.Err() == nil {
		changed := o.Changed()
		var none bool
		var old string
		var ends time.Time
		o.Fold.Read(func(s *rules.State) {
			none = s.Rules() > 1 && s.Key(events.PurposeCheckpoint) == ""
			old, ends, _ = s.Overlap()
		})
		var err error
		wait := (<-chan time.Time)(nil)
		switch {
		case none && !n.pause(ctx): // so that one node does it, mostly
			return
		case none:
			made, err = n.registerCheckpointKey(ctx, o, made)
		case old != "" && !n.opts.Now().Before(ends):
			if err = n.actAsNode(ctx, o, &events.KeyRevoked{Key: old}); err == nil {
				n.log.Info("the checkpoint key that was replaced signs no more", "organization", o.ID, "key", old)
			}
		case old != "":
			wait = time.After(min(ends.Sub(n.opts.Now()), time.Hour))
		}
		switch {
		case errors.As(err, new(*rules.Refusal)): // another node was faster; what it wrote wakes this one
		case errors.Is(err, ledger.ErrStopped):
			return
		case err != nil:
			n.log.Warn("the organization's checkpoint keys are not as they should be yet", "organization", o.ID, "error", err)
			changed, wait = nil, time.After(feedRetry)
		}
		select {
		case <-changed:
		case <-wait:
		case <-ctx.Done():
		}
	}
}

// pause waits a moment where other nodes may do the same; false: ctx ended.
func (n *Node) pause(ctx context.Context) bool {
	if n.cluster == nil {
		return true
	}
	select {
	case <-time.After(rand.N(100 * time.Millisecond)):
		return true
	case <-ctx.Done():
		return false
	}
}

// registerCheckpointKey records the first checkpoint key of an organization: one that was made before, or a new one.
func (n *Node) registerCheckpointKey(ctx context.Context, o *Org, made string) (string, error) {
	var err error
	if made == "" {
		if made, err = n.keys.makeKey(o.ID, events.PurposeCheckpoint); err != nil {
			return "", err
		}
	}
	if n.cluster != nil {
		if err := n.shareKey(ctx, o.ID, made, events.PurposeCheckpoint); err != nil {
			return made, err
		}
	}
	if err = n.actAsNode(ctx, o, &events.KeyRegistered{Key: made, Purpose: events.PurposeCheckpoint}); err == nil {
		n.log.Info("the organization has a checkpoint key", "organization", o.ID, "key", made)
	}
	return made, err
}
