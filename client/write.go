package client

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
)

// Expiry is how long a command that this client signs may wait to be recorded.
const Expiry = 10 * time.Minute

// ErrNotAsked says that the server prepared another command than was asked for. It was not signed.
var ErrNotAsked = errors.New("the prepared command is not the one that was asked for")

// PrepareOpening asks for the command that opens an organization.
func (c *Client) PrepareOpening(ctx context.Context, o wire.Opening) (wire.Prepared, error) {
	p, err := post[wire.Prepared](ctx, c, path("prepare"), o)
	p.Opening = &o
	return p, err
}

// Open records the signed command that opens an organization.
func (c *Client) Open(ctx context.Context, s wire.Submission) (wire.Receipt, error) {
	return record[wire.Receipt](ctx, c, http.MethodPost, path(), s)
}

// Prepare asks for the command of a change, and what recording it would do. Nothing is recorded.
func (c *Client) Prepare(ctx context.Context, org string, in wire.Intent) (wire.Prepared, error) {
	p, err := post[wire.Prepared](ctx, c, path(org, "prepare"), in)
	p.Intent = &in
	return p, err
}

// SignAndRecord is [Client.Record] of commands that a key signs.
func (c *Client) SignAndRecord(ctx context.Context, org string, p wire.Prepared, key crypto.Signer, texts []wire.Text) (wire.Receipt, error) {
	return c.Record(ctx, org, p, KeySigner(key), texts)
}

// A Signer makes the submission of a command that it signs.
type Signer func(*events.Command) (wire.Submission, error)

// KeySigner signs with a key of the ledger, which becomes the command's credential.
func KeySigner(key crypto.Signer) Signer {
	return func(cmd *events.Command) (wire.Submission, error) { return Sign(cmd, key) }
}

// Record signs a prepared command, and those of its parts, and records them. It signs only commands
// that are for the organization's ledger and, where Prepare or PrepareOpening gave p, that say what was asked for: else
// the error is an [ErrNotAsked]. texts are what the command commits to. A refusal is an [*Error]; the server notes it,
// so a command that Prepare said would be refused may well be sent. Where the answer is lost, the same command is sent
// again for some seconds: it has the same id, and gets the answer it had. Where that does not help either, the error is an
// [*UnknownError].
func (c *Client) Record(ctx context.Context, org string, p wire.Prepared, sign Signer, texts []wire.Text) (wire.Receipt, error) {
	commands, err := read(org, p)
	if err != nil {
		return wire.Receipt{}, err
	}
	subs := make([]wire.Submission, len(commands))
	for i := range commands {
		if subs[i], err = sign(&commands[i]); err != nil {
			return wire.Receipt{}, err
		}
	}
	last := len(subs) - 1
	subs[last].Texts = texts
	_, opens := commands[last].Data.(*events.OrganizationOpened)
	return untilKnown(ctx, commands[last].ID, func(ctx context.Context) (wire.Receipt, error) {
		if opens {
			return c.Open(ctx, subs[last])
		}
		return c.recordAll(ctx, org, subs)
	})
}

// recordAll submits a command behind its parts, and gives its receipt.
func (c *Client) recordAll(ctx context.Context, org string, subs []wire.Submission) (wire.Receipt, error) {
	outcomes, err := c.Submit(ctx, org, subs, StopAtRefusal)
	for _, o := range outcomes {
		if o.Problem != nil {
			return wire.Receipt{}, &Error{Problem: *o.Problem}
		}
	}
	if err != nil {
		return wire.Receipt{}, err
	}
	return *outcomes[len(outcomes)-1].Recorded, nil
}

// Sign makes the submission of a command: it is signed with key, which becomes its credential, and is void after
// [Expiry].
func Sign(cmd *events.Command, key crypto.Signer) (wire.Submission, error) {
	signed := until(Expiry)
	ev, err := chain.SignCommand(cmd, signed, key)
	if err != nil {
		return wire.Submission{}, err
	}
	return submission(cmd, signed, ev)
}

func until(d time.Duration) events.Signed {
	return events.Signed{Expires: time.Now().UTC().Add(d).Truncate(time.Millisecond)}
}

func submission(cmd *events.Command, signed events.Signed, ev *chain.Evidence) (wire.Submission, error) {
	command, err := cmd.Bytes(signed)
	if err != nil {
		return wire.Submission{}, fmt.Errorf("sign command %s: %w", cmd.ID, err)
	}
	evidence, err := canon.Encode(ev.Members)
	if err != nil {
		return wire.Submission{}, fmt.Errorf("sign command %s: %w", cmd.ID, err)
	}
	return wire.Submission{Command: command, Evidence: evidence}, nil
}

// Commit makes a private text and its commitment, as an [wire.Intent] holds it. The text goes to SignAndRecord.
func Commit(text string) (commitment string, t wire.Text) {
	p := private.New(text)
	digest := p.Commitment()
	return base64.RawURLEncoding.EncodeToString(digest[:]), wire.Text{Salt: base64.RawURLEncoding.EncodeToString(p.Salt[:]), Text: text}
}

// read parses what was prepared and holds it against what was asked for. The parts come first.
func read(org string, p wire.Prepared) ([]events.Command, error) {
	var commands []events.Command
	for _, raw := range append(append([]json.RawMessage{}, p.Parts...), p.Command) {
		cmd, signed, err := events.ParseCommand(raw)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrNotAsked, err)
		case events.Organization(cmd.Ledger) != org:
			return nil, fmt.Errorf("%w: it is for the ledger %s", ErrNotAsked, cmd.Ledger)
		case !signed.Expires.IsZero() || signed.Seen != nil:
			return nil, fmt.Errorf("%w: it says already until when it holds", ErrNotAsked)
		case cmd.Origin != events.Origin{} && !observation(&cmd):
			return nil, fmt.Errorf("%w: it says that it was imported or follows from another", ErrNotAsked)
		}
		commands = append(commands, cmd)
	}
	last := &commands[len(commands)-1]
	for i := range commands[:len(commands)-1] {
		part := &commands[i]
		if _, ok := part.Data.(*events.PermissionsRecorded); !ok || part.Actor != last.Actor || part.Ledger != last.Ledger || part.Reason != (events.Digest{}) {
			return nil, fmt.Errorf("%w: a part of it is %s", ErrNotAsked, part.Data.Type())
		}
	}
	if err := asked(p, commands); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAsked, err)
	}
	return commands, nil
}

// observation says whether a command is of a log of a chain, and its origin just that log.
func observation(c *events.Command) bool {
	o, ok := c.Data.(*events.ChainObserved)
	return ok && c.Origin.Derived == nil && c.Origin.Import != nil && *c.Origin.Import == o.Import() && c.ID == events.ImportID(o.Import())
}
