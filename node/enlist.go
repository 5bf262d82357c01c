package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

// enlist has this node's own event key registered wherever it has none. A node whose key the owner revoked is not to
// write any more, and asks for no other by itself.
func (n *Node) enlist(ctx context.Context, o *Org, keys *keys) {
	asked := ""
	for ctx.Err() == nil {
		changed := o.Changed()
		var missing bool
		o.Fold.Read(func(s *rules.State) {
			missing = s.Opened() != nil && ledger.EventKey(s, keys.own()) == ""
		})
		if !missing {
			asked = ""
		} else if asked == "" {
			did, err := n.keys.makeKey(o.ID, events.PurposeEvent)
			if err == nil && o.dismissed(keys) {
				n.log.Warn("this node's event key was revoked, so it writes no more; the owner can register another: `permledger key register --purpose event --to DID`",
					"organization", o.ID, "did", did)
			} else if err == nil {
				err = n.tell(ctx, label("register", o.ID, did), record{Org: o.ID, Register: did})
			}
			if err != nil {
				n.log.Warn("this node's event key cannot be made known", "organization", o.ID, "error", err)
				changed = nil
			} else {
				asked = did
			}
		}
		again := (<-chan time.Time)(nil)
		if changed == nil {
			again = time.After(feedRetry)
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// dismissed says whether the last event key that this node had was revoked, and not replaced.
func (o *Org) dismissed(keys *keys) bool {
	var last uint64
	o.Fold.Read(func(s *rules.State) {
		for _, k := range s.Keys() {
			if _, own := keys.Signer(k.DID); own && k.Purpose == events.PurposeEvent {
				last = max(last, k.Revoked)
			}
		}
	})
	if last == 0 {
		return false
	}
	raw, err := o.Journal.Read(last)
	if err != nil {
		return true
	}
	en, err := chain.Parse(raw)
	return err != nil || en.Event.Data.Type() == (*events.KeyRevoked)(nil).Type()
}

// register records another node's event key, in the name of the ledger's own actor. A node that has no key itself waits.
func (n *Node) register(org, did string) {
	ctx := n.cluster.ctx
	pause := rand.N(100 * time.Millisecond) // so that one node does it, mostly
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		o, err := n.Org(org)
		if err != nil { // it is not open here yet, or will never be
			pause = feedRetry
			continue
		}
		keys, err := n.keys.of(org)
		if err != nil {
			return
		}
		changed := o.Changed()
		var known bool
		c := events.Command{Data: &events.KeyRegistered{Key: did, Purpose: events.PurposeEvent}}
		o.Fold.Read(func(s *rules.State) {
			known = s.Knows(did)
			if d := s.Opened(); d != nil {
				c.Ledger, c.Actor, c.Version = s.Source(), d.Node, s.Newest(c.Data.Type())
				c.Auth = events.Auth{Method: events.MethodNode, Credential: ledger.EventKey(s, keys.own())}
			}
		})
		if _, mine := keys.Signer(did); known || mine {
			return
		}
		if c.Auth.Credential == "" {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		c.ID = NewID(n.opts.Now().UnixMilli())
		_, err = o.Ledger.Execute(ctx, ledger.Request{Command: c})
		if err == nil {
			n.log.Info("another node's event key is registered", "organization", org, "key", did)
		}
		if err == nil || errors.As(err, new(*rules.Refusal)) || errors.Is(err, ledger.ErrStopped) {
			return
		}
		pause = feedRetry
	}
}
