// Package replay decides again what a ledger says was decided: whether an entry, whose place and signatures were verified
// ([chain.Verifier]), is what the rules, on the state before it, make of its command, and whether its document is what the
// state after it gives. This is what a signature cannot say: a stolen event key signs anything, and the rules still refuse.
//
// It is pure: it asks no clock and reads nothing but what it is given.
package replay

import (
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// Apply takes the next entry into the state. root gives the root of the tree of the entries before it, of each size. An
// error is a [*chain.BrokenError], with the position; the state is of no use any more then.
func Apply(state *rules.State, en *chain.Entry, root func(size uint64) (tree.Hash, bool)) error {
	e := en.Event
	if err := en.Evidence.Saw(e.Sequence, root); err != nil {
		return &chain.BrokenError{Position: e.Sequence, Check: chain.CheckEvidence, Err: err}
	}
	if err := legitimate(state, en); err != nil {
		return err
	}
	documented := state.Documented(e.Data)
	rules.Evolve(state, e)
	return documents(state, en, documented)
}

// legitimate decides the command again: nothing stands in a ledger that its rules, on the state before, did not make of a
// command.
func legitimate(state *rules.State, en *chain.Entry) error {
	e := en.Event
	broken := func(found string, err error) error {
		return &chain.BrokenError{Position: e.Sequence, Check: chain.CheckRules, Expected: "what the rules make of the command", Found: found, Err: err}
	}
	again, err := rules.Decide(state, events.CommandOf(e), e.Time)
	if err != nil {
		return broken("an event that the rules refuse", err)
	}
	again.Sequence, again.Prev = e.Sequence, e.Prev
	b, err := again.Encode()
	if err != nil {
		return broken("an event that cannot be written again", err)
	}
	if string(b) != string(en.EventBytes()) {
		return broken("another effect", nil)
	}
	return nil
}

// documents demands that an entry carries a document exactly where the state before it said so, and the one that the state
// after it gives.
func documents(state *rules.State, en *chain.Entry, documented bool) error {
	e := en.Event
	broken := func(expected, found string, err error) error {
		return &chain.BrokenError{Position: e.Sequence, Check: chain.CheckDocument, Expected: expected, Found: found, Err: err}
	}
	switch {
	case documented && en.Document == nil:
		return broken("a document", "none", nil)
	case !documented && en.Document != nil:
		return broken("no document", en.Document.CID, nil)
	case !documented:
		return nil
	}
	if _, err := document.Rebuild(state, e, en.Document); err != nil {
		return broken("the document that the state gives", en.Document.CID, err)
	}
	return nil
}
