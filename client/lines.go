package client

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/permledger/permledger/api/wire"
)

const maxLine = 16 << 20 // of an answer

// lines yields the lines of an answer, without their ends. A line is valid until the next is asked for.
func (c *Client) lines(body io.ReadCloser) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer body.Close()
		s := bufio.NewScanner(body)
		s.Buffer(make([]byte, 0, 64<<10), maxLine)
		for s.Scan() {
			if !yield(s.Bytes(), nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(nil, &UnreachableError{Server: c.base, Err: err})
		}
	}
}

// decoded yields each line as a T. ctx is that of the request: where it ended, its cause is the error.
func decoded[T any](ctx context.Context, c *Client, body io.ReadCloser) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for line, err := range c.lines(body) {
			var one T
			if err == nil {
				err = json.Unmarshal(line, &one)
			} else if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

// Watch yields the lines of history from a position on, and goes on as entries are recorded, until ctx ends; from 0 is
// what comes next.
func (c *Client) Watch(ctx context.Context, org string, from uint64) iter.Seq2[wire.Item, error] {
	return func(yield func(wire.Item, error) bool) {
		q := url.Values{}
		setNumber(q, "from", from)
		resp, err := c.request(ctx, http.MethodGet, path(org, "watch"), q, nil, nil)
		if err != nil {
			yield(wire.Item{}, err)
			return
		}
		for item, err := range decoded[wire.Item](ctx, c, resp.Body) {
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Topic yields the messages of the organization's topic that announce entries from a position on, in their exact bytes.
// A message is valid until the next is asked for.
func (c *Client) Topic(ctx context.Context, org string, from uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		q := url.Values{}
		setNumber(q, "from", from)
		resp, err := c.request(ctx, http.MethodGet, path(org, "topic"), q, nil, nil)
		if err != nil {
			yield(nil, err)
			return
		}
		for line, err := range c.lines(resp.Body) {
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// Assignments gives, by subject, what every active subject may use. The list is read as the caller goes on; it must be
// gone through, in whole or in part.
func (c *Client) Assignments(ctx context.Context, org string, r Read) (wire.AsOf, iter.Seq2[wire.Assignment, error], error) {
	return streamed[wire.Assignment](ctx, c, org, path(org, "assignments"), r)
}

// Bindings gives, by subject, what every subject was given; see [Client.Assignments] for how it is read.
func (c *Client) Bindings(ctx context.Context, org string, r Read) (wire.AsOf, iter.Seq2[wire.Bound, error], error) {
	return streamed[wire.Bound](ctx, c, org, path(org, "bindings"), r)
}

// Entries yields the exact bytes of the entries from one position to another, both included; from 0 is the first, to 0
// the last there is now. It checks nothing but that no entry is missing at the end of what was asked for: verifying is
// the reader's. Entries are the reader's own.
func (c *Client) Entries(ctx context.Context, org string, from, to uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		q := url.Values{}
		setNumber(q, "from", from)
		setNumber(q, "to", to)
		resp, err := c.request(ctx, http.MethodGet, path(org, "entries"), q, nil, nil)
		if err != nil {
			yield(nil, err)
			return
		}
		defer resp.Body.Close()
		var count uint64
		in := bufio.NewReaderSize(resp.Body, 256<<10)
		for {
			entry, err := framed(in)
			if errors.Is(err, io.EOF) {
				if first := max(from, 1); to >= first && count != to-first+1 {
					yield(nil, &UnreachableError{Server: c.base, Err: fmt.Errorf("%d entries came, %d were asked for", count, to-first+1)})
				}
				return
			}
			if err != nil {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				} else {
					err = &UnreachableError{Server: c.base, Err: err}
				}
			}
			count++
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// framed reads an entry behind its length. It gives io.EOF only where nothing follows.
func framed(in io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	entry := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(in, entry); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return entry, nil
}
