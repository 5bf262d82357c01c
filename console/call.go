package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
)

// A caller is an http.RoundTripper that calls the API's handler in this process as the browser itself would: with its cookie, its
// address and what it says of where a request comes from. It notes as of which position the answers are.
type caller struct {
	api  http.Handler
	from *http.Request
	csrf string

	cookies []string // that answers set
	asOf    wire.AsOf
	mixed   bool // answers were of several positions
}

// passed are the fields of a browser's request that the API judges it by.
var passed = []string{"Cookie", "Origin", "Sec-Fetch-Site", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto", "Traceparent"}

// client gives a client that calls as the browser. Its address is none of the browser's: what stands in Host need not be one.
func (c *caller) client() *client.Client {
	return client.New("http://in-process", "", &http.Client{
		Transport:     c,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Within(0)
}

// RoundTrip implements http.RoundTripper. The whole answer is in memory: streams and files are links of the pages.
func (c *caller) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	for _, name := range passed {
		if v := c.from.Header.Values(name); len(v) > 0 {
			in.Header[name] = v
		}
	}
	if c.csrf != "" {
		in.Header.Set("X-Csrf-Token", c.csrf)
	}
	in.Host, in.RemoteAddr, in.TLS, in.RequestURI = c.from.Host, c.from.RemoteAddr, c.from.TLS, req.URL.RequestURI()
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answer{header: http.Header{}}
	c.api.ServeHTTP(w, in)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	c.cookies = append(c.cookies, w.header.Values("Set-Cookie")...)
	if req.Method == http.MethodGet && w.status == http.StatusOK {
		c.note(w.body.Bytes())
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header, ContentLength: int64(w.body.Len()),
		Body: io.NopCloser(&w.body), Request: req,
	}, nil
}

// note takes down as of which position an answer is. In JSON no text can hold this sequence of bytes: quotes in it are escaped.
func (c *caller) note(body []byte) {
	const member = `"asOf":{"seq":`
	i := bytes.LastIndex(body, []byte(member))
	if i < 0 {
		return
	}
	var at wire.AsOf
	if err := json.NewDecoder(bytes.NewReader(body[i+len(`"asOf":`):])).Decode(&at); err != nil {
		return
	}
	c.of(at)
}

// of takes down that an answer is of a position.
func (c *caller) of(at wire.AsOf) {
	switch {
	case c.asOf.Seq == 0:
		c.asOf = at
	case c.asOf.Seq != at.Seq:
		c.mixed = true
	}
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush implements http.Flusher: the API flushes long answers.
func (w *answer) Flush() { w.WriteHeader(http.StatusOK) }

// EnableFullDuplex and SetReadDeadline are what the API asks of a connection on which commands are recorded: here there is none.
func (w *answer) EnableFullDuplex() error         { return nil }
func (w *answer) SetReadDeadline(time.Time) error { return nil }
