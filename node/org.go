package node

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/topic"
	"github.com/permledger/permledger/webhook"
	"github.com/permledger/permledger/witness"
)

// Org is one organization of a node: its ledger, and what is computed from it.
type Org struct {
	ID        string
	Ledger    *ledger.Ledger
	Journal   *journal.Reader // the entries, by position
	Private   *private.Store
	Fold      *projections.Fold // the state as recorded
	Access    *access.Index
	History   *history.Index
	Documents *documents.Projection
	Topic     *topic.Projection
	Activity  *Activity
	Log       *tlog.Log // tiles and checkpoints
	Webhooks  *webhook.Set
	Followers atomic.Int64 // how many streams are open to who follows it
	Stats     *Stats

	journal    *journal.Journal
	journalDir string
	stored     stored
	keys       *keys
	head       *journal.HeadFile
	stream     *stream.Log
	stop       context.CancelFunc // ends the feeds
	feeds      sync.WaitGroup
	news       *news
	texts      *sharedTexts // nil outside a cluster
	// witnesses are asked to cosign checkpoints; nil: the node has none.
	witnesses     *witness.Submitter
	wantChanges   sync.Once
	changesWanted chan struct{} // closed once somebody wants the changes published
	live          atomic.Bool   // what was to be erased before is being erased, or is
}

// Genesis is what stands outside journal and stream of a ledger that exists.
type Genesis struct {
	Source string `json:"source"`
	CID    string `json:"cid"` // of the first entry
}

