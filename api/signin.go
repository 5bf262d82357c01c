package api

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/history"
)

// openings is how many passwords a server tries at a time: each takes memory and a processor for some time.
const openings = 2

// A candidate is whose password may open what.
type candidate struct {
	subject ulid.ULID
	did     string // that the login opens
	wrapped string
}

// signIn opens a session for whoever knows the password of a subject, or has the key of a wallet.
func signIn(c *call, in wire.SignIn) (wire.SignedIn, error) {
	if err := c.server.sameOrigin(c.Request); err != nil {
		return wire.SignedIn{}, err
	}
	if in.Wallet == nil {
		return signInWithPassword(c, in)
	}
	if in.Email != "" || in.Key != "" || in.Password != "" {
		return wire.SignedIn{}, badRequest("Either a password or a wallet's signature says who signs in")
	}
	return signInWithWallet(c, *in.Wallet, in.Cookie)
}

// signInWithPassword opens a session for whoever knows a subject's password. That there is no such subject, that it has no login,
// that it may not act, that it proves itself in another way, and that the password is wrong, has one answer, and takes as
// long.
func signInWithPassword(c *call, in wire.SignIn) (wire.SignedIn, error) {
	if (in.Email == "") == (in.Key == "") {
		return wire.SignedIn{}, badRequest("Either email or key says who signs in")
	}
	name := c.PathValue("org") + " " + cmp.Or(in.Key, foldEmail(in.Email))
	done, err := c.attempt(name)
	if err != nil {
		return wire.SignedIn{}, err
	}
	var who candidate
	if c.org != nil {
		who = c.candidate(in)
	}
	key, err := c.server.open(c.Context(), who, in.Password)
	if err != nil {
		return wire.SignedIn{}, err
	}
	if key == nil {
		if c.org != nil && who.subject != (ulid.ULID{}) {
			c.org.Activity.Note(c.now, node.ActivityRecord{
				Kind: node.ActivitySignInWrong, Actor: who.subject.String(), Code: wire.CodeSignIn, Reason: "Somebody tried to sign in with another password",
			})
		}
		p := problemOf(http.StatusUnauthorized, wire.CodeSignIn, "Nobody can sign in here with this name and this password")
		p.Hint = "Look for typing errors; whoever administers the organization can invite you again"
		return wire.SignedIn{}, p
	}
	done()
	return c.opened(session{subject: who.subject, kind: Session, key: key}, in.Cookie, "signed in with a password")
}

// longestName is how many bytes of a name that somebody tries are kept as they are.
const longestName = 128

// attempt counts an attempt to sign in with a name (none where nothing can be guessed) from the caller's address as failed until done is called. It refuses one
// that has to wait.
func (c *call) attempt(name string) (done func(), err error) {
	address := c.server.addressOf(c.Request)
	if address != "" {
		if wait := c.server.addresses.begin(address, c.now); wait > 0 {
			return nil, tooMany(wait, "from this address")
		}
	}
	if len(name) > longestName { // it is kept for an hour, whoever sent it
		sum := sha256.Sum256([]byte(name))
		name = string(sum[:])
	}
	if name != "" {
		if wait := c.server.attempts.begin(name, c.now); wait > 0 {
			return nil, tooMany(wait, "with this name")
		}
	}
	return func() {
		c.server.attempts.succeeded(name)
		c.server.addresses.forgive(address)
	}, nil
}

func tooMany(wait time.Duration, of string) error {
	p := problemOf(http.StatusTooManyRequests, wire.CodeTooMany, "Too many attempts to sign in "+of+" failed")
	p.retryAfter = int(math.Ceil(wait.Seconds()))
	p.Hint = fmt.Sprintf("Try again in %d s", p.retryAfter)
	return p
}

// open opens a key with a password; nil: it does not. Without a candidate it takes as long.
func (s *server) open(ctx context.Context, who candidate, password string) (ed25519.PrivateKey, error) {
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if who.wrapped == "" {
		login.Spend(password)
		return nil, nil
	}
	key, err := login.Unwrap(who.wrapped, who.did, password)
	if errors.Is(err, login.ErrForm) { // of a newer release, or no login at all
		s.log.Error("a login cannot be read", "error", err)
		login.Spend(password)
		return nil, nil
	}
	if err != nil {
		return nil, nil //nolint:nilerr // a wrong password is an answer
	}
	return key, nil
}

// candidate gives whose password a name stands for. What is missing for signing in is left out.
func (c *call) candidate(in wire.SignIn) candidate {
	if in.Key != "" {
		var id ulid.ULID
		c.org.Fold.Read(func(s *rules.State) { id, _ = s.SubjectByKey(in.Key) })
		who, _ := c.loginOf(id)
		return who
	}
	var found []candidate
	for _, id := range c.server.emails.of(c, foldEmail(in.Email)) {
		if who, ok := c.loginOf(id); ok {
			found = append(found, who)
		}
	}
	if len(found) != 1 { // nobody, or several: they sign in by key
		return candidate{}
	}
	return found[0]
}

