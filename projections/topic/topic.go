package topic

import (
	"context"
	"fmt"
	"sort"
	"sync"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/rules"
)

// Posted is one message in its place in the topic.
type Posted struct {
	Position uint64 // of the entry that it announces
	Bytes    []byte // must not be changed
}

// Projection is an organization's topic: one message for each entry that changes a role, or what somebody holds, and
// carries a document. Apply is for one goroutine; the other methods are for any. Messages are only ever added.
type Projection struct {
	mu       sync.RWMutex
	messages []Posted      // by position
	more     chan struct{} // closed, and replaced, with each message
	err      error         // of the first message that [Message.Validate] refuses
	wrong    int           // its index
}

// New gives the topic before the first entry.
func New() *Projection { return &Projection{more: make(chan struct{})} }

// Apply takes in an entry. It implements projections.Projection.
func (p *Projection) Apply(en *chain.Entry, after *rules.State) {
	if en.Document == nil || !rules.Announced(en.Event.Data) {
		return
	}
	m := Announcement(en, after)
	err := m.Validate()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && p.err == nil {
		p.err, p.wrong = refused(en.Event.Sequence, err), len(p.messages)
	}
	p.messages = append(p.messages, Posted{en.Event.Sequence, m.Bytes()})
	close(p.more)
	p.more = make(chan struct{})
}

func refused(position uint64, err error) error {
	return fmt.Errorf("message of event %d: %w", position, err)
}

// Announcement gives the message of an entry for which [rules.State.Documented] and [rules.Announced] both hold; after
// is the state with it.
func Announcement(en *chain.Entry, after *rules.State) Message {
	m := Message{ID: rules.UUID(en.Event.ID), Issuer: after.DID(), CID: en.Document.CID}
	switch en.Event.Data.(type) {
	case *events.RoleCreated:
		m.Action = CreateRole
	case *events.RoleUpdated:
		m.Action = UpdateRole
	case *events.RoleDeleted:
		m.Action = DeleteRole
	default:
		m.Action = SetRole
	}
	about, _ := document.About(en.Event.Data)
	if m.Action == SetRole {
		u, _ := after.Subject(about.ID)
		m.User = u.DID
		return m
	}
	r, _ := after.Role(about.ID) // deleted ones too, as they last were
	m.UUID, m.Name, m.Description = rules.UUID(about.ID), r.Name, r.Description
	return m
}

// Err gives the first message that is not as [Message.Validate] wants it; nil where all are. Such a message is in its
// place all the same, for what it announces has happened.
func (p *Projection) Err() error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.err
}

// Len says how many messages there are.
func (p *Projection) Len() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.messages)
}

// Message gives the message with index i, from 0; false where there is none yet.
func (p *Projection) Message(i int) (Posted, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if i < 0 || i >= len(p.messages) {
		return Posted{}, false
	}
	return p.messages[i], true
}

// From gives the index of the first message of an entry at or after a position: [Projection.Len] where there is none
// yet.
func (p *Projection) From(position uint64) int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return sort.Search(len(p.messages), func(i int) bool { return p.messages[i].Position >= position })
}

// Changed gives a channel that is closed when the next message is there. To miss none, ask for it before Len.
func (p *Projection) Changed() <-chan struct{} {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.more
}

// Wait waits until there are more than n messages, so that [Projection.Message] has one with index n. The error is
// ctx's.
func (p *Projection) Wait(ctx context.Context, n int) error {
	for {
		changed := p.Changed()
		if p.Len() > n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
