package tokens

import (
	"cmp"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

// A Wallet is one that is something at a token.
type Wallet struct {
	Subject ulid.ULID
	Address string
	Since   uint64 // position
}

// Token is a token as of then.
type Token struct {
	ID, Name         string
	Deployed         uint64 // position
	Owner            Wallet // zero: nobody owns it
	Agents           []Wallet
	Paused           bool
	IdentityRegistry string // empty: not said
	Compliance       string
	Condition        string
	Holders          int
	Blocked          []Wallet
}

// A Holder is an investor's position in a token.
type Holder struct {
	Token string
	Wallet
	Record
	Blocked   bool
	Compliant bool // the record is as the token's compliance demands
}

// Token gives the token of an id as of then; false where there is none by then.
func (x *Index) Token(id string, v View) (Token, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	t := x.byID[id]
	if t == nil || !v.counts(t.deployed) {
		return Token{}, false
	}
	return x.view(t, v), true
}

// Tokens gives all tokens as of then, in the order of their deployment.
func (x *Index) Tokens(v View) []Token {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var list []Token
	for _, t := range x.tokens {
		if v.counts(t.deployed) {
			list = append(list, x.view(t, v))
		}
	}
	return list
}

// Of gives the tokens that any of these wallets owns, or is an agent of, as of then, in the order of their deployment.
func (x *Index) Of(v View, wallets ...ulid.ULID) []Token {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var list []Token
	for _, t := range x.tokens {
		owner, _ := last(t.owner, v)
		at := slices.ContainsFunc(wallets, func(w ulid.ULID) bool {
			agent, _ := last(t.agents[w], v)
			return agent || owner == w
		})
		if at && v.counts(t.deployed) {
			list = append(list, x.view(t, v))
		}
	}
	return list
}

func (x *Index) view(t *token, v View) Token {
	one := Token{ID: t.id, Name: t.name, Deployed: t.deployed.position}
	owner, at := last(t.owner, v)
	if owner != (ulid.ULID{}) {
		one.Owner = Wallet{owner, x.address[owner], at.position}
	}
	one.Agents, one.Blocked = x.that(t.agents, v), x.that(t.blocked, v)
	one.Paused, _ = last(t.paused, v)
	one.IdentityRegistry, _ = last(t.registry, v)
	one.Compliance, _ = last(t.compliance, v)
	one.Condition, _ = last(t.condition, v)
	for _, list := range t.holders {
		if record, _ := last(list, v); record != nil {
			one.Holders++
		}
	}
	return one
}

// that gives the wallets of which something is so, in the order in which it became so.
func (x *Index) that(m map[ulid.ULID][]said[bool], v View) []Wallet {
	var list []Wallet
	for wallet, said := range m {
		if is, at := last(said, v); is {
			list = append(list, Wallet{wallet, x.address[wallet], at.position})
		}
	}
	slices.SortFunc(list, func(a, b Wallet) int { return cmp.Compare(a.Since, b.Since) })
	return list
}

// Holders gives the holder records of a token, or of all where none is named, and of an investor, or of all: in the order
// of the tokens' deployment and of the addresses.
func (x *Index) Holders(id, investor string, v View) []Holder {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var all []Holder
	for _, t := range x.tokens {
		if id != "" && t.id != id || !v.counts(t.deployed) {
			continue
		}
		condition, _ := last(t.condition, v)
		from := len(all)
		for wallet, said := range t.holders {
			record, at := last(said, v)
			if record == nil || investor != "" && record.Investor != investor {
				continue
			}
			blocked, _ := last(t.blocked[wallet], v)
			all = append(all, Holder{
				t.id, Wallet{wallet, x.address[wallet], at.position}, *record, blocked, events.RecordMeets(condition, record.Properties),
			})
		}
		slices.SortFunc(all[from:], func(a, b Holder) int { return cmp.Compare(a.Address, b.Address) })
	}
	return all
}

// Log gives the positions of the entries about a token up to a view.
func (x *Index) Log(id string, v View) []uint64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var list []uint64
	if t := x.byID[id]; t != nil {
		for _, m := range t.log {
			if v.counts(m) {
				list = append(list, m.position)
			}
		}
	}
	return list
}

// sorted gives the keys of a map by wallet in their order.
func sorted[V any](m map[ulid.ULID]V) []ulid.ULID {
	return slices.SortedFunc(maps.Keys(m), ulid.ULID.Compare)
}
