package node

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// In a cluster the streams lie on NATS servers of their own, and any number of nodes write to them, each with a data
// directory: a journal, a head and projections of its own. Which organizations there are, the nodes tell each other in the
// stream CLUSTER, sealed with the secret in node/cluster.key.
//
// Each node signs entries with an event key of its own, which another node registers for it in the name of the ledger's
// own actor; so that who sealed an entry can be told, and one node's key be revoked. The key that signs documents is the
// organization's, and shared.

var (
	// ErrClustered says that a directory belongs to a cluster, and that its servers were not named.
	ErrClustered = errors.New("this directory belongs to a cluster: name its NATS servers with --nats")
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
	Genesis  *Genesis `json:"genesis,omitempty"`  // an organization was opened, with Document
	Document []byte   `json:"document,omitempty"` // seed of a key that signs documents
	Org      string   `json:"org,omitempty"`      // of a Document or a Register that comes later
	Register string   `json:"register,omitempty"` // did:key of an event key that a node wants to sign with
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
	}); err != nil {
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
	return isDamage(err) || errors.Is(err, stream.ErrServer) || errors.Is(err, ErrSecret) || errors.Is(err, ErrKeyFile) ||
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

// learnKeys keeps the document key that a record brings.
func (n *Node) learnKeys(r stream.KeyValue) error {
	rec, err := n.unseal(r)
	if err != nil || len(rec.Document) == 0 {
		return err
	}
	org := rec.Org
	if rec.Genesis != nil {
		org = r.Key
	}
	if len(rec.Document) != ed25519.SeedSize {
		return fmt.Errorf("the cluster's record %s holds no key", r.Key)
	}
	keys, err := n.keys.of(org)
	if err != nil {
		return err
	}
	return keys.keep(ed25519.NewKeyFromSeed(rec.Document))
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

// announce tells the other nodes of an organization that was opened here.
func (n *Node) announce(ctx context.Context, id string, g Genesis, documentKey string) error {
	keys, err := n.keys.of(id)
	if err != nil {
		return err
	}
	key, ok := keys.Signer(documentKey)
	if !ok {
		return fmt.Errorf("the node does not hold the document key of %s", id)
	}
	return n.tell(ctx, id, record{Genesis: &g, Document: key.Seed()})
}

// NewDocumentKey is [Node.NewKey] for the key that signs documents: in a cluster the other nodes get it too, before it is
// recorded.
func (n *Node) NewDocumentKey(ctx context.Context, org string) (string, error) {
	did, err := n.NewKey(org)
	if err != nil || n.cluster == nil {
		return did, err
	}
	keys, err := n.keys.of(org)
	if err != nil {
		return "", err
	}
	key, _ := keys.Signer(did)
	return did, n.tell(ctx, label("document", org, did), record{Org: org, Document: key.Seed()})
}

// has says whether an organization is here, or is being opened here.
func (n *Node) has(id string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	_, open := n.orgs[id]
	_, opening := n.opened[id]
	return open || opening
}

// adopt takes in an organization that another node opened, unless it is here.
func (n *Node) adopt(ctx context.Context, id string, g Genesis) error {
	n.cluster.adopt.Lock()
	defer n.cluster.adopt.Unlock()
	if n.has(id) {
		return nil
	}
	if g.Source != n.host+"/"+id {
		return fmt.Errorf("%s: it is the ledger %s, and this node is of %s", id, g.Source, n.host)
	}
	err := n.createShared(id, g)
	if err == nil || errors.Is(err, fs.ErrExist) { // it was begun before
		err = n.reopen(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return nil
}

// createShared makes the directory of an organization, to be filled from the stream. What a crash leaves of it before the
// genesis file is there is set aside at the next start.
func (n *Node) createShared(id string, g Genesis) error {
	dir := n.orgDir(id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Create: true})
	if err != nil {
		return err
	}
	if _, err = journal.OpenHead(filepath.Join(dir, "head"), true); err == nil {
		err = n.keepGenesis(id, g)
	}
	return errors.Join(err, j.Close())
}

// reopen opens an organization whose directory is there.
func (n *Node) reopen(ctx context.Context, name string) error {
	dir := n.orgDir(name)
	var g Genesis
	b, err := os.ReadFile(filepath.Join(dir, "genesis"))
	if errors.Is(err, fs.ErrNotExist) {
		return n.resume(ctx, name)
	}
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	head, err := journal.OpenHead(filepath.Join(dir, "head"), false)
	if err != nil {
		return err
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{})
	if err != nil {
		return err
	}
	_, torn := j.Torn()
	kept, err := j.CutTorn()
	if err != nil {
		return errors.Join(err, j.Close())
	}
	if kept != "" { // the stream has what it was
		n.log.Warn("the last write was cut off; its bytes are set aside", "organization", name, "bytes", torn, "kept", kept)
	}
	o, err := n.assemble(ctx, name, j)
	if err != nil {
		return errors.Join(err, j.Close())
	}
	if err := n.beginShared(ctx, o, head, g); err != nil {
		return errors.Join(err, o.close())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.orgs[name] = o
	return nil
}

// resume finishes an opening that this node was interrupted in after its first entry was recorded. What another one
// opened, or nobody, leaves nothing here.
func (n *Node) resume(ctx context.Context, name string) error {
	first, err := n.firstEntry(ctx, name)
	if err != nil {
		return err
	}
	if first == nil {
		return n.abandon(name)
	}
	d, ok := first.Event.Data.(*events.OrganizationOpened)
	keys, err := n.keys.of(name)
	if err != nil {
		return err
	}
	if ok {
		_, ok = keys.Signer(d.Keys.Event)
	}
	if !ok {
		return n.abandon(name)
	}
	g := Genesis{Source: first.Event.Source, CID: first.CID()}
	if err := n.announce(ctx, name, g, d.Keys.Document); err != nil {
		return err
	}
	if _, err := n.setAside(name); err != nil {
		return err
	}
	return n.adopt(ctx, name, g)
}

// firstEntry gives the first entry of a stream; nil where there is none.
func (n *Node) firstEntry(ctx context.Context, name string) (*chain.Entry, error) {
	log, err := n.conn.OpenLog(ctx, name)
	if errors.Is(err, stream.ErrMissing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if last, _, err := log.Last(ctx); err != nil || last == 0 {
		return nil, err
	}
	m, err := log.Read(ctx, 1)
	if err != nil {
		return nil, err
	}
	return chain.Parse(m.Data)
}

// beginShared opens the ledger of an organization of the cluster.
func (n *Node) beginShared(ctx context.Context, o *Org, head *journal.HeadFile, g Genesis) error {
	log, err := n.conn.OpenLog(ctx, o.ID)
	if err != nil {
		return err
	}
	first, err := log.Read(ctx, 1)
	if err != nil {
		return err
	}
	if cid := chain.CID(first.Data); cid != g.CID {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: g.CID, Found: cid}
	}
	return n.begin(ctx, o, head, log)
}

// sharing is what the ledger of an organization is told of its cluster; nil where there is none.
func (n *Node) sharing(o *Org, keys *keys) *ledger.Shared {
	if n.cluster == nil {
		return nil
	}
	return &ledger.Shared{Texts: o.texts.put, Ready: n.conn.Health, Own: keys.own}
}

// createLog makes the stream of an organization. In a cluster an opening that was interrupted, here or elsewhere, leaves
// an empty one: whoever writes its first entry has opened it.
func (n *Node) createLog(ctx context.Context, id string) (*stream.Log, error) {
	log, err := n.conn.CreateLog(ctx, id)
	if n.cluster == nil || !errors.Is(err, stream.ErrExists) {
		return log, err
	}
	log, failed := n.conn.OpenLog(ctx, id)
	if failed != nil {
		return nil, failed
	}
	if last, _, failed := log.Last(ctx); failed != nil || last > 0 {
		return nil, errors.Join(failed, err)
	}
	return log, nil
}

// elsewhere refuses to open an organization that another node has opened.
func (n *Node) elsewhere(ctx context.Context, id string) error {
	if n.cluster == nil {
		return nil
	}
	switch _, err := n.cluster.records.Get(ctx, id); {
	case err == nil:
		return &rules.Refusal{Code: rules.AlreadyOpened, Reason: fmt.Sprintf("The organization %s is in this cluster already", id)}
	case errors.Is(err, stream.ErrNoEntry):
		return nil
	default:
		return fmt.Errorf("%w: ask the cluster for %s: %w", ledger.ErrWait, id, err)
	}
}

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
			did, err := keys.make()
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
				c.Ledger, c.Actor = s.Source(), d.Node
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
