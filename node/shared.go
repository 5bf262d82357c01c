package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/stream"
)

// In a cluster the streams lie on NATS servers of their own, and any number of nodes write to them, each with a data
// directory: a journal, a head and projections of its own. Which organizations there are, the nodes tell each other in the
// stream CLUSTER, sealed with the secret in node/cluster.key.
//
// Each node signs entries with an event key of its own, which another node registers for it in the name of the ledger's
// own actor; so that who sealed an entry can be told, and one node's key be revoked. The keys that sign documents and
// checkpoints are the organization's, and shared.

var (
	// ErrClustered says that a directory belongs to a cluster, and that its servers were not named.
	ErrClustered = errors.New("this directory belongs to a cluster and no server runs on it: set PERMLEDGER_NATS (and PERMLEDGER_NATS_CREDS) to its NATS servers, or start `permledger serve --nats …`")
	// ErrAlone says that a directory has a store of its own, while NATS servers were named.
	ErrAlone = errors.New("this directory has a store of its own and belongs to no cluster; `permledger init DIR --nats URL` or `permledger join` make one that does")
)

// ErrNoRepair says that the directory of a cluster's node is not mended: the cluster has all that is in it.
var ErrNoRepair = errors.New("this directory belongs to a cluster, which has all that its journals hold: move the directory of the organization out of orgs/, and the node takes it in anew when it is served; the head record in it says what the cluster must reach")

// cluster is what an open node of a cluster has.
type cluster struct {
	secret  *secret
	records *stream.Shared
	ctx     context.Context // ends when the node is closed
	stop    context.CancelFunc
	tasks   sync.WaitGroup
	adopt   sync.Mutex      // held while an organization of another node is taken in
	learned map[string]bool // records that were taken in; of who opens the node, then of listen
}

// record is what a node tells the others. One of its kinds:
type record struct {
	Genesis    *Genesis  `json:"genesis,omitempty"`    // an organization was opened, with Document and Checkpoint
	Document   []byte    `json:"document,omitempty"`   // seed of a key that signs documents
	Checkpoint []byte    `json:"checkpoint,omitempty"` // seed of a key that signs checkpoints
	Held       []heldKey `json:"held,omitempty"`       // what stands in their place where a signer program has them
	Org        string    `json:"org,omitempty"`        // of a Document, a Checkpoint or a Register that comes later
	Register   string    `json:"register,omitempty"`   // did:key of an event key that a node wants to sign with
}

// heldKey is a key of an organization that signer programs have.
type heldKey struct {
	Key     string `json:"key"`
	Purpose string `json:"purpose"`
}

// InitCluster makes the data directory of a new cluster's first node, without any organization. host is the first part of
// the ledgers' names.
func InitCluster(dir, host string) error {
	if err := initialize(dir, marker{Format: Format, Host: host, Cluster: true}); err != nil {
		return err
	}
	if err := makeSecret(dir, host); err != nil {
		return fmt.Errorf("init %s: %w", dir, err)
	}
	return nil
}

// Join makes the data directory of a further node. secretFile is another node's DIR/node/cluster.key, or a copy of it.
func Join(dir, secretFile string) error {
	f, _, err := readSecret(secretFile)
	if err == nil {
		err = initialize(dir, marker{Format: Format, Host: f.Host, Cluster: true})
	}
	if err == nil {
		err = f.write(dir)
	}
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}

// fits says whether a directory is opened as what it is.
func (m marker) fits(o Options) error {
	switch {
	case m.Cluster && o.NATS == nil:
		return ErrClustered
	case !m.Cluster && o.NATS != nil:
		return ErrAlone
	}
	return nil
}

