package api

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/secret"
	"github.com/permledger/permledger/node"
)

// A CallerKind says what a caller proved itself to be.
type CallerKind string

const (
	// LocalOperator is whoever can read the token file in the data directory: it may read everything, as it could read
	// the directory itself, and pass on commands that others signed. It is nobody in a ledger and signs nothing.
	LocalOperator CallerKind = "local-operator"
	// APIKey is who sends the secret of a credential (plk_…). The key is derived for one request, where it signs, and kept
	// nowhere.
	APIKey CallerKind = "api-key"
	// Session is who signed in with a password (pls_…, or a cookie). The key was unwrapped then, and is in memory until it ends.
	Session CallerKind = "session"
	// Wallet is who signed in with a wallet. It reads; what it changes, its wallet signs.
	Wallet CallerKind = "wallet"
	// OIDC is whom an identity provider vouches for, in a session or with a token for this server. It reads: nobody's
	// signature comes with it, so it changes nothing.
	OIDC CallerKind = "oidc"
)

// proves says whether a caller of the kind may be a subject that proves itself in a way; empty: in any.
func (k CallerKind) proves(auth string) bool {
	switch auth {
	case events.AuthAPIKey:
		return k == APIKey
	case events.AuthEmail:
		return k == Session
	case events.AuthWallet:
		return k == Wallet
	case events.AuthOIDC:
		return k == OIDC
	case "":
		return true
	}
	return false
}

// Caller is who makes a request. The zero Caller may nothing.
type Caller struct {
	Kind CallerKind

	key     ed25519.PrivateKey // signs what the caller does; nil: nothing here does, or token
	token   string             // of an API key that is known, whose key it is derived from; empty: key is there
	known   string             // the did:key of an API key, made for every one, so that time tells nothing of whose it is
	session *session           // nil: there is none
	vouched *vouched           // by an identity provider, for this request; nil: it is not
	now     func() time.Time   // what the end of a key, or of a token, is held against
}

// signs says whether a key of the caller is here, which signs what it does.
func (c Caller) signs() bool { return c.key != nil || c.known != "" }

// signer gives the key that signs what the caller does; nil: nothing here does.
func (c Caller) signer() ed25519.PrivateKey {
	if c.key != nil || c.token == "" {
		return c.key
	}
	s, err := secret.Parse(secret.APIKey, c.token)
	if err != nil {
		return nil // only tokens that were in order are known
	}
	return s.Key()
}

// did gives the credential that a caller acts with: a did:key, or a wallet. It is empty for the local operator, and for whom
// an identity provider vouches for.
func (c Caller) did() string {
	switch {
	case c.known != "":
		return c.known
	case c.key != nil:
		return didkey.Encode(c.key.Public().(ed25519.PublicKey))
	case c.session != nil:
		return c.session.wallet
	}
	return ""
}

// Subject gives who the caller is in an organization as it is now; false: nobody there. It is asked for every request,
// so whoever was deactivated, or whose key was revoked, is nobody from that entry on.
func (c Caller) Subject(org *node.Org) (id ulid.ULID, ok bool) {
	org.Fold.Read(func(s *rules.State) {
		if id, ok = c.named(org.ID, s); ok {
			ok = c.Kind.proves(s.About(id).Auth)
		}
	})
	return id, ok
}

// within says whether a caller may know of an organization: it is somebody there, or the node's operator.
func (c Caller) within(org *node.Org) bool {
	_, is := c.Subject(org)
	return is || c.Kind == LocalOperator
}

// named gives who a caller has shown to be, if that subject may act; in which way it is to show that is another question.
func (c Caller) named(org string, s *rules.State) (ulid.ULID, bool) {
	switch {
	case c.session != nil && c.session.org != org, c.vouched != nil && c.vouched.org != org:
	case c.signs():
		did := c.did()
		if c.ended(s, did) {
			return ulid.ULID{}, false
		}
		return s.KeyOwner(did)
	case c.vouched != nil:
		return c.vouched.subject, c.now().Before(c.vouched.until) && s.Acts(c.vouched.subject)
	case c.Kind == Wallet:
		return s.WalletOwner(c.session.wallet)
	case c.session != nil:
		return c.session.subject, s.Acts(c.session.subject)
	}
	return ulid.ULID{}, false
}

