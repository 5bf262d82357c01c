package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client/pin"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// pinEvery is how often a client that lives on looks at the checkpoint of a ledger that it talks to.
const pinEvery = 10 * time.Second

// pinned is what a client keeps checkpoints with.
type pinned struct {
	pins  *pin.Pins
	place string

	mu      sync.Mutex
	checked map[string]time.Time // by organization
}

// Pinned gives a client of the same server that holds each organization's checkpoint against the last one that it kept:
// before its first request about an organization, and from then on with the first request after some seconds. Where the
// ledger does not continue what it showed, requests fail with a [*pin.Error] and nothing is sent. Where the log is
// shown to those only who may read the history, a client without a token leaves that to the first request with one.
// place tells servers apart; empty: the server's URL.
func (c *Client) Pinned(p *pin.Pins, place string) *Client {
	if place == "" {
		place = c.base
	}
	other := *c
	other.pinned = &pinned{pins: p, place: place, checked: map[string]time.Time{}}
	return &other
}

// PlaceOf is how the pins of a server, or of a data directory, name one of its organizations.
func PlaceOf(place, org string) string { return place + "/orgs/" + org }

// orgOf gives the organization that a request is about; empty where it is about none.
func orgOf(method, path string) string {
	rest, ok := strings.CutPrefix(path, "/v1/orgs/")
	if !ok {
		rest, ok = strings.CutPrefix(path, "/orgs/")
	}
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "?")
	org, _, more := strings.Cut(rest, "/")
	if !more && method != http.MethodGet {
		return "" // one is being made
	}
	org, err := url.PathUnescape(org)
	if err != nil {
		return ""
	}
	return org
}

// pin demands that the ledger that a request is about continues what it showed before.
func (c *Client) pin(ctx context.Context, method, path string) error {
	if c.pinned == nil {
		return nil
	}
	org := orgOf(method, path)
	if org == "" {
		return nil
	}
	p := c.pinned
	p.mu.Lock()
	at, known := p.checked[org]
	p.mu.Unlock()
	if known && time.Since(at) < pinEvery {
		return nil
	}
	plain := *c
	plain.pinned = nil
	if err := p.pins.Check(ctx, PlaceOf(p.place, org), served{&plain, org}); err != nil {
		if c.token == "" && errors.Is(err, pin.ErrHidden) {
			return nil // whoever signs in, or joins, is nobody yet: the first request with a token looks
		}
		return err
	}
	p.mu.Lock()
	p.checked[org] = time.Now()
	p.mu.Unlock()
	return nil
}

// answered notes the position that a command was answered with.
func (c *Client) answered(org string, position uint64) {
	if c.pinned != nil && org != "" && position > 0 {
		c.pinned.pins.Answered(PlaceOf(c.pinned.place, org), position)
	}
}

// outcomes notes the last position that commands were answered with.
func (c *Client) outcomes(org string, all []wire.Outcome) {
	for _, o := range slices.Backward(all) {
		if o.Recorded != nil {
			c.answered(org, o.Recorded.Seq)
			return
		}
	}
}

// served is the log of an organization as a server shows it.
type served struct {
	c   *Client
	org string
}

var _ pin.Source = served{}

func (s served) get(ctx context.Context, name string, limit int64) ([]byte, error) {
	resp, err := s.c.request(ctx, http.MethodGet, "/orgs/"+url.PathEscape(s.org)+"/log/"+name, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	if err != nil {
		return nil, &UnreachableError{Server: s.c.base, Err: err}
	}
	return b, nil
}

// Checkpoint implements pin.Source.
func (s served) Checkpoint(ctx context.Context) ([]byte, error) {
	b, err := s.get(ctx, "checkpoint", note.MaxSize)
	e := (*Error)(nil)
	switch errors.As(err, &e); {
	case e == nil:
		return b, err
	case e.Problem.Status == http.StatusNotFound:
		return nil, pin.ErrNone
	case e.Problem.Status == http.StatusUnauthorized || e.Problem.Status == http.StatusForbidden:
		return nil, fmt.Errorf("%w: %w", pin.ErrHidden, err)
	}
	return nil, err
}

// Tile implements pin.Source.
func (s served) Tile(ctx context.Context, t tree.Tile) ([]byte, error) {
	return s.get(ctx, t.Path(), 32*tree.TileWidth)
}

// Keys implements pin.Source.
func (s served) Keys(ctx context.Context) ([]ed25519.PublicKey, error) {
	text, err := s.c.Policy(ctx, s.org)
	if err != nil {
		return nil, err
	}
	p, err := note.ParsePolicy(text)
	if err != nil {
		return nil, fmt.Errorf("the policy of %s: %w", s.org, err)
	}
	var keys []ed25519.PublicKey
	for _, l := range p.Logs {
		keys = append(keys, l.Key.Public)
	}
	return keys, nil
}

// Entries implements pin.Source.
func (s served) Entries(ctx context.Context, size uint64) iter.Seq2[[]byte, error] {
	return s.c.Entries(ctx, s.org, 1, size)
}

// LogFile gives a file of an organization's log as C2SP tlog-tiles names it: "checkpoint", "tile/0/000". One that is longer
// than limit, in bytes, is an error.
func (c *Client) LogFile(ctx context.Context, org, name string, limit int64) ([]byte, error) {
	return served{c, org}.get(ctx, name, limit)
}
