package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/permledger/permledger/internal/trace"
)

// A courier delivers to one endpoint, one message after the other.
type courier struct {
	set  *Set
	stop context.CancelFunc
	wake chan struct{} // holds one: something was changed
	done chan struct{} // closed when nothing is sent any more

	mu       sync.Mutex
	endpoint Endpoint
	progress progress
	changes  int // how often somebody changed it: what was begun before does not count then
	failures int
	err      string
	next     time.Time
	dead     int
	unkept   bool
	kept     time.Time
	http     *http.Client
}

func (c *courier) status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.endpoint
	e.Secrets = nil
	return Status{Endpoint: e, Position: c.progress.Position, Failures: c.failures, Error: c.err, Next: c.next, Dead: c.dead}
}

// change changes an endpoint and keeps it, for good before it counts.
func (c *courier) change(how func(*Endpoint, *progress)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, p := c.endpoint, c.progress
	e.Secrets = slices.Clone(e.Secrets)
	how(&e, &p)
	if p != c.progress {
		if err := c.set.keep(e.ID+".position", p); err != nil {
			return err
		}
		c.progress, c.failures, c.err, c.unkept = p, 0, "", false
	}
	if err := c.set.keep(e.ID+".endpoint", e); err != nil {
		return err
	}
	c.endpoint = e
	c.changes++
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// run delivers until ctx ends.
func (c *courier) run(ctx context.Context) {
	defer func() {
		c.keep(true)
		if c.http != nil {
			c.http.CloseIdleConnections()
		}
	}()
	for ctx.Err() == nil {
		changed := c.set.source.Changed()
		m, at, seen, err := c.take()
		if err != nil {
			c.set.opts.Logger.Error("a message cannot be made for a webhook", "webhook", c.endpoint.ID, "position", at, "error", err)
		}
		if err == nil && m != nil {
			after, err := c.send(ctx, *m)
			if ctx.Err() != nil {
				return
			}
			pause := c.sent(at, seen, err, after)
			if c.keep(pause > 0); pause > 0 {
				c.wait(ctx, nil, pause)
			}
			continue
		}
		if err == nil && at > 0 { // there is more that is not meant for it
			continue
		}
		c.keep(true)
		pause := time.Duration(0)
		if err != nil {
			pause = c.set.opts.Pause
		}
		c.wait(ctx, changed, pause)
	}
}

// wait waits for something to deliver, for a change of the endpoint, or for a while; 0: without an end.
func (c *courier) wait(ctx context.Context, changed <-chan struct{}, pause time.Duration) {
	var over <-chan time.Time
	if pause > 0 {
		t := time.NewTimer(pause)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-c.wake:
	case <-over:
	}
}

// skipped is how many messages that are not meant for an endpoint are passed over at a time.
const skipped = 256

// take gives the next message that is meant for the endpoint; nil: there is none, or, where it gives a position, none so far.
func (c *courier) take() (m *Message, at uint64, seen int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := 0; c.endpoint.Stopped == "" && c.progress.Position < c.set.source.Head(); n++ {
		at := c.progress.Position + 1
		if n == skipped {
			return nil, at, c.changes, nil
		}
		m, err := c.set.source.Message(at)
		if err != nil {
			return nil, at, c.changes, err
		}
		if !c.set.source.May(c.endpoint.By) { // asked when the message was there: it may be what took the right away
			c.halt("whoever answers for it may not read what changes any more; whoever may can start it with replay")
			break
		}
		if wanted := c.endpoint.Kinds; slices.Contains(wanted, m.Kind) || len(wanted) == 0 && m.Kind != "other" {
			return &m, at, c.changes, nil
		}
		c.progress.Position, c.unkept = at, true
	}
	return nil, 0, c.changes, nil
}

// refusedError is an answer that is no success.
type refusedError struct {
	status int
}

func (e *refusedError) Error() string {
	text := fmt.Sprintf("the receiver answered %d %s", e.status, http.StatusText(e.status))
	if e.status/100 == 3 {
		text += "; redirects are not followed"
	}
	return text
}

// send makes one attempt. After says how long the receiver wants to be left alone; 0: it does not say.
func (c *courier) send(ctx context.Context, m Message) (after time.Duration, err error) {
	o, now := c.set.opts, c.set.opts.Now()
	c.mu.Lock()
	u, err := parseURL(c.endpoint.URL, o.Allow)
	if err == nil && c.http == nil {
		c.http = client(u.Scheme == "https", o.Allow, o.Timeout)
	}
	to := c.http
	var secrets []string
	for _, s := range c.endpoint.Secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			secrets = append(secrets, s.Secret)
		}
	}
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(m.Body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "permledger-webhook/1")
	if err := sign(req.Header, secrets, m.ID, now, m.Body); err != nil {
		return 0, err
	}
	if _, ok := trace.From(ctx); !ok { // nobody asked for it: each attempt is a trace of its own
		ctx = trace.With(ctx, trace.New())
	}
	trace.Set(ctx, req.Header)
	resp, err := to.Do(req)
	if u := (*url.Error)(nil); errors.As(err, &u) { // its text has the address, which may hold a secret
		err = u.Err
	}
	if err != nil {
		o.Logger.DebugContext(ctx, "a webhook was not delivered", "webhook", c.endpoint.ID, "message", m.ID, "error", err)
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again; what it says is nothing to us
	if resp.StatusCode/100 == 2 {
		return 0, nil
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		after = min(time.Duration(s)*time.Second, o.Longest)
	}
	o.Logger.DebugContext(ctx, "a webhook was refused", "webhook", c.endpoint.ID, "message", m.ID, "status", resp.StatusCode)
	return after, &refusedError{resp.StatusCode}
}

