package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/secret"
)

// APIKeys gives the API keys: all of them, or those that are assigned to the caller.
func (c *Client) APIKeys(ctx context.Context, org string, r Read) (wire.List[wire.Subject], error) {
	return get[wire.List[wire.Subject]](ctx, c, path(org, "api-keys"), r.query())
}

// Invitation gives what an invitation is for to whoever has its code. The code itself is not sent. It takes no token.
func (c *Client) Invitation(ctx context.Context, org string, code secret.Secret) (wire.Invitation, error) {
	return get[wire.Invitation](ctx, c, path(org, "invitations", code.DID()), nil)
}

// Accept records that who was invited joins, and signs with key from then on. login is the key as a password wraps it (see
// package login), nil where there is none. The code signs the command; it is not sent, and works once. Where the answer is
// lost, the same command is sent again, as in SignAndRecord.
func (c *Client) Accept(ctx context.Context, org string, in wire.Invitation, code secret.Secret, key ed25519.PrivateKey, login *wire.Text) (wire.Receipt, error) {
	subject, err := ulid.ParseStrict(in.ID)
	if err != nil || events.Organization(in.Ledger) != org {
		return wire.Receipt{}, fmt.Errorf("%w: the invitation is to %s", ErrNotAsked, in.Ledger)
	}
	data := &events.SubjectJoined{Subject: subject, Credential: didkey.Encode(key.Public().(ed25519.PublicKey))}
	var texts []wire.Text
	if login != nil {
		salt, err := base64.RawURLEncoding.DecodeString(login.Salt)
		if err != nil || len(salt) != 32 {
			return wire.Receipt{}, fmt.Errorf("accept an invitation: the login has no salt of 32 bytes")
		}
		data.Login, texts = events.Commit([32]byte(salt), login.Text), []wire.Text{*login}
	}
	cmd := events.Command{
		ID: ulid.Make(), Ledger: in.Ledger, Actor: subject, Data: data, Version: in.Version,
		Auth: events.Auth{Method: events.MethodSignature, Credential: code.DID()},
	}
	sub, err := Sign(&cmd, code.Key())
	if err != nil {
		return wire.Receipt{}, err
	}
	sub.Texts = texts
	return untilKnown(ctx, cmd.ID, func(ctx context.Context) (wire.Receipt, error) {
		return record[wire.Receipt](ctx, c, http.MethodPost, path(org, "join"), sub)
	})
}
