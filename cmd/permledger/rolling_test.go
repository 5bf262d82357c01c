//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/node"
)

// customers call two servers with an API key, each with one retry: a request that fails is sent once more, to the other one,
// and where the first took it, after the moment that services mostly wait. A write is sent with the same id.
type customers struct {
	w        *town
	to       [2]*client.Client
	answered atomic.Uint64
	retried  atomic.Uint64
	made     atomic.Uint64

	mu     sync.Mutex
	failed []string
}

// pause is what a customer waits before its one retry. A cluster of NATS servers elects another leader in about that.
const pause = 2 * time.Second

func (c *customers) call(ctx context.Context, number int) {
	for n := 0; ctx.Err() == nil; n++ {
		var try func(*client.Client) error
		if n%3 == 0 {
			s, _ := c.w.sign(&events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: fmt.Sprint("rolling-", c.made.Add(1)), Name: "Rolling"})
			try = func(to *client.Client) error {
				outcomes, err := to.Submit(context.Background(), "main", []wire.Submission{s}, client.StopAtRefusal)
				if err == nil && outcomes[0].Recorded == nil {
					err = fmt.Errorf("%d %s", outcomes[0].Problem.Status, outcomes[0].Problem.Title)
				}
				return err
			}
		} else {
			try = func(to *client.Client) error {
				_, err := to.Check(context.Background(), "main", "s0", permission, "", client.Read{})
				return err
			}
		}
		first := try(c.to[(number+n)%2])
		if first != nil {
			c.retried.Add(1)
			if dial := (*net.OpError)(nil); !errors.As(first, &dial) || dial.Op != "dial" {
				time.Sleep(pause)
			}
			if again := try(c.to[(number+n+1)%2]); again != nil {
				c.mu.Lock()
				c.failed = append(c.failed, fmt.Sprintf("%v, then %v", first, again))
				c.mu.Unlock()
			}
		}
		c.answered.Add(1)
	}
}

// progress waits until n more requests were answered.
func (c *customers) progress(n uint64) {
	c.w.t.Helper()
	want := c.answered.Load() + n
	until(c.w.t, "customers are answered", func() bool { return c.answered.Load() >= want })
}

// TestRollingRestart restarts what docker-compose.yml runs as a cluster, one after the other and in good order, while customers
// read and write: both nodes and, in the long form, the three NATS servers. None of their requests fails twice.
func TestRollingRestart(t *testing.T) {
	w := newTown(t)
	secret := filepath.Join(t.TempDir(), "secret")
	runProgram(t, w.servers[0].program, "--data", w.servers[0].dir, "role", "create", "reader", "--allow", "ledger:roles.read")
	runProgram(t, w.servers[0].program, "--data", w.servers[0].dir, "key", "create", "rolling", "--role", "reader", "--out", secret)
	b, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}
	some, servers := uint64(30), 0
	if os.Getenv("PERMLEDGER_LONG") != "" {
		some, servers = 200, 3
	}
	c := &customers{w: w}
	for i, s := range w.servers {
		c.to[i] = client.New("http://"+s.args[4], strings.TrimSpace(string(b)), nil)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var people sync.WaitGroup
	for i := range 4 {
		people.Go(func() { c.call(ctx, i) })
	}
	for i, s := range w.servers {
		c.progress(some)
		s.stop()
		c.progress(some)
		s.start()
		t.Logf("node %d was restarted", i+1)
	}
	for i := range servers {
		c.progress(some)
		w.nats.Stop(i)
		c.progress(some)
		w.nats.Restart(i)
		w.nats.Healthy(stream.LogName("main"))
		t.Logf("NATS server %d was restarted", i+1)
	}
	c.progress(some)
	stop()
	people.Wait()
	t.Logf("%d requests, %d with a retry", c.answered.Load(), c.retried.Load())
	for _, f := range c.failed {
		t.Errorf("a request failed twice: %s", f)
	}
	for _, s := range w.servers {
		s.stop()
		runProgram(t, s.program, "verify", "--data", s.dir)
	}
}