// ended says whether the caller's key has come to its end.
func (c Caller) ended(s *rules.State, did string) bool {
	ends := s.KeyEnds(did)
	return !ends.IsZero() && (c.now == nil || !c.now().Before(ends))
}

// May says whether the caller may do an action of the ledger (rules.Actions) in an organization at an instant.
func (c Caller) May(org *node.Org, action string, now time.Time) bool {
	switch c.Kind {
	case LocalOperator:
		return true
	case APIKey, Session, Wallet, OIDC:
		id, ok := c.Subject(org)
		if ok {
			org.Fold.Read(func(s *rules.State) { ok = s.May(id, action, "", now) })
		}
		return ok
	}
	return false
}

// vouched is whom an identity provider's token names, in one organization.
type vouched struct {
	org     string
	subject ulid.ULID
	until   time.Time // a stream ends with the token that it was opened with
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

// unauthenticated gives the one answer to whoever did not prove who it is, with what to do about it.
func unauthenticated(detail, hint string) *problem {
	p := problemOf(http.StatusUnauthorized, wire.CodeUnauthenticated, detail)
	p.Hint = hint
	return p
}

// identify says who makes a request. The local token and those of sessions are compared and looked up by their hashes, in
// a time that does not depend on them; an API key is looked up by its public key, which is no secret.
func (s *server) identify(r *http.Request) (Caller, error) {
	fields := r.Header.Values("Authorization")
	if len(fields) == 0 {
		if caller, err := s.cookie(r); caller.session != nil || err != nil {
			return caller, err
		}
	}
	if len(fields) != 1 {
		return Caller{}, unauthenticated("The request comes without a token", "Send Authorization: Bearer with an API key (plk_…), or with the content of run/token in the data directory")
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, unauthenticated("The request's Authorization is not of the scheme Bearer", "Send Authorization: Bearer, a space, and the token")
	}
	given := hashToken(token)
	if s.opts.Token != "" && subtle.ConstantTimeCompare(given[:], s.token[:]) == 1 {
		return Caller{Kind: LocalOperator}, nil
	}
	if strings.HasPrefix(token, "eyJ") && len(s.opts.Providers) > 0 { // a JWT's header begins so
		return s.vouchedFor(r, token)
	}
	kind, _ := secret.KindOf(token)
	switch kind {
	case secret.APIKey:
		if did, ok := s.dids.get(given); ok {
			return Caller{Kind: APIKey, token: token, known: did, now: s.opts.Now}, nil
		}
		key, err := secret.Parse(kind, token)
		if err != nil {
			return Caller{}, unauthenticated("The API key is not in order: "+formOf(err), "Look whether all of it was copied, and nothing else")
		}
		signs := key.Key()
		return Caller{Kind: APIKey, key: signs, known: didkey.Encode(signs.Public().(ed25519.PublicKey)), now: s.opts.Now}, nil
	case secret.Session:
		token, err := secret.Parse(kind, token)
		if err != nil {
			return Caller{}, unauthenticated("The session's token is not in order: "+formOf(err), "Sign in again")
		}
		if found := s.sessions.find(token.Hash(), false, s.opts.Now()); found != nil {
			return found.caller(s.opts.Now), nil
		}
		return Caller{}, unauthenticated("There is no such session, or it has ended, as all do when the server is started anew", "Sign in again, as with `permledger login`; `permledger logout` forgets the session")
	}
	return Caller{}, unauthenticated("The request comes without a token that is known here", "Send Authorization: Bearer with an API key (plk_…), or with the content of run/token in the data directory")
}

// formOf says what is wrong with a secret's form, which holds nothing of the secret.
func formOf(err error) string { return strings.TrimPrefix(err.Error(), secret.ErrForm.Error()+": ") }

// stranger is the answer to a caller who is nobody in the organization: whether there is such an organization is not told.
func stranger(c Caller) *problem {
	switch c.Kind {
	case OIDC:
		return unauthenticated("Whom the identity provider vouches for is nobody in this organization, or may not act any more", "Ask who administers the organization")
	case Session, Wallet:
		return unauthenticated("The session is not one of this organization, or its subject may not act any more", "Sign in again")
	}
	return unauthenticated("The API key is nobody's in this organization: it was never registered, was revoked, or its subject is deactivated", "Ask who administers the organization for another key")
}
