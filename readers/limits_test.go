package readers_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Given a reader at each of its limits, when it goes beyond, then it is refused, or its connection closed; and it may go on
// below.
func TestLimits(t *testing.T) {
	w := newWorld(t, "acme")
	w.entries("LEDGER_acme", 3)

	t.Run("connections", func(t *testing.T) {
		k := w.reader("acme", "many")
		var first *nats.Conn
		for range 32 {
			first = w.connect(k)
		}
		if nc, err := w.dial(k); !errors.Is(err, nats.ErrAuthorization) {
			t.Fatalf("one more: %v, %v", nc, err)
		}
		w.connect(w.reader("acme", "another"))
		first.Close()
		w.eventually(func() error {
			nc, err := w.dial(k)
			if err == nil {
				nc.Close()
			}
			return err
		})
	})
	t.Run("consumers", func(t *testing.T) {
		nc := w.connect(w.reader("acme", "hoarder"))
		for i := range 128 {
			w.durable(nc, "LEDGER_acme", fmt.Sprintf("d%d", i))
		}
		_, err := w.js(nc).CreateConsumer(t.Context(), "LEDGER_acme", jetstream.ConsumerConfig{Durable: "more"})
		var api *jetstream.APIError
		if !errors.As(err, &api) || api.ErrorCode != 10026 {
			t.Fatalf("one more: %v", err)
		}
		next(t, w.durable(nc, "LEDGER_acme", "d7")) // one that is there is still its own
		if err := w.js(nc).DeleteConsumer(t.Context(), "LEDGER_acme", "d7"); err != nil {
			t.Fatal(err)
		}
		next(t, w.durable(nc, "LEDGER_acme", "more"))
	})
	t.Run("payload", func(t *testing.T) {
		nc := w.connect(w.reader("acme", "loud"), nats.MaxReconnects(0))
		w.eventually(func() error { // its client is told, and sends no more
			if got := nc.MaxPayload(); got != 32<<10 {
				return fmt.Errorf("it may send %d bytes at once", got)
			}
			return nil
		})
		raw, err := net.Dial("tcp", w.srv.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		if _, err := fmt.Fprintf(raw, "CONNECT {}\r\nPUB x 1000000\r\n%s\r\n", bytes.Repeat([]byte("x"), 1000000)); err == nil {
			gone(t, raw)
		}
	})
	t.Run("subscriptions", func(t *testing.T) {
		failed := make(chan error, 1)
		nc := w.connect(w.reader("acme", "curious"), nats.MaxReconnects(0), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case failed <- err:
			default:
			}
		}))
		for i := range 300 {
			if _, err := nc.SubscribeSync(fmt.Sprintf("_INBOX.%d", i)); err != nil {
				break
			}
		}
		select {
		case err := <-failed:
			if !errors.Is(err, nats.ErrMaxSubscriptionsExceeded) {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("it has as many subscriptions as it likes")
		}
	})
	t.Run("too early", func(t *testing.T) { // before it says who it is
		raw, err := net.Dial("tcp", w.srv.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		gone(t, raw)
	})
}

// gone waits until the server closes a connection.
func gone(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 1024); ; {
		if _, err := c.Read(b); errors.As(err, new(net.Error)) && err.(net.Error).Timeout() {
			t.Fatal("the connection is still there")
		} else if err != nil {
			return
		}
	}
}

// Given a reader that asks for all and takes nothing in, when much is written, then it is cut off, and another gets
// everything.
func TestSlowReader(t *testing.T) {
	w := newWorld(t, "acme")
	w.entries("LEDGER_acme", 1)
	stuck := make(chan struct{})
	defer close(stuck)
	k := w.reader("acme", "slow")
	conn := &heldUp{stuck: stuck}
	slow := w.connect(k, nats.SetCustomDialer(conn), nats.MaxReconnects(0), nats.PingInterval(time.Hour))
	js, err := slow.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Subscribe("", func(*nats.Msg) {}, nats.BindStream("LEDGER_acme"), nats.AckNone()); err != nil {
		t.Fatal(err)
	}
	conn.hold()
	big := bytes.Repeat([]byte("x"), 1<<19)
	for range 80 {
		w.streams["LEDGER_acme"].add(big)
	}
	c, err := w.js(w.connect(w.reader("acme", "quick"))).OrderedConsumer(t.Context(), "LEDGER_acme", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for at := range uint64(81) {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != at+1 {
			t.Fatalf("got %+v, %v", meta, err)
		}
	}
	w.eventually(func() error { // its one connection is free again
		var all []*nats.Conn
		defer func() {
			for _, nc := range all {
				nc.Close()
			}
		}()
		for range 32 {
			nc, err := w.dial(k)
			if err != nil {
				return fmt.Errorf("the slow reader is still connected: %w", err)
			}
			all = append(all, nc)
		}
		return nil
	})
}

// heldUp dials connections from which nothing is read once they are held.
type heldUp struct {
	stuck chan struct{}
	c     *heldConn
}

type heldConn struct {
	net.Conn
	held, stuck chan struct{}
}

func (h *heldUp) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	h.c = &heldConn{c, make(chan struct{}), h.stuck}
	return h.c, err
}

func (h *heldUp) hold() { close(h.c.held) }

func (c *heldConn) Read(b []byte) (int, error) {
	select {
	case <-c.held:
		<-c.stuck
		return 0, net.ErrClosed
	default:
		return c.Conn.Read(b)
	}
}
