package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/projections/access"
)

const (
	mediaJSON  = "application/json"
	mediaLines = "application/jsonl"
)

// endpoint is what a route does, and what it takes and gives.
type endpoint struct {
	Request  reflect.Type // of the body, or of each of its lines; nil: there is none
	Response reflect.Type // of the body, or of each of its lines; nil: bytes
	Takes    string       // media type
	Gives    string       // media type
	paged    bool         // it takes limit and cursor
	serve    func(*call, http.ResponseWriter) error
}

// answer makes an endpoint of a question: what f gives is the answer.
func answer[Resp any](f func(*call) (Resp, error)) endpoint {
	return endpoint{
		Response: reflect.TypeFor[Resp](), Gives: mediaJSON,
		serve: func(c *call, w http.ResponseWriter) error {
			resp, err := f(c)
			if err != nil {
				return err
			}
			c.reply(w, resp)
			return nil
		},
	}
}

// handle makes an endpoint of a function from a body to an answer.
func handle[Req, Resp any](f func(*call, Req) (Resp, error)) endpoint {
	e := answer(func(c *call) (Resp, error) {
		var req Req
		body, err := c.body()
		if err == nil {
			err = strict(body, &req)
		}
		if err != nil {
			var none Resp
			return none, err
		}
		return f(c, req)
	})
	e.Request, e.Takes = reflect.TypeFor[Req](), mediaJSON
	return e
}

// stream makes an endpoint that writes its answer itself. Errors that it gives before it wrote anything become
// problems; later it breaks the answer off.
func stream(gives string, line reflect.Type, f func(*call, http.ResponseWriter) error) endpoint {
	return endpoint{Response: line, Gives: gives, serve: f}
}

const (
	maxBody  = 1 << 20          // bytes of a body, and of a line of a stream
	bodyTime = 30 * time.Second // for a body that is no stream
)

// mediaType says whether the body is of a type.
func (c *call) mediaType(want string) error {
	if have, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || have != want {
		return problemOf(http.StatusUnsupportedMediaType, wire.CodeMediaType, "The body must be of the type "+want)
	}
	return nil
}

// body reads a body that is one JSON value.
func (c *call) body() ([]byte, error) {
	if err := c.mediaType(mediaJSON); err != nil {
		return nil, err
	}
	_ = c.rc.SetReadDeadline(time.Now().Add(bodyTime)) // without a connection there is nothing to hold open
	defer func() { _ = c.rc.SetReadDeadline(time.Time{}) }()
	b, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, problemOf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, fmt.Sprintf("A body has at most %d bytes", maxBody))
	}
	if err != nil {
		return nil, badRequest("The body cannot be read: " + err.Error())
	}
	return b, nil
}

// lineWriter writes an answer of lines, each a JSON value.
type lineWriter struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	begun  bool
	gives  string
	buffer bytes.Buffer
	stall  time.Duration // how long one write may take; 0: as long as it takes
}

func newLineWriter(w http.ResponseWriter, gives string) *lineWriter {
	return &lineWriter{w: w, rc: http.NewResponseController(w), gives: gives}
}

// linesAsOf begins an answer of lines, which says in its header as of when it is.
func (c *call) linesAsOf(w http.ResponseWriter) (access.AsOf, *lineWriter, error) {
	a, asOf, err := c.asOf()
	if err != nil {
		return a, nil, err
	}
	if err := setAsOf(w, asOf); err != nil {
		return a, nil, err
	}
	return a, newLineWriter(w, mediaLines), nil
}

// setAsOf says in the header as of when an answer is.
func setAsOf(w http.ResponseWriter, asOf wire.AsOf) error {
	header, err := json.Marshal(asOf)
	w.Header().Set(wire.AsOfHeader, string(header))
	return err
}

// add appends a line; it is sent when enough have come together, or with flush.
func (l *lineWriter) add(v any) error {
	if err := encodeTo(&l.buffer, v); err != nil {
		return err
	}
	return l.some()
}

// some sends what has come together where it is worth it.
func (l *lineWriter) some() error {
	if l.buffer.Len() < 32<<10 {
		return nil
	}
	return l.send()
}

func (l *lineWriter) send() error {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.gives)
		l.w.WriteHeader(http.StatusOK)
	}
	if l.buffer.Len() == 0 {
		return nil
	}
	l.hurry()
	_, err := l.w.Write(l.buffer.Bytes())
	l.buffer.Reset()
	return err
}

// flush sends what has come together, so that the caller sees it.
func (l *lineWriter) flush() error {
	if err := l.send(); err != nil {
		return err
	}
	l.hurry()
	return l.rc.Flush()
}

// hurry lets the next write fail where it takes too long. Within the process there is no connection that could stall.
func (l *lineWriter) hurry() {
	if l.stall > 0 {
		_ = l.rc.SetWriteDeadline(time.Now().Add(l.stall))
	}
}

// end answers for an error: with a problem where nothing was sent, else by breaking the answer off, so that the caller
// cannot take it for the whole.
func (l *lineWriter) end(c *call, err error) error {
	if err == nil {
		_ = l.send() // a caller that has gone is nobody to tell
		return nil
	}
	if !l.begun {
		return err
	}
	if c.Context().Err() == nil {
		c.server.log.Error("an answer was broken off", "path", c.URL.Path, "error", err)
	}
	panic(http.ErrAbortHandler)
}
