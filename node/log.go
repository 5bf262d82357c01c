package node

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tlog"
)

// newLog makes the log of an organization whose ledger is about to be opened.
func (n *Node) newLog(o *Org) (*tlog.Log, error) {
	g := Genesis{Source: n.host + "/" + o.ID} // of one that is being opened for the first time
	if o.Journal.Len() > 0 {
		var err error
		if g, err = readGenesis(n.orgDir(o.ID)); err != nil {
			return nil, err
		}
	}
	return tlog.New(tlog.Config{
		Organization: o.ID, Dir: filepath.Join(n.orgDir(o.ID), "log"), Origin: g.Source, Journal: o.Journal,
		Keys:    func(size uint64) []ed25519.PublicKey { return logKeys(o, size) },
		Quorum:  n.quorum(o),
		Signers: func(size uint64) ([]crypto.Signer, error) { return n.CheckpointSigners(o, size) },
		Halt:    func(err error) { o.Ledger.Halt(err) },
		Urge:    func() { o.Ledger.HeadNow() },
		Publish: func(note []byte) { n.showCheckpoint(o, note) },
		Mended:  func(what, kept string) { n.note(o.ID, Mended{What: what, Kept: kept}) },
		Joined:  n.cluster != nil, Now: n.opts.Now, Logger: n.log,
	}), nil
}

// isTiles says whether a directory holds tiles of a log, which are made again when they are lost.
func (n *Node) isTiles(path string) bool {
	tiles, _ := filepath.Match(filepath.Join(n.dir, "orgs", "*", "log", "tile"), path)
	return tiles
}

const (
	// noteEvery is how often it is looked whether the operator's ledger is to record checkpoints.
	noteEvery = 5 * time.Second
	// notesApart is how much time lies between two events that record some: all that is due stands in one.
	notesApart = time.Minute
)

// noteCheckpoints has the operator's ledger record the newest checkpoint of every organization that changed, each once a
// minute at most, until ctx ends. In a cluster whichever node is first does.
func (n *Node) noteCheckpoints(ctx context.Context) {
	tick := time.NewTicker(n.opts.noteEvery)
	defer tick.Stop()
	failed := ""
	for last := n.opts.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := n.opts.Now()
		if now.Before(last.Add(notesApart)) {
			continue
		}
		recorded, err := n.RecordCheckpoints(ctx, n.checkpoints())
		if recorded > 0 {
			last = now // what it took to record does not put off the next
		}
		why := ""
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNoOrganization) && !errors.Is(err, ErrOldRules) && !errors.As(err, new(*rules.Refusal)) {
			why = err.Error()
		}
		if why != "" && why != failed {
			n.log.Warn("the operator's ledger does not record the checkpoints of the others", "error", err)
		}
		failed = why
	}
}

// checkpoints gives the newest checkpoint of every other organization, sorted by organization.
func (n *Node) checkpoints() (all []events.RecordedCheckpoint) {
	for _, id := range n.Organizations() {
		o, err := n.Org(id)
		if err != nil || id == Operator {
			continue
		}
		_, c, ok := o.Log.Latest()
		if !ok {
			continue
		}
		r := events.RecordedCheckpoint{Organization: id, Size: c.Size, Root: events.Digest(c.Root)}
		o.Fold.Read(func(s *rules.State) {
			if keys := s.CheckpointKeys(c.Size); len(keys) > 0 {
				r.Key = keys[0]
			}
		})
		all = append(all, r)
	}
	return all
}
