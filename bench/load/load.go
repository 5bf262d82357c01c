// Package load asks a server over HTTP/1.1 as fast as it answers, looks at every answer, and says how long they took.
//
// It is a closed loop: each client has one kept-alive connection and sends its next request when it has the answer to the
// last. The generator shares the machine with what it measures, so it takes as little of it as it can: one goroutine
// waits for all connections, requests are bytes made beforehand, and answers are read without allocating.
package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// A Target is a server and what it is asked.
type Target struct {
	Addr     string   // IPv4 address and port
	Requests [][]byte // whole requests, see [Request]

	// Wrong says how many of the decisions in the answer to request i are not what the oracle says; an error that the answer
	// is none.
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

// patience is how long an answer may take before the request has failed.
const patience = 20 * time.Second

// run is one under way.
type run struct {
	Result
	target     Target
	begin, end time.Time // of the measured time
	clients    []*client
	waiter     *waiter
}

// Run asks with so many clients: at first without measuring, then measured, each client from another place in the list.
// around is called where the measured time begins and where it ends. That nothing can be reached at first is an error.
func Run(ctx context.Context, t Target, clients int, warmUp, measured time.Duration, around func()) (Result, error) {
	if len(t.Requests) == 0 {
		return Result{}, errors.New("load: there is nothing to ask")
	}
	w, err := newWaiter()
	if err != nil {
		return Result{}, fmt.Errorf("load: %w", err)
	}
	defer w.close()
	r := run{target: t, Result: Result{Took: measured}, waiter: w}
	for i := range clients {
		c := &client{number: i, fd: -1, next: rand.New(rand.NewPCG(uint64(i), uint64(clients))).IntN(len(t.Requests))}
		if err := c.dial(&r); err != nil {
			return Result{}, fmt.Errorf("load: %w", err)
		}
		defer c.close()
		r.clients = append(r.clients, c)
	}
	r.begin = time.Now().Add(warmUp)
	r.end = r.begin.Add(measured)
	done := make(chan error)
	go func() { done <- r.loop(ctx) }()
	for _, at := range []time.Time{r.begin, r.end} {
		select {
		case <-time.After(time.Until(at)):
			around()
		case <-ctx.Done():
		}
	}
	return r.Result, errors.Join(<-done, context.Cause(ctx))
}

// loop lets all clients ask until the time is over and the last answers are there.
func (r *run) loop(ctx context.Context) error {
	for _, c := range r.clients {
		c.send(r)
	}
	for ctx.Err() == nil && slices.ContainsFunc(r.clients, func(c *client) bool { return c.fd >= 0 }) {
		if time.Since(r.end) > patience {
			r.fail(errors.New("an answer did not come"))
			return nil
		}
		if err := r.waiter.wait(func(i int) { r.clients[i].ready(r) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) fail(err error) {
	r.Failed++
	if r.Err == nil {
		r.Err = err
	}
}

// answered takes in the answer to a request that was sent at a time.
func (r *run) answered(i int, sent time.Time, status int, body []byte) error {
	now := time.Now()
	wrong, err := r.target.Wrong(i, status, body)
	if err != nil {
		return err
	}
	r.Wrong += uint64(wrong)
	if !sent.Before(r.begin) && now.Before(r.end) {
		r.Requests++
		r.Times.note(now.Sub(sent))
	}
	return nil
}
