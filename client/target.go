package client

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/importer"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
)

// Target imports into an organization's ledger: it signs each command and submits them. It implements
// importer.Target, and is for one goroutine.
type Target struct {
	client *Client
	org    string
	ledger string
	actor  ulid.ULID
	key    crypto.Signer
}

var _ importer.Target = (*Target)(nil)

// Target gives what imports with a key, in the name of the subject whose credential it is.
func (c *Client) Target(ctx context.Context, org string, key crypto.Signer) (*Target, error) {
	public, err := didkey.PublicOf(key)
	if err != nil {
		return nil, err
	}
	o, err := c.Organization(ctx, org, Read{})
	if err != nil {
		return nil, err
	}
	owner, err := c.CredentialOwner(ctx, org, didkey.Encode(public))
	if err != nil {
		return nil, err
	}
	actor, err := ulid.ParseStrict(owner.Item.ID)
	if err != nil {
		return nil, fmt.Errorf("import into %s: the id of %s: %w", org, owner.Item.Key, err)
	}
	return &Target{client: c, org: org, ledger: o.Ledger, actor: actor, key: key}, nil
}

// Role implements importer.Target.
func (t *Target) Role(ctx context.Context, key string, of events.Import) (ulid.ULID, bool, error) {
	recorded, err := t.client.Recorded(ctx, t.org, events.ImportID(of).String())
	if err == nil {
		en, err := chain.Parse(recorded.Entry)
		if err != nil {
			return ulid.ULID{}, false, fmt.Errorf("entry %d: %w", recorded.Seq, err)
		}
		switch d := en.Event.Data.(type) {
		case *events.RoleCreated:
			return d.Role, true, nil
		case *events.RoleUpdated:
			return d.Role, true, nil
		case *events.RoleDeleted:
			return d.Role, true, nil
		}
	} else if CodeOf(err) != string(rules.NotFound) {
		return ulid.ULID{}, false, err
	}
	role, err := t.client.Role(ctx, t.org, key, Read{})
	if CodeOf(err) == string(rules.NotFound) {
		return ulid.ULID{}, false, nil
	}
	if err != nil {
		return ulid.ULID{}, false, err
	}
	if role.Item.Key != key { // found by its id
		return ulid.ULID{}, false, nil
	}
	id, err := ulid.ParseStrict(role.Item.ID)
	return id, err == nil, err
}

// Do implements importer.Target.
func (t *Target) Do(ctx context.Context, commands []importer.Command) ([]importer.Outcome, error) {
	s := t.client.Stream(ctx, t.org, StopAtAny)
	defer s.Close()
	malformed := make(chan error, 1) // the first command that cannot be written at all; those before it are sent
	go func() {                      // ends when the stream does, at the latest with Close
		defer close(malformed)
		for i := range commands {
			c := &commands[i]
			sub, err := Sign(&events.Command{
				ID: events.ImportID(c.Origin), Ledger: t.ledger, Actor: t.actor, Origin: events.Origin{Import: &c.Origin}, Data: c.Data,
			}, t.key)
			if err != nil {
				malformed <- err
				break
			}
			if s.Send(sub) != nil {
				return
			}
		}
		_ = s.CloseSend()
	}()
	var outcomes []importer.Outcome
	defer func() {
		if n := len(outcomes); n > 0 {
			t.client.answered(t.org, outcomes[n-1].Position)
		}
	}()
	for range commands {
		o, err := s.Receive()
		if errors.Is(err, io.EOF) {
			if err := <-malformed; err != nil {
				return append(outcomes, importer.Outcome{Refusal: &rules.Refusal{Code: rules.Invalid, Reason: err.Error()}}), nil
			}
			return outcomes, &UnreachableError{Server: t.client.base, Err: errors.New("the answer ended before the last outcome")}
		}
		if err != nil {
			return outcomes, err
		}
		if o.Problem != nil {
			refusal := Refusal(o.Problem)
			if refusal == nil {
				return outcomes, &Error{Problem: *o.Problem}
			}
			return append(outcomes, importer.Outcome{Refusal: refusal}), nil
		}
		outcomes = append(outcomes, importer.Outcome{Position: o.Recorded.Seq, Repeated: o.Recorded.Repeated})
	}
	return outcomes, nil
}

// Refusal gives the refusal of the rules that a problem says; nil where it says something else, as that the ledger has
// stopped. Who holds a role in use is left out: the problem names the subjects' keys, a refusal their ids.
func Refusal(p *wire.Problem) *rules.Refusal {
	code := p.Code()
	switch {
	case code == wire.CodeBadCommand:
		code = string(rules.Invalid)
	case p.Status/100 != 4 || code == wire.CodeNotTried || code == wire.CodeUnauthenticated || code == wire.CodeTooLarge:
		return nil
	}
	return &rules.Refusal{Code: rules.Code(code), Reason: p.Detail, Hint: p.Hint, Permission: p.Permission, Nearest: p.Nearest, At: p.At}
}
