package stream

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// durable gives a file-backed durable consumer of acme's ledger, made where there is none.
func durable(ctx context.Context, t *testing.T, s *Server) jetstream.Consumer {
	t.Helper()
	c, err := s.js.CreateOrUpdateConsumer(ctx, LogName("acme"), jetstream.ConsumerConfig{
		Durable: "reader", AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take takes n messages, acknowledges them and gives their positions; the bytes must be those that were published.
func take(ctx context.Context, t *testing.T, c jetstream.Consumer, n int, msgs []Msg) (at []uint64) {
	t.Helper()
	for len(at) < n {
		b, err := c.Fetch(n-len(at), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		for m := range b.Messages() {
			meta, err := m.Metadata()
			if err == nil {
				err = m.DoubleAck(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data()) != string(msgs[meta.Sequence.Stream-1].Data) {
				t.Errorf("position %d has other bytes", meta.Sequence.Stream)
			}
			at = append(at, meta.Sequence.Stream)
		}
		if err := b.Error(); err != nil {
			t.Fatalf("after %v: %v", at, err)
		}
	}
	return at
}

// Given a durable consumer that has acknowledged 15 of 20 messages, when a power cut takes the stream's end from 10 on and
// the same messages are appended again, then the consumer goes on where it was, or before: it skips none.
func TestDurableConsumerAfterCompletion(t *testing.T) {
	const all, kept, read = 20, 10, 15
	msgs := group("acme", 1, all, 300)
	for name, indexed := range map[string]bool{"with nats-server's index": true, "without it": false} {
		t.Run(name, func(t *testing.T) {
			ctx, dir := deadline(t), t.TempDir()
			s := run(t, dir)
			appendAll(t, create(t, s, "acme"), 0, msgs)
			take(ctx, t, durable(ctx, t, s), read, msgs)
			s.Close()
			cutBlock(t, dir, kept, indexed)

			s = run(t, dir)
			l, err := s.OpenLog(ctx, "acme")
			if indexed { // the server counts the end as deleted: such a stream is made again
				if damaged := (*DamagedError)(nil); !errors.As(err, &damaged) {
					t.Errorf("got %v; want what is lost", err)
				}
				return
			} else if err != nil {
				t.Fatal(err)
			}
			if last, _, err := l.Last(ctx); err != nil || last != kept {
				t.Fatalf("ends at %d, %v", last, err)
			}
			appendAll(t, l, kept, msgs[kept:])
			at := take(ctx, t, durable(ctx, t, s), 1, msgs)
			if at[0] > read+1 {
				t.Fatalf("goes on at %d: it skipped some", at[0])
			}
			for next := at[0] + 1; next <= all; next++ {
				if got := take(ctx, t, durable(ctx, t, s), 1, msgs); got[0] != next {
					t.Fatalf("%d came, and not %d", got[0], next)
				}
			}
			t.Logf("it goes on at %d", at[0])
		})
	}
}

// Given the same consumer, when the stream was set aside and made again, then the consumer is gone with the stream; made
// again, it begins at the first message.
func TestDurableConsumerAfterRemaking(t *testing.T) {
	const all, read = 20, 15
	ctx, dir := deadline(t), t.TempDir()
	msgs := group("acme", 1, all, 300)
	s := run(t, dir)
	appendAll(t, create(t, s, "acme"), 0, msgs)
	take(ctx, t, durable(ctx, t, s), read, msgs)
	s.Close()
	if err := SetAside(dir, "acme", filepath.Join(t.TempDir(), "aside")); err != nil {
		t.Fatal(err)
	}
	s = run(t, dir)
	appendAll(t, create(t, s, "acme"), 0, msgs)
	if _, err := s.js.Consumer(ctx, LogName("acme"), "reader"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("got %v; want no such consumer", err)
	}
	want := make([]uint64, all)
	for i := range want {
		want[i] = uint64(i + 1)
	}
	if at := take(ctx, t, durable(ctx, t, s), all, msgs); !slices.Equal(at, want) {
		t.Errorf("it reads %v", at)
	}
}

// cutBlock leaves the first n messages in the one block of acme's ledger.
func cutBlock(t *testing.T, dir string, n int, index bool) {
	t.Helper()
	at, err := StreamDir(dir, LogName("acme"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(at, "msgs", "1.blk")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, int64(offsetOf(t, b, n+1))); err != nil {
		t.Fatal(err)
	}
	if !index {
		os.Remove(filepath.Join(at, "msgs", "index.db"))
	}
}
