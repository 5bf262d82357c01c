package node

import (
	"context"

	"github.com/permledger/permledger/ledger/journal"
)

// history goes through the journal of a cluster's node: no copy is here that it could be compared with.
func (x *examination) history(ctx context.Context, name string, j *journal.Reader, g Genesis, head journal.Head, judge func(string, error)) {
	if j.Len() < head.Position {
		return // the head's finding says so
	}
	if err := holds(ctx, j, g.CID, head, nil); err != nil {
		judge("history", err)
		return
	}
	x.ok("history", name, "%s follow each other, from the first recorded one to the head", eventsOf(j.Len()))
}
