package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// inProcess is a transport that calls a handler. Both bodies stream, at the same time, as with a server.
type inProcess struct {
	handler http.Handler
}

// RoundTrip implements http.RoundTripper. The handler runs in a goroutine of its own, which ends when the handler
// returns; closing the answer's body ends the context that the handler sees.
func (t *inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "in-process"
	in.Host = req.URL.Host
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Body == nil {
		in.Body = http.NoBody
	}
	body := &requestBody{from: in.Body, closed: make(chan struct{})}
	in.Body = body
	pr, pw := io.Pipe()
	w := &responseWriter{header: http.Header{}, pipe: pw, ready: make(chan struct{}), body: body}
	go func() {
		defer cancel()
		err := serve(t.handler, w, in)
		_ = body.Close()
		w.WriteHeader(http.StatusOK)
		_ = pw.CloseWithError(err)
	}()
	select {
	case <-w.ready:
	case <-ctx.Done():
		select {
		case <-w.ready: // the handler answered, and has returned already: that ends the context, too
		default:
			_ = pr.CloseWithError(context.Cause(ctx))
			_ = body.Close()
			return nil, context.Cause(ctx)
		}
	}
	stop := context.AfterFunc(ctx, func() { // a request that was given up is not waited for
		if req.Context().Err() != nil {
			_ = pw.CloseWithError(context.Cause(ctx))
		}
	})
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, ContentLength: -1, Request: req,
		Body: &responseBody{PipeReader: pr, end: func() { stop(); cancel() }},
	}, nil
}

// errAborted is what the caller reads where the handler broke the answer off.
var errAborted = errors.New("the answer was broken off")

// serve calls the handler as a server does: a panic breaks the answer off, and does not end the program.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errAborted
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// responseBody ends the request when it is closed.
type responseBody struct {
	*io.PipeReader
	end func()
}

func (b *responseBody) Close() error {
	b.end()
	return b.PipeReader.Close()
}

// requestBody can be closed while it is read, which ends the reading.
type requestBody struct {
	from   io.ReadCloser
	once   sync.Once
	closed chan struct{}
}

func (b *requestBody) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	default:
		return b.from.Read(p)
	}
}

func (b *requestBody) Close() error {
	b.once.Do(func() {
		close(b.closed)
		_ = b.from.Close()
	})
	return nil
}

// responseWriter hands an answer over as it is written.
type responseWriter struct {
	header http.Header
	pipe   *io.PipeWriter
	body   *requestBody
	ready  chan struct{} // closed when status and sent are set

	wrote  bool // of the handler's goroutine
	status int
	sent   http.Header
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if w.wrote {
		return
	}
	w.wrote, w.status, w.sent = true, status, w.header.Clone()
	close(w.ready)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if len(p) == 0 { // the pipe would wait for a reader
		return 0, nil
	}
	return w.pipe.Write(p)
}

// Flush makes the header seen; what is written is seen at once.
func (w *responseWriter) Flush() { w.WriteHeader(http.StatusOK) }

// EnableFullDuplex says that the request can be read while the answer is written, which is so.
func (w *responseWriter) EnableFullDuplex() error { return nil }

// SetReadDeadline ends the reading of the request where the deadline has passed. Later ones are left to the caller's
// context: nobody can hold a connection of this process open.
func (w *responseWriter) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && !t.After(time.Now()) {
		return w.body.Close()
	}
	return nil
}
