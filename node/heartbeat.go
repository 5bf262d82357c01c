package node

import (
	"context"
	"errors"
	"time"

	"github.com/permledger/permledger/ledger/tlog"
)

// heartbeatEvery is how often the log of an organization says that its newest checkpoint is the newest still.
const heartbeatEvery = 5 * time.Second

// beat announces the newest checkpoint of an organization again and again until ctx ends, with the time, signed: whoever
// follows the log over NATS tells by it a ledger that nothing is written to from one that is held back.
func (n *Node) beat(ctx context.Context, o *Org) {
	tick := time.NewTicker(n.opts.beatEvery)
	defer tick.Stop()
	failed := ""
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		why := ""
		if err := n.beatOnce(ctx, o); err != nil && ctx.Err() == nil && !errors.Is(err, tlog.ErrNoKey) {
			why = err.Error()
			if why != failed {
				n.log.Info("the newest checkpoint is not announced again; who follows the ledger over NATS takes it for old", "organization", o.ID, "error", err)
			}
		}
		failed = why
	}
}

// beatOnce says as of the time at which it begins: a checkpoint that covers what was recorded then was the newest. In a cluster
// other nodes record too, so the leader of the stream is asked how far it goes.
func (n *Node) beatOnce(ctx context.Context, o *Org) error {
	ctx, cancel := context.WithTimeout(ctx, n.opts.beatEvery)
	defer cancel()
	at := n.opts.Now()
	recorded := o.Access.Head().Position
	if n.cluster != nil {
		state, err := o.stream.Confirm(ctx)
		if err != nil {
			return err
		}
		recorded = max(recorded, state.LastSeq)
	}
	beat, err := o.Log.Attest(ctx, recorded, at)
	if err != nil {
		return err
	}
	n.showCheckpoint(o, beat)
	return nil
}

// showCheckpoint tells whoever listens now of a checkpoint.
func (n *Node) showCheckpoint(o *Org, note []byte) {
	if s := n.readers.Load(); s != nil {
		s.Announce(o.ID, note)
	}
	if err := n.conn.Announce(o.ID, note); err != nil {
		n.log.Debug("a checkpoint is not announced on NATS", "organization", o.ID, "error", err)
	}
}
