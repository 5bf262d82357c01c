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
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

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
			key, err := nkeys.CreateUser()
			if err != nil {
				t.Fatal(err)
			}
			seed, err := key.Seed()
			if err != nil {
				t.Fatal(err)
			}
			o.Credentials = file(string(seed))
		},
		"no CA": func(o *RemoteOptions) { o.TLSCA = file("x") },
	} {
		o := remoteOptions(c, c.URLs)
		change(&o)
		refused := name == "no key" || name == "other key"
		if conn, err := Connect(o); err == nil || errors.Is(err, ErrServer) || errors.Is(err, ErrCredentials) != refused {
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
	// A cluster that has no majority yet is not taken for one that cannot hold ledgers
	none := pretend(t, map[string]any{"version": "2.15.2", "max_payload": 1 << 20}, `{"error":{"err_code":10008,"description":"JetStream system temporarily unavailable"}}`)
	if _, err := Connect(RemoteOptions{URLs: none, Replicas: 1, AckWait: time.Second}); !isCode(err, codeUnavailable) || errors.Is(err, ErrServer) {
		t.Errorf("without a majority: got %v", err)
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
	conn := remote(t, c, c.URLs, nats.SetCustomDialer(w))
	l := hasty(openOn(t, conn, "acme"))
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