// loginOf gives the login of a subject that may sign in: it is active, proves itself in this way, and its credential holds.
// Where it may not, the candidate names the subject alone.
func (c *call) loginOf(id ulid.ULID) (candidate, bool) {
	var who candidate
	var commitment events.Digest
	var ok bool
	c.org.Fold.Read(func(s *rules.State) {
		if _, known := s.Subject(id); !known {
			return
		}
		who.subject = id
		if commitment, who.did, ok = s.Login(id); ok {
			owner, active := s.KeyOwner(who.did)
			ok = active && owner == id && Session.proves(s.About(id).Auth)
		}
	})
	if !ok {
		return candidate{subject: who.subject}, false
	}
	t, ok := c.org.Private.Get(commitment)
	who.wrapped = t.Text
	return who, ok
}

// putLogin gives the caller a new password: for the key that its old one opens, or, where it has none yet, for the key that
// it calls with.
func putLogin(c *call, in wire.PutLogin) (wire.Receipt, error) {
	if err := c.signs(); err != nil {
		return wire.Receipt{}, err
	}
	if err := login.CheckPassword(in.New); err != nil {
		return wire.Receipt{}, invalid(err)
	}
	key := c.caller.signer()
	if who, ok := c.loginOf(c.subject); ok {
		done, err := c.attempt(c.org.ID + " " + keyOf(c.org, c.subject))
		if err != nil {
			return wire.Receipt{}, err
		}
		if key, err = c.server.open(c.Context(), who, in.Password); err != nil {
			return wire.Receipt{}, err
		}
		if key == nil {
			p := problemOf(http.StatusForbidden, wire.CodeSignIn, "The password that is to be replaced is another")
			p.Hint = "Say the one that you sign in with"
			return wire.Receipt{}, p
		}
		done()
	}
	wrapped, err := login.Wrap(key, in.New)
	if err != nil {
		return wire.Receipt{}, err
	}
	r, _, err := c.do(wire.Intent{
		Kind: wire.ChangeLogin, Subject: c.subject.String(), Key: didkey.Encode(key.Public().(ed25519.PublicKey)), Login: wrapped, Reason: in.Reason,
	})
	if err == nil { // whoever signed in with the old password signs in again
		c.server.sessions.endOf(c.org.ID, c.subject, c.caller.session)
	}
	return r, err
}

// emails finds subjects by their e-mail mailboxes, which are private texts: entries hold commitments alone. What it keeps
// are commitments too, so that an erased address is found no more. Its zero value has read nothing.
type emails struct {
	mu   sync.Mutex
	orgs map[string]*mailboxes
}

type mailboxes struct {
	upTo uint64
	of   map[ulid.ULID]events.Digest
}

// of gives the subjects that have an address now. It looks at all, whether or not it has found one.
func (x *emails) of(c *call, address string) []ulid.ULID {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.orgs == nil {
		x.orgs = map[string]*mailboxes{}
	}
	a := x.orgs[c.org.ID]
	if a == nil {
		a = &mailboxes{of: map[ulid.ULID]events.Digest{}}
		x.orgs[c.org.ID] = a
	}
	head := c.org.Access.Head().Position
	if head > a.upTo {
		found, _ := c.org.History.Find(history.Query{Types: []events.Type{"subject.added", "subject.invited", "subject.updated"}, From: a.upTo + 1, To: head})
		for _, at := range found {
			en, err := c.entry(at)
			if err != nil {
				c.server.log.Error("an e-mail address cannot be looked for", "organization", c.org.ID, "error", err)
				return nil
			}
			a.take(en.Event.Data)
		}
		a.upTo = head
	}
	var ids []ulid.ULID
	for id, commitment := range a.of {
		if t, here := c.org.Private.Get(commitment); here && address != "" && foldEmail(t.Text) == address {
			ids = append(ids, id)
		}
	}
	return ids
}

func (a *mailboxes) take(d events.Data) {
	var id ulid.ULID
	var email events.Digest
	switch d := d.(type) {
	case *events.SubjectAdded:
		id, email = d.Subject, d.Email
	case *events.SubjectInvited:
		id, email = d.Subject, d.Email
	case *events.SubjectUpdated:
		id, email = d.Subject, d.Email
	}
	if email != (events.Digest{}) {
		a.of[id] = email
	}
}

// foldEmail gives an address as it is compared: without capitals, for people write their own in both ways.
func foldEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }
