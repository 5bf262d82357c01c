//go:build unix

package stream

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

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
	l := hasty(openOn(t, conn, "acme"))
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
	l := hasty(createOn(t, remote(t, c, c.URLs), "acme"))
	first := group("acme", 1, 5, 50)
	appendAll(t, l, 0, first)
	c.Healthy("LEDGER_acme")
	old := c.Leader("LEDGER_acme")
	behind := hasty(openOn(t, remote(t, c, c.URL(old)), "acme")) // knows no other server
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
