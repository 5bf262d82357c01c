//go:build unix

package stream

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// Given a connection that breaks inside a batch or before its answer, by a reset or by silence, then the group is in the
// stream once and the append says so, after the way is healed or by another server.
func TestCutOffInAppend(t *testing.T) {
	t.Parallel()
	const n = 6
	c := natstest.Start(t, 3)
	createOn(t, remote(t, c, c.URLs), "acme")
	p := c.Proxy(t)
	w := &wire{}
	w.entry = func(int) error { return nil }
	conn := remote(t, c, p.URLs, nats.SetCustomDialer(w))
	l := hasty(openOn(t, conn, "acme"))
	var all []Msg
	for k := 1; k <= n+1; k++ {
		for i, how := range []func(){p.Cut, p.Stall} {
			if i == 1 && k < n && !long() {
				continue // it takes seconds until silence is noticed
			}
			var once sync.Once
			heal := make(chan struct{})
			cut := func() {
				once.Do(func() {
					how()
					go func() {
						<-heal
						p.Heal()
					}()
				})
			}
			w.mu.Lock()
			base := w.entries
			w.entry = func(i int) error {
				if i == base+k { // before the k-th message
					cut()
				}
				return nil
			}
			w.passed = nil
			if k == n+1 { // after the last, before its answer
				w.passed = func(i int) {
					if i == base+n {
						cut()
					}
				}
			}
			w.mu.Unlock()
			msgs := group("acme", uint64(2*k), n, 100)
			answered := make(chan error, 1)
			go func() { answered <- l.Append(deadline(t), uint64(len(all)), msgs) }()
			// The way stays broken until the client has noticed, unless the group was through already.
			select {
			case <-disconnected(conn.write):
			case err := <-answered:
				answered <- err
			}
			close(heal)
			if err := <-answered; err != nil {
				t.Fatalf("before message %d: %v", k, err)
			}
			all = append(all, msgs...)
		}
	}
	select {
	case <-conn.Reconnected():
	default:
		t.Error("nothing told of a connection made again")
	}
	holds(t, l, all)
}

// disconnected is closed when nc loses its connection.
func disconnected(nc *nats.Conn) <-chan struct{} {
	gone := make(chan struct{})
	lost := nc.StatusChanged(nats.RECONNECTING)
	go func() {
		<-lost
		close(gone)
	}()
	return gone
}

// Given a node that is cut off while its group is on its way, when its context ends, then the outcome is unknown; when the
// way is healed and the same group is appended again, then it is there once. If another node wrote meanwhile, it is stale.
func TestCutOffUnknown(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	other := createOn(t, remote(t, c, c.URLs), "acme")
	var all []Msg
	for i, test := range []struct{ arrives, overtaken bool }{{true, false}, {false, false}, {false, true}} {
		p := c.Proxy(t)
		w := &wire{}
		l := hasty(openOn(t, remote(t, c, p.URLs, nats.SetCustomDialer(w)), "acme"))
		const n = 3
		w.mu.Lock()
		if test.arrives {
			w.passed = func(i int) {
				if i == n {
					w.lost.Store(true)
					p.Cut()
				}
			}
		} else {
			w.entry = func(i int) error {
				if i == n {
					p.Cut()
				}
				return nil
			}
		}
		w.mu.Unlock()
		msgs, theirs := group("acme", uint64(10*i), n, 50), group("acme", uint64(10*i+1), 2, 50)
		after := uint64(len(all))
		ctx, cancel := context.WithTimeout(deadline(t), 300*time.Millisecond)
		var unknown *UnknownError
		if err := l.Append(ctx, after, msgs); !errors.As(err, &unknown) || unknown.From != after+1 {
			t.Fatalf("%+v: got %v; want unknown from %d", test, err, after+1)
		}
		cancel()
		if test.overtaken {
			appendAll(t, other, after, theirs)
			all = append(all, theirs...)
		} else {
			all = append(all, msgs...)
		}
		p.Heal()
		err := l.Append(deadline(t), after, msgs)
		var stale *StaleError
		if test.overtaken {
			if !errors.As(err, &stale) || stale.Want != after || stale.Have != after+2 {
				t.Errorf("got %v; want stale at %d", err, after+2)
			}
		} else if err != nil {
			t.Errorf("%+v: again: %v", test, err)
		}
		holds(t, other, all)
	}
}

