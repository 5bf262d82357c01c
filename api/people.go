package api

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/history"
)

// people knows which commitments stand for the names and the e-mail addresses of an organization's subjects, as of each
// position. It holds no names: these are looked up when they are asked for, so that an erased one is found no more. It is
// filled from the entries when somebody asks, and takes in what came since. Its zero value is ready for use.
type people struct {
	mu   sync.RWMutex
	upTo uint64 // position
	said map[ulid.ULID][]calling
}

// calling is what a subject is called from a position on.
type calling struct {
	at    uint64
	texts [2]events.Digest // name and e-mail address; zero: none
}

// peopleOf are the people of each organization of a server.
type peopleOf struct {
	mu  sync.Mutex
	org map[*node.Org]*people
}

// of gives the people of an organization as far as its ledger goes now.
func (p *peopleOf) of(o *node.Org) (*people, error) {
	p.mu.Lock()
	if p.org == nil {
		p.org = map[*node.Org]*people{}
	}
	one := p.org[o]
	if one == nil {
		one = &people{said: map[ulid.ULID][]calling{}}
		p.org[o] = one
	}
	p.mu.Unlock()
	return one, one.follow(o)
}

// follow takes in what an organization recorded since.
func (p *people) follow(o *node.Org) error {
	head := o.Access.Head().Position
	p.mu.RLock()
	upTo := p.upTo
	p.mu.RUnlock()
	if upTo >= head {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found, _ := o.History.Find(history.Query{
		Types: []events.Type{"subject.added", "subject.invited", "subject.updated"}, From: p.upTo + 1, To: head,
	})
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n]-found[n-1] <= readOver {
			n++
		}
		if err := p.take(o, found[:n]); err != nil {
			return err
		}
		found = found[n:]
	}
	p.upTo = head
	return nil
}

// readOver is how many entries are read at most to get to the next that is wanted: each reading anew opens a file.
const readOver = 16

// take takes in some entries that stand near each other.
func (p *people) take(o *node.Org, found []uint64) error {
	for r, err := range o.Journal.Range(found[0], found[len(found)-1]) {
		if err != nil {
			return err
		}
		if _, wanted := slices.BinarySearch(found, r.Position); !wanted {
			continue
		}
		en, err := chain.Parse(r.Entry)
		if err != nil {
			return &chain.BrokenError{Position: r.Position, Check: chain.CheckForm, Err: err}
		}
		if id, texts, ok := namedBy(en.Event.Data); ok {
			p.say(id, r.Position, texts)
		}
		p.upTo = r.Position
	}
	return nil
}

// namedBy gives what an event says that a subject is called; false: nothing.
func namedBy(d events.Data) (id ulid.ULID, texts [2]events.Digest, ok bool) {
	switch d := d.(type) {
	case *events.SubjectAdded:
		id, texts = d.Subject, [2]events.Digest{d.DisplayName, d.Email}
	case *events.SubjectInvited:
		id, texts = d.Subject, [2]events.Digest{d.DisplayName, d.Email}
	case *events.SubjectUpdated:
		id, texts = d.Subject, [2]events.Digest{d.DisplayName, d.Email}
	}
	return id, texts, texts != [2]events.Digest{}
}

// say notes what an event names; what it does not stays as it was.
func (p *people) say(id ulid.ULID, at uint64, texts [2]events.Digest) {
	list := p.said[id]
	if n := len(list); n > 0 {
		for i := range texts {
			texts[i] = cmp.Or(texts[i], list[n-1].texts[i])
		}
	}
	p.said[id] = append(list, calling{at, texts})
}

// texts gives the commitments to the name and the e-mail address that a subject has as of a position.
func (p *people) texts(id ulid.ULID, position uint64) [2]events.Digest {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, n := range slices.Backward(p.said[id]) {
		if n.at <= position {
			return n.texts
		}
	}
	return [2]events.Digest{}
}

// folded writes a text so that two that differ in case alone are the same.
func folded(text string) string { return strings.ToLower(strings.ToUpper(text)) }
