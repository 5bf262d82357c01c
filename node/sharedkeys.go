package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/stream"
)

// shares says whether the nodes of a cluster sign with the same key for a purpose.
func shares(purpose string) bool {
	return purpose == events.PurposeDocument || purpose == events.PurposeCheckpoint
}

// NewSharedKey is [Node.NewKey] for a key that signs documents or checkpoints: in a cluster the other nodes get it too,
// before it is recorded. Where a signer program has it, they are told of it, and their programs must have it as well.
func (n *Node) NewSharedKey(ctx context.Context, org, purpose string) (string, error) {
	did, err := n.NewKey(org, purpose)
	if err != nil || n.cluster == nil {
		return did, err
	}
	return did, n.shareKey(ctx, org, did, purpose)
}

// shareKey gives a key to the other nodes of the cluster.
func (n *Node) shareKey(ctx context.Context, org, did, purpose string) error {
	keys, err := n.keys.of(org)
	if err != nil {
		return err
	}
	rec := record{Org: org}
	if err := rec.bring(keys, did, purpose); err != nil {
		return fmt.Errorf("%s: %w", org, err)
	}
	return n.tell(ctx, label(purpose, org, did), rec)
}

// bring puts a key into a record: its seed, or that a signer program has it.
func (r *record) bring(keys *keys, did, purpose string) error {
	if _, ok := keys.Signer(did); !ok || !shares(purpose) {
		return fmt.Errorf("the node does not hold the %s key %s", purpose, did)
	}
	seed, here := keys.seed(did)
	switch {
	case !here:
		r.Held = append(r.Held, heldKey{did, purpose})
	case purpose == events.PurposeDocument:
		r.Document = seed
	default:
		r.Checkpoint = seed
	}
	return nil
}

// learnKeys keeps the keys that a record brings.
func (n *Node) learnKeys(r stream.KeyValue) error {
	rec, err := n.unseal(r)
	if err != nil {
		return err
	}
	org := rec.Org
	if rec.Genesis != nil {
		org = r.Key
	}
	for _, seed := range [][]byte{rec.Document, rec.Checkpoint} {
		if len(seed) == 0 {
			continue
		}
		if len(seed) != ed25519.SeedSize {
			return fmt.Errorf("the cluster's record %s holds no key", r.Key)
		}
		keys, err := n.keys.of(org)
		if err == nil {
			err = keys.keep(ed25519.NewKeyFromSeed(seed))
		}
		if err != nil {
			return err
		}
	}
	for _, k := range rec.Held {
		err := n.keys.hold(org, k.Key, k.Purpose)
		if errors.Is(err, ErrSigner) { // it can read all the same
			n.log.Warn("this node cannot sign with a key that another node's signer program has", "organization", org, "purpose", k.Purpose, "key", k.Key, "error", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}
