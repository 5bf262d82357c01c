package rules

import (
	"maps"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// evolveToken takes in an event about a token: first the wallet that it makes a subject and the roles that it gives and
// takes, then what is kept of the token itself.
func (s *State) evolveToken(e *events.Event, d events.TokenData) {
	c := d.Change()
	if c.Added {
		s.subjects.add(s.notes, subject{id: c.Subject, key: c.Address, kind: events.KindWallet, added: e.Sequence})
	}
	scope := events.TokenScope(d.Of())
	if c.Take != ulidZero {
		s.takeRole(c.From, c.Take, scope)
	}
	if c.Give != ulidZero {
		s.giveRole(e, c.Subject, c.Give, scope, time.Time{}, nil)
	}
	if deployed, ok := d.(*events.TokenDeployed); ok {
		put(s.notes, s.tokens, deployed.Token, &token{
			id: deployed.Token, name: deployed.Name, deployed: e.Sequence, owner: deployed.Subject,
			holders: map[ulid.ULID]holder{}, blocked: map[ulid.ULID]uint64{},
		})
		return
	}
	t := s.tokens[d.Of()]
	switch d := d.(type) {
	case *events.TokenTransferred:
		keep(s.notes, t)
		t.owner = d.Subject
	case *events.ChainObserved:
		if d.Fact == events.FactOwnershipTransferred {
			keep(s.notes, t)
			t.owner = d.Subject
		}
	case *events.TokenUpdated:
		keep(s.notes, t)
		if d.State != "" {
			t.paused = d.State == events.TokenPaused
		}
		if d.IdentityRegistry != "" {
			t.registry = d.IdentityRegistry
		}
		if d.Compliance != "" {
			t.compliance = d.Compliance
		}
		if d.Condition != nil {
			t.condition = *d.Condition
		}
	case *events.InvestorQualified:
		put(s.notes, t.holders, d.Subject, recordOf(d))
	case *events.InvestorDisqualified:
		drop(s.notes, t.holders, d.Subject)
	case *events.WalletBlocked:
		put(s.notes, t.blocked, d.Subject, e.Sequence)
	case *events.WalletUnblocked:
		drop(s.notes, t.blocked, d.Subject)
	}
}

// Wallets of tokens, for those who make commands.

// Token is a token as it is.
type Token struct {
	ID, Name string
	Owner    ulid.ULID // zero: nobody
	Deployed uint64
}

// Token gives a token by its id.
func (s *State) Token(id string) (Token, bool) {
	t, ok := s.tokens[id]
	if !ok {
		return Token{}, false
	}
	return Token{t.id, t.name, t.owner, t.deployed}, true
}

// Tokens gives the ids of all tokens, in no order.
func (s *State) Tokens() func(func(string) bool) { return maps.Keys(s.tokens) }

// Wallet gives the subject that an address is the wallet of, on the chain of a token.
func (s *State) Wallet(token, address string) (ulid.ULID, bool) {
	if u := s.walletOf(token, address); u != nil {
		return u.id, true
	}
	return ulid.ULID{}, false
}
