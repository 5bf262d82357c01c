//go:build unix

package stream

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// turns lets two writers' messages pass in a given order: order[i] is whose turn is the i-th.
type turns struct {
	mu    sync.Mutex
	c     *sync.Cond
	order []int
	done  [2]bool // the writer's append has returned
}

func newTurns(order []int) *turns {
	s := &turns{order: slices.Clone(order)}
	s.c = sync.NewCond(&s.mu)
	return s
}

// skipLocked drops the turns of who has no more to say.
func (s *turns) skipLocked() {
	for len(s.order) > 0 && s.done[s.order[0]] {
		s.order = s.order[1:]
	}
}

// await waits until it is who's turn, or all turns are over.
func (s *turns) await(who int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.skipLocked(); len(s.order) > 0 && s.order[0] != who; s.skipLocked() {
		s.c.Wait()
	}
}

// next ends who's turn, or with over all of them.
func (s *turns) next(who int, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if over {
		s.done[who] = true
	} else if len(s.order) > 0 && s.order[0] == who {
		s.order = s.order[1:]
	}
	s.c.Broadcast()
}

// interleavings are all orders of a turns of writer 0 and b turns of writer 1.
func interleavings(a, b int) (all [][]int) {
	if a == 0 && b == 0 {
		return [][]int{nil}
	}
	for who, left := range []int{a, b} {
		if left == 0 {
			continue
		}
		for _, rest := range interleavings(a-1+who, b-who) {
			all = append(all, append([]int{who}, rest...))
		}
	}
	return all
}

// Given two nodes that each append a group behind the same position, their messages taken in by the leader in every
// order, then one group is in the stream whole and the other not at all, each node learns which, and the loser's follows
// when it is appended behind the winner's.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	createOn(t, remote(t, c, c.URLs), "acme")
	at := c.URL(c.Leader("LEDGER_acme")) // what a connection passes on there is in the stream's queue at once
	var logs [2]*Log
	var wires [2]*wire
	for i := range logs {
		wires[i] = &wire{}
		// Set before a connection exists: no turn, no order.
		wires[i].entry, wires[i].passed = func(int) error { return nil }, func(int) {}
		logs[i] = openOn(t, remote(t, c, at, nats.SetCustomDialer(wires[i])), "acme")
	}
	var all []Msg
	sizes := [][2]int{{1, 1}, {1, 3}, {3, 1}, {2, 2}, {3, 3}}
	if long() {
		sizes = append(sizes, [2]int{4, 4}, [2]int{5, 4})
	}
	seed, schedules := uint64(0), 0
	for _, size := range sizes {
		for _, order := range interleavings(size[0], size[1]) {
			schedules++
			s := newTurns(order)
			var groups [2][]Msg
			var errs [2]error
			for i, w := range wires {
				seed++
				groups[i] = group("acme", seed, size[i], 50)
				w.mu.Lock()
				w.entry = func(int) error { s.await(i); return nil }
				w.passed = func(int) { s.next(i, false) }
				w.mu.Unlock()
			}
			after := uint64(len(all))
			var wg sync.WaitGroup
			for i, l := range logs {
				wg.Go(func() {
					errs[i] = l.Append(deadline(t), after, groups[i])
					s.next(i, true)
				})
			}
			wg.Wait()
			won := slices.Index(errs[:], nil)
			if won < 0 {
				t.Fatalf("%v: nobody won: %v", order, errs)
			}
			lost := 1 - won
			all = append(all, groups[won]...)
			var stale *StaleError
			if !errors.As(errs[lost], &stale) || stale.Want != after || stale.Have != uint64(len(all)) || stale.Strays != nil {
				t.Fatalf("%v: the loser got %v; want stale at %d", order, errs[lost], len(all))
			}
			if err := logs[lost].Append(deadline(t), stale.Have, groups[lost]); err != nil {
				t.Fatalf("%v: again: %v", order, err)
			}
			all = append(all, groups[lost]...)
		}
	}
	if schedules < 36 {
		t.Fatalf("%d schedules", schedules)
	}
	holds(t, logs[0], all)
	t.Logf("%d schedules", schedules)
}

// Given a node that appends a group while another one writes a message before each of its messages in turn, then of an
// atomic batch nothing is in the stream. The control: single publishes in a pipeline, each with its expected position, let
// part of the group through, behind the foreign message too. That is why a cluster gets batches.
func TestForeignMessageInside(t *testing.T) {
	t.Parallel()
	const n = 4
	c := natstest.Start(t, 3)
	admin := remote(t, c, c.URLs)
	torn := 0
	for _, pipelined := range []bool{false, true} {
		for k := 1; k <= n; k++ {
			org := fmt.Sprintf("org-%t-%d", pipelined, k)
			first := group(org, 1, 5, 50)
			appendAll(t, createOn(t, admin, org), 0, first)
			w := &wire{passed: func(int) {}}
			conn := remote(t, c, c.URL(c.Leader(LogName(org))), nats.SetCustomDialer(w))
			l := openOn(t, conn, org)
			w.mu.Lock()
			w.entry = func(i int) error {
				if i == k {
					m, err := c.Admin().Request("ledger."+org+".foreign", []byte("{}"), 10*time.Second)
					if err != nil || bytes.Contains(m.Data, []byte("error")) {
						t.Errorf("foreign: %v", err)
					}
				}
				return nil
			}
			w.mu.Unlock()
			conn.remote = !pipelined
			ours := group(org, 2, n, 50)
			var stale *StaleError
			if err := l.Append(deadline(t), 5, ours); !errors.As(err, &stale) {
				t.Fatalf("%s: got %v; want a StaleError", org, err)
			}
			conn.remote = true
			var got int
			for e, err := range l.Entries(deadline(t), 6) {
				if err != nil {
					t.Fatal(err)
				}
				if slices.ContainsFunc(ours, func(m Msg) bool { return bytes.Equal(m.Data, e.Data) }) {
					got++
				}
			}
			if pipelined {
				if got > 0 && got < n || len(stale.Strays) > 0 {
					torn++
				}
				continue
			}
			if got != 0 || stale.Want != 5 || stale.Have != 6 || stale.Strays != nil {
				t.Errorf("before message %d: %d of ours are in the stream, %v; want none", k, got, stale)
			}
			holds(t, l, append(first, Msg{"ledger." + org + ".foreign", []byte("{}")}))
		}
	}
	if torn != n-1 { // before its first message the foreign one does no harm
		t.Errorf("control: %d pipelined groups were torn; want %d, or the test shows nothing", torn, n-1)
	}
}