// openShared connects to the cluster, opens the organizations that are here and takes in those that are not.
func (n *Node) openShared(ctx context.Context) error {
	_, secret, err := readSecret(secretPath(n.dir))
	if err != nil {
		return err
	}
	c := &cluster{secret: secret, learned: map[string]bool{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	n.cluster = c
	o := *n.opts.NATS
	if o.AckWait == 0 {
		o.AckWait = ackWait
	}
	if o.Logger == nil {
		o.Logger = n.log
	}
	if err := n.patiently(ctx, func() (err error) {
		n.conn, err = stream.Connect(o)
		return err
	}); errors.Is(err, stream.ErrCredentials) {
		return fmt.Errorf("%w; name the file with the node's NATS credentials or NKey seed with --nats-creds or PERMLEDGER_NATS_CREDS", err)
	} else if err != nil {
		return err
	}
	if err := n.patiently(ctx, func() (err error) {
		c.records, err = n.conn.OpenShared(ctx)
		return err
	}); err != nil {
		return err
	}
	// Document keys that were made since, before the ledgers need them.
	if err := n.patiently(ctx, func() error { return n.each(ctx, n.learnKeys) }); err != nil {
		return err
	}
	names, err := n.organizations()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := n.patiently(ctx, func() error { return n.reopen(ctx, name) }); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	learn := func(r stream.KeyValue) error { return n.learn(ctx, r) }
	if err := n.patiently(ctx, func() error { return n.each(ctx, learn) }); err != nil {
		return err
	}
	c.tasks.Go(n.listen)
	c.tasks.Go(n.reconnects)
	return nil
}

// each goes through what the nodes have said.
func (n *Node) each(ctx context.Context, do func(stream.KeyValue) error) error {
	for r, err := range n.cluster.records.List(ctx) {
		if err == nil {
			err = do(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a start waits for a cluster: its servers may be starting too, or have no leader for some seconds.
const patience = time.Minute

// patiently does something again that the cluster did not answer to, for some time.
func (n *Node) patiently(ctx context.Context, do func() error) error {
	for end := time.Now().Add(patience); ; {
		err := do()
		if err == nil || final(err) || time.Now().After(end) {
			return err
		}
		n.log.Warn("the cluster does not answer yet", "error", err)
		select {
		case <-time.After(feedRetry):
		case <-ctx.Done():
			return err
		}
	}
}

// final says whether an error of a start will be the same the next time: what is wrong is here, or is wrong for good.
func final(err error) bool {
	return isDamage(err) || errors.Is(err, stream.ErrServer) || errors.Is(err, stream.ErrCredentials) || errors.Is(err, ErrSecret) || errors.Is(err, ErrKeyFile) ||
		errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.SyscallError))
}

// end stops what a node of a cluster does by itself.
func (c *cluster) end() {
	if c != nil {
		c.stop()
		c.tasks.Wait()
	}
}

// listen learns what other nodes say from now on.
func (n *Node) listen() {
	c := n.cluster
	for c.ctx.Err() == nil {
		for r, err := range c.records.Watch(c.ctx) {
			if err == nil {
				err = n.learn(c.ctx, r)
			}
			if errors.Is(err, ErrSecret) { // no node wrote it
				c.learned[r.Key] = true
			}
			if err != nil && c.ctx.Err() == nil {
				n.log.Error("what another node says cannot be taken in yet", "record", r.Key, "error", err)
				break
			}
		}
		select {
		case <-time.After(feedRetry):
		case <-c.ctx.Done():
		}
	}
}

// reconnects has the streams looked at after each lost connection.
func (n *Node) reconnects() {
	for {
		select {
		case <-n.conn.Reconnected():
		case <-n.cluster.ctx.Done():
			return
		}
		for _, id := range n.Organizations() {
			if o, err := n.Org(id); err == nil {
				o.Ledger.Look()
			}
		}
	}
}

func (n *Node) unseal(r stream.KeyValue) (record, error) {
	var rec record
	if err := n.cluster.secret.open(r.Key, r.Value, &rec); err != nil {
		return rec, fmt.Errorf("the cluster's record %s: %w", r.Key, err)
	}
	return rec, nil
}

// learn takes in what another node says, or this one did.
func (n *Node) learn(ctx context.Context, r stream.KeyValue) error {
	if n.cluster.learned[r.Key] {
		return nil
	}
	if err := n.learnKeys(r); err != nil {
		return err
	}
	rec, err := n.unseal(r)
	if err != nil {
		return err
	}
	if rec.Genesis != nil {
		err = n.adopt(ctx, r.Key, *rec.Genesis)
	}
	if err == nil && rec.Register != "" {
		n.cluster.tasks.Go(func() { n.register(rec.Org, rec.Register) })
	}
	n.cluster.learned[r.Key] = err == nil
	return err
}

// tell writes a record for the other nodes. The same record again is no error.
func (n *Node) tell(ctx context.Context, key string, rec record) error {
	sealed, err := n.cluster.secret.seal(key, rec)
	if err == nil {
		err = n.cluster.records.Create(ctx, key, sealed)
	}
	if err != nil {
		return fmt.Errorf("tell the other nodes: %w", err)
	}
	return nil
}

// label is the key of a record beside the organizations' own.
func label(kind, org, did string) string {
	sum := sha256.Sum256([]byte(kind + "\n" + org + "\n" + did))
	return "-" + hex.EncodeToString(sum[:15])
}

// sharing is what the ledger of an organization is told of its cluster; nil where there is none.
func (n *Node) sharing(o *Org, keys *keys) *ledger.Shared {
	if n.cluster == nil {
		return nil
	}
	return &ledger.Shared{Texts: o.texts.put, Ready: n.conn.Health, Own: keys.own}
}
