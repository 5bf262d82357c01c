package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tlog"
)

// mediaProof is the type of proofs: lines of text, as C2SP has them.
const mediaProof = "text/plain; charset=utf-8"

// prove gives the proof that an entry, by position or CID, is in the log.
func prove(c *call, w http.ResponseWriter) error {
	at, err := c.entryAt(c.PathValue("ref"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	p, err := c.org.Prove(ctx, at)
	if err != nil {
		return noProof(err)
	}
	writeBytes(w, mediaProof, p.Bytes())
	return nil
}

// proveGrowth gives the proof that the log of so many entries begins with the one of fewer.
func proveGrowth(c *call, w http.ResponseWriter) error {
	head := c.org.Access.Head().Position
	from, err := c.number("from", 0)
	if err != nil {
		return err
	}
	to, err := c.number("to", head)
	if err != nil {
		return err
	}
	switch {
	case from == 0:
		return missingParameter("from")
	case from > to || to > head:
		return problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is nothing between %d and %d entries to be proven; the ledger has %d", from, to, head))
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	p, err := c.org.Grown(ctx, from, to)
	if err != nil {
		return noProof(err)
	}
	writeBytes(w, mediaProof, p.Bytes())
	return nil
}

// entryAt gives the position that a reference to an entry, a position or a CID, means.
func (c *call) entryAt(ref string) (uint64, error) {
	head := c.org.Access.Head().Position
	if at, err := strconv.ParseUint(ref, 10, 64); err == nil {
		if at == 0 || at > head {
			return 0, problemOf(http.StatusNotFound, string(rules.NotFound), fmt.Sprintf("There is no entry %d", at))
		}
		return at, nil
	}
	at, ok := c.org.Access.ByCID(ref)
	if !ok {
		return 0, problemOf(http.StatusNotFound, string(rules.NotFound), "No entry has the CID "+clip(ref))
	}
	return at.Position, nil
}

// decided adds the signed decision to the answer of a check.
func (c *call) decided(q question) (wire.Check, error) {
	if !q.at.Occurred.IsZero() {
		return q.Check, badRequest("A proof is as of a position: proof goes without occurred:")
	}
	u, err := c.org.Access.Subject(q.Subject, q.at)
	if err != nil {
		return q.Check, err
	}
	if q.Resource != "" {
		if err := canon.Scope.Check(q.Resource); err != nil {
			return q.Check, badRequest("A proof is about a resource as entries name it: " + err.Error())
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	answer, err := c.check(q)
	if err != nil {
		return answer, err
	}
	file, yes, err := c.server.node.Decide(ctx, c.org, decision.Question{
		Subject: u.ID, Key: u.Key, Permission: q.Permission, Resource: q.Resource, Instant: q.at.Instant.UTC().Truncate(time.Millisecond), In: q.in,
	}, q.at)
	if err != nil {
		return answer, noProof(err)
	}
	c.org.Stats.Decided(answer.Allowed)
	if yes != answer.Allowed {
		return answer, errors.New("the decision and the check are not of one mind")
	}
	answer.Decision = file
	return answer, nil
}

// noProof says to a caller why there is no proof.
func noProof(err error) error {
	if errors.Is(err, tlog.ErrNoKey) {
		p := problemOf(http.StatusConflict, wire.CodeNoCheckpoint, "The ledger has no checkpoint key for that, so nothing vouches for its entries: "+err.Error())
		p.Hint = "The node registers one by itself once the organization goes by version 2 of the rules (permledger org adopt); exports as jsonl and csv need none"
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problemOf(http.StatusServiceUnavailable, wire.CodeNotYet, "No checkpoint covers it yet")
	}
	return err
}
