package readers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const patience = 30 * time.Second

// Given streams with messages, when a client of nats.go reads them with an ordered and with a durable consumer, pull and
// push, then it gets all of them, those that come later too.
func TestConsumers(t *testing.T) {
	w := newWorld(t, "acme")
	w.entries("LEDGER_acme", 300)
	nc := w.connect(w.reader("acme", "billing"))
	js := w.js(nc)

	ordered, err := js.OrderedConsumer(t.Context(), "LEDGER_acme", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	durable, err := js.CreateOrUpdateConsumer(t.Context(), "LEDGER_acme", jetstream.ConsumerConfig{Durable: "billing", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if name := durable.CachedInfo().Name; name != "billing" {
		t.Errorf("the consumer is called %q", name)
	}
	legacy, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	pushed := make(chan *nats.Msg, 1000)
	if _, err := legacy.ChanSubscribe("ledger.acme.>", pushed, nats.OrderedConsumer()); err != nil {
		t.Fatal(err)
	}
	one, other := make(chan string, 1000), make(chan string, 1000)
	for consumer, c := range map[jetstream.Consumer]chan string{ordered: one, durable: other} {
		ctx, err := consumer.Consume(func(m jetstream.Msg) {
			if consumer == durable {
				if err := m.DoubleAck(t.Context()); err != nil {
					t.Errorf("acknowledge: %v", err)
				}
			}
			c <- string(m.Data())
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ctx.Stop()
	}
	w.entries("LEDGER_acme", 100)
	for i := range 400 {
		want := fmt.Sprintf("LEDGER_acme %d", i+1)
		for _, c := range []chan string{one, other} {
			select {
			case got := <-c:
				if got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			case <-time.After(patience):
				t.Fatalf("no %q", want)
			}
		}
		select {
		case got := <-pushed:
			if string(got.Data) != want {
				t.Fatalf("pushed %q, want %q", got.Data, want)
			}
		case <-time.After(patience):
			t.Fatalf("%q was not pushed", want)
		}
	}
	info, err := durable.Info(t.Context())
	if err != nil || info.AckFloor.Stream != 400 {
		t.Errorf("the acknowledged position is %+v, %v", info, err)
	}
}
