// Package tokens answers what is so of tokens as of any moment: who owns one and who are its agents, whether it is paused,
// who is a qualified investor of it and who is blocked. It owns an index over the events about tokens; it decides nothing.
//
// The index is temporal: of each thing it holds the changes in the order of the log, with the times at which they occurred.
// So every answer is for a [View], and never changes as the log grows. The roles that owners, agents and holders have are
// not its business: projections/access, which keeps an index of this package, answers who may do what.
package tokens

import (
	"slices"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// Index is the projection. Apply is for one goroutine; the other methods are for any.
type Index struct {
	mu      sync.RWMutex
	tokens  []*token // in the order of deployment
	byID    map[string]*token
	address map[ulid.ULID]string // of wallets that events named
}

// token is a token over time. The last of each list that counts in a view is what is so in it.
type token struct {
	id, name   string
	deployed   mark
	owner      []said[ulid.ULID] // zero: nobody
	paused     []said[bool]
	registry   []said[string]
	compliance []said[string]
	condition  []said[string]
	agents     map[ulid.ULID][]said[bool]
	blocked    map[ulid.ULID][]said[bool]
	holders    map[ulid.ULID][]said[*Record] // nil: it is none
	log        []mark
}

// mark is when something was said.
type mark struct {
	position uint64
	occurred int64 // Unix milliseconds
}

type said[T any] struct {
	mark
	what T
}

// A Record is what a holder record says.
type Record struct {
	Investor   string
	OnchainID  string
	Properties []events.Property // the country among them; must not be changed
}

// A View says of when a question is: of the entries up to a position and, where it is filtered, of what had occurred by then.
type View struct {
	Position uint64
	Filtered bool
	Occurred int64 // Unix milliseconds
}

func (v View) counts(m mark) bool {
	return m.position <= v.Position && (!v.Filtered || m.occurred <= v.Occurred)
}

// last gives the last that was said in a view, and when; the zero value and mark where nothing was.
func last[T any](list []said[T], v View) (what T, at mark) {
	for _, s := range slices.Backward(list) {
		if v.counts(s.mark) {
			return s.what, s.mark
		}
	}
	return what, at
}

// New gives the index before the first entry.
func New() *Index {
	return &Index{byID: map[string]*token{}, address: map[ulid.ULID]string{}}
}

// Apply takes in an event, which comes next. Most are not about tokens.
func (x *Index) Apply(e *events.Event) {
	d, ok := e.Data.(events.TokenData)
	if !ok {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	at := mark{e.Sequence, e.Occurred().UnixMilli()}
	t := x.byID[d.Of()]
	if t == nil {
		t = &token{
			id: d.Of(), deployed: at, agents: map[ulid.ULID][]said[bool]{}, blocked: map[ulid.ULID][]said[bool]{}, holders: map[ulid.ULID][]said[*Record]{},
		}
		x.byID[t.id] = t
		x.tokens = append(x.tokens, t)
	}
	t.log = append(t.log, at)
	if c := d.Change(); c.Subject != (ulid.ULID{}) {
		x.address[c.Subject] = c.Address
	}
	t.take(d, at)
}

func (t *token) take(d events.TokenData, at mark) {
	switch d := d.(type) {
	case *events.TokenDeployed:
		t.name = d.Name
		t.owner = append(t.owner, said[ulid.ULID]{at, d.Subject})
	case *events.TokenTransferred:
		t.owner = append(t.owner, said[ulid.ULID]{at, d.Subject})
	case *events.TokenUpdated:
		if d.State != "" {
			t.paused = append(t.paused, said[bool]{at, d.State == events.TokenPaused})
		}
		if d.IdentityRegistry != "" {
			t.registry = append(t.registry, said[string]{at, d.IdentityRegistry})
		}
		if d.Compliance != "" {
			t.compliance = append(t.compliance, said[string]{at, d.Compliance})
		}
		if d.Condition != nil {
			t.condition = append(t.condition, said[string]{at, *d.Condition})
		}
	case *events.AgentAdded:
		t.agents[d.Subject] = append(t.agents[d.Subject], said[bool]{at, true})
	case *events.AgentRemoved:
		t.agents[d.Subject] = append(t.agents[d.Subject], said[bool]{at, false})
	case *events.InvestorQualified:
		t.holders[d.Subject] = append(t.holders[d.Subject], said[*Record]{at, &Record{d.Investor, d.OnchainID, d.Record()}})
	case *events.InvestorDisqualified:
		t.holders[d.Subject] = append(t.holders[d.Subject], said[*Record]{at, nil})
	case *events.WalletBlocked:
		t.blocked[d.Subject] = append(t.blocked[d.Subject], said[bool]{at, true})
	case *events.WalletUnblocked:
		t.blocked[d.Subject] = append(t.blocked[d.Subject], said[bool]{at, false})
	case *events.ChainObserved:
		switch {
		case d.Role == (ulid.ULID{}): // it was so already
		case d.Fact == events.FactOwnershipTransferred:
			t.owner = append(t.owner, said[ulid.ULID]{at, d.Subject})
		default:
			t.agents[d.Subject] = append(t.agents[d.Subject], said[bool]{at, d.Fact == events.FactAgentAdded})
		}
	}
}

// Meets says whether what a permission needs of tokens is so: of a wallet, at the token that a resource is or lies under,
// with another wallet that comes along, zero for none. A need that it does not know is not met.
func (x *Index) Meets(need string, wallet, with ulid.ULID, resource string, v View) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	t := x.byID[events.TokenOf(resource)]
	return t != nil && v.counts(t.deployed) && t.meets(need, wallet, with, v)
}

func (t *token) meets(need string, wallet, with ulid.ULID, v View) bool {
	switch need {
	case events.NeedUnpaused:
		paused, _ := last(t.paused, v)
		return !paused
	case events.NeedUnblocked:
		blocked, _ := last(t.blocked[wallet], v)
		return !blocked
	case events.NeedTokenRole:
		owner, _ := last(t.owner, v)
		agent, _ := last(t.agents[with], v)
		return with != (ulid.ULID{}) && (owner == with || agent)
	}
	record, _ := last(t.holders[wallet], v)
	switch {
	case record == nil:
		return false
	case need == events.NeedCompliant:
		condition, _ := last(t.condition, v)
		return events.RecordMeets(condition, record.Properties)
	}
	return need == events.NeedQualified
}
