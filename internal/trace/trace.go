// Package trace carries the id of a trace through a call, as W3C Trace Context has it (https://www.w3.org/TR/trace-context/):
// from the header traceparent of a request into the context, the logs, and requests that are made meanwhile.
//
// Nothing is sampled or sent here. A request without the header costs nothing; it gets an id when something is said of it.
package trace

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

// Header is the name of the header field.
const Header = "Traceparent"

// Response is the name of the header field that an answer says its span in (https://w3c.github.io/trace-context/#traceresponse-header).
const Response = "Traceresponse"

// A Span is a part of a trace. The zero Span is none.
type Span struct {
	Trace [16]byte
	ID    [8]byte
	Flags byte
}

// New makes the first span of a trace of its own.
func New() (s Span) {
	for s.Trace == [16]byte{} {
		put(s.Trace[:8], rand.Uint64())
		put(s.Trace[8:], rand.Uint64())
	}
	s.Flags = 2 // random trace id, as level 2 says; not sampled
	return s.Next()
}

// Next gives another span of the same trace.
func (s Span) Next() Span {
	for s.ID = [8]byte{}; s.ID == [8]byte{}; {
		put(s.ID[:], rand.Uint64())
	}
	return s
}

func put(b []byte, v uint64) {
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
}

// Parse reads a traceparent. False: it is none, and the trace begins anew, as the specification has it.
func Parse(text string) (s Span, ok bool) {
	// version "-" trace-id "-" parent-id "-" flags; later versions may say more behind that.
	if len(text) < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' || len(text) > 512 {
		return Span{}, false
	}
	var version, flags [1]byte
	for _, part := range []struct {
		into []byte
		from string
	}{{version[:], text[:2]}, {s.Trace[:], text[3:35]}, {s.ID[:], text[36:52]}, {flags[:], text[53:55]}} {
		for i := range len(part.from) {
			if c := part.from[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') { // capitals are no hex here
				return Span{}, false
			}
		}
		if _, err := hex.Decode(part.into, []byte(part.from)); err != nil {
			return Span{}, false
		}
	}
	if version[0] == 0xff || version[0] == 0 && len(text) != 55 || version[0] > 0 && len(text) > 55 && text[55] != '-' ||
		s.Trace == [16]byte{} || s.ID == [8]byte{} {
		return Span{}, false
	}
	s.Flags = flags[0] & 3
	return s, true
}

// String writes a span as a traceparent.
func (s Span) String() string {
	return "00-" + s.TraceID() + "-" + hex.EncodeToString(s.ID[:]) + "-" + hex.EncodeToString([]byte{s.Flags})
}

// TraceID gives the id of the trace in hex.
func (s Span) TraceID() string { return hex.EncodeToString(s.Trace[:]) }

type key struct{}

// With puts a span into a context.
func With(ctx context.Context, s Span) context.Context { return context.WithValue(ctx, key{}, s) }

// From gives the span of a context.
func From(ctx context.Context) (Span, bool) {
	s, ok := ctx.Value(key{}).(Span)
	return s, ok
}

// Set gives a request that is made in a context its traceparent, if the context has a span.
func Set(ctx context.Context, h http.Header) {
	if s, ok := From(ctx); ok {
		h.Set(Header, s.Next().String())
	}
}
