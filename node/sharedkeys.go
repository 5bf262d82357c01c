package node

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/stream"
)

// NewSharedKey is [Node.NewKey] for a key that signs documents or checkpoints: in a cluster the other nodes get it too,
// before it is recorded.
func (n *Node) NewSharedKey(ctx context.Context, org, purpose string) (string, error) {
	did, err := n.NewKey(org)
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
	key, ok := keys.Signer(did)
	if !ok {
		return fmt.Errorf("the node does not hold the key %s of %s", did, org)
	}
	rec := record{Org: org}
	switch purpose {
	case events.PurposeDocument:
		rec.Document = key.Seed()
	case events.PurposeCheckpoint:
		rec.Checkpoint = key.Seed()
	default:
		return fmt.Errorf("a node shares no key for %q", purpose)
	}
	return n.tell(ctx, label(purpose, org, did), rec)
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
	return nil
}