// sent takes in what became of an attempt, and says how long to wait before the next.
func (c *courier) sent(at uint64, seen int, failed error, after time.Duration) time.Duration {
	o := c.set.opts
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != seen { // it is told to begin elsewhere, or has another secret
		return 0
	}
	if failed == nil {
		c.progress, c.unkept, c.failures, c.err, c.next = progress{Position: at}, true, 0, "", time.Time{}
		return 0
	}
	c.failures++
	c.err = failed.Error()
	var r *refusedError
	if errors.As(failed, &r) && r.status == http.StatusGone {
		c.halt("the receiver answered 410 Gone")
		return 0
	}
	if c.failures < o.Attempts {
		pause := o.Longest
		if doubled := o.Pause << (c.failures - 1); doubled > 0 && doubled < pause {
			pause = doubled
		}
		pause = max(pause/2+rand.N(pause/2+1), after)
		c.next = o.Now().Add(pause)
		return pause
	}
	if err := c.putAside(Dead{Position: at, Time: o.Now().UTC(), Attempts: c.failures, Error: c.err}); err != nil {
		o.Logger.Error("a dead letter of a webhook cannot be kept; its delivery is tried again", "webhook", c.endpoint.ID, "position", at, "error", err)
		c.failures--
		return o.Longest
	}
	c.progress, c.unkept, c.failures = progress{Position: at, Dead: c.progress.Dead + 1}, true, 0
	if c.dead++; c.progress.Dead >= o.Stop {
		c.halt(fmt.Sprintf("the receiver took none of %d messages in a row; the last time: %s", c.progress.Dead, c.err))
	}
	return 0
}

// halt stops the endpoint until somebody starts it again. That this cannot be kept is said: after a restart it is tried
// again then.
func (c *courier) halt(why string) {
	c.endpoint.Stopped, c.next = why, time.Time{}
	c.set.opts.Logger.Warn("a webhook is stopped", "webhook", c.endpoint.ID, "why", why)
	if err := c.set.keep(c.endpoint.ID+".endpoint", c.endpoint); err != nil {
		c.set.opts.Logger.Error("that a webhook is stopped could not be kept", "webhook", c.endpoint.ID, "error", err)
	}
}

// putAside keeps a dead letter, before the position behind it is.
func (c *courier) putAside(d Dead) error {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(c.set.dir, c.endpoint.ID+".dead"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append([]byte{'\n'}, append(b, '\n')...)) // on a line of its own, whatever a crash left
	return errors.Join(err, f.Sync(), f.Close())
}

// keep keeps the position, at once or when the last time was long ago. Where it cannot be kept, deliveries may come again.
func (c *courier) keep(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.unkept || !now && time.Since(c.kept) < c.set.opts.Keep {
		return
	}
	if err := c.set.keep(c.endpoint.ID+".position", c.progress); err != nil {
		c.set.opts.Logger.Error("the position of a webhook cannot be kept; after a restart deliveries come again", "webhook", c.endpoint.ID, "error", err)
		return
	}
	c.unkept, c.kept = false, time.Now()
}
