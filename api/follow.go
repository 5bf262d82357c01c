package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
)

// StreamLimits bound the streams that callers follow organizations with. Zero stands for the default.
type StreamLimits struct {
	PerCaller       int           // open at a time in one organization; 64
	PerOrganization int           // 4096
	Stall           time.Duration // how long one write may take; 10 s
	Behind          time.Duration // how far one that had caught up may fall behind; 30 s
	Quiet           time.Duration // how long a stream of events may say nothing; 15 s
}

func (l StreamLimits) orDefault() StreamLimits {
	return StreamLimits{
		PerCaller: cmp.Or(l.PerCaller, 64), PerOrganization: cmp.Or(l.PerOrganization, 4096), Stall: cmp.Or(l.Stall, 10*time.Second),
		Behind: cmp.Or(l.Behind, 30*time.Second), Quiet: cmp.Or(l.Quiet, 15*time.Second),
	}
}

// authEvery is how often it is looked whether the caller of a stream still may, when nothing is recorded: a session ends
// without an entry.
const authEvery = 500 * time.Millisecond

// Why a stream ends.
var (
	errRevoked = errors.New("the caller may not read this any more")
	errSlow    = errors.New("the caller reads too slowly")
)

// stillMay says whether the caller may do the route's action yet. It is asked again and again, so nothing is noted.
func (c *call) stillMay() bool {
	if c.caller.Kind == LocalOperator {
		return true
	}
	if s := c.caller.session; s != nil && !c.server.sessions.goesOn(s.hash, c.server.opts.Now()) {
		return false
	}
	id, ok := c.caller.Subject(c.org)
	if !ok || id != c.subject {
		return false
	}
	c.org.Fold.Read(func(s *rules.State) { ok = s.May(id, c.route.Action, "", c.server.opts.Now().UTC()) })
	return ok
}

// name tells callers apart.
func (c *call) name() string {
	if c.caller.Kind == LocalOperator {
		return string(LocalOperator)
	}
	return c.subject.String()
}

// enterStream counts a stream, until leave is called.
func (c *call) enterStream() (leave func(), err error) {
	l := c.server.streams
	if !c.server.hubs.open(c.org.ID, c.name(), l.PerCaller, l.PerOrganization) {
		p := problemOf(http.StatusTooManyRequests, wire.CodeTooManyStreams,
			fmt.Sprintf("A caller has at most %d streams open at a time, all of an organization %d", l.PerCaller, l.PerOrganization))
		p.Hint, p.retryAfter = "Close a stream that nobody reads, and share one among those who need the same", 10
		return nil, p
	}
	c.org.Followers.Add(1)
	return func() {
		c.server.hubs.closed(c.org.ID, c.name())
		c.org.Followers.Add(-1)
	}, nil
}

// lastEvent gives the position behind the one in Last-Event-ID; otherwise where there is none. It waits for a ledger that is
// not as far as that: a node may be behind others for a moment, and one that was put back to an older state is not to look
// like one in which nothing happens.
func (c *call) lastEvent(otherwise uint64) (uint64, error) {
	last := c.Header.Get("Last-Event-ID")
	if last == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(last, 10, 53)
	if err != nil {
		return 0, badRequest(fmt.Sprintf("Last-Event-ID is %q, which is no position", clip(last)))
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	if err := c.reached(ctx, n); err != nil {
		if p := (*problem)(nil); errors.As(err, &p) {
			p.Hint = "Last-Event-ID is of an entry that is not here: either this node is behind, or the ledger was put back to an older state. Try again, and ask who runs it"
		}
		return 0, err
	}
	return n + 1, nil
}

// follow shows what is recorded from a position on, in order and without a gap, until the caller goes or may not read it any
// more. An entry is shown when it is synced and ordered, so that nothing shown can be lost. What show writes of an entry
// goes into out; nothing else is kept for a caller, and one that does not read is cut off.
func (c *call) follow(w http.ResponseWriter, next uint64, gives string, show func(out *lineWriter, position uint64) error) error {
	leave, err := c.enterStream()
	if err != nil {
		return err
	}
	defer leave()
	limits := c.server.streams
	out := newLineWriter(w, gives)
	out.stall = limits.Stall
	if err := out.flush(); err != nil { // the caller waits for the header
		return out.end(c, err)
	}
	f := &follower{call: c, out: out, events: gives == mediaEvents, next: next}
	quiet, look := time.NewTicker(limits.Quiet), time.NewTicker(authEvery)
	defer quiet.Stop()
	defer look.Stop()
	for {
		changed := c.org.Changed()
		if err := f.catchUp(show); err != nil {
			return f.end(err)
		}
		for waits := true; waits; {
			select {
			case <-changed:
				waits = false
			case <-look.C:
				if !c.stillMay() {
					return f.end(errRevoked)
				}
			case <-quiet.C:
				if f.events {
					fmt.Fprintf(&out.buffer, ":\nid: %d\n\n", f.next-1) // without data it is no event, and moves Last-Event-ID on
				}
				if err := out.flush(); err != nil {
					return f.end(err)
				}
			case <-c.Context().Done():
				return f.end(c.Context().Err())
			}
		}
	}
}

// A follower is one caller on its way through an organization's entries.
type follower struct {
	*call
	out    *lineWriter
	events bool
	next   uint64
	up     bool // it has been at the head
}

// catchUp shows what there is.
func (f *follower) catchUp(show func(*lineWriter, uint64) error) error {
	begun := time.Now()
	for ; f.next <= f.org.Access.Head().Position; f.next++ {
		switch {
		case f.Context().Err() != nil:
			return f.Context().Err()
		case !f.stillMay(): // the entries behind the one that took the right away are not shown
			return errRevoked
		case f.up && time.Since(begun) > f.server.streams.Behind:
			return errSlow
		}
		if err := show(f.out, f.next); err != nil {
			return err
		}
	}
	f.up = true
	return f.out.flush()
}

// end says why a stream ends, and where it can be gone on with, and ends it. To who reads lines it breaks the answer off.
func (f *follower) end(err error) error {
	reason := ""
	switch {
	case errors.Is(err, errRevoked):
		reason = wire.ClosedRevoked
	case errors.Is(err, errSlow):
		reason = wire.ClosedSlow
	case f.Context().Err() != nil:
		reason = wire.ClosedStopping // or the caller has gone, and nobody hears it
	default:
		return f.out.end(f.call, err)
	}
	if !f.events {
		if reason == wire.ClosedStopping {
			return nil
		}
		panic(http.ErrAbortHandler)
	}
	data, err := json.Marshal(wire.Closed{Reason: reason, Position: f.next - 1})
	if err == nil {
		f.out.buffer.Write(appendEvent(nil, f.next-1, "closed", data))
		_ = f.out.flush() // one that cannot be written to has the last id that it read
	}
	return nil
}
