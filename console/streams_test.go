package console_test

import (
	"crypto/ed25519"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
)

// Given an organization, when somebody looks at its streams, then the newest events stand there, and how to follow them with its own names.
func TestStreams(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read", "b.read", "c.read", "d.read", "e.read")
	b := w.signedIn("owner")
	page := b.get("/console/acme/streams")
	page.has(t, "role.created", "and 2 more", "organization.opened", "--connection-name acme stream view CHANGES_acme", "/v1/orgs/acme/changes?from=4", "permledger changes --server http://127.0.0.1", "There is none.")
	page.hasNot(t, "✗")
	b.get("/console/acme/streams?type=role.created").hasNot(t, "organization.opened organization:acme")
	past := b.get("/console/acme/streams?at=2")
	past.has(t, "known of now alone")
	past.hasNot(t, "role.created", "Create the webhook")
}

// Given somebody who may read the history and not change the organization, then no webhook is offered, and making one is refused.
func TestStreamsToRead(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("auditor", "Auditor", "ledger:history.read")
	w.join("eve", "eve@acme.example", "auditor")
	b := w.signedIn("eve")
	page := b.get("/console/acme/streams")
	page.has(t, "role.created")
	page.hasNot(t, "Webhooks", "NATS readers")
	if got := b.submit(page, "/console/acme/streams", url.Values{"url": {"https://example.com/x"}}); got.status != http.StatusForbidden {
		t.Errorf("making a webhook is answered with %d", got.status)
	}
}

// Given an address, when somebody has changes sent there, then the secret is shown once, and the webhook can be looked at, started again,
// given another secret and deleted.
func TestWebhooks(t *testing.T) {
	w := newWorld(t, "plain")
	b := w.signedIn("owner")
	page := b.get("/console/acme/streams")
	for field, form := range map[string]url.Values{
		"Say where to":   {"url": {" "}},
		"A position":     {"url": {"https://example.com/x"}, "from": {"soon"}},
		"not an address": {"url": {"ftp://example.com/x"}},
	} {
		bad := b.submit(page, "/console/acme/streams", form)
		if bad.status < 400 || bad.status > 499 {
			t.Errorf("%v is answered with %d", form, bad.status)
		}
		bad.has(t, field)
	}
	made := b.submit(page, "/console/acme/streams", url.Values{"url": {"https://hooks.example/permissions?token=1"}, "kind": {"subject", "role"}})
	secret := regexpFind(made.html, `(whsec_[^<"]+)`)
	if secret == "" {
		t.Fatalf("no secret is shown: %s", made.text())
	}
	list := b.get("/console/acme/streams")
	list.has(t, "https://hooks.example/permissions?token=1", "subject, role", "nothing", "✓ Sending", "owner")
	if strings.Contains(list.html, "whsec_") {
		t.Error("the secret is shown again")
	}
	at := regexpFind(list.html, `href="(/console/acme/streams/webhooks/[^"]+)"`)
	hook := b.get(at)
	hook.has(t, "It took everything.", "Send a test message")
	for text, form := range map[string]url.Values{
		"A number of hours":         {"do": {"rotate"}, "overlap": {"-1"}},
		"The first position":        {"do": {"replay"}, "from": {"0"}},
		"Say that you mean it":      {"do": {"delete"}},
		"there is no such position": {"do": {"replay"}, "from": {"999"}},
		"The form cannot be read":   {"do": {"paint"}},
	} {
		bad := b.submit(hook, at, form)
		if bad.status < 400 || bad.status > 499 {
			t.Errorf("%v is answered with %d", form, bad.status)
		}
		bad.has(t, text)
	}
	again := b.submit(hook, at, url.Values{"do": {"rotate"}, "overlap": {"1"}})
	if other := regexpFind(again.html, `(whsec_[^<"]+)`); other == "" || other == secret {
		t.Errorf("another secret: %q", other)
	}
	b.submit(hook, at, url.Values{"do": {"replay"}, "from": {"1"}}).has(t, "What was recorded from event 1 on is sent")
	gone := b.submit(hook, at, url.Values{"do": {"delete"}, "sure": {"yes"}})
	gone.hasNot(t, "hooks.example")
	if left := b.get(at); left.status != http.StatusNotFound {
		t.Errorf("the deleted one is answered with %d", left.status)
	}
	b.get("/console/acme/activity?kind=webhook").has(t, "a webhook was changed", "hooks.example")
}

// Given the streams in a browser, when they are paused and something is recorded, then it is announced, and shows when they go on.
func TestStreamsInABrowser(t *testing.T) {
	w := newWorld(t, "plain")
	w.role("desk", "Desk", "a.read")
	p := w.browse(t, "owner")
	p.Click("Streams")
	p.See("role.created")
	p.Click("Pause")
	r := w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"b.read"}})
	p.See("was recorded meanwhile")
	if r.Seq != 4 || p.Has("#line-4") {
		t.Error("a page that is paused goes on")
	}
	p.Click("Pause")
	p.See("role.updated")
	w.do(wire.Intent{Kind: wire.UpdateRole, Role: "desk", Add: []string{"c.read"}})
	p.Wait("#line-5")
	p.Inspect("streams")
	p.Click("Have changes sent to another address")
	p.Fill("Address", "https://hooks.example/permissions")
	p.Click("Create the webhook")
	p.See("This is shown once")
	p.Click("I have it: go on")
	p.See("It took everything")
	p.Inspect("webhook")
	p.Click("Activity")
	p.See("signed in")
	p.Inspect("activity")
}

// Given a program that reads over NATS, when somebody looks at the streams, then it is said how far its consumer is.
func TestStreamsOfReaders(t *testing.T) {
	w := newWorld(t, "plain")
	at, err := w.node.ServeReaders("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := nkeys.Decode(nkeys.PrefixByteUser, []byte(public))
	if err != nil {
		t.Fatal(err)
	}
	key := didkey.Encode(ed25519.PublicKey(raw))
	w.role("readers", "Readers", "ledger:history.read")
	w.do(wire.Intent{Kind: wire.AddSubject, Subject: "billing", SubjectKind: events.KindTechnical, Roles: []string{"readers"}})
	w.do(wire.Intent{Kind: wire.RegisterKey, Subject: "billing", Key: key, Purpose: events.PurposeReader})
	b := w.signedIn("owner")
	b.get("/console/acme/streams").has(t, "NATS readers 1", "billing")
	nc, err := nats.Connect("nats://"+at.String(), nats.Nkey(public, pair.Sign), nats.Name("acme"), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.CreateOrUpdateConsumer(t.Context(), "LEDGER_acme", jetstream.ConsumerConfig{Durable: "sync", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(jetstream.FetchMaxWait(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	page := b.get("/console/acme/streams")
	for end := time.Now().Add(30 * time.Second); !strings.Contains(page.text(), "sync LEDGER_acme 4 messages") && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		page = b.get("/console/acme/streams") // the streams are copied beside what is answered
	}
	page.has(t, "billing 1 sync LEDGER_acme 4 messages 1 0 (1 not acknowledged)")
	gone := b.confirm(b.submit(page, "/console/acme/streams/readers", url.Values{"key": {key}}), "left")
	gone.has(t, "Recorded", "NATS readers 0")
}
