package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/changes"
	"github.com/permledger/permledger/webhook"
)

// Webhooks take two actions, organization.update and history.read: who has what changes sent away decides for the
// organization, and may give away nothing that it may not read itself.
func webhookRoutes() []Route {
	const (
		post, hooks = http.MethodPost, "/v1/orgs/{org}/webhooks"
		update      = rules.ActionOrganizationUpdate
	)
	return []Route{
		{Method: http.MethodGet, Path: hooks, Action: update, And: rules.ActionHistoryRead, endpoint: answer(listWebhooks),
			Summary: "Where what changes is sent, and how that goes"},
		{Method: post, Path: hooks, Action: update, And: rules.ActionHistoryRead, endpoint: handle(createWebhook),
			Summary: "Have what changes sent to an address, signed with the secret in the answer"},
		{Method: http.MethodDelete, Path: hooks + "/{id}", Action: update, And: rules.ActionHistoryRead, endpoint: answer(deleteWebhook),
			Summary: "Send nothing there any more"},
		{Method: post, Path: hooks + "/{id}/test", Action: update, And: rules.ActionHistoryRead, endpoint: handle(testWebhook),
			Summary: "Send a message that is no change, once"},
		{Method: post, Path: hooks + "/{id}/secret", Action: update, And: rules.ActionHistoryRead, endpoint: handle(rotateWebhook),
			Summary: "Another secret; the one before signs too until an overlap is over"},
		{Method: post, Path: hooks + "/{id}/replay", Action: update, And: rules.ActionHistoryRead, endpoint: handle(replayWebhook),
			Summary: "Send what was recorded from a position on, again or at last, and start a webhook that was stopped"},
		{Method: http.MethodGet, Path: hooks + "/{id}/dead", Action: update, And: rules.ActionHistoryRead, endpoint: answer(listDeadLetters),
			Summary: "The messages that a webhook would not take"},
	}
}

// hookProblem says what is wrong with what was asked of webhooks.
func hookProblem(err error) error {
	switch {
	case errors.Is(err, webhook.ErrNone):
		return problemOf(http.StatusNotFound, string(rules.NotFound), "There is no such webhook")
	case errors.Is(err, webhook.ErrURL), errors.Is(err, webhook.ErrAddress), errors.Is(err, webhook.ErrPosition):
		p := badRequest(err.Error())
		if !errors.Is(err, webhook.ErrPosition) {
			p.Hint = "Whoever runs the server can allow a network with `serve --webhook-allow CIDR`, with plain HTTP too"
		}
		return p
	case errors.Is(err, webhook.ErrTooMany):
		return badRequest(err.Error())
	}
	return err
}

// noteHook notes what somebody did to a webhook. Of the address there is only the host: the rest may be a secret.
func (c *call) noteHook(did, id, address string) {
	host := ""
	if u, err := url.Parse(address); err == nil {
		host = " to " + clip(u.Host)
	}
	r := node.ActivityRecord{Kind: node.ActivityWebhook, Request: c.Method + " " + clip(c.URL.Path), About: "webhook/" + id, Reason: did + host}
	if c.caller.Kind != LocalOperator {
		r.Actor, r.Credential = c.subject.String(), c.caller.did()
	}
	c.org.Activity.Note(c.now, r)
}

// answers names the caller as who answers for a webhook: see [node.Org.Webhooks].
func (c *call) answers() string {
	if c.caller.Kind == LocalOperator {
		return string(LocalOperator)
	}
	return c.subject.String()
}

func (c *call) wireHook(s webhook.Status) wire.Webhook {
	by := s.By
	if id, err := ulid.ParseStrict(by); err == nil {
		by = keyOf(c.org, id)
	}
	return wire.Webhook{
		ID: s.ID, URL: s.URL, Kinds: s.Kinds, Created: stamp(s.Created), By: by, Position: s.Position, Head: c.org.Access.Head().Position,
		Stopped: s.Stopped, Failures: s.Failures, Error: s.Error, Next: stamp(s.Next), Dead: s.Dead,
	}
}

func listWebhooks(c *call) (wire.List[wire.Webhook], error) {
	list := wire.List[wire.Webhook]{Items: []wire.Webhook{}, AsOf: head(c.org, c.now)}
	for _, s := range c.org.Webhooks.List() {
		list.Items = append(list.Items, c.wireHook(s))
	}
	return list, nil
}

