package client

import (
	"context"
	"encoding/base64"
	"net/http"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/private"
)

// As gives a client of the same server that calls with another token: an API key (plk_…), a session's (pls_…), or the
// local operator's.
func (c *Client) As(token string) *Client {
	other := *c
	other.token = token
	return &other
}

// Whoami says who this client is in an organization.
func (c *Client) Whoami(ctx context.Context, org string) (wire.Whoami, error) {
	return get[wire.Whoami](ctx, c, path(org, "whoami"), nil)
}

// Do records a change in the caller's name: the server signs it with the key of the API key or of the session that this
// client calls with. Private texts stand in the intent in words. Where the answer is lost, it is not known whether the
// change is recorded: Do does not try again, because a second request is a second command.
func (c *Client) Do(ctx context.Context, org string, in wire.Intent) (wire.Receipt, error) {
	return record[wire.Receipt](ctx, c, http.MethodPost, path(org, "do"), in)
}

// PutPermissions replaces all that a subject was given without a role on a scope, as Do does.
func (c *Client) PutPermissions(ctx context.Context, org, subject string, in wire.PutPermissions) (wire.Replaced, error) {
	return record[wire.Replaced](ctx, c, http.MethodPut, path(org, "subjects", subject, "permissions"), in)
}

// PutRoles replaces all roles of a subject on the whole organization, as Do does.
func (c *Client) PutRoles(ctx context.Context, org, subject string, in wire.PutRoles) (wire.Replaced, error) {
	return record[wire.Replaced](ctx, c, http.MethodPut, path(org, "subjects", subject, "roles"), in)
}

// SignIn opens a session. Its token is for [Client.As].
func (c *Client) SignIn(ctx context.Context, org string, in wire.SignIn) (wire.SignedIn, error) {
	return post[wire.SignedIn](ctx, c, path(org, "sessions"), in)
}

// SignOut ends the session that this client calls in.
func (c *Client) SignOut(ctx context.Context, org string) (wire.SignedOut, error) {
	resp, err := c.request(ctx, http.MethodDelete, path(org, "sessions"), nil, nil, nil)
	if err != nil {
		return wire.SignedOut{}, err
	}
	return decode[wire.SignedOut](c, resp)
}

// Worded gives an intent as Do takes it: with the words of its private texts in the place of the commitments to them.
func Worded(in wire.Intent, texts []wire.Text) wire.Intent {
	words := map[string]string{}
	for _, t := range texts {
		if salt, err := base64.RawURLEncoding.DecodeString(t.Salt); err == nil && len(salt) == 32 {
			digest := private.Text{Salt: [32]byte(salt), Text: t.Text}.Commitment()
			words[base64.RawURLEncoding.EncodeToString(digest[:])] = t.Text
		}
	}
	for _, member := range in.Private() {
		if text, ok := words[*member]; ok {
			*member = text
		}
	}
	return in
}

// PutLogin gives the caller a password, or another. Its other sessions end.
func (c *Client) PutLogin(ctx context.Context, org string, in wire.PutLogin) (wire.Receipt, error) {
	return record[wire.Receipt](ctx, c, http.MethodPut, path(org, "login"), in)
}

// Sessions gives the sessions of who this client calls as.
func (c *Client) Sessions(ctx context.Context, org string) (wire.List[wire.Session], error) {
	return get[wire.List[wire.Session]](ctx, c, path(org, "sessions"), nil)
}

// EndSession ends one of the caller's own sessions by its id.
func (c *Client) EndSession(ctx context.Context, org, id string) (wire.SignedOut, error) {
	return c.ending(ctx, path(org, "sessions", id))
}

// EndSessionsOf ends all sessions of a subject; the caller's own but the one that it calls in.
func (c *Client) EndSessionsOf(ctx context.Context, org, subject string) (wire.SignedOut, error) {
	return c.ending(ctx, path(org, "subjects", subject, "sessions"))
}

func (c *Client) ending(ctx context.Context, path string) (wire.SignedOut, error) {
	resp, err := c.request(ctx, http.MethodDelete, path, nil, nil, nil)
	if err != nil {
		return wire.SignedOut{}, err
	}
	return decode[wire.SignedOut](c, resp)
}

// Challenge gives what a wallet signs, by EIP-191, to sign in with [Client.SignIn].
func (c *Client) Challenge(ctx context.Context, org string, in wire.AskChallenge) (wire.Challenge, error) {
	return post[wire.Challenge](ctx, c, path(org, "sessions", "challenge"), in)
}

// FirstSignIn uses the one-time code that init showed: the owner gets a password, and a session.
func (c *Client) FirstSignIn(ctx context.Context, org string, in wire.FirstSignIn) (wire.SignedIn, error) {
	return post[wire.SignedIn](ctx, c, path(org, "first-sign-in"), in)
}

// MakeAPIKey has the server make an API key, whose secret is in the answer alone. Whoever can makes it itself, and registers
// its public key: package ledger/secret.
func (c *Client) MakeAPIKey(ctx context.Context, org string, in wire.NewAPIKey) (wire.MadeSecret, error) {
	return record[wire.MadeSecret](ctx, c, http.MethodPost, path(org, "api-keys"), in)
}

// MakeInvitation has the server make an invitation, whose code is in the answer alone.
func (c *Client) MakeInvitation(ctx context.Context, org string, in wire.NewInvitation) (wire.MadeSecret, error) {
	return record[wire.MadeSecret](ctx, c, http.MethodPost, path(org, "invitations"), in)
}

// WaysIn says how people can sign in.
func (c *Client) WaysIn(ctx context.Context, org string) (wire.WaysIn, error) {
	return get[wire.WaysIn](ctx, c, path(org, "sign-in"), nil)
}
