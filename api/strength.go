package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/node"
)

// How long an answer waits for more than being recorded. What is recorded is so, whatever becomes of the rest.
const (
	committedWait = 10 * time.Second
	witnessedWait = 30 * time.Second
)

// readWait reads the parameter wait.
func (c *call) readWait() error {
	if c.route.Method == http.MethodGet { // nothing is recorded: there the parameter is a time
		return nil
	}
	switch c.wait = c.query.Get("wait"); c.wait {
	case "", wire.Recorded, wire.Committed, wire.Witnessed:
		return nil
	}
	return badRequest("wait is recorded, committed or witnessed")
}

// stand waits until what was recorded stands as strongly as the request asks for, and says how strongly it does. All
// receipts get the same checkpoint.
func (c *call) stand(o *node.Org, receipts ...*wire.Receipt) {
	if c.wait == "" || len(receipts) == 0 {
		return
	}
	last := uint64(0)
	for _, r := range receipts {
		r.State, last = wire.Recorded, max(last, r.Seq)
	}
	if c.wait == wire.Recorded {
		return
	}
	checkpoint, at, state, err := c.strongest(o, last)
	for _, r := range receipts {
		if err != nil {
			r.NotYet = err.Error()
		}
		if checkpoint == nil {
			continue
		}
		proof, failed := o.Log.Prove(r.Seq, checkpoint, at)
		if failed != nil {
			c.server.log.Error("an entry cannot be proven", "organization", o.ID, "entry", r.Seq, "error", failed)
			r.NotYet = "the proof cannot be made now"
			continue
		}
		r.State, r.Checkpoint, r.Proof = state, string(checkpoint), string(proof.Bytes())
	}
}

// strongest waits for a checkpoint that covers a position, as strong as is asked for. In time it may only get a weaker one,
// and says so.
func (c *call) strongest(o *node.Org, position uint64) (checkpoint []byte, at note.Checkpoint, state string, err error) {
	ctx, cancel := context.WithTimeout(c.Context(), committedWait)
	defer cancel()
	checkpoint, at, err = o.Log.Committed(ctx, position)
	if err != nil {
		return nil, at, wire.Recorded, notYet(err, "recorded, not yet committed")
	}
	if c.wait == wire.Committed {
		return checkpoint, at, wire.Committed, nil
	}
	ctx, cancel = context.WithTimeout(c.Context(), witnessedWait)
	defer cancel()
	witnessed, under, err := o.Log.Witnessed(ctx, position)
	if err != nil {
		return checkpoint, at, wire.Committed, notYet(err, "committed, not yet witnessed")
	}
	return witnessed, under, wire.Witnessed, nil
}

func notYet(err error, so string) error {
	switch {
	case errors.Is(err, tlog.ErrNoKey), errors.Is(err, tlog.ErrNoWitnesses):
		return fmt.Errorf("%s: %w", so, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: the time to wait is over", so)
	}
	return errors.New(so)
}
