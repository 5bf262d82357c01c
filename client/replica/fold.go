package replica

import (
	"errors"
	"fmt"
	"iter"
	"runtime"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/replay"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
)

// fold is what is computed from the entries, beside the index and the tree.
type fold struct {
	state    *rules.State
	verifier *chain.Verifier
	last     []byte // the last entry, in its bytes
	judge           // of checkpoints

	keptAt uint64 // position of the last snapshot
}

// message is an entry as the stream gives it.
type message struct {
	position uint64 // of the stream
	subject  string
	raw      []byte
	pending  uint64 // how many more there are behind it
}

// looked is what can be found out of an entry by itself.
type looked struct {
	chain.Parsed
	message
	leaf tree.Hash
}

func look(m message) looked { return looked{chain.Inspect(m.raw), m, tree.Leaf(m.raw)} }

// few is up to how many entries one goroutine looks at them.
const few = 4

// take takes in entries in the order of the stream. An error is a [*Fault].
func (r *Replica) take(batch []message) error {
	if len(batch) <= few {
		for _, m := range batch {
			if err := r.next(look(m)); err != nil {
				return err
			}
		}
		return nil
	}
	for l, err := range chain.InOrder(runtime.GOMAXPROCS(0), all(batch), look) {
		if err != nil {
			return err
		}
		if err := r.next(l); err != nil {
			return err
		}
	}
	return nil
}

func all(batch []message) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		for _, m := range batch {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// next takes in an entry, or looks whether one that comes again is the one that was verified: a server that was started again
// may begin a little before where it is asked to.
func (r *Replica) next(l looked) error {
	at := uint64(len(r.leaves)) // only this goroutine appends
	switch {
	case l.position <= at && l.leaf == r.leaves[l.position-1]:
		return nil
	case l.position <= at:
		return r.accuse(&Fault{Kind: Fork, Position: l.position, What: fmt.Sprintf("the stream shows another entry at position %d than the one that was verified", l.position), Entry: l.raw})
	case l.position > at+1:
		return r.accuse(&Fault{Kind: Gap, Position: at + 1, What: fmt.Sprintf("position %d of the stream comes after %d: entries are missing", l.position, at), Entry: l.raw})
	}
	if err := r.verify(l); err != nil {
		b := (*chain.BrokenError)(nil)
		if errors.As(err, &b) && later(b) {
			return r.halt(&Fault{Kind: Newer, Position: at + 1, What: "the entry is of a later release than this program, which cannot judge it: update it", Err: err})
		}
		kind, what := Broken, "an entry does not hold"
		if b != nil && b.Check == chain.CheckLink && l.Err == nil {
			kind, what = Fork, "an entry that is signed does not continue those that were verified"
		}
		return r.accuse(&Fault{Kind: kind, Position: at + 1, What: what, Entry: l.raw, Err: err})
	}
	r.mu.Lock()
	r.tree.Append(l.leaf)
	r.leaves = append(r.leaves, l.leaf)
	r.mu.Unlock()
	r.last = l.raw
	r.index.Apply(l.Entry, r.state)
	r.update(func(s *Status) {
		s.Position, s.CID, s.Source, s.Behind = l.position, l.CID, l.Entry.Event.Source, l.pending
		if l.position == 1 {
			s.Genesis = l.CID
		}
	})
	return r.judgeReached()
}

// verify demands all that can be demanded of the next entry by those before it.
func (r *Replica) verify(l looked) error {
	if err := r.verifier.Next(l.Parsed, l.subject); err != nil {
		return err
	}
	e := l.Entry.Event
	if e.Sequence == 1 {
		if org := events.Organization(e.Source); org != r.o.Organization {
			return &chain.BrokenError{Position: 1, Check: chain.CheckSource, Expected: r.o.Organization, Found: org}
		}
		if err := r.begins(l.CID); err != nil {
			return err
		}
	}
	return replay.Apply(r.state, l.Entry, r.tree.Root)
}

// begins demands that the first entry is the one that is pinned.
func (r *Replica) begins(cid string) error {
	for _, pinned := range []string{r.o.Genesis, r.kept.Genesis} {
		if pinned != "" && pinned != cid {
			return &chain.BrokenError{Position: 1, Check: chain.CheckGenesis, Expected: pinned, Found: cid}
		}
	}
	return nil
}

// later says whether what does not hold is only of a later release.
func later(b *chain.BrokenError) bool {
	refusal := (*rules.Refusal)(nil)
	return errors.As(b.Err, new(*events.UnknownTypeError)) || errors.As(b.Err, &refusal) && refusal.Code == rules.UnknownRules
}
