package api

import (
	"crypto/ed25519"
	"errors"
	"net/http"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/login"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// firstSignIn gives the owner a password, for the key that the one-time code opens, and a session. The owner's own signature
// records it, as any change of a password.
func firstSignIn(c *call, in wire.FirstSignIn) (wire.SignedIn, error) {
	if err := c.server.sameOrigin(c.Request); err != nil {
		return wire.SignedIn{}, err
	}
	if err := login.CheckPassword(in.Password); err != nil {
		return wire.SignedIn{}, invalid(err)
	}
	if c.server.codes == nil {
		return wire.SignedIn{}, codeSpent(c.PathValue("org"), "A one-time code is used at a server that runs")
	}
	done, err := c.attempt("first " + c.PathValue("org"))
	if err != nil {
		return wire.SignedIn{}, err
	}
	select {
	case c.server.opening <- struct{}{}:
		defer func() { <-c.server.opening }()
	case <-c.Context().Done():
		return wire.SignedIn{}, c.Context().Err()
	}
	var key ed25519.PrivateKey
	var owner ulid.ULID
	err = c.server.codes.Use(c.PathValue("org"), in.Code, c.now, func(opened ed25519.PrivateKey) (err error) {
		if c.org == nil {
			return node.ErrNoCode
		}
		key = opened
		owner, err = c.setFirst(key, in.Password)
		return err
	})
	switch {
	case errors.Is(err, node.ErrCodeWrong):
		p := problemOf(http.StatusUnauthorized, wire.CodeSignIn, "This is not the one-time code")
		p.Hint = "Look for typing errors: it is as `permledger init` showed it"
		return wire.SignedIn{}, p
	case errors.Is(err, node.ErrNoCode):
		return wire.SignedIn{}, codeSpent(c.PathValue("org"), "There is no one-time code here, or it was used already")
	case errors.Is(err, node.ErrCodeEnded):
		return wire.SignedIn{}, codeSpent(c.PathValue("org"), "The one-time code has ended: it works for 15 minutes from when the ledger is first served")
	case err != nil:
		return wire.SignedIn{}, err
	}
	done()
	c.server.sessions.endOf(c.org.ID, owner, nil)
	return c.opened(session{subject: owner, kind: Session, key: key}, in.Cookie, "signed in with the one-time code of init, and set a password")
}

func codeSpent(org, detail string) error {
	p := problemOf(http.StatusConflict, wire.CodeCodeSpent, detail)
	p.Hint = "Whoever has the data directory makes another with `permledger init DIR --new-code --org " + org + "`"
	return p
}

// setFirst records the password of whoever has a key.
func (c *call) setFirst(key ed25519.PrivateKey, password string) (owner ulid.ULID, err error) {
	did := didkey.Encode(key.Public().(ed25519.PublicKey))
	var ok bool
	c.org.Fold.Read(func(s *rules.State) { owner, ok = s.KeyOwner(did) })
	if !ok {
		return owner, codeSpent(c.PathValue("org"), "The key that the one-time code opens is no credential any more")
	}
	wrapped, err := login.Wrap(key, password)
	if err != nil {
		return owner, err
	}
	c.caller, c.subject = Caller{Kind: Session, key: key, now: c.server.opts.Now}, owner
	_, _, err = c.do(wire.Intent{Kind: wire.ChangeLogin, Subject: owner.String(), Key: did, Login: wrapped, Reason: "First sign-in with the one-time code"})
	return owner, err
}
