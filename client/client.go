// Package client speaks to the HTTP API of permledger: to a server, or to its handler in this process. There is one
// code path: see [New] and [InProcess].
//
// The client signs commands itself and never hands a private key to anybody. It asks the server to prepare a command,
// reads the bytes that come back, and signs them only where they say what was asked for.
//
// Errors that the server answers with are a [*Error], which holds the problem (RFC 9457); where no server answered it
// is an [*UnreachableError]. Where it is not known whether a command is recorded, it is an [*UnknownError] around either.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/internal/trace"
)

// Client speaks to one server. Its methods are safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
	wait  time.Duration // for the header of an answer; 0: as long as it takes

	pinned *pinned // nil: checkpoints are not kept

	behind uint64 // changes go by this position; 0: by none
	once   string // the id of the next change; empty: the server makes one

	standing string // how strongly what is recorded must stand before it is answered; empty: recorded
}

// Wait is how long a client waits for an answer to begin, unless [Client.Within] says otherwise.
const Wait = 60 * time.Second

// New gives a client of the server at base, as http://127.0.0.1:8420. hc may be nil; it should have no overall timeout,
// for streams last as long as they are needed: contexts end requests. What answers nothing within [Wait] is given up.
func New(base, token string, hc *http.Client) *Client {
	if hc == nil {
		hc = &http.Client{}
	}
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, http: hc, wait: Wait}
}

// Within gives a client of the same server that waits so long for an answer to begin: how long it then lasts is not
// bounded. 0: as long as it takes.
func (c *Client) Within(wait time.Duration) *Client {
	other := *c
	other.wait = wait
	return &other
}

// Standing gives a client of the same server whose changes are answered once they stand so strongly: [wire.Recorded],
// [wire.Committed] under a signed checkpoint, or [wire.Witnessed]. Their receipts say how strongly they do, and prove it. What
// takes too long is answered nevertheless: it is recorded, and the receipt says what it is not yet.
func (c *Client) Standing(strength string) *Client {
	other := *c
	other.standing = strength
	return &other
}

// IfUnchangedSince gives a client of the same server whose changes go by what was so at a position, as the Seq of an
// answer's [wire.AsOf]: where others have changed the same thing since, nothing is recorded, and the error is an [*Error] of
// the code [wire.CodeChanged], whose Changes say what they did.
func (c *Client) IfUnchangedSince(position uint64) *Client {
	other := *c
	other.behind = position
	return &other
}

// Once gives a client of the same server for one change of [Client.Do], [Client.PutPermissions] or [Client.PutRoles]: with
// the same key, a ULID or a UUID of version 7, it is recorded once however often it is sent, and has the same answer.
func (c *Client) Once(key string) *Client {
	other := *c
	other.once = key
	return &other
}

// conditions are the header fields of a request that records something.
func (c *Client) conditions(mediaType string) http.Header {
	h := http.Header{"Content-Type": {mediaType}}
	if c.behind != 0 {
		h.Set("If-Match", `"`+strconv.FormatUint(c.behind, 10)+`"`)
	}
	if c.once != "" {
		h.Set("Idempotency-Key", c.once)
	}
	return h
}

// recording gives the parameters of a request that records something.
func (c *Client) recording() url.Values {
	q := url.Values{}
	set(q, "wait", c.standing)
	return q
}

const inProcessServer = "http://in-process"

// InProcess gives a client of a handler in this process, as package api makes them. No network is used; bodies stream.
func InProcess(h http.Handler, token string) *Client {
	return New(inProcessServer, token, &http.Client{Transport: &inProcess{h}}).Within(0)
}

// Error is a problem that the server answered with.
type Error struct {
	Problem wire.Problem
}

// Code gives the problem's code, as not-permitted: one of package wire or of package rules.
func (e *Error) Code() string { return e.Problem.Code() }

func (e *Error) Error() string {
	text := e.Problem.Title
	if e.Problem.Detail != "" {
		text = e.Problem.Detail
	}
	if e.Problem.Hint != "" {
		text += ". " + e.Problem.Hint
	}
	return fmt.Sprintf("%s (%s)", text, e.Code())
}

// CodeOf gives the code of the problem that err is or wraps; empty where it is none.
func CodeOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code()
	}
	return ""
}

// UnreachableError says that no server answered. What was asked for may nevertheless have been done.
type UnreachableError struct {
	Server string
	Err    error
}

func (e *UnreachableError) Error() string {
	if e.InProcess() {
		return "the ledger gave no answer: " + e.Err.Error()
	}
	return "no answer from " + e.Server + ": " + e.Err.Error()
}

// InProcess says whether it was a handler of this process that did not answer.
func (e *UnreachableError) InProcess() bool { return e.Server == inProcessServer }

func (e *UnreachableError) Unwrap() error { return e.Err }

// ErrSilent says that a server took the connection, or seemed to, and did not answer in time: it is stopped, or hangs.
var ErrSilent = errors.New("the server is silent")

// Read says as of when a question is. The zero Read is now.
type Read struct {
	AsOf    string // as access.Index.ParseAsOf reads it; empty: now
	AtLeast uint64 // wait until the ledger has this position; 0: do not

	// Of lists that come in pages:
	Limit  int    // items on a page; 0: all, or where there is a Cursor, 100
	Cursor string // the Next of the page before
}

