package access

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/projections/tokens"
)

// Tokens gives the index of tokens, which has taken in all that this one has.
func (x *Index) Tokens() *tokens.Index { return x.tokens }

// TokensOf gives the view of tokens that an AsOf asks for.
func (x *Index) TokensOf(a AsOf) tokens.View {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return tokenView(x.view(a))
}

func tokenView(v view) tokens.View {
	return tokens.View{Position: v.position, Filtered: v.filtered, Occurred: v.occurred}
}

// takeToken takes in what an event about a token did to wallets and to what they have.
func (x *Index) takeToken(d events.TokenData, at uint64) {
	c := d.Change()
	if c.Added {
		x.addSubject(&events.SubjectAdded{Subject: c.Subject, Key: c.Address, Kind: events.KindWallet}, at, false)
	}
	scope := events.TokenScope(d.Of())
	if c.Take != (ulid.ULID{}) {
		x.changeRole(c.From, c.Take, scope, taken(at))
	}
	if c.Give != (ulid.ULID{}) {
		x.changeRole(c.Subject, c.Give, scope, given(at, time.Time{}))
	}
}

// meets says whether what a permission needs of tokens is so: of a wallet, at the token that a path is or lies under. A
// wallet that comes along counts while it is active.
func (x *Index) meets(need string, u *subject, path string, v view, in *rules.Context) bool {
	with := in.With
	if w := x.subject(with); w == nil || !x.active(w, v) {
		with = ulid.ULID{}
	}
	return x.tokens.Meets(need, u.id, with, path, tokenView(v))
}