func createWebhook(c *call, in wire.NewWebhook) (wire.Webhook, error) {
	for _, k := range in.Kinds {
		if !slices.Contains(changes.Kinds(), changes.Kind(k)) {
			return wire.Webhook{}, badRequest(fmt.Sprintf("kinds holds %q; there are %s", clip(k), kindNames()))
		}
	}
	behind := c.org.Access.Head().Position
	if in.From > 0 {
		behind = in.From - 1
	}
	e, err := c.org.Webhooks.Create(in.URL, in.Kinds, c.answers(), behind)
	if err != nil {
		return wire.Webhook{}, hookProblem(err)
	}
	c.noteHook("created", e.ID, e.URL)
	out := c.wireHook(webhook.Status{Endpoint: e, Position: behind})
	out.Secret = e.Secrets[0].Secret
	return out, nil
}

// hook gives one of the webhooks as it is.
func (c *call) hook(id string) (wire.Webhook, error) {
	for _, s := range c.org.Webhooks.List() {
		if s.ID == id {
			return c.wireHook(s), nil
		}
	}
	return wire.Webhook{}, hookProblem(webhook.ErrNone)
}

// withHook does something with a webhook, and gives it as it is then.
func (c *call) withHook(did string, do func(*webhook.Set, string) error) (wire.Webhook, error) {
	id := c.PathValue("id")
	before, err := c.hook(id)
	if err != nil {
		return before, err
	}
	if err := do(c.org.Webhooks, id); err != nil {
		return wire.Webhook{}, hookProblem(err)
	}
	c.noteHook(did, id, before.URL)
	if did == "deleted" {
		return before, nil
	}
	return c.hook(id)
}

func deleteWebhook(c *call) (wire.Webhook, error) {
	return c.withHook("deleted", func(s *webhook.Set, id string) error { return s.Delete(id) })
}

func testWebhook(c *call, _ wire.TestWebhook) (wire.Tested, error) {
	hook, err := c.withHook("tested", func(s *webhook.Set, id string) error {
		ctx, cancel := context.WithTimeout(c.Context(), bodyTime)
		defer cancel()
		if err := s.Test(ctx, id); err != nil && !errors.Is(err, webhook.ErrNone) {
			return problemOf(http.StatusBadGateway, wire.CodeNotDelivered, "The delivery was not taken: "+clip(err.Error()))
		}
		return nil
	})
	return wire.Tested{ID: hook.ID}, err
}

func rotateWebhook(c *call, in wire.RotateWebhook) (wire.Webhook, error) {
	overlap := 24 * time.Hour
	if in.Overlap != "" {
		var err error
		if overlap, err = time.ParseDuration(in.Overlap); err != nil || overlap < 0 || overlap > 30*24*time.Hour {
			return wire.Webhook{}, badRequest("overlap is a time like 24h, of at most 720h")
		}
	}
	var secret string
	hook, err := c.withHook("got another secret", func(s *webhook.Set, id string) (err error) {
		secret, err = s.Rotate(id, overlap)
		return err
	})
	hook.Secret = secret
	return hook, err
}

func replayWebhook(c *call, in wire.ReplayWebhook) (wire.Webhook, error) {
	if in.From == 0 {
		return wire.Webhook{}, badRequest("from is the first position to be sent, from 1 on")
	}
	return c.withHook(fmt.Sprintf("replayed from %d", in.From), func(s *webhook.Set, id string) error { return s.Replay(id, in.From-1, c.answers()) })
}

func listDeadLetters(c *call) (wire.List[wire.DeadLetter], error) {
	list := wire.List[wire.DeadLetter]{Items: []wire.DeadLetter{}, AsOf: head(c.org, c.now)}
	dead, err := c.org.Webhooks.Dead(c.PathValue("id"))
	if err != nil {
		return list, hookProblem(err)
	}
	for _, d := range dead {
		list.Items = append(list.Items, wire.DeadLetter{Seq: d.Position, Time: stamp(d.Time), Attempts: d.Attempts, Error: d.Error})
	}
	return list, nil
}
