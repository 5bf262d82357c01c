package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/history"
	"github.com/permledger/permledger/projections/topic"
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

	journal *journal.Journal
	stop    context.CancelFunc // ends the feeds
	feeds   sync.WaitGroup
	news    *news
	texts   *sharedTexts // nil outside a cluster
}

// Genesis is what stands outside journal and stream of a ledger that exists.
type Genesis struct {
	Source string `json:"source"`
	CID    string `json:"cid"` // of the first entry
}

// prepared is an organization that was looked at before the server started.
type prepared struct {
	name    string
	genesis Genesis
	journal *journal.Journal
	head    *journal.HeadFile
	compare ledger.Comparison
}

// prepare opens the journal and compares it with the stream's files. It changes neither, but for what an opening that was
// interrupted left behind: that it moves away, and gives nil.
func (n *Node) prepare(name string) (*prepared, error) {
	dir := n.orgDir(name)
	p := &prepared{name: name}
	b, err := os.ReadFile(filepath.Join(dir, "genesis"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, n.abandon(name)
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &p.genesis); err != nil {
		return nil, fmt.Errorf("%s: genesis: %w", name, err)
	}
	if _, err := n.keys.of(name); err != nil {
		return nil, err
	}
	if p.head, err = journal.OpenHead(filepath.Join(dir, "head"), false); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if p.journal, err = journal.Open(filepath.Join(dir, "journal"), journal.Options{}); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if p.compare, err = ledger.Compare(p.journal.Reader, n.store(), name); err == nil {
		err = p.check()
	}
	if err != nil {
		_ = p.journal.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// check says whether the history that both copies give together begins and ends where it must, and whether what one of
// them is about to be completed with holds: what is damaged is given to nobody.
func (p *prepared) check() error {
	head, known, err := p.head.Load()
	if err != nil {
		return err
	}
	c := &p.compare
	if have := c.Journal + uint64(len(c.OnlyStream)); known && have < head.Position {
		return fmt.Errorf("%w: %d events are here, %d were recorded: an old copy was put back, or the end was lost", ledger.ErrRolledBack, have, head.Position)
	}
	first := "none"
	if c.Journal > 0 {
		raw, err := p.journal.Read(1)
		if err != nil {
			return err
		}
		first = chain.CID(raw)
	} else if len(c.OnlyStream) > 0 {
		first = chain.CID(c.OnlyStream[0])
	}
	if first != p.genesis.CID {
		return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: p.genesis.CID, Found: first}
	}
	if c.Damage == nil && c.Stream == c.Journal && len(c.OnlyStream) == 0 {
		return nil
	}
	var v chain.Verifier
	for r, err := range p.journal.Range(1, c.Journal) {
		if err != nil {
			return err
		}
		look := chain.Inspect
		if c.Damage == nil && r.Position <= c.Stream { // both hold it, and it stays where it is
			look = chain.Load
		}
		if err := v.Next(look(bytes.Clone(r.Entry)), ""); err != nil {
			return fmt.Errorf("the journal: %w", err)
		}
	}
	for _, raw := range c.OnlyStream {
		if err := v.Next(chain.Inspect(raw), ""); err != nil {
			return fmt.Errorf("the stream, behind the journal's end: %w", err)
		}
	}
	return nil
}

// mend completes the journal from the stream's files and sets those aside that must be made again.
func (n *Node) mend(p *prepared) error {
	if _, torn := p.journal.Torn(); torn > 0 {
		kept, err := p.journal.CutTorn()
		if err != nil {
			return err
		}
		n.log.Warn("the last write was cut off; its bytes are set aside", "organization", p.name, "bytes", torn, "kept", kept)
	}
	if err := ledger.Extend(p.journal, p.compare.OnlyStream); err != nil {
		return err
	}
	if k := len(p.compare.OnlyStream); k > 0 {
		n.log.Warn("the journal was completed from the stream", "organization", p.name, "events", k)
	}
	if p.compare.Damage == nil {
		return nil
	}
	if p.compare.Missing() {
		n.log.Warn("the stream is missing and is made again from the journal", "organization", p.name, "events", p.journal.Len())
		return nil
	}
	return n.setStreamAside(p)
}

// setStreamAside moves the stream's directory away; no server may run.
func (n *Node) setStreamAside(p *prepared) error {
	aside := filepath.Join(n.dir, "orgs", p.name, "stream-aside-"+n.opts.Now().UTC().Format("20060102T150405.000"))
	n.log.Warn("the stream is damaged; it is set aside and made again from the journal", "organization", p.name, "damage", p.compare.Damage, "kept", aside)
	return stream.SetAside(n.store(), p.name, aside)
}

// abandon moves away what an opening left that was interrupted before it was acknowledged. An organization with more
// than its first entry was opened to the end: without its genesis file it is damaged, and stays where it is.
func (n *Node) abandon(name string) error {
	j, err := journal.OpenReader(filepath.Join(n.orgDir(name), "journal"), journal.Options{})
	if err != nil && !errors.Is(err, journal.ErrMissing) {
		return fmt.Errorf("%s: the genesis file is missing, and the journal cannot be read: %w", name, err)
	}
	if err == nil && j.Len() > 1 {
		return fmt.Errorf("%s: %w", name, &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: "the file orgs/" + name + "/genesis", Found: "none beside " + fmt.Sprint(j.Len()) + " entries"})
	}
	aside, err := n.setAside(name)
	if err != nil {
		return err
	}
	err = stream.SetAside(n.store(), name, filepath.Join(aside, "stream"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// setAside moves away the directory of an organization that was never opened, to a name that no organization can have.
func (n *Node) setAside(name string) (aside string, err error) {
	aside = filepath.Join(n.dir, "orgs", "_"+name+"-interrupted-"+n.opts.Now().UTC().Format("20060102T150405.000"))
	if err := os.Rename(n.orgDir(name), aside); err != nil {
		return "", err
	}
	n.log.Warn("an organization was never opened to the end; what it left is set aside", "organization", name, "kept", aside)
	return aside, nil
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
	if added > 0 {
		n.log.Info("the stream was completed from the journal", "organization", p.name, "events", added)
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
		ID: name, Journal: j.Reader, journal: j,
		Access: access.New(), History: history.New(), Documents: documents.New(), Topic: topic.New(),
		news: newNews(),
	}
	o.Fold = projections.NewFold(o.Access, o.History, o.Documents, o.Topic)
	var err error
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
	o.Ledger, err = ledger.Open(ctx, ledger.Config{
		Organization: o.ID, Journal: o.journal, Head: head, Log: log, Private: o.Private, Keys: keys, Now: n.opts.Now, Logger: n.log,
		Shared: n.sharing(o, keys),
		Applied: func(en *chain.Entry) {
			if o.texts != nil {
				o.texts.want(en)
			}
			o.Fold.Apply(en)
			o.news.tell()
		},
		Refused: func(c events.Command, r *rules.Refusal) { o.Activity.refused(n.opts.Now(), c, r) },
	})
	if err != nil {
		return err
	}
	feeds, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.feeds.Go(func() { o.Activity.run(feeds) })
	o.feeds.Go(func() { publishTopic(feeds, n.conn, o, n.log) })
	if n.cluster != nil {
		o.feeds.Go(func() { o.texts.run(feeds) })
		o.feeds.Go(func() { n.enlist(feeds, o, keys) })
	}
	return nil
}

// close closes what is open: the ledger is not where the organization did not begin.
func (o *Org) close() error {
	var err error
	if o.Ledger != nil {
		err = o.Ledger.Close()
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
