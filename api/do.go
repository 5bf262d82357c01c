package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
)

// doExpiry is how long a command that the server signs for its caller may wait to be recorded.
const doExpiry = time.Minute

// signs refuses a caller who has no key here: what is recorded has its author's signature.
func (c *call) signs() error {
	if c.caller.signs() {
		return nil
	}
	switch c.caller.Kind {
	case Wallet:
		p := problemOf(http.StatusForbidden, string(rules.NotProven), "Whoever signed in with a wallet changes with the wallet's own signature")
		p.Hint = "Let the wallet sign what prepare gives, and send it to commands"
		return p
	case OIDC:
		p := problemOf(http.StatusForbidden, string(rules.NotProven), "An identity provider says who you are; it signs nothing in your name, so nothing can be recorded for it")
		p.Hint = "Sign the command with a key of yours: prepare, then commands; or sign in with a password, or call with an API key"
		return p
	}
	p := problemOf(http.StatusForbidden, string(rules.NotProven), "The operator's token is nobody's in a ledger, and signs nothing")
	p.Hint = "Call with an API key (plk_…) or a session (pls_…), or sign the command yourself: prepare, then commands"
	return p
}

// committed replaces the private words of an intent by commitments to them, and gives the texts.
func committed(in *wire.Intent) ([]private.Text, error) {
	var texts []private.Text
	for _, words := range in.Private() {
		if *words == "" {
			continue
		}
		if err := canon.Text.Check(*words); err != nil {
			return nil, badRequest("A private text cannot be kept: " + err.Error())
		}
		t := private.New(*words)
		digest := t.Commitment()
		*words, texts = base64.RawURLEncoding.EncodeToString(digest[:]), append(texts, t)
	}
	return texts, nil
}

// do records a change in the name of the caller, signed with the caller's own key, which is in memory while it does. Its
// answer is the receipt, or the refusal.
func do(c *call, in wire.Intent) (wire.Receipt, error) {
	r, _, err := c.do(in)
	return r, err
}

// do is for more than one route: it gives the event too.
func (c *call) do(in wire.Intent) (wire.Receipt, events.Data, error) {
	if err := c.signs(); err != nil {
		return wire.Receipt{}, nil, err
	}
	if in.Credential != "" {
		return wire.Receipt{}, nil, badRequest("credential is not said here: the caller's own key signs")
	}
	asked, err := c.once(in)
	if err != nil {
		return wire.Receipt{}, nil, err
	}
	if r, data, err := c.again(asked); err != nil {
		return wire.Receipt{}, nil, err
	} else if r != nil {
		return *r, data, nil
	}
	in.Credential = c.caller.did()
	texts, err := committed(&in)
	if err != nil {
		return wire.Receipt{}, nil, err
	}
	p, err := prepareAs(c, in, asked.id)
	if err != nil {
		return wire.Receipt{}, nil, err
	}
	requests := make([]ledger.Request, 0, len(p.Parts)+1)
	for _, raw := range append(slices.Clone(p.Parts), p.Command) {
		r, err := c.signed(raw)
		if err != nil {
			return wire.Receipt{}, nil, err
		}
		requests = append(requests, r)
	}
	last := &requests[len(requests)-1]
	last.Texts = texts
	about := last.Command.Data.About()
	if _, err := c.under(requests, about); err != nil {
		return wire.Receipt{}, nil, err
	}
	if _, err := c.admit(requests, patience); err != nil {
		return wire.Receipt{}, nil, err
	}
	// A command that would be refused goes to the ledger nevertheless, which notes it, and judges by the newest state.
	// A caller that goes away must not leave a part without the rest.
	outcomes := c.org.Ledger.ExecuteAll(context.WithoutCancel(c.Context()), requests, true)
	for _, o := range outcomes {
		if o.Err == nil || errors.Is(o.Err, ledger.ErrNotTried) {
			continue
		}
		if refusal := (*rules.Refusal)(nil); errors.As(o.Err, &refusal) && refusal.Code == rules.Conflict { // the same request, at the same time
			if r, data, err := c.again(asked); r != nil {
				return *r, data, err
			}
		}
		return wire.Receipt{}, nil, c.cameBetween(about, o.Err)
	}
	done := outcomes[len(outcomes)-1]
	if done.Err != nil {
		return wire.Receipt{}, nil, done.Err
	}
	c.server.done.add(c.org.ID, asked)
	r := received(done.Receipt)
	c.stand(c.org, r)
	return *r, done.Receipt.Event.Data, nil
}

// signed gives the request that records a prepared command, signed by the caller.
func (c *call) signed(raw json.RawMessage) (ledger.Request, error) {
	cmd, _, err := events.ParseCommand(raw)
	if err != nil {
		return ledger.Request{}, err
	}
	evidence, err := chain.SignCommand(&cmd, events.Signed{Expires: c.now.Add(doExpiry).Truncate(time.Millisecond)}, c.caller.signer())
	if err != nil {
		return ledger.Request{}, err
	}
	cmd.Auth = events.Auth{Method: events.MethodSignature, Credential: evidence.Key}
	return ledger.Request{Command: cmd, Evidence: evidence}, nil
}

// putPermissions replaces what a subject was given without a role, on one scope.
func putPermissions(c *call, in wire.PutPermissions) (wire.Replaced, error) {
	if in.Permissions == nil {
		return wire.Replaced{}, badRequest("permissions is missing: all that the subject is to have; [] for none")
	}
	return c.replace(wire.Intent{
		Kind: wire.SetPermissions, Subject: c.PathValue("key"), Scope: in.Scope, Permissions: in.Permissions, Reason: in.Reason,
	})
}

// putRoles replaces the roles that a subject has on the whole organization.
func putRoles(c *call, in wire.PutRoles) (wire.Replaced, error) {
	if in.Roles == nil {
		return wire.Replaced{}, badRequest("roles is missing: all that the subject is to have; [] for none")
	}
	return c.replace(wire.Intent{Kind: wire.SetRoles, Subject: c.PathValue("key"), Roles: in.Roles, Reason: in.Reason})
}

// replace puts a whole set in the place of another. That it is the same already is no refusal to who puts: it is so.
func (c *call) replace(in wire.Intent) (wire.Replaced, error) {
	r, data, err := c.do(in)
	if refusal := (*rules.Refusal)(nil); errors.As(err, &refusal) && refusal.Code == rules.NoChange {
		return wire.Replaced{Unchanged: true}, nil
	}
	if err != nil {
		return wire.Replaced{}, err
	}
	out := wire.Replaced{Recorded: &r}
	switch d := data.(type) {
	case *events.PermissionsSet:
		out.Added, out.Removed = d.Added, d.Removed
		out.Before, out.After = d.Before.Count, d.After.Count
	case *events.RolesSet:
		n := names{c.org}
		for _, id := range d.Added {
			out.Added = append(out.Added, n.RoleKey(id))
		}
		for _, id := range d.Removed {
			out.Removed = append(out.Removed, n.RoleKey(id))
		}
		out.After = uint64(len(d.Roles))
		out.Before = out.After + uint64(len(d.Removed)) - uint64(len(d.Added))
	}
	return out, nil
}
