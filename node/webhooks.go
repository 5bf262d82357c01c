package node

import (
	"fmt"
	"path/filepath"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/webhook"
)

// deliveries are the changes of an organization as its webhooks get them.
type deliveries struct {
	*Org
	node *Node
}

func (d deliveries) Head() uint64 { return d.Access.Head().Position }

func (d deliveries) Message(position uint64) (webhook.Message, error) {
	m, err := d.Change(position)
	if err != nil {
		return webhook.Message{}, err
	}
	body := fmt.Appendf(nil, `{"type":"permledger.change.%s","timestamp":"%s","data":%s}`, m.Kind, m.Time, m.Bytes())
	return webhook.Message{ID: fmt.Sprintf("change-%s-%d", d.ID, position), Kind: string(m.Kind), Body: body}, nil
}

// May says whether a subject, by its id, may read what changes. What no subject answers for, the operator does.
func (d deliveries) May(by string) (ok bool) {
	id, err := ulid.ParseStrict(by)
	if err != nil {
		return true
	}
	d.Fold.Read(func(s *rules.State) { ok = s.Acts(id) && s.May(id, rules.ActionHistoryRead, "", d.node.opts.Now()) })
	return ok
}

// openWebhooks opens the organization's webhooks. Only a node that serves delivers.
func (n *Node) openWebhooks(o *Org) error {
	opts := n.opts.Webhooks
	if opts.Logger == nil {
		opts.Logger = n.log
	}
	if opts.Now == nil {
		opts.Now = n.opts.Now
	}
	var err error
	o.Webhooks, err = webhook.Open(filepath.Join(n.orgDir(o.ID), "webhooks"), deliveries{o, n}, opts)
	if err != nil {
		return fmt.Errorf("%s: %w", o.ID, err)
	}
	return nil
}
