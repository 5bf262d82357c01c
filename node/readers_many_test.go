package node_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Given many consumers, each on a connection of its own, when entries are recorded one after the other, then each consumer
// gets each entry. The long form has a thousand and says how long after its acknowledgement an entry was there: the table in
// docs/benchmarks.md. "durable" are explicit acknowledgements, of which the server keeps track for each consumer.
func TestManyReaders(t *testing.T) {
	readers, each, entries, pause := 2, 5, 10, time.Duration(0)
	if os.Getenv("PERMLEDGER_LONG") != "" {
		readers, each, entries, pause = 40, 25, 100, 100*time.Millisecond
	}
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable=%v", durable), func(t *testing.T) {
			n := open(t, initialised(t))
			o := newOwner(t)
			org := organization(t, n, o, "acme", "plain")
			var connects []func(string) (*nats.Conn, error)
			for i := range readers {
				_, _, _, connect := reading(t, o, org, fmt.Sprintf("reader-%d", i))
				connects = append(connects, connect)
			}
			address, err := n.ServeReaders("127.0.0.1:0", nil)
			if err != nil {
				t.Fatal(err)
			}
			first := org.Journal.Len() + 1
			m := &delays{acked: make([]time.Time, entries), got: make([][]time.Time, entries), done: make(chan struct{}), want: readers * each * entries}
			for i := range readers * each {
				nc, err := connects[i%readers](address.String())
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				consume(t, nc, fmt.Sprintf("c%d", i), durable, first, m)
			}
			began := time.Now()
			for i := range entries {
				o.do(t, org, newRole(fmt.Sprintf("role-%d", i)))
				m.ack(i)
				time.Sleep(pause) // the pace is what is measured at, not waited for
			}
			select {
			case <-m.done:
			case <-time.After(2 * time.Minute):
				t.Fatalf("of %d deliveries %d are missing", readers*each*entries, m.missing())
			}
			all := m.sorted()
			t.Logf("%d consumers, %d entries in %v: %d deliveries; delay p50 %v, p99 %v, longest %v", readers*each, entries,
				time.Since(began).Round(time.Millisecond), len(all), all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
		})
	}
}

func consume(t *testing.T, nc *nats.Conn, name string, durable bool, first uint64, m *delays) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var c jetstream.Consumer
	if durable {
		c, err = js.CreateConsumer(t.Context(), "LEDGER_acme", jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: first,
		})
	} else {
		c, err = js.OrderedConsumer(t.Context(), "LEDGER_acme", jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: first})
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := c.Consume(func(msg jetstream.Msg) {
		now := time.Now()
		meta, err := msg.Metadata()
		if err != nil {
			t.Error(err)
			return
		}
		if durable {
			if err := msg.Ack(); err != nil {
				t.Error(err)
			}
		}
		m.delivered(int(meta.Sequence.Stream-first), now)
	}, jetstream.PullMaxMessages(50))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ctx.Stop)
}

// delays are of deliveries behind acknowledgements.
type delays struct {
	mu    sync.Mutex
	acked []time.Time
	got   [][]time.Time
	want  int
	done  chan struct{}
}

func (d *delays) ack(i int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acked[i] = time.Now()
}

func (d *delays) delivered(i int, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got[i] = append(d.got[i], at)
	if d.want--; d.want == 0 {
		close(d.done)
	}
}

func (d *delays) missing() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.want
}

// sorted gives the delays, the shortest first; a message that was there before the acknowledgement has none.
func (d *delays) sorted() (all []time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, list := range d.got {
		for _, at := range list {
			all = append(all, max(0, at.Sub(d.acked[i])))
		}
	}
	slices.Sort(all)
	return all
}
