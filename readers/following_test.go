package readers_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/permledger/permledger/readers"
)

// Given readers of two organizations, when one has a consumer and got some of what there is, then it is said how far it is, under the name
// that it gave, and nothing of the other organization's.
func TestFollowing(t *testing.T) {
	w := newWorld(t, "acme", "beta")
	k := w.reader("acme", "billing")
	nc := w.connect(k)
	other := w.connect(w.reader("beta", "etl"))
	js := w.js(nc)
	c, err := js.CreateOrUpdateConsumer(t.Context(), "LEDGER_acme", jetstream.ConsumerConfig{Durable: "sync", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.js(other).CreateOrUpdateConsumer(t.Context(), "LEDGER_beta", jetstream.ConsumerConfig{Durable: "sync"}); err != nil {
		t.Fatal(err)
	}
	w.entries("LEDGER_acme", 10)
	for got := 0; got < 3; got++ {
		m, err := c.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		if got < 2 {
			if err := m.DoubleAck(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := readers.Consumer{Stream: "LEDGER_acme", Name: "sync", Delivered: 3, Floor: 2, Unacked: 1}
	var all []readers.Following
	w.eventually(func() error {
		if all, err = w.srv.Following(t.Context(), "acme"); err != nil {
			return err
		}
		if len(all) == 1 && len(all[0].Consumers) == 1 {
			got := all[0].Consumers[0]
			want.Pending = got.Pending
			if n := uint64(len(w.streams["LEDGER_acme"].all)); got == want && got.Pending == n-3 {
				return nil
			}
		}
		return fmt.Errorf("it is said to be %+v; want %+v", all, want)
	})
	if r := all[0].Reader; r.Name != "billing" || r.Organization != "acme" || all[0].Connections != 1 {
		t.Errorf("it follows as %+v", all[0])
	}
	nc.Close()
	w.eventually(func() error {
		if all, err = w.srv.Following(t.Context(), "acme"); err != nil {
			return err
		}
		if len(all) == 1 && all[0].Connections == 0 && len(all[0].Consumers) == 1 {
			return nil // a durable consumer outlives its connection
		}
		return fmt.Errorf("after it has gone: %+v", all)
	})
}
