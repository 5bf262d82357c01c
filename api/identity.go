package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// A CallerKind says what a caller proved itself to be.
type CallerKind string

// LocalOperator is whoever can read the token file in the data directory: it may read everything, as it could read the
// directory itself, and pass on commands that others signed.
const LocalOperator CallerKind = "local-operator"

// Caller is who makes a request. A new kind of caller is a constant above and a case in [Caller.May].
type Caller struct {
	Kind CallerKind
}

// May says whether the caller may do an action of the ledger (rules.Actions) in an organization at an instant.
func (c Caller) May(_ *node.Org, _ string, _ time.Time) bool {
	switch c.Kind {
	case LocalOperator:
		return true
	}
	return false
}

type callerKey struct{}

// WithCaller gives a context that holds who makes the request.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf gives who makes the request; the zero Caller, which may nothing, where nobody proved who it is.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

func hashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// identify says who makes a request. Tokens are compared by their hashes, in a time that does not depend on them.
func (s *server) identify(r *http.Request) (Caller, error) {
	fields := r.Header.Values("Authorization")
	if len(fields) == 1 {
		scheme, token, _ := strings.Cut(fields[0], " ")
		given := hashToken(token)
		if strings.EqualFold(scheme, "Bearer") && s.opts.Token != "" && subtle.ConstantTimeCompare(given[:], s.token[:]) == 1 {
			return Caller{Kind: LocalOperator}, nil
		}
	}
	p := problemOf(http.StatusUnauthorized, wire.CodeUnauthenticated, "The request comes without a token that is known here")
	p.Hint = "Send Authorization: Bearer with the content of run/token in the data directory"
	return Caller{}, p
}

// mayDo refuses an action that the caller of a request may not do.
func mayDo(ctx context.Context, org *node.Org, action string, now time.Time) error {
	if CallerOf(ctx).May(org, action, now) {
		return nil
	}
	p := problemOf(http.StatusForbidden, string(rules.NotPermitted), "The caller may not do this")
	p.Permission = rules.Qualified(rules.Own, action)
	return p
}