// Given a group that was published and whose answer was lost, when all that can be learnt until the context ends is that
// the stream is too short, then the outcome is unknown: the group may be there, and it is.
func TestDoubtStays(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	admin := remote(t, c, c.URLs)
	other := createOn(t, admin, "acme")
	createOn(t, admin, "zzzz")
	first, ours := group("acme", 1, 3, 50), group("acme", 2, 4, 50)
	appendAll(t, other, 0, first)
	p := c.Proxy(t)
	var lies atomic.Bool
	w := &wire{}
	w.passed = func(n int) {
		if n == len(ours) {
			lies.Store(true)
			w.lost.Store(true)
			p.Cut()
			p.Heal()
		}
	}
	w.rewrite = func(b []byte) []byte {
		if lies.Load() {
			b = bytes.ReplaceAll(b, []byte("STREAM.MSG.GET.LEDGER_acme"), []byte("STREAM.MSG.GET.LEDGER_zzzz"))
			b = bytes.ReplaceAll(b, []byte("STREAM.INFO.LEDGER_acme"), []byte("STREAM.INFO.LEDGER_zzzz"))
		}
		return b
	}
	conn := remote(t, c, p.URLs, nats.SetCustomDialer(w))
	l := openOn(t, conn, "acme")
	conn.ackWait = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(deadline(t), 2*time.Second) // longer than a short stream is doubted
	defer cancel()
	var unknown *UnknownError
	if err := l.Append(ctx, 3, ours); !errors.As(err, &unknown) || unknown.From != 4 {
		t.Errorf("got %v; want unknown from 4", err)
	}
	lies.Store(false)
	if err := l.Append(deadline(t), 3, ours); err != nil {
		t.Errorf("again: %v", err)
	}
	holds(t, other, append(first, ours...))
}

// Given answers as a leader gives them that was cut off and does not know what its successor took, when an append must find
// out what became of its group, then that nothing is there is not believed.
func TestStaleAnswersDoNotFool(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	admin := remote(t, c, c.URLs)
	other := createOn(t, admin, "acme")
	createOn(t, admin, "zzzz") // is empty, and answers in acme's place
	for _, lost := range []bool{false, true} {
		w := &wire{}
		var lies int
		var mu sync.Mutex
		w.rewrite = func(b []byte) []byte {
			mu.Lock()
			defer mu.Unlock()
			for _, verb := range []string{"DIRECT.GET", "STREAM.MSG.GET", "STREAM.INFO"} {
				from, to := []byte(verb+".LEDGER_acme"), []byte(verb+".LEDGER_zzzz")
				if lies > 0 && bytes.Contains(b, from) {
					lies--
					b = bytes.ReplaceAll(b, from, to)
				}
			}
			return b
		}
		l := openOn(t, remote(t, c, c.URLs, nats.SetCustomDialer(w)), "acme")
		last, _, err := other.Last(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		ours := group("acme", last+1, 4, 50)
		there := ours
		if lost {
			there = group("acme", last+2, 2, 50)
		}
		appendAll(t, other, last, there)
		mu.Lock()
		lies = 7
		mu.Unlock()
		err = l.Append(deadline(t), last, ours)
		var stale *StaleError
		if lost && (!errors.As(err, &stale) || stale.Want != last || stale.Have != last+2) {
			t.Errorf("got %v; want stale at %d", err, last+2)
		} else if !lost && err != nil {
			t.Error(err)
		}
		mu.Lock()
		if lies != 0 {
			t.Errorf("%d lies were not asked for: the test shows nothing", lies)
		}
		mu.Unlock()
		if n, _, err := other.Last(deadline(t)); n != last+uint64(len(there)) || err != nil {
			t.Errorf("the stream ends at %d, %v; want %d", n, err, last+uint64(len(there)))
		}
	}
}
