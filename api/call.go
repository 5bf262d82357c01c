package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

// call is one request to a route, with what was found out about it.
type call struct {
	*http.Request
	server *server
	route  *Route
	rc     *http.ResponseController
	caller Caller
	org    *node.Org // nil where the route names none
	// subject is who the caller is in the organization; zero for the local operator, who is nobody there.
	subject ulid.ULID
	out     http.Header // of the answer
	now     time.Time
	query   url.Values
	wait    string // how strongly what is recorded must stand before it is answered

	entries map[uint64]*chain.Entry // that were read for this answer
	page    *pageOf                 // of a list; nil: all of it
	mine    map[ulid.ULID]bool      // commands of this very request, which do not stand in its own way
	entered uint64                  // position of the organization at which the caller was let in
}

// readQuery takes only the parameters that the route knows, each once: a misspelt filter must not widen an answer.
func (c *call) readQuery() error {
	q, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return badRequest("The query cannot be read: " + err.Error())
	}
	for name, values := range q {
		if !slices.Contains(c.route.Query, name) {
			if c.route.loose {
				continue
			}
			p := badRequest(fmt.Sprintf("There is no parameter %q here", clip(name)))
			p.Nearest = rules.Nearest(name, slices.Values(c.route.Query))
			p.Hint = "This takes none"
			if len(c.route.Query) > 0 {
				p.Hint = "This takes " + strings.Join(c.route.Query, ", ")
			}
			return p
		}
		if len(values) != 1 {
			return badRequest("The parameter " + name + " is given twice")
		}
	}
	c.query = q
	return nil
}

// text gives a parameter that must be there.
func (c *call) text(name string) (string, error) {
	if v := c.query.Get(name); v != "" {
		return v, nil
	}
	return "", missingParameter(name)
}

func missingParameter(name string) error { return badRequest("The parameter " + name + " is missing") }

// number gives a parameter that is a whole number; otherwise is for where it is absent.
func (c *call) number(name string, otherwise uint64) (uint64, error) {
	if !c.query.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(c.query.Get(name), 10, 53)
	if err != nil {
		return 0, badRequest(fmt.Sprintf("%s is %q, which is no number", name, clip(c.query.Get(name))))
	}
	return n, nil
}

// limit gives the parameter limit, from 1 to most.
func (c *call) limit(otherwise, most int) (int, error) {
	n, err := c.number("limit", uint64(otherwise))
	if err == nil && (n == 0 || n > uint64(most)) {
		err = badRequest(fmt.Sprintf("limit is %d; it goes from 1 to %d", n, most))
	}
	return int(n), err
}

// flag gives a parameter that is true or false.
func (c *call) flag(name string) (bool, error) {
	switch c.query.Get(name) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, badRequest(name + " is true or false")
}

// asOf reads the parameter as_of, in both forms.
func (c *call) asOf() (access.AsOf, wire.AsOf, error) { return c.moment("as_of") }

// moment reads a parameter that names a moment of the history, as of which something is asked.
func (c *call) moment(name string) (access.AsOf, wire.AsOf, error) {
	a, pos, err := c.org.Access.ParseAsOf(c.query.Get(name), c.now)
	if err != nil {
		return a, wire.AsOf{}, err
	}
	if name == "as_of" && c.page != nil && c.page.asOf != nil {
		a = *c.page.asOf
		pos, _ = c.org.Access.At(a.Position)
	}
	out := wire.AsOf{Seq: pos.Position, CID: pos.CID, Time: stamp(pos.Time), Instant: stamp(a.Instant)}
	if !a.Occurred.IsZero() {
		out.Occurred = stamp(a.Occurred)
	}
	return a, out, nil
}

// head says as of when an answer is that shows a ledger as it is.
func head(o *node.Org, now time.Time) wire.AsOf {
	h := o.Access.Head()
	return wire.AsOf{Seq: h.Position, CID: h.CID, Time: stamp(h.Time), Instant: stamp(now)}
}

// stamp writes an instant; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(canon.TimeLayout)
}

// maxWait bounds how long a read waits for the position that it demands.
const maxWait = 5 * time.Second

// awaitPosition waits until the ledger has the position that the parameter at_least names.
func (c *call) awaitPosition() error {
	want, err := c.number("at_least", 0)
	if err != nil || want == 0 || c.org == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), maxWait)
	defer cancel()
	return c.reached(ctx, want)
}

// reached waits until the ledger has a position.
func (c *call) reached(ctx context.Context, want uint64) error {
	for {
		changed := c.org.Changed()
		have := c.org.Access.Head().Position
		if have >= want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p := problemOf(http.StatusServiceUnavailable, wire.CodeNotYet, fmt.Sprintf("The ledger is at %d, %d was demanded", have, want))
			p.At = have
			return p
		}
	}
}

// entry reads an entry, once for an answer.
func (c *call) entry(seq uint64) (*chain.Entry, error) {
	if en := c.entries[seq]; en != nil {
		return en, nil
	}
	raw, err := c.org.Journal.Read(seq)
	if err != nil {
		return nil, err
	}
	en, err := chain.Parse(raw)
	if err != nil {
		return nil, &chain.BrokenError{Position: seq, Check: chain.CheckForm, Err: err}
	}
	if c.entries == nil {
		c.entries = map[uint64]*chain.Entry{}
	}
	c.entries[seq] = en
	return en, nil
}
