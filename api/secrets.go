package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/secret"
)

// secretRoutes are the routes that make a secret for somebody who has no program to make one with. It is in the answer
// alone: the ledger knows its public key.
func secretRoutes() []Route {
	const post, org = http.MethodPost, "/v1/orgs/{org}"
	wait := []string{"at_least", "wait"}
	return []Route{
		{Method: post, Path: org + "/api-keys", Why: whyDo, Query: wait, endpoint: handle(makeAPIKey),
			Summary: "Make an API key, as a subject with roles of its own; its secret is shown this once"},
		{Method: post, Path: org + "/invitations", Why: whyDo, Query: wait, endpoint: handle(makeInvitation),
			Summary: "Invite somebody, who joins with a code that works once; it is shown this once"},
	}
}

func makeAPIKey(c *call, in wire.NewAPIKey) (wire.MadeSecret, error) {
	if in.Key == "" {
		return wire.MadeSecret{}, missingMember("key")
	}
	made := secret.New(secret.APIKey)
	add := wire.Intent{
		Kind: wire.AddSubject, Subject: in.Key, SubjectKind: events.KindAPIKey, Auth: events.AuthAPIKey, SubjectKey: made.DID(),
		Holder: in.Holder, Roles: in.Roles, DisplayName: in.Name, Reason: in.Reason,
	}
	var register wire.Intent
	if in.Until != "" { // two commands: who it is, with nothing to prove it with, and a credential that ends
		if until, err := time.Parse(time.RFC3339, in.Until); err != nil || !c.now.Before(until) {
			p := badRequest("until is " + clip(in.Until) + ", which is no instant to come (RFC 3339)")
			p.Pointer = "/until"
			return wire.MadeSecret{}, p
		}
		add.SubjectKey = ""
		register = wire.Intent{
			Kind: wire.RegisterKey, Purpose: events.PurposeCredential, Subject: in.Key, Key: made.DID(), Until: in.Until, Reason: in.Reason,
		}
	}
	r, err := do(c, add)
	if err == nil && register.Kind != "" {
		if r, err = do(c, register); err != nil {
			err = fmt.Errorf("%s is recorded, and has no key yet, which register-key gives it: %w", in.Key, err)
		}
	}
	if err != nil {
		return wire.MadeSecret{}, err
	}
	return wire.MadeSecret{Secret: made.Text(), DID: made.DID(), Key: in.Key, Recorded: r}, nil
}

func makeInvitation(c *call, in wire.NewInvitation) (wire.MadeSecret, error) {
	if in.Key == "" {
		return wire.MadeSecret{}, missingMember("key")
	}
	code := secret.New(secret.Invitation)
	kind := in.Kind
	if kind == "" {
		kind = events.KindHuman
	}
	r, err := do(c, wire.Intent{
		Kind: wire.InviteSubject, Subject: in.Key, SubjectKind: kind, Auth: in.Auth, Invitation: code.DID(), Until: in.Until,
		Roles: in.Roles, DisplayName: in.Name, Email: in.Email, Reason: in.Reason,
	})
	if err != nil {
		return wire.MadeSecret{}, err
	}
	return wire.MadeSecret{Secret: code.Text(), DID: code.DID(), Key: in.Key, Recorded: r}, nil
}

func missingMember(name string) *problem {
	p := badRequest("The member " + name + " is missing")
	p.Pointer = "/" + name
	return p
}
