package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tlog"
)

// checkEvery is how often the organizations of a running node are checked.
const checkEvery = time.Minute

// watch checks every organization once a minute and after every reconnect, until the node is closed: one goroutine for all
// of them.
func (n *Node) watch(ctx context.Context) {
	tick := time.NewTicker(n.opts.checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.srv.Reconnected():
		case <-ctx.Done():
			return
		}
		n.CheckAll(ctx)
	}
}

// CheckAll looks, in constant time each, whether the organizations are as they must be: see [Org.Check]. One that is not
// takes no more commands; [ledger.Ledger.Err] says why.
func (n *Node) CheckAll(ctx context.Context) {
	for _, id := range n.Organizations() {
		o, err := n.Org(id)
		if err != nil || o.Ledger.Err() != nil || ctx.Err() != nil {
			continue
		}
		if err := o.Check(ctx); isDamage(err) {
			o.Ledger.Halt(fmt.Errorf("a check of the running ledger: %w", err))
		} else if err != nil && ctx.Err() == nil {
			n.log.Warn("the organization could not be checked now", "organization", id, "error", err)
		}
	}
}

// Check compares what nats-server has of a ledger, the journal and the head record with each other, in constant time: the
// stream's configuration is what it must be, it begins at 1 and nothing of it is gone, it reaches what was answered and
// what the head record says, and there both copies have the entry that the head record names.
func (o *Org) Check(ctx context.Context) error {
	answered := o.Access.Head().Position
	head, known, err := o.head.Load()
	if err != nil {
		return err
	}
	s, err := o.stream.Check(ctx)
	if err != nil {
		return err
	}
	if must := max(answered, head.Position); s.LastSeq < must || o.Journal.Len() < must {
		return fmt.Errorf("%w: the stream ends at %d and the journal at %d, %d were recorded", ledger.ErrRolledBack, s.LastSeq, o.Journal.Len(), must)
	}
	if !known {
		return nil
	}
	m, err := o.stream.Read(ctx, head.Position)
	if err != nil {
		return err
	}
	raw, err := o.Journal.Read(head.Position)
	if err != nil {
		return err
	}
	for _, b := range [][]byte{m.Data, raw} {
		if cid := chain.CID(b); cid != head.CID {
			return &chain.BrokenError{Position: head.Position, Check: chain.CheckHead, Expected: head.CID, Found: cid}
		}
	}
	return nil
}

// isDamage says whether an error of a check means that something is not as it must be, and not only that it could not be
// found out.
func isDamage(err error) bool {
	return errors.Is(err, stream.ErrMissing) || errors.Is(err, stream.ErrNoEntry) || errors.As(err, new(*stream.ConfigError)) ||
		errors.As(err, new(*stream.DamagedError)) || errors.As(err, new(*stream.GapError)) || errors.As(err, new(*stream.BlockError)) ||
		errors.Is(err, journal.ErrDamaged) || errors.Is(err, journal.ErrMissing) || errors.Is(err, journal.ErrNoEntry) ||
		errors.Is(err, ledger.ErrRolledBack) || errors.As(err, new(*chain.BrokenError)) || errors.As(err, new(*ledger.ForkError)) ||
		errors.Is(err, tlog.ErrForked) || errors.Is(err, errGenesis) || errors.Is(err, errOrphan)
}
