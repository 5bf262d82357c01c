package tenants_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
)

// ears are wherever callers of theirs can listen: streams of server-sent events, lines, NATS, and a webhook.
type ears struct {
	w       *world
	theirs  *tenant
	ends    context.CancelFunc
	running sync.WaitGroup
	nc      *nats.Conn
	last    int // how often it was waited for

	mu    sync.Mutex
	texts map[string][]string // by where it was heard
}

func (e *ears) hear(where, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts[where] = append(e.texts[where], text)
}

// heard gives what came to each place so far.
func (e *ears) heard() map[string][]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string][]string{"a webhook of theirs": e.w.deliveries("/" + e.theirs.id + "/")}
	for where, texts := range e.texts {
		all[where] = append([]string(nil), texts...)
	}
	return all
}

// listen listens everywhere in the name of theirs, and tries to in mine's. Mine listens too, with words of its own.
func (w *world) listen(mine, theirs *tenant) *ears {
	w.t.Helper()
	ctx, cancel := context.WithCancel(theirs.ctx)
	e := &ears{w: w, theirs: theirs, ends: cancel, texts: map[string][]string{}}
	for _, o := range []struct {
		*tenant
		path string
	}{{mine, "/" + secretWord + "/" + mine.id}, {theirs, "/" + theirs.id + "/first"}} {
		if _, err := o.CreateWebhook(ctx, o.id, wire.NewWebhook{URL: w.receiver + o.path}); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, path := range []string{"/changes", "/watch"} {
		for _, accept := range []string{"text/event-stream", "application/jsonl"} {
			if path == "/changes" && accept != "text/event-stream" {
				continue
			}
			e.follow(ctx, path, accept)
		}
	}
	e.subscribe(mine)
	return e
}

// follow reads a stream of the API until it ends.
func (e *ears) follow(ctx context.Context, path, accept string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.w.url+"/v1/orgs/"+e.theirs.id+path+"?from=1", nil)
	if err != nil {
		e.w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apiKey(e.theirs.id, "owner"))
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.w.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		e.w.t.Fatalf("%s: %s", path, resp.Status)
	}
	e.running.Go(func() {
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			e.hear(path+" as "+accept, lines.Text())
		}
	})
}

// subscribe connects a reader of theirs to NATS, reads its streams, and listens and asks wherever it can.
func (e *ears) subscribe(mine *tenant) {
	t := e.w.t
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
	e.theirs.must(t, wire.Intent{Kind: wire.RegisterKey, Key: didkey.Encode(ed25519.PublicKey(raw)), Purpose: events.PurposeReader, Subject: theirWord + "-reader"})
	e.nc, err = nats.Connect("nats://"+e.w.readers, nats.Nkey(public, pair.Sign), nats.Timeout(30*time.Second), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		e.hear("errors of NATS", err.Error())
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{
		"_INBOX.>", "checkpoints." + e.theirs.id, "checkpoints." + mine.id, "checkpoints.>", ">", "*", "ledger.>", "ledger." + mine.id + ".>", "changes." + mine.id + ".>",
		"topic." + mine.id, "$JS.>", "$SYS.>", "_R_.>", "gate.>", "push.>", "*." + mine.id + ".>",
	} {
		where := "NATS on " + subject
		if _, err := e.nc.Subscribe(subject, func(m *nats.Msg) { e.hear("NATS", where+" "+m.Subject+" "+string(m.Data)) }); err != nil {
			t.Fatal(err)
		}
	}
	js, err := jetstream.New(e.nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"LEDGER_", "CHANGES_", "TOPIC_"} {
		c, err := js.OrderedConsumer(t.Context(), kind+e.theirs.id, jetstream.OrderedConsumerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		running, err := c.Consume(func(m jetstream.Msg) { e.hear(kind+" of theirs", m.Subject()+" "+string(m.Data())) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(running.Stop)
	}
}

// ask asks NATS for what is mine's, in every form. The answers are heard, and so are refusals.
func (e *ears) ask(mine *tenant) {
	t := e.w.t
	for _, subject := range []string{
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.LEDGER_%s", "$JS.API.STREAM.MSG.GET.LEDGER_%s", "$JS.API.DIRECT.GET.LEDGER_%s",
		"$JS.API.DIRECT.GET.CHANGES_%s", "$JS.API.STREAM.MSG.GET.TOPIC_%s", "$JS.API.CONSUMER.CREATE.LEDGER_%s.x", "$JS.API.CONSUMER.NAMES.LEDGER_%s", "$JS.API.CONSUMER.LIST.CHANGES_%s",
		"$JS.API.CONSUMER.MSG.NEXT.LEDGER_%s.x", "$SYS.REQ.SERVER.PING.JSZ", "$SYS.REQ.ACCOUNT.READ_%s.INFO", "$SYS.REQ.SERVER.PING.CONNZ",
	} {
		body := `{"seq":1,"accounts":true,"streams":true,"stream_name":"LEDGER_` + mine.id + `","config":{"name":"x"}}`
		if err := e.nc.PublishRequest(strings.ReplaceAll(subject, "%s", mine.id), nats.NewInbox(), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	js, err := jetstream.New(e.nc)
	if err == nil {
		_, err = js.AccountInfo(t.Context()) // what was asked before is answered before
	}
	if err != nil {
		t.Fatal(err)
	}
}

// heardAll waits until what theirs recorded has been heard everywhere.
func (e *ears) heardAll(t testing.TB) {
	t.Helper()
	e.last++
	name := fmt.Sprintf("%s at last %d", theirWord, e.last)
	last := e.theirs.must(t, wire.Intent{Kind: wire.UpdateOrganization, Name: &name})
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		missing := ""
		all := e.heard()
		for _, where := range []string{"a webhook of theirs", "/changes as text/event-stream", "/watch as text/event-stream", "/watch as application/jsonl", "LEDGER_ of theirs", "CHANGES_ of theirs"} {
			found := where == "a webhook of theirs" && len(all[where]) > 0 // of what changes nothing it is not told
			for _, text := range all[where] {
				found = found || strings.Contains(text, last.CID) || strings.Contains(text, name)
			}
			if !found {
				missing = where
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s never heard of position %d", missing, last.Seq)
		}
	}
}

func (e *ears) close() {
	e.nc.Close()
	e.ends()
	e.running.Wait()
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never:", what)
		}
	}
}
