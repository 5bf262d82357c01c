//go:build unix

package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// Given a follower whose connection is broken or falls silent while entries are written, when the way is healed, then it
// goes on without a gap and without a repetition.
func TestFollowerResumes(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	writer := createOn(t, remote(t, c, c.URLs), "acme")
	p := c.Proxy(t)
	conn := remote(t, c, p.URLs)
	l := openOn(t, conn, "acme")
	msgs := group("acme", 1, 900, 100)
	appendAll(t, writer, 0, msgs[:100])
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	next := 0
	for e, err := range l.Follow(ctx, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Seq != uint64(next+1) || !bytes.Equal(e.Data, msgs[next].Data) {
			t.Fatalf("got %d; want %d", e.Seq, next+1)
		}
		switch next++; next {
		case 50:
			p.Cut()
			appendAll(t, writer, 100, msgs[100:400])
			p.Heal()
		case 350:
			p.Stall()
			gone := disconnected(conn.read)
			appendAll(t, writer, 400, msgs[400:])
			go func() {
				<-gone
				p.Heal()
			}()
		case 900:
			cancel()
			return
		}
	}
}

// Given a leader that was paused while its successor took entries, when it goes on and is asked first, then neither
// reading nor appending is misled by what it does not know yet.
func TestResumedLeader(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	o := remoteOptions(c, c.URLs)
	conn, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := createOn(t, conn, "acme")
	first := group("acme", 1, 5, 50)
	appendAll(t, l, 0, first)
	c.Healthy("LEDGER_acme")
	old := c.Leader("LEDGER_acme")
	behind := openOn(t, remote(t, c, c.URL(old)), "acme") // knows no other server
	c.Pause(old)
	for c.Leader("LEDGER_acme") == old {
	}
	theirs, ours := group("acme", 2, 3, 50), group("acme", 3, 4, 50)
	appendAll(t, l, 5, theirs)
	answers := make(chan error, 1)
	go func() { answers <- behind.Append(deadline(t), 5, ours) }() // waits in the server's socket
	c.Resume(old)
	var stale *StaleError
	if err := <-answers; !errors.As(err, &stale) || stale.Want != 5 || stale.Have != 8 {
		t.Errorf("got %v; want stale at 8", err)
	}
	if err := behind.Append(deadline(t), 5, theirs); err != nil {
		t.Errorf("what is there already: %v", err)
	}
	if m, err := behind.Read(deadline(t), 8); err != nil || !bytes.Equal(m.Data, theirs[2].Data) {
		t.Errorf("read: got %v", err)
	}
	holds(t, behind, append(first, theirs...))
}

// Given a ledger in a cluster whose configuration an administrator changed, then opening it names what differs.
func TestRemoteConfiguration(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	conn := remote(t, c, c.URLs)
	js, err := jetstream.New(c.Admin())
	if err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*jetstream.StreamConfig){
		"num_replicas": func(c *jetstream.StreamConfig) { c.Replicas = 1 },
		"max_age":      func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"allow_atomic": func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false },
		"placement":    func(c *jetstream.StreamConfig) { c.Placement = &jetstream.Placement{Cluster: "permledger"} },
	} {
		org := strings.ReplaceAll(field, "_", "-")
		createOn(t, conn, org)
		i, _ := newID(kindLedger, org)
		conf := config(i, 0, 3)
		change(&conf)
		if _, err := js.UpdateStream(deadline(t), conf); err != nil {
			t.Fatal(err)
		}
		var e *ConfigError
		if _, err := conn.OpenLog(deadline(t), org); !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Name != field {
			t.Errorf("got %v; want %s", err, field)
		}
		if field == "allow_atomic" { // nor does an append find another way in
			l := &Log{conn.sequence(i)}
			if err := l.Append(deadline(t), 0, group(org, 1, 2, 10)); err == nil {
				t.Error("appended without a batch")
			}
		}
		if field == "max_age" { // and not when it is put right
			if _, err := js.UpdateStream(deadline(t), config(i, 0, 3)); err != nil {
				t.Fatal(err)
			}
			holds(t, openOn(t, conn, org), nil)
		}
	}

	// Nor is a stream that was made with fewer replicas taken for one of this node's.
	o := remoteOptions(c, c.URLs)
	o.Replicas = 1
	one, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.Close() })
	createOn(t, one, "single")
	if _, err := conn.OpenLog(deadline(t), "single"); !errors.As(err, new(*ConfigError)) {
		t.Errorf("got %v; want a ConfigError", err)
	}
	if w := one.Promise().Warnings(); len(w) != 1 || !strings.Contains(w[0], "1 replica") {
		t.Errorf("warnings %q", w)
	}
	if p := conn.Promise(); p.Embedded || p.Cluster != "permledger" || p.Replicas != 3 || !p.SyncAlways || p.Warnings() != nil {
		t.Errorf("got %+v %q", p, p.Warnings())
	}
}

