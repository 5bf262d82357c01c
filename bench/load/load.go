// Package load asks a server over HTTP/1.1 as fast as it answers, looks at every answer, and says how long they took.
//
// It is a closed loop: each client has one kept-alive connection and sends its next request when it has the answer to the
// last. Requests are bytes made beforehand and answers are read without allocating, because the generator shares the machine
// with what it measures.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A Target is a server and what it is asked.
type Target struct {
	Addr     string   // host:port
	Requests [][]byte // whole requests, see [Request]

	// Wrong says how many of the decisions in the answer to request i are not what the oracle says; an error that the answer
	// is none. It is called by several goroutines at once.
	Wrong func(i, status int, body []byte) (int, error)
}

// Result is what a run came to.
type Result struct {
	Requests uint64        // answered while it was measured
	Took     time.Duration // the measured time
	Wrong    uint64        // decisions other than the oracle's, in the warm-up too
	Failed   uint64        // requests without an answer that can be judged
	Err      error         // the first failure
	Times    Times
}

// Rate is requests a second.
func (r *Result) Rate() float64 { return float64(r.Requests) / r.Took.Seconds() }

// Run asks with so many clients: at first without measuring, then measured, each client from another place in the list.
// around is called where the measured time begins and where it ends. A run in which nothing can be reached is an error.
func Run(ctx context.Context, t Target, clients int, warmUp, measured time.Duration, around func()) (Result, error) {
	if len(t.Requests) == 0 {
		return Result{}, errors.New("load: there is nothing to ask")
	}
	all := make([]*client, clients)
	for i := range all {
		c, err := dial(ctx, t.Addr)
		if err != nil {
			return Result{}, fmt.Errorf("load: %w", err)
		}
		defer c.close()
		all[i] = c
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := time.Now().Add(warmUp)
	end := begin.Add(measured)
	stop := context.AfterFunc(ctx, func() {
		for _, c := range all {
			_ = c.conn.SetDeadline(time.Unix(1, 0)) // wakes whoever waits for an answer
		}
	})
	defer stop()
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			c.ask(ctx, t, rand.New(rand.NewPCG(uint64(i), uint64(clients))).IntN(len(t.Requests)), begin, end)
		})
	}
	for _, at := range []time.Time{begin, end} {
		select {
		case <-time.After(time.Until(at)):
			around()
		case <-ctx.Done():
		}
	}
	wg.Wait()
	r := Result{Took: measured}
	for _, c := range all {
		r.Requests += c.requests
		r.Wrong += c.wrong
		r.Failed += c.failed
		r.Times.add(&c.times)
		if r.Err == nil {
			r.Err = c.err
		}
	}
	return r, context.Cause(ctx)
}

// client is one connection, and what came of it.
type client struct {
	conn   net.Conn
	reader reader
	addr   string

	requests, wrong, failed uint64
	err                     error
	times                   Times
}

func dial(ctx context.Context, addr string) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, addr: addr, reader: reader{from: conn}}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// patience is how long an answer may take before the request has failed.
const patience = 20 * time.Second

func (c *client) ask(ctx context.Context, t Target, next int, begin, end time.Time) {
	_ = c.conn.SetDeadline(end.Add(patience))
	for sent := time.Now(); sent.Before(end) && ctx.Err() == nil; next = (next + 1) % len(t.Requests) {
		status, body, err := c.once(t.Requests[next])
		answered := time.Now()
		var wrong int
		if err == nil {
			wrong, err = t.Wrong(next, status, body)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.fail(err)
			if c.again(ctx, end) != nil {
				return
			}
		default:
			c.wrong += uint64(wrong)
			if !sent.Before(begin) && answered.Before(end) {
				c.requests++
				c.times.note(answered.Sub(sent))
			}
		}
		sent = answered
		if err != nil {
			sent = time.Now()
		}
	}
}

func (c *client) fail(err error) {
	c.failed++
	if c.err == nil {
		c.err = err
	}
}

// again makes the connection anew, because nobody knows where its next answer begins.
func (c *client) again(ctx context.Context, end time.Time) error {
	c.close()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	if err != nil {
		c.fail(err)
		return err
	}
	c.conn, c.reader = conn, reader{from: conn}
	return conn.SetDeadline(end.Add(patience))
}

func (c *client) once(request []byte) (status int, body []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	return c.reader.response()
}
