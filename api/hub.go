package api

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/changes"
)

// hubKept is how many of the newest entries a hub keeps as they are shown: whoever is further behind has them made again.
const hubKept = 256

// A hub makes what is recorded in one organization ready once for all who follow it. It knows nobody who does: each reads
// at its own pace from the position it is at, so a slow one holds up nobody and takes no room here.
type hub struct {
	org  *node.Org
	mu   sync.Mutex
	kept [hubKept]*shown // by position
}

// shown is an entry as those see it who follow an organization.
type shown struct {
	at      uint64
	once    sync.Once
	err     error
	entry   *chain.Entry
	message changes.Message // in full
	bytes   []byte          // of the message
	event   []byte          // the message as a server-sent event
	item    atomic.Pointer[shownItem]
}

// shownItem is a line of history, as one that watches an organization sees it as of a head.
type shownItem struct {
	head  uint64
	bytes []byte
}

// at gives what stands at a position that there is.
func (h *hub) at(position uint64) (*shown, error) {
	h.mu.Lock()
	s := h.kept[position%hubKept]
	if s == nil || s.at != position {
		s = &shown{at: position}
		if head := h.org.Access.Head().Position; position+hubKept > head {
			h.kept[position%hubKept] = s
		}
	}
	h.mu.Unlock()
	s.once.Do(func() {
		if s.entry, s.err = h.org.Entry(position); s.err == nil {
			s.message = changes.Of(h.org.Access, s.entry)
			s.bytes = s.message.Bytes()
			s.event = appendEvent(nil, position, string(s.message.Kind), s.bytes)
		}
	})
	if s.err != nil {
		h.mu.Lock()
		if h.kept[position%hubKept] == s {
			h.kept[position%hubKept] = nil // it may be read the next time
		}
		h.mu.Unlock()
	}
	return s, s.err
}

// itemAt gives the line of history at a position. It is kept only while nothing is recorded behind it: names change, and
// texts are erased.
func (h *hub) itemAt(c *call, position uint64) ([]byte, error) {
	s, err := h.at(position)
	if err != nil {
		return nil, err
	}
	head := h.org.Access.Head().Position
	if have := s.item.Load(); have != nil && have.head == head {
		return have.bytes, nil
	}
	item, err := c.itemOf(s.entry)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := encodeTo(&b, item); err != nil {
		return nil, err
	}
	if position == head {
		s.item.Store(&shownItem{head, b.Bytes()})
	}
	return b.Bytes(), nil
}

// hubs are those of a server, by organization.
type hubs struct {
	mu      sync.Mutex
	all     map[string]*hub
	streams map[string]int // how many are open, by organization, and by organization and caller
}

func (h *hubs) of(org *node.Org) *hub {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[string]*hub{}
	}
	one := h.all[org.ID]
	if one == nil || one.org != org {
		one = &hub{org: org}
		h.all[org.ID] = one
	}
	return one
}

// open counts a stream of a caller; false: there are as many as there may be.
func (h *hubs) open(org, caller string, each, all int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams == nil {
		h.streams = map[string]int{}
	}
	if h.streams[org] >= all || h.streams[org+" "+caller] >= each {
		return false
	}
	h.streams[org]++
	h.streams[org+" "+caller]++
	return true
}

func (h *hubs) closed(org, caller string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range []string{org, org + " " + caller} {
		if h.streams[name]--; h.streams[name] == 0 {
			delete(h.streams, name)
		}
	}
}