// Given deploy/nats.conf, then permledger's user can do what the other tests do, and cannot touch what a stream has.
func TestPermissions(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 1)
	conn := remote(t, c, c.URLs)
	l := createOn(t, conn, "acme")
	msgs := group("acme", 1, 3, 50)
	appendAll(t, l, 0, msgs)
	for _, subject := range []string{
		"$JS.API.STREAM.DELETE.LEDGER_acme", "$JS.API.STREAM.UPDATE.LEDGER_acme", "$JS.API.STREAM.PURGE.LEDGER_acme",
		"$JS.API.STREAM.RESTORE.LEDGER_acme", "$JS.API.STREAM.SNAPSHOT.LEDGER_acme", "$JS.API.STREAM.NAMES",
		"$JS.API.CONSUMER.DURABLE.CREATE.LEDGER_acme.d", "$SYS.REQ.SERVER.PING", "elsewhere",
	} {
		inbox := conn.read.NewInbox()
		if err := conn.read.PublishRequest(subject, inbox, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := conn.read.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := conn.read.LastError(); !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"`+subject+`"`) {
			t.Errorf("%s: got %v; want %v", subject, err, nats.ErrPermissionViolation)
		}
	}
	// Messages may be deleted, which a ledger refuses.
	_, err := conn.api(deadline(t), "STREAM.MSG.DELETE", "LEDGER_acme", map[string]int{"seq": 2})
	if err == nil || !strings.Contains(err.Error(), "10057") {
		t.Errorf("delete a message: got %v; want a refusal", err)
	}
	holds(t, l, msgs)
}

// Given a server that cannot hold ledgers, or options that lead nowhere, then connecting says so.
func TestConnectRefuses(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 1)
	file := func(content string) string {
		f := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(f, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, change := range map[string]func(*RemoteOptions){
		"no URL":       func(o *RemoteOptions) { o.URLs = " " },
		"even":         func(o *RemoteOptions) { o.Replicas = 2 },
		"negative":     func(o *RemoteOptions) { o.Replicas = -1 },
		"no key":       func(o *RemoteOptions) { o.Credentials = "" },
		"missing file": func(o *RemoteOptions) { o.Credentials = "/nonexistent" },
		"no seed":      func(o *RemoteOptions) { o.Credentials = file("SUAAAA") },
		"other key": func(o *RemoteOptions) {
			o.Credentials = file("SUACJ5SRO3VDDSQNIXLQZS6QBYLQ2OGOZBDVBZ6EG5RYM7SYBBFT4WQZLM")
		},
		"no CA": func(o *RemoteOptions) { o.TLSCA = file("x") },
	} {
		o := remoteOptions(c, c.URLs)
		change(&o)
		if conn, err := Connect(o); err == nil || errors.Is(err, ErrServer) {
			t.Errorf("%s: got %v", name, err)
			if err == nil {
				conn.Close()
			}
		}
	}
	o := remoteOptions(c, c.URLs)
	o.Replicas = 0 // three, of one server
	if _, err := Connect(o); !errors.Is(err, ErrServer) {
		t.Errorf("three replicas: got %v; want %v", err, ErrServer)
	}
	for name, test := range map[string]struct {
		info   map[string]any
		answer string // to what is asked of JetStream
	}{
		"old":            {map[string]any{"version": "2.11.9", "max_payload": 1 << 20}, ""},
		"unversioned":    {map[string]any{"version": "dev", "max_payload": 1 << 20}, ""},
		"small messages": {map[string]any{"version": "2.15.2", "max_payload": 64 << 10}, ""},
		"no JetStream":   {map[string]any{"version": "2.15.2", "max_payload": 1 << 20}, `{"error":{"err_code":10039,"description":"JetStream not enabled for account"}}`},
	} {
		o := RemoteOptions{URLs: pretend(t, test.info, test.answer), Replicas: 1, AckWait: time.Second}
		if _, err := Connect(o); !errors.Is(err, ErrServer) {
			t.Errorf("%s: got %v; want %v", name, err, ErrServer)
		}
	}
	for v, want := range map[string]bool{
		"2.12.0": true, "2.12.0-RC.1": true, "2.15.2": true, "3.0.0": true, "2.11.99": false, "1.99.0": false, "": false, "2": false,
	} {
		if got := atLeast(v, 2, 12); got != want {
			t.Errorf("%q: got %t", v, got)
		}
	}
}

// Given a server that acknowledges something else than the group, as one that knows no batches would, then the append does
// not take it for the group's acknowledgement.
func TestOtherAcknowledgement(t *testing.T) {
	for answer, nothing := range map[string]bool{
		`{"stream":"LEDGER_acme","seq":7,"batch":"b","count":2}`: false, // the control
		`{"stream":"LEDGER_acme","seq":7}`:                       true,
		`{"stream":"LEDGER_acme","seq":7,"batch":"b","count":1}`: true,
		`{"stream":"LEDGER_acme","seq":8,"batch":"b","count":2}`: true,
		`{"stream":"LEDGER_zzzz","seq":7,"batch":"b","count":2}`: true,
		`{`: true,
	} {
		info := map[string]any{"version": "2.15.2", "max_payload": 1 << 20}
		c := &Conn{replicas: 1, remote: true, log: slog.New(slog.DiscardHandler)}
		if err := c.connect(pretend(t, info, answer), nil); err != nil {
			t.Fatal(err)
		}
		i, _ := newID(kindLedger, "acme")
		l := &Log{c.sequence(i)}
		ctx, cancel := context.WithTimeout(deadline(t), 100*time.Millisecond)
		err := l.Append(ctx, 5, group("acme", 1, 2, 10))
		cancel()
		if nothing && !errors.As(err, new(*UnknownError)) || !nothing && err != nil {
			t.Errorf("%s: got %v", answer, err)
		}
		c.Close()
	}
}

// Given a server that answers no question, though it is connected and answers pings, as one that its cluster cannot reach,
// then appending and reading go to another one.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	createOn(t, remote(t, c, c.URLs), "acme")
	silent := false
	w := &wire{}
	w.rewrite = func(b []byte) []byte {
		w.mu.Lock()
		defer w.mu.Unlock()
		if silent && w.dials <= 2 { // nobody may publish or ask there
			b = bytes.ReplaceAll(b, []byte("HPUB ledger."), []byte("HPUB xxxxxx."))
			b = bytes.ReplaceAll(b, []byte("PUB $JS.API."), []byte("PUB $XX.API."))
		}
		return b
	}
	o := remoteOptions(c, c.URLs)
	conn, err := connectRemote(o, nats.SetCustomDialer(w))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := openOn(t, conn, "acme")
	msgs := group("acme", 1, 4, 50)
	appendAll(t, l, 0, msgs[:2])
	w.mu.Lock()
	silent = true
	w.mu.Unlock()
	appendAll(t, l, 2, msgs[2:])
	for ctx := deadline(t); ; { // the first read finds out
		if _, err := l.Check(ctx); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	holds(t, l, msgs)
}

// pretend is the URL of one that says of itself what info does, and gives answer to each request.
func pretend(t *testing.T, info map[string]any, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	info["headers"] = true
	b, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveNATS(c, b, answer)
		}
	}()
	return "nats://" + l.Addr().String()
}
