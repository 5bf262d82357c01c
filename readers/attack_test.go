package readers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// attempts are requests of mallory, a reader of acme like alice, who has the durable consumer books. bob reads beta.
// A request is sent with every way to get an answer, and its own reply where it names one.
var attempts = []struct{ name, subject, reply, body string }{
	{name: "publish an entry", subject: "ledger.acme.role.created", body: `{"event":{}}`},
	{name: "publish a change", subject: "changes.acme.role", body: `{}`},
	{name: "publish to the topic", subject: "topic.acme", body: `{}`},
	{name: "publish a checkpoint", subject: "checkpoints.acme", body: "acme\n9\n"},
	{name: "publish a checkpoint of another organization", subject: "checkpoints.beta", body: "beta\n9\n"},
	{name: "publish an entry of another organization", subject: "ledger.beta.role.created", body: `{}`},
	{name: "create a stream", subject: "$JS.API.STREAM.CREATE.MINE", body: `{"name":"MINE","subjects":["mine"]}`},
	{name: "create a mirror", subject: "$JS.API.STREAM.CREATE.MINE", body: `{"name":"MINE","mirror":{"name":"LEDGER_acme"}}`},
	{name: "create a mirror of another account", subject: "$JS.API.STREAM.CREATE.MINE", body: `{"name":"MINE","mirror":{"name":"LEDGER_beta","external":{"api":"$JS.API"}}}`},
	{name: "limit a stream", subject: "$JS.API.STREAM.UPDATE.LEDGER_acme", body: `{"name":"LEDGER_acme","subjects":["ledger.acme.>"],"max_msgs":1,"discard":"old"}`},
	{name: "age a stream", subject: "$JS.API.STREAM.UPDATE.LEDGER_acme", body: `{"name":"LEDGER_acme","subjects":["ledger.acme.>"],"max_age":1000000}`},
	{name: "delete a stream", subject: "$JS.API.STREAM.DELETE.LEDGER_acme"},
	{name: "purge a stream", subject: "$JS.API.STREAM.PURGE.LEDGER_acme"},
	{name: "delete a message", subject: "$JS.API.STREAM.MSG.DELETE.LEDGER_acme", body: `{"seq":1}`},
	{name: "snapshot a stream", subject: "$JS.API.STREAM.SNAPSHOT.LEDGER_acme", body: `{"deliver_subject":"_INBOX.mallory.snap"}`},
	{name: "restore a stream", subject: "$JS.API.STREAM.RESTORE.LEDGER_acme", body: `{"config":{"name":"LEDGER_acme"},"state":{}}`},
	{name: "step down", subject: "$JS.API.STREAM.LEADER.STEPDOWN.LEDGER_acme"},
	{name: "remove a server", subject: "$JS.API.SERVER.REMOVE", body: `{"peer":"permledger-readers"}`},
	{name: "purge an account", subject: "$JS.API.ACCOUNT.PURGE.READ_acme"},
	{name: "ask the system for servers", subject: "$SYS.REQ.SERVER.PING"},
	{name: "ask the system for connections", subject: "$SYS.REQ.SERVER.PING.CONNZ"},
	{name: "ask the system for streams", subject: "$SYS.REQ.SERVER.PING.JSZ", body: `{"accounts":true,"streams":true,"config":true}`},
	{name: "ask the system for an account", subject: "$SYS.REQ.ACCOUNT.READ_beta.INFO"},
	{name: "ask the system for itself", subject: "$SYS.REQ.USER.INFO"},
	{name: "reload the server", subject: "$SYS.REQ.SERVER.ID.RELOAD"},
	{name: "disconnect others", subject: "$SYS.REQ.SERVER.ID.KICK", body: `{"cid":5}`},
	{name: "read a stream of another organization", subject: "$JS.API.STREAM.INFO.LEDGER_beta"},
	{name: "read a message of another organization", subject: "$JS.API.STREAM.MSG.GET.LEDGER_beta", body: `{"seq":1}`},
	{name: "read a message of another organization directly", subject: "$JS.API.DIRECT.GET.LEDGER_beta", body: `{"seq":1}`},
	{name: "consume another organization", subject: "$JS.API.CONSUMER.CREATE.LEDGER_beta.x", body: `{"stream_name":"LEDGER_beta","config":{"name":"x"}}`},
	{name: "consume another organization through one's own", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_beta","config":{"name":"x"}}`},
	{name: "ask the gate as somebody else", subject: "gate.idalice.CONSUMER.DELETE.LEDGER_acme.books"},
	{name: "push to somebody else", subject: "push.idalice.x", body: "false"},
	{name: "delete a consumer of somebody else", subject: "$JS.API.CONSUMER.DELETE.LEDGER_acme.books"},
	{name: "look at a consumer of somebody else", subject: "$JS.API.CONSUMER.INFO.LEDGER_acme.books"},
	{name: "take messages from a consumer of somebody else", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.books", body: `{"batch":100,"no_wait":true}`},
	{name: "acknowledge for somebody else", subject: "$JS.ACK.LEDGER_acme.books.1.4.4.1700000000000000000.0", body: "+ACK"},
	{name: "end a message of somebody else", subject: "$JS.ACK.LEDGER_acme.books.1.4.4.1700000000000000000.0", body: "+TERM"},
	{name: "acknowledge for everybody", subject: "$JS.ACK.LEDGER_acme.*.1.4.4.1700000000000000000.0", body: "+ACK"},
	{name: "pause a consumer of somebody else", subject: "$JS.API.CONSUMER.PAUSE.LEDGER_acme.books", body: `{"pause_until":"2999-01-01T00:00:00Z"}`},
	{name: "reset a consumer of somebody else", subject: "$JS.API.CONSUMER.RESET.LEDGER_acme.books", body: `{"seq":1}`},
	{name: "unpin a consumer", subject: "$JS.API.CONSUMER.UNPIN.LEDGER_acme.books", body: `{"group":"a"}`},
	{name: "step a consumer down", subject: "$JS.API.CONSUMER.LEADER.STEPDOWN.LEDGER_acme.books"},

	{name: "messages into the ledger", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "ledger.acme.role.created", body: `{"batch":5,"no_wait":true}`},
	{name: "messages into a checkpoint", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "checkpoints.acme", body: `{"batch":5,"no_wait":true}`},
	{name: "messages into another organization", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "ledger.beta.role.created", body: `{"batch":5,"no_wait":true}`},
	{name: "messages into the API", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "$JS.API.STREAM.DELETE.LEDGER_acme", body: `{"batch":5,"no_wait":true}`},
	{name: "messages into an allowed part of the API", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "$JS.API.CONSUMER.DELETE.LEDGER_acme.books", body: `{"batch":5,"no_wait":true}`},
	{name: "messages into the gate", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "gate.idalice.CONSUMER.DELETE.LEDGER_acme.books", body: `{"batch":5,"no_wait":true}`},
	{name: "messages to somebody else", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "push.idalice.x", body: `{"batch":5,"no_wait":true}`},
	{name: "messages into an acknowledgement", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "$JS.ACK.LEDGER_acme.books.1.4.4.1700000000000000000.0", body: `{"batch":5,"no_wait":true}`},
	{name: "messages as an answer", subject: "$JS.API.CONSUMER.MSG.NEXT.LEDGER_acme.own", reply: "_R_.abc.def", body: `{"batch":5,"no_wait":true}`},
	{name: "an entry into the ledger", subject: "$JS.API.DIRECT.GET.LEDGER_acme", reply: "ledger.acme.role.created", body: `{"seq":1}`},
	{name: "an entry into the topic", subject: "$JS.API.STREAM.MSG.GET.LEDGER_acme", reply: "topic.acme", body: `{"seq":1}`},
	{name: "an answer into the ledger", subject: "$JS.API.INFO", reply: "ledger.acme.role.created"},
	{name: "an error into the ledger", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", reply: "ledger.acme.role.created", body: "{"},

	{name: "deliver into the ledger", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","deliver_subject":"ledger.acme.role.created","ack_policy":"none"}}`},
	{name: "deliver to a subject of nobody", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","deliver_subject":"other.x","ack_policy":"none"}}`},
	{name: "deliver to somebody else", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","deliver_subject":"push.idalice.x","ack_policy":"none"}}`},
	{name: "deliver into the API", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","deliver_subject":"$JS.API.STREAM.DELETE.LEDGER_acme","ack_policy":"none"}}`},
	{name: "deliver everywhere", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","deliver_subject":"_INBOX.>","ack_policy":"none"}}`},
	{name: "deliver to a group", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","deliver_subject":"_INBOX.x","deliver_group":"g","ack_policy":"none"}}`},
	{name: "a consumer of servers", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","direct":true}}`},
	{name: "a sourcing consumer", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","sourcing":true}}`},
	{name: "a sampled consumer", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","sample_freq":"100%"}}`},
	{name: "a consumer with priorities", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","priority_groups":["a"],"priority_policy":"pinned_client"}}`},
	{name: "a consumer with replicas", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","num_replicas":5}}`},
	{name: "a consumer with two names", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"y"}}`},
	{name: "a durable with two names", subject: "$JS.API.CONSUMER.DURABLE.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"durable_name":"books","name":"x"}}`},
	{name: "a filter that lies", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x.ledger.acme.role.created", body: `{"stream_name":"LEDGER_acme","config":{"name":"x"}}`},
	{name: "a name with a wildcard", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme", body: `{"stream_name":"LEDGER_acme","config":{"name":"*"}}`},
	{name: "a name that is a path", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme", body: `{"stream_name":"LEDGER_acme","config":{"name":"../../x"}}`},
	{name: "a name with a line end", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme", body: `{"stream_name":"LEDGER_acme","config":{"name":"a\r\nPUB ledger.acme.x 0\r\n"}}`},
	{name: "a filter with a line end", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","filter_subject":"a\r\nPUB ledger.acme.x 0\r\n"}}`},
	{name: "a member that nobody knows", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","new_in_3":true}}`},
	{name: "no JSON", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: "\x00\x01"},
	{name: "deep JSON", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: strings.Repeat("[", 15000)},
	{name: "too many acknowledgements", subject: "$JS.API.CONSUMER.CREATE.LEDGER_acme.x", body: `{"stream_name":"LEDGER_acme","config":{"name":"x","ack_policy":"explicit","max_ack_pending":1000000}}`},
}

// Given two readers of one organization and one of another, when one of them tries what it must not, then nothing of it is
// answered but with an error, and streams, consumers and what the others are told stay as they were.
func TestAttacks(t *testing.T) {
	w := newWorld(t, "acme", "beta")
	for _, s := range []string{"LEDGER_acme", "CHANGES_acme", "TOPIC_acme", "LEDGER_beta"} {
		w.entries(s, 10)
	}
	alice, bob := w.connect(w.reader("acme", "alice")), w.connect(w.reader("beta", "bob"))
	books := w.durable(alice, "LEDGER_acme", "books")
	for range 3 { // three of ten are acknowledged, a fourth is under way
		m := next(t, books)
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	next(t, books)
	before := []any{w.all(alice, "acme"), w.all(bob, "beta")}
	heard := w.listen(alice, "_INBOX.>", "checkpoints.acme")

	refused := make(chan error, 10)
	mallory := w.connect(w.reader("acme", "mallory"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			select {
			case refused <- err:
			default:
			}
		}
	}))
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			w.durable(mallory, "LEDGER_acme", "own")
			inbox := nats.NewInbox()
			sub, err := mallory.SubscribeSync(inbox)
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Unsubscribe()
			m := &nats.Msg{Subject: a.subject, Reply: a.reply, Data: []byte(a.body)}
			if a.reply == "" {
				m.Reply = inbox
			}
			if err := errors.Join(mallory.PublishMsg(m), mallory.FlushTimeout(patience)); err != nil {
				t.Fatal(err)
			}
			// What is allowed and asked after it is answered after it.
			if _, err := w.js(mallory).AccountInfo(t.Context()); err != nil {
				t.Fatalf("an allowed request: %v", err)
			}
			for {
				got, err := sub.NextMsg(10 * time.Millisecond)
				if err != nil {
					break
				}
				var answer struct{ Error *struct{ Code int } }
				if status := got.Header.Get("Status"); status == "503" || status == "404" || status == "408" {
					continue
				}
				if err := json.Unmarshal(got.Data, &answer); err != nil || answer.Error == nil || answer.Error.Code < 400 {
					t.Errorf("answered %s %s", got.Header, got.Data)
				}
			}
		})
	}
	for _, subject := range []string{">", "*", "ledger.>", "ledger.acme.>", "$JS.>", "$JS.ACK.>", "$SYS.>", "_R_.>", "gate.>", "push.>", "checkpoints.beta", "checkpoints.>", "_GR_.>", "$JSC.>"} {
		t.Run("hear "+subject, func(t *testing.T) {
			for len(refused) > 0 {
				<-refused
			}
			sub, err := mallory.SubscribeSync(subject)
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Unsubscribe()
			if err := mallory.FlushTimeout(patience); err != nil {
				t.Fatal(err)
			}
			select {
			case <-refused:
			case <-time.After(patience):
				t.Error("it may listen there")
			}
		})
	}
	if err := alice.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
	if len(heard()) > 0 {
		t.Errorf("somebody else was told: %q", heard())
	}
	if diff := cmp.Diff(before, []any{w.all(alice, "acme"), w.all(bob, "beta")}); diff != "" {
		t.Errorf("something changed: %s", diff)
	}
	info, err := books.Info(t.Context())
	if err != nil || info.AckFloor.Stream != 3 || info.Delivered.Stream != 4 || info.NumAckPending != 1 {
		t.Errorf("somebody else's consumer: %+v, %v", info, err)
	}
}

// Given a reader with an inbox and a consumer, when another of the same organization asks what consumers there are and
// makes some by the same names, then it sees and gets its own alone.
func TestReadersOfOneOrganizationDoNotMeet(t *testing.T) {
	w := newWorld(t, "acme")
	w.entries("LEDGER_acme", 5)
	alice, mallory := w.connect(w.reader("acme", "alice")), w.connect(w.reader("acme", "mallory"))
	hers, his := w.durable(alice, "LEDGER_acme", "books"), w.durable(mallory, "LEDGER_acme", "books")
	w.durable(alice, "LEDGER_acme", "secret")
	for _, c := range []jetstream.Consumer{hers, his} {
		for at := range uint64(5) {
			m := next(t, c)
			if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != at+1 {
				t.Fatalf("got %+v, %v", meta, err)
			}
			if err := m.DoubleAck(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	st, err := w.js(mallory).Stream(t.Context(), "LEDGER_acme")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	list := st.ListConsumers(t.Context())
	for i := range list.Info() {
		names = append(names, i.Name)
	}
	if list.Err() != nil || len(names) != 1 || names[0] != "books" {
		t.Errorf("there are %q, %v", names, list.Err())
	}
	if _, err := st.Consumer(t.Context(), "secret"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("another's consumer: %v", err)
	}
	if err := st.DeleteConsumer(t.Context(), "books"); err != nil {
		t.Fatal(err)
	}
	if _, err := hers.Info(t.Context()); err != nil {
		t.Errorf("another's consumer of the name that was deleted: %v", err)
	}
	if _, err := his.Info(t.Context()); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("the one that was deleted: %v", err)
	}
}

// durable makes a durable consumer of a reader.
func (w *world) durable(nc *nats.Conn, stream, name string) jetstream.Consumer {
	w.t.Helper()
	c, err := w.js(nc).CreateOrUpdateConsumer(w.t.Context(), stream, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func next(t testing.TB, c jetstream.Consumer) jetstream.Msg {
	t.Helper()
	m, err := c.Next(jetstream.FetchMaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// listen collects what a connection hears that is no heartbeat of a checkpoint, but for answers to its own requests.
func (w *world) listen(nc *nats.Conn, subjects ...string) func() []string {
	w.t.Helper()
	var mu sync.Mutex
	var heard []string
	for _, s := range subjects {
		if _, err := nc.Subscribe(s, func(m *nats.Msg) {
			mu.Lock()
			defer mu.Unlock()
			if !strings.HasPrefix(string(m.Data), "checkpoint of ") && !strings.Contains(string(m.Data), `"type":"io.nats.jetstream.api.v1`) && m.Reply == "" {
				heard = append(heard, fmt.Sprintf("%s: %q", m.Subject, m.Data))
			}
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return heard
	}
}

// all gives configuration and content of an organization's streams as one of its readers sees them, once they are as long
// as what they are copies of.
func (w *world) all(nc *nats.Conn, org string) map[string]any {
	w.t.Helper()
	found := map[string]any{}
	for _, kind := range []string{"LEDGER", "CHANGES", "TOPIC"} {
		name := kind + "_" + org
		want := uint64(len(w.streams[name].all))
		var st jetstream.Stream
		w.eventually(func() error {
			var err error
			if st, err = w.js(nc).Stream(w.t.Context(), name); err == nil && st.CachedInfo().State.LastSeq != want {
				err = fmt.Errorf("%s has %d of %d messages", name, st.CachedInfo().State.LastSeq, want)
			}
			return err
		})
		found[name] = st.CachedInfo().Config
		for at := range want {
			m, err := st.GetMsg(w.t.Context(), at+1)
			if err != nil {
				w.t.Fatal(err)
			}
			found[fmt.Sprintf("%s %d", name, at+1)] = m.Subject + " " + string(m.Data)
		}
	}
	return found
}

func (w *world) eventually(check func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	w.t.Fatal(err)
}