func (r Read) query() url.Values {
	q := url.Values{}
	set(q, "as_of", r.AsOf)
	setNumber(q, "at_least", r.AtLeast)
	setNumber(q, "limit", uint64(max(r.Limit, 0)))
	set(q, "cursor", r.Cursor)
	return q
}

// Pages gives the items of a list page by page, all as of the moment of the first: each is asked for when it is come to.
// ask is called with r and the cursor of the next page, as in
//
//	client.Pages(client.Read{Limit: 500}, func(r client.Read) (wire.List[wire.Subject], error) { return c.Subjects(ctx, org, r) })
func Pages[T any](r Read, ask func(Read) (wire.List[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			list, err := ask(r)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range list.Items {
				if !yield(one, nil) {
					return
				}
			}
			if r.Cursor = list.Next; r.Cursor == "" {
				return
			}
		}
	}
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setNumber(q url.Values, name string, n uint64) {
	if n != 0 {
		q.Set(name, strconv.FormatUint(n, 10))
	}
}

func setFlag(q url.Values, name string, on bool) {
	if on {
		q.Set(name, "true")
	}
}

// path joins segments, each escaped so that whatever it holds, it stays one segment.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/v1/orgs")
	for _, s := range segments {
		b.WriteByte('/')
		switch s {
		case ".":
			b.WriteString("%2E")
		case "..":
			b.WriteString("%2E%2E")
		default:
			b.WriteString(url.PathEscape(s))
		}
	}
	return b.String()
}

// request sends a request and gives the answer, whose body the caller closes; other answers than 2xx are errors.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	if err := c.pin(ctx, method, path); err != nil {
		return nil, err
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	trace.Set(ctx, req.Header)
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, problem(resp)
	}
	return resp, nil
}

// do sends a request, and gives it up where the answer does not begin in time.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	outer := req.Context()
	ctx, cancel := context.WithCancelCause(outer)
	began := make(chan struct{})
	if c.wait > 0 {
		timer := time.AfterFunc(c.wait, func() {
			select {
			case <-began:
			default:
				cancel(fmt.Errorf("%w: nothing came within %s", ErrSilent, c.wait))
			}
		})
		defer timer.Stop()
	}
	resp, err := c.http.Do(req.WithContext(ctx))
	close(began)
	if err == nil {
		resp.Body = &endingBody{resp.Body, func() { cancel(nil) }}
		return resp, nil
	}
	defer cancel(nil)
	if outer.Err() != nil {
		return nil, context.Cause(outer)
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	if why := context.Cause(ctx); why != nil {
		err = why
	}
	return nil, &UnreachableError{Server: c.base, Err: err}
}

// endingBody ends what belongs to a request when its answer is closed.
type endingBody struct {
	io.ReadCloser
	end func()
}

func (b *endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

const maxProblem = 1 << 20

// problem reads the problem that an answer is.
func problem(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	e := &Error{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && kind == "application/problem+json" && json.Unmarshal(b, &e.Problem) == nil && e.Problem.Type != "" {
		return e
	}
	// Something between us and the server answered, or something that is no permledger.
	e.Problem = wire.Problem{Type: "about:blank", Title: resp.Status, Status: resp.StatusCode,
		Detail: fmt.Sprintf("%s was answered with %s, and not by a permledger server", resp.Request.URL.Redacted(), resp.Status)}
	return e
}

// get reads an answer in JSON.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	resp, err := c.request(ctx, http.MethodGet, path, query, nil, nil)
	if err != nil {
		return out, err
	}
	return decode[T](c, resp)
}

// post sends a body in JSON and reads an answer in JSON.
func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	return send[T](ctx, c, http.MethodPost, path, body)
}

func send[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	return sendQuery[T](ctx, c, method, path, nil, body)
}

// record is send of what changes something.
func record[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	return sendWith[T](ctx, c, method, path, c.recording(), c.conditions("application/json"), body)
}

func sendQuery[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (T, error) {
	return sendWith[T](ctx, c, method, path, query, http.Header{"Content-Type": {"application/json"}}, body)
}

func sendWith[T any](ctx context.Context, c *Client, method, path string, query url.Values, header http.Header, body any) (T, error) {
	var out T
	b, err := encode(body)
	if err != nil {
		return out, fmt.Errorf("%s %s: %w", method, path, err)
	}
	resp, err := c.request(ctx, method, path, query, header, bytes.NewReader(b))
	if err != nil {
		return out, err
	}
	out, err = decode[T](c, resp)
	if r, ok := any(&out).(*wire.Receipt); ok && err == nil {
		c.answered(orgOf(method, path), r.Seq)
	}
	return out, err
}

func decode[T any](c *Client, resp *http.Response) (T, error) {
	var out T
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, &UnreachableError{Server: c.base, Err: fmt.Errorf("the answer cannot be read: %w", err)}
	}
	return out, nil
}

// encode writes JSON and leaves raw messages as they are: their bytes are signed. It ends with a line feed.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