// start opens a prepared organization on the running server.
func (n *Node) start(ctx context.Context, p *prepared) (*Org, error) {
	var log *stream.Log
	var err error
	if p.compare.Damage != nil {
		log, err = n.srv.CreateLog(ctx, p.name)
	} else {
		log, err = n.srv.OpenLog(ctx, p.name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	added, err := ledger.Complete(ctx, p.journal.Reader, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if added > 0 && p.compare.Damage == nil {
		n.did(p, Mended{What: fmt.Sprintf("the stream was completed from the journal with %s", eventsOf(added))})
	}
	o, err := n.assemble(ctx, p.name, p.journal)
	if err != nil {
		return nil, err
	}
	if err := n.begin(ctx, o, p.head, log); err != nil {
		_ = o.close()
		return nil, err
	}
	return o, nil
}

// assemble opens what an organization has beside its ledger. The organization has the journal from then on; after an
// error the caller has it still.
func (n *Node) assemble(ctx context.Context, name string, j *journal.Journal) (*Org, error) {
	o := &Org{
		ID: name, Journal: j.Reader, journal: j, journalDir: filepath.Join(n.orgDir(name), "journal"),
		Access: access.New(), History: history.New(), Documents: documents.New(), Topic: topic.New(),
		news: newNews(), changesWanted: make(chan struct{}), Stats: newStats(),
	}
	o.Fold = projections.NewFold(o.Access, o.History, o.Documents, o.Topic)
	var err error
	if _, err = os.Lstat(filepath.Join(n.orgDir(name), "private")); errors.Is(err, fs.ErrNotExist) && j.Len() > 0 {
		n.log.Warn("the file of private texts is missing: reasons and names that it held are withheld, unless a backup's copy is put back", "organization", name)
	}
	if o.Private, err = private.Open(filepath.Join(n.orgDir(name), "private")); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if k := o.Private.Damaged(); k > 0 {
		n.log.Warn("private texts are damaged and count as withheld", "organization", name, "texts", k)
	}
	if o.Activity, err = openActivity(ctx, n.conn, name, n.log); err != nil {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(err, o.Private.Close()))
	}
	if n.cluster != nil {
		o.texts = newSharedTexts(n, name, o.Private)
	}
	return o, nil
}

// begin opens the ledger, folds it and lets the feeds run.
func (n *Node) begin(ctx context.Context, o *Org, head *journal.HeadFile, log *stream.Log) error {
	keys, err := n.keys.of(o.ID)
	if err != nil {
		return err
	}
	o.head, o.stream, o.keys = head, log, keys
	if o.Log, err = n.newLog(o); err != nil {
		return err
	}
	o.Ledger, err = ledger.Open(ctx, ledger.Config{
		Organization: o.ID, Journal: o.journal, Head: head, Log: log, Private: o.Private, Keys: keys, Now: n.opts.Now, Logger: n.log,
		Room: n.room, Shared: n.sharing(o, keys), Headed: o.Log.Headed,
		Applied: func(en *chain.Entry) {
			if o.texts != nil {
				o.texts.want(en)
			}
			o.Fold.Apply(en)
			if d, ok := en.Event.Data.(*events.SubjectErased); ok && o.live.Load() {
				n.erase(o, d.Texts)
			}
			o.news.tell()
		},
		Snapshots: &ledger.Snapshots{
			Path: filepath.Join(n.orgDir(o.ID), "snapshot"), Live: o.Fold, Turn: n.keeping, Every: n.opts.snapshotEvery,
			Fresh: func() ledger.Folding {
				return projections.NewFold(access.New(), history.New(), documents.New(), topic.New())
			},
		},
		Refused: func(c events.Command, r *rules.Refusal) {
			o.Stats.refused(r.Code)
			o.Activity.refused(n.opts.Now(), c, r)
		},
		Wrote: o.Stats.wrote,
	})
	if err != nil {
		return err
	}
	if err = o.Log.Open(); err == nil {
		err = n.eraseAgain(o)
	}
	if err == nil {
		err = n.openWebhooks(o)
	}
	if err != nil {
		err = errors.Join(err, o.Ledger.Close())
		o.Log.Close()
		o.Ledger = nil
		return err
	}
	feeds, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.feeds.Go(func() { o.Activity.run(feeds) })
	o.feeds.Go(func() { publishTopic(feeds, n.conn, o, n.log) })
	if n.opts.PublishChanges {
		o.PublishChanges()
	}
	o.feeds.Go(func() { publishChanges(feeds, n.conn, o, n.log) })
	o.feeds.Go(func() { n.tendCheckpointKey(feeds, o) })
	o.feeds.Go(func() { n.beat(feeds, o) })
	n.askWitnesses(o)
	if n.cluster != nil {
		o.feeds.Go(func() { o.texts.run(feeds) })
		o.feeds.Go(func() { n.enlist(feeds, o, keys) })
	}
	return nil
}

// Source gives the ledger's name.
func (o *Org) Source() string {
	var source string
	o.Fold.Read(func(s *rules.State) { source = s.Source() })
	return source
}

// DID gives the DID that the organization named when it was opened; empty where it named none.
func (o *Org) DID() string {
	var did string
	o.Fold.Read(func(s *rules.State) { did = s.Opened().DID })
	return did
}

// DIDDocument gives the organization's DID document as of a position: equal positions give equal bytes.
func (o *Org) DIDDocument(position uint64) []byte {
	return document.DIDDocument(o.Source(), o.DID(), o.Documents.Keys(position))
}

// DocumentSigner gives the key that signs documents as a did:key, where the node holds it.
func (o *Org) DocumentSigner(did string) (crypto.Signer, bool) { return o.keys.Signer(did) }

// Waits says why a command would have to wait now; nil: it is decided. It asks nobody for longer than 2 s.
func (o *Org) Waits(ctx context.Context) error {
	var err error
	o.Fold.Read(func(s *rules.State) { err = o.Ledger.Signs(s) })
	if err != nil {
		return err
	}
	return o.Ledger.Waits(ctx)
}

// close closes what is open: the ledger is not where the organization did not begin.
func (o *Org) close() error {
	var err error
	if o.Ledger != nil {
		if o.witnesses != nil {
			o.witnesses.Close()
		}
		o.Webhooks.Close()
		err = o.Ledger.Close()
		o.Log.Close()
		o.stop()
		o.feeds.Wait()
	}
	return errors.Join(err, o.Private.Close(), o.journal.Close())
}

// Changed gives a channel that is closed when the next entry is applied.
func (o *Org) Changed() <-chan struct{} { return o.news.next() }

// news wakes those who wait for the next entry.
type news struct {
	mu sync.Mutex
	c  chan struct{}
}

func newNews() *news { return &news{c: make(chan struct{})} }

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.c)
	n.c = make(chan struct{})
}

func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.c
}
