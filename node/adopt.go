package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

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
		return n.anew(name, err)
	}
	if err := lookFirst(ctx, dir, g, head); err != nil {
		return n.anew(name, err)
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
		// The way out is another one where the journal holds, and the cluster's stream does not.
		if h, _, failed := head.Load(); isDamage(err) && failed == nil && isDamage(holds(ctx, j.Reader, g.CID, h, nil)) {
			err = n.anew(name, err)
		}
		return errors.Join(err, o.close())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.orgs[name] = o
	return nil
}

// lookFirst compares a journal with the head record before anything is cut from it. The opening of the ledger does so
// again, and looks at the links: they are looked at here only where there is something to cut.
func lookFirst(ctx context.Context, dir string, g Genesis, file *journal.HeadFile) error {
	head, _, err := file.Load()
	if err != nil {
		return err
	}
	j, err := journal.OpenReader(filepath.Join(dir, "journal"), journal.Options{})
	if err != nil {
		return err
	}
	if _, torn := j.Torn(); torn > 0 || j.Len() < head.Position {
		return holds(ctx, j, g.CID, head, nil)
	}
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
	if err := n.announce(ctx, name, g, d.Keys); err != nil {
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

// announce tells the other nodes of an organization that was opened here, with the keys that all of them sign with.
func (n *Node) announce(ctx context.Context, id string, g Genesis, of events.Keys) error {
	keys, err := n.keys.of(id)
	if err != nil {
		return err
	}
	rec := record{Genesis: &g}
	for _, one := range []struct{ did, purpose string }{{of.Document, events.PurposeDocument}, {of.Checkpoint, events.PurposeCheckpoint}} {
		if one.did == "" { // an organization that was opened by older rules
			continue
		}
		if err := rec.bring(keys, one.did, one.purpose); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return n.tell(ctx, id, rec)
}
