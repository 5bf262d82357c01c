package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
)

// glance is look in the fast pass: two hashes, and what links the entry. Only entries that change keys are parsed.
func glance(r Raw) looked {
	l := looked{subject: r.Subject, leaf: tree.Leaf(r.Bytes)}
	l.CID = chain.CID(r.Bytes)
	var err error
	if l.link, err = chain.Glance(r.Bytes); err == nil {
		l.Entry, err = ofKeys(l.link.Schema, r.Bytes)
	}
	if err != nil {
		l.Err = &chain.BrokenError{Check: chain.CheckForm, Err: err}
	}
	return l
}

// ofKeys parses an entry that says which keys sign, or that changes them; of others it gives nil. An entry of a schema
// that this release does not know may do so too.
func ofKeys(schema, raw []byte) (*chain.Entry, error) {
	name, _ := strings.CutPrefix(string(schema), "urn:permledger:")
	if strings.HasPrefix(name, "key.") || strings.HasPrefix(name, "organization.opened:") {
		return chain.Parse(raw)
	}
	return nil, events.KnowsSchema(string(schema))
}

// follow is next in the fast pass: place, link, source and the tree.
func (f *fold) follow(p looked) error {
	at := f.report.Position + 1
	broken := func(check, expected, found string) error {
		return &chain.BrokenError{Position: at, Check: check, Expected: expected, Found: found}
	}
	switch l := p.link; {
	case p.Err != nil:
		b := *p.Err
		b.Position = at
		return &b
	case l.Sequence != at:
		return broken(chain.CheckPosition, fmt.Sprint("sequence ", at), fmt.Sprint(l.Sequence))
	case string(l.Prev) != f.report.CID:
		return broken(chain.CheckLink, "prev "+f.report.CID, string(l.Prev))
	case at == 1:
		if err := f.begins(p.CID, string(l.Source)); err != nil {
			return err
		}
	case string(l.Source) != f.report.Source:
		return broken(chain.CheckSource, f.report.Source, string(l.Source))
	}
	if p.Entry != nil {
		f.noteKeys(p.Entry.Event)
	}
	f.lastText = p.link.Time
	return f.grow(p.CID, p.leaf)
}

// lastTime gives the time that the last entry says.
func (f *fold) lastTime() (time.Time, error) {
	if f.lastText == nil {
		return f.last, nil
	}
	at, err := time.Parse(canon.TimeLayout, string(f.lastText))
	if err != nil {
		return at, &chain.BrokenError{Position: f.report.Position, Check: chain.CheckTime, Err: err}
	}
	return at, nil
}
