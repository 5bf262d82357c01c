//go:build unix

package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// chaosGroup is group number g of a writer. Each message says which of how many it is.
func chaosGroup(org string, writer, g, n int) []Msg {
	msgs := make([]Msg, n)
	for i := range msgs {
		msgs[i] = Msg{"ledger." + org + ".x", fmt.Appendf(nil, "%d %d %d %d %0200d", writer, g, i, n, g)}
	}
	return msgs
}

// writeUntil appends groups, each again until it is settled, until stop. It returns where each acknowledged one stands.
func writeUntil(t *testing.T, l *Log, org string, writer int, stop *atomic.Bool) map[int]uint64 {
	acked := map[int]uint64{}
	rnd := rand.New(rand.NewPCG(uint64(writer), 1))
	head, unknown := uint64(0), 0
	for g := 0; !stop.Load(); g++ {
		msgs := chaosGroup(org, writer, g, 1+rnd.IntN(24))
		for settled := false; !settled; {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(50+rnd.IntN(3000))*time.Millisecond)
			err := l.Append(ctx, head, msgs)
			cancel()
			var stale *StaleError
			switch {
			case err == nil:
				acked[g] = head + 1
				head += uint64(len(msgs))
				settled = true
			case errors.As(err, &stale):
				if stale.Want != head {
					t.Errorf("writer %d: group %d at %d: half of it is there: %v", writer, g, head, err)
					return acked
				}
				head = stale.Have
			case errors.As(err, new(*UnknownError)):
				unknown++ // the same group at the same place again
			default:
				t.Errorf("writer %d: %v", writer, err)
				return acked
			}
		}
	}
	t.Logf("writer %d: %d groups, %d times the outcome was unknown", writer, len(acked), unknown)
	return acked
}

// judge reads the history from one copy: groups are whole, each is there once, and where it was acknowledged.
func judge(t *testing.T, from string, records []Record, acked []map[int]uint64) {
	t.Helper()
	seen := map[[2]int]bool{}
	for at := 0; at < len(records); {
		var w, g, i, n int
		if _, err := fmt.Sscanf(string(records[at].Data), "%d %d %d %d", &w, &g, &i, &n); err != nil || i != 0 {
			t.Fatalf("%s: position %d: message %d of group %d of writer %d stands alone (%v)", from, at+1, i, g, w, err)
		}
		if seen[[2]int{w, g}] {
			t.Errorf("%s: position %d: group %d of writer %d is there twice", from, at+1, g, w)
		}
		seen[[2]int{w, g}] = true
		if p, ok := acked[w][g]; ok && p != uint64(at+1) {
			t.Errorf("%s: group %d of writer %d stands at %d; acknowledged at %d", from, g, w, at+1, p)
		}
		whole := chaosGroup("acme", w, g, n)
		for k, m := range whole {
			if at+k >= len(records) || !bytes.Equal(records[at+k].Data, m.Data) {
				t.Fatalf("%s: position %d: group %d of writer %d is torn at its message %d of %d", from, at+k+1, g, w, k, n)
			}
		}
		at += n
	}
	for w := range acked {
		for g, p := range acked[w] {
			if !seen[[2]int{w, g}] {
				t.Errorf("%s: group %d of writer %d, acknowledged at %d, is lost", from, g, w, p)
			}
		}
	}
}

// Given two nodes that write and one that follows, when again and again the stream's leader is killed, paused or replaced
// while the messages of a batch pass, then no acknowledged group is lost, none is there twice or in part, on any replica,
// and the follower sees each position once and in order.
func TestLeaderChangesInBatch(t *testing.T) {
	t.Parallel()
	faults := []string{"step down", "kill"} // TestResumedLeader pauses one
	if long() {
		faults = slices.Repeat([]string{"step down", "pause", "kill"}, 20)
	}
	c := natstest.Start(t, 3)
	createOn(t, remote(t, c, c.URLs), "acme")
	stop := &atomic.Bool{}
	var acked [2]map[int]uint64
	var writers sync.WaitGroup
	w := &wire{entry: func(int) error { return nil }}
	for i := range acked {
		var more []nats.Option
		if i == 0 {
			more = append(more, nats.SetCustomDialer(w))
		}
		l := hasty(openOn(t, remote(t, c, c.URLs, more...), "acme"))
		writers.Go(func() { acked[i] = writeUntil(t, l, "acme", i, stop) })
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	followed := make(chan []Entry)
	follower := hasty(openOn(t, remote(t, c, c.URLs), "acme"))
	go func() {
		var got []Entry
		for e, err := range follower.Follow(ctx, 1) {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("follow: %v", err)
				}
				break
			}
			if got = append(got, e); string(e.Data) == "end" {
				break
			}
		}
		followed <- got
	}()

	rnd := rand.New(rand.NewPCG(7, 7))
	for _, fault := range faults {
		leader := c.Leader("LEDGER_acme")
		// Just before one of the next messages passes, which is mostly one inside a batch.
		hit := make(chan struct{})
		w.mu.Lock()
		at := w.entries + 2 + rnd.IntN(40)
		w.entry = func(n int) error {
			if n == at {
				switch fault {
				case "step down":
					c.StepDown("LEDGER_acme")
				case "pause":
					c.Pause(leader)
				case "kill":
					c.Kill(leader)
				}
				close(hit)
			}
			return nil
		}
		w.mu.Unlock()
		<-hit
		switch fault {
		case "pause":
			for c.Leader("LEDGER_acme") == leader {
			}
			c.Resume(leader)
		case "kill":
			for c.Leader("LEDGER_acme") == leader {
			}
			c.Restart(leader)
		}
		c.Healthy("LEDGER_acme")
	}
	stop.Store(true)
	writers.Wait()
	n, _, err := follower.Last(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	end := []Msg{{"ledger.acme.x", []byte("end")}}
	if err := openOn(t, remote(t, c, c.URLs), "acme").Append(deadline(t), n, end); err != nil {
		t.Fatal(err)
	}
	var got []Entry
	select {
	case got = <-followed:
	case <-deadline(t).Done():
		cancel()
		got = <-followed
	}
	if uint64(len(got)) != n+1 {
		t.Errorf("the follower got %d entries; want %d", len(got), n+1)
	}
	for i, e := range got {
		if e.Seq != uint64(i+1) {
			t.Fatalf("the follower got %d; want %d", e.Seq, i+1)
		}
	}
	c.Healthy("LEDGER_acme")
	// A follower that is current by the leader's account learns only with the next heartbeat that the last message counts.
	for i := range c.Len() {
		for wait := deadline(t); wait.Err() == nil; time.Sleep(10 * time.Millisecond) {
			if records, err := scanAll(filepath.Join(c.Dir, fmt.Sprintf("n%d", i)), "LEDGER_acme"); err == nil && uint64(len(records)) == n+1 {
				break
			}
		}
	}
	for i := range c.Len() {
		c.Kill(i)
	}
	for i := range c.Len() {
		dir := fmt.Sprintf("n%d", i)
		records, err := scanAll(filepath.Join(c.Dir, dir), "LEDGER_acme")
		if err != nil || uint64(len(records)) != n+1 {
			t.Fatalf("%s: %d records, %v; want %d", dir, len(records), err, n+1)
		}
		judge(t, dir, records[:n], acked[:])
		for k, e := range got {
			if !bytes.Equal(e.Data, records[k].Data) {
				t.Fatalf("%s: the follower got another entry %d", dir, e.Seq)
			}
		}
	}
	t.Logf("%d faults, %d entries", len(faults), n)
}
