package readers_test

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Given streams with messages, when a client reads them one after the other with the iterator and with fetches of ordered
// and durable consumers, then it gets all of them, those that come later too.
func TestMessagesOneAfterTheOther(t *testing.T) {
	w := newWorld(t, "acme")
	w.entries("LEDGER_acme", 300)
	js := w.js(w.connect(w.reader("acme", "billing")))
	ordered, err := js.OrderedConsumer(t.Context(), "LEDGER_acme", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	durable, err := js.CreateOrUpdateConsumer(t.Context(), "LEDGER_acme", jetstream.ConsumerConfig{Durable: "billing", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	for name, consumer := range map[string]jetstream.Consumer{"ordered": ordered, "durable": durable} {
		t.Run(name, func(t *testing.T) {
			messages, err := consumer.Messages()
			if err != nil {
				t.Fatal(err)
			}
			defer messages.Stop()
			for i := range 300 {
				m, err := messages.Next(jetstream.NextMaxWait(patience))
				if err != nil {
					t.Fatalf("message %d: %v", i+1, err)
				}
				if want := fmt.Sprintf("LEDGER_acme %d", i+1); string(m.Data()) != want {
					t.Fatalf("%q, want %q", m.Data(), want)
				}
				if name == "durable" {
					if err := m.Ack(); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
