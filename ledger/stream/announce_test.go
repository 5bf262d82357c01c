package stream

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestAnnounce listens on the subject that checkpoints of an organization are published on.
func TestAnnounce(t *testing.T) {
	s, err := Start(Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := make(chan *nats.Msg, 2)
	sub, err := s.write.ChanSubscribe("checkpoints.*", got)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := s.write.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Announce("acme", []byte("a note")); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-got:
		if m.Subject != "checkpoints.acme" || string(m.Data) != "a note" {
			t.Errorf("%s: %s", m.Subject, m.Data)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
}
