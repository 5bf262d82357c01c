package access

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
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

// CheckWith is Check for a subject that a wallet accompanies, by key or id: some permissions need one. Whether it really
// does is for the caller to know.
func (x *Index) CheckWith(subject, with, permission, resource string, a AsOf) Answer {
	x.mu.RLock()
	defer x.mu.RUnlock()
	v := x.viewWith(a, with)
	u := x.findSubject(subject, v)
	n, named := x.numberOf(permission)
	if u == nil || !named {
		return Answer{}
	}
	return answer(x.reasons(nil, u, n, resource, v))
}

// viewWith is the view of a question in which a wallet comes with the subject. One that is not active is none.
func (x *Index) viewWith(a AsOf, with string) view {
	v := x.view(a)
	if with == "" {
		return v
	}
	if w := x.findSubject(with, v); w != nil && w.active(v) && x.tokenKind(w.kind) {
		v.with = w.id
	}
	return v
}

// unmet gives the first thing that a permission needs beside its holder and that is not so; empty: nothing.
func (x *Index) unmet(u *subject, n uint32, resource string, v view) string {
	i := x.infoAt(n, v)
	if i == nil || len(i.says.Needs) == 0 {
		return ""
	}
	return x.tokens.Unmet(i.says.Needs, u.id, v.with, resource, tokenView(v))
}
