package node

import (
	"fmt"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/projections/history"
)

// erase removes private texts that an entry erased, once that entry is durable: a crash in between leaves them to the next
// start. So does a failure, which is said; the entry stays recorded, for it is what the next start goes by.
func (n *Node) erase(o *Org, texts []events.Digest) {
	removed, err := o.Private.Erase(texts...)
	if err != nil {
		n.log.Error("private texts are not erased yet; the next start does it", "organization", o.ID, "error", err)
	} else {
		n.log.Info("private texts were erased", "organization", o.ID, "texts", removed)
	}
	if o.texts != nil {
		o.texts.erase(texts)
	}
}

// eraseAgain removes all that the ledger ever erased: a crash may have come before it was, or an old copy of the private
// texts may have been put back. What is recorded from here on, erase removes.
func (n *Node) eraseAgain(o *Org) error {
	o.live.Store(true)
	found, _ := o.History.Find(history.Query{Types: []events.Type{(*events.SubjectErased)(nil).Type()}})
	var all []events.Digest
	for _, at := range found {
		en, err := o.Entry(at)
		if err != nil {
			return fmt.Errorf("%s: what was erased: %w", o.ID, err)
		}
		all = append(all, en.Event.Data.(*events.SubjectErased).Texts...)
	}
	removed, err := o.Private.Erase(all...)
	if err != nil {
		return fmt.Errorf("%s: %w", o.ID, err)
	}
	if removed > 0 {
		n.log.Warn("private texts that were erased were here again and are erased again", "organization", o.ID, "texts", removed)
	}
	if o.texts != nil && len(all) > 0 {
		o.texts.erase(all)
	}
	return nil
}

// Entry reads an entry of the journal, which was verified when it was taken in.
func (o *Org) Entry(at uint64) (*chain.Entry, error) {
	raw, err := o.Journal.Read(at)
	if err != nil {
		return nil, err
	}
	return chain.Parse(raw)
}
