package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func changesQuery(q wire.ChangesQuery) url.Values {
	v := url.Values{}
	setNumber(v, "from", q.From)
	set(v, "since", q.Since)
	set(v, "kind", q.Kind)
	set(v, "type", q.Type)
	set(v, "subject", q.Subject)
	set(v, "role", q.Role)
	set(v, "permission", q.Permission)
	setNumber(v, "limit", uint64(max(q.Limit, 0)))
	set(v, "wait", q.Wait)
	return v
}

// Changes gives a page of what changed in who may do what. The next page begins at the position Next.
func (c *Client) Changes(ctx context.Context, org string, q wire.ChangesQuery) (wire.Changes, error) {
	return get[wire.Changes](ctx, c, path(org, "changes"), changesQuery(q))
}

// Change gives what one entry changed, with the holders of its role from a cursor on; the empty one stands for the first.
func (c *Client) Change(ctx context.Context, org string, position uint64, cursor string) (wire.ChangeInFull, error) {
	v := url.Values{}
	set(v, "cursor", cursor)
	return get[wire.ChangeInFull](ctx, c, path(org, "changes", strconv.FormatUint(position, 10)), v)
}

// A ClosedError says that the server ended a stream of changes. What comes behind its position is had by asking again.
type ClosedError struct{ wire.Closed }

func (e *ClosedError) Error() string {
	return fmt.Sprintf("the server ended the stream behind %d: %s", e.Position, e.Reason)
}

// FollowChanges yields what changes, as it is recorded, until ctx ends; from 0 is what comes next. The error is a
// [*ClosedError] where the server ends the stream, and an [*UnreachableError] where the connection does; either way the
// last position that was yielded says where to go on.
func (c *Client) FollowChanges(ctx context.Context, org string, q wire.ChangesQuery) iter.Seq2[wire.ChangeMessage, error] {
	return func(yield func(wire.ChangeMessage, error) bool) {
		resp, err := c.request(ctx, http.MethodGet, path(org, "changes"), changesQuery(q), http.Header{"Accept": {"text/event-stream"}}, nil)
		if err != nil {
			yield(wire.ChangeMessage{}, err)
			return
		}
		defer resp.Body.Close()
		in := bufio.NewReaderSize(resp.Body, 64<<10)
		for {
			name, data, err := readEvent(in)
			var m wire.ChangeMessage
			switch {
			case err != nil && ctx.Err() != nil:
				err = context.Cause(ctx)
			case err != nil:
				err = &UnreachableError{Server: c.base, Err: err}
			case name == "closed":
				closed := &ClosedError{}
				if err = json.Unmarshal([]byte(data), &closed.Closed); err == nil {
					err = closed
				}
			default:
				err = json.Unmarshal([]byte(data), &m)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// readEvent reads the next server-sent event that has data.
func readEvent(in *bufio.Reader) (name, data string, err error) {
	size := 0
	for {
		line, err := in.ReadString('\n')
		if size += len(line); err == nil && size > maxLine {
			err = errors.New("an event is too long")
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", "", err
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && data != "":
			return name, data, nil
		case line == "":
			name, size = "", 0
		case field == "event":
			name = value
		case field == "data":
			data += value
		}
	}
}

// Followers says who reads an organization's streams over NATS from this node, and how far each of their consumers is.
func (c *Client) Followers(ctx context.Context, org string) (wire.Followers, error) {
	return get[wire.Followers](ctx, c, path(org, "followers"), nil)
}

// Webhooks lists where what changes is sent, and how that goes.
func (c *Client) Webhooks(ctx context.Context, org string) (wire.List[wire.Webhook], error) {
	return get[wire.List[wire.Webhook]](ctx, c, path(org, "webhooks"), nil)
}

// CreateWebhook has what changes sent to an address. The answer has the secret, which is not shown again.
func (c *Client) CreateWebhook(ctx context.Context, org string, w wire.NewWebhook) (wire.Webhook, error) {
	return post[wire.Webhook](ctx, c, path(org, "webhooks"), w)
}

// DeleteWebhook has nothing sent there any more.
func (c *Client) DeleteWebhook(ctx context.Context, org, id string) (wire.Webhook, error) {
	resp, err := c.request(ctx, http.MethodDelete, path(org, "webhooks", id), nil, nil, nil)
	if err != nil {
		return wire.Webhook{}, err
	}
	return decode[wire.Webhook](c, resp)
}

// TestWebhook sends a message that is no change, once. The error says why it was not taken.
func (c *Client) TestWebhook(ctx context.Context, org, id string) error {
	_, err := post[wire.Tested](ctx, c, path(org, "webhooks", id, "test"), wire.TestWebhook{})
	return err
}

// RotateWebhook gives a webhook another secret, which is in the answer. The one before signs too until overlap is over,
// which is a time like 24h; empty: as long as the server likes.
func (c *Client) RotateWebhook(ctx context.Context, org, id, overlap string) (wire.Webhook, error) {
	return post[wire.Webhook](ctx, c, path(org, "webhooks", id, "secret"), wire.RotateWebhook{Overlap: overlap})
}

// ReplayWebhook has a webhook get what was recorded from a position on, and starts one that was stopped.
func (c *Client) ReplayWebhook(ctx context.Context, org, id string, from uint64) (wire.Webhook, error) {
	return post[wire.Webhook](ctx, c, path(org, "webhooks", id, "replay"), wire.ReplayWebhook{From: from})
}

// DeadLetters lists the messages that a webhook would not take.
func (c *Client) DeadLetters(ctx context.Context, org, id string) (wire.List[wire.DeadLetter], error) {
	return get[wire.List[wire.DeadLetter]](ctx, c, path(org, "webhooks", id, "dead"), nil)
}
