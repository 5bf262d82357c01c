package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/permledger/permledger/api"
)

// described is the API's own, whose schemas the answers of every test in this package are held against.
var described = sync.OnceValues(func() (*jsonschema.Compiler, map[string]any) {
	b, err := json.Marshal(api.OpenAPI(nil))
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("permledger:openapi.json", doc); err != nil {
		panic(err)
	}
	return c, doc.(map[string]any)
})

var compiling sync.Mutex // a Compiler is for one at a time

// checked stands before a handler in tests: what it answers must be what the API's document says.
func checked(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/commands") || r.Method == http.MethodHead || accept(r.Header.Get("Accept")) == "text/event-stream" ||
			strings.HasSuffix(r.URL.Path, "/watch") {
			next.ServeHTTP(w, r) // it answers while it is asked
			return
		}
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		if err := describes(r, rec); err != nil {
			t.Errorf("%s %s is answered with %d, and not as docs/openapi.json says: %v\n%.600s", r.Method, r.URL.Path, rec.status, err, rec.body.Bytes())
		}
	})
}

func accept(field string) string {
	kind, _, _ := mime.ParseMediaType(field)
	return kind
}

// recorder passes an answer on, and keeps it.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// routeOf finds the route that a request goes to, as the server does.
var routeOf = sync.OnceValue(func() func(*http.Request) string {
	mux := http.NewServeMux()
	for _, r := range api.Routes() {
		mux.HandleFunc(r.Method+" "+r.Path, func(http.ResponseWriter, *http.Request) {})
	}
	return func(r *http.Request) string {
		_, pattern := mux.Handler(&http.Request{Method: r.Method, URL: r.URL, Host: r.Host})
		return pattern
	}
})

// describes says whether the document describes an answer: its status, its type, and each JSON value in it.
func describes(r *http.Request, rec *recorder) error {
	method, path, known := strings.Cut(routeOf()(r), " ")
	c, doc := described()
	if !known {
		return nil // there is no such route, which has an answer of its own
	}
	kind, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type"))
	if rec.status == http.StatusNotModified {
		return nil
	}
	if err != nil {
		return fmt.Errorf("its type: %w", err)
	}
	path = strings.ReplaceAll(path, "...}", "}")
	at := fmt.Sprintf("/paths/%s/%s/responses/%d/content/%s", escaped(path), strings.ToLower(method), rec.status, escaped(kind))
	if strings.HasSuffix(kind, "problem+json") {
		at = "/components/responses/400/content/" + escaped(kind)
	}
	media, ok := pointed(doc, at)
	for _, other := range []string{"; charset=utf-8", ";version=3.1"} {
		if !ok {
			media, ok = pointed(doc, at+escaped(other))
		}
	}
	if path == "/healthz" || !ok && rec.status >= 400 && kind == "application/json" { // its status is that of the ledgers; or another specification's error
		return nil
	}
	if !ok {
		return fmt.Errorf("there is nothing at %s", at)
	}
	schema, member := media["schema"], "/schema"
	if schema == nil {
		schema, member = media["x-itemSchema"], "/x-itemSchema"
	}
	if schema == nil {
		return nil // bytes
	}
	compiling.Lock()
	compiled, err := c.Compile("permledger:openapi.json#" + at + member)
	compiling.Unlock()
	if err != nil {
		return err
	}
	var body io.Reader = &rec.body
	if rec.Header().Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	for d := json.NewDecoder(body); d.More(); {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil //nolint:nilerr // broken off, as it was meant to be
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = compiled.Validate(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func escaped(segment string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", ";", "%3B", " ", "%20").Replace(segment)
}

// pointed gives what a JSON Pointer in the form of a fragment names.
func pointed(doc map[string]any, at string) (map[string]any, bool) {
	for _, segment := range strings.Split(at, "/")[1:] {
		segment = strings.NewReplacer("%7B", "{", "%7D", "}", "%3B", ";", "%20", " ").Replace(segment)
		next, ok := doc[strings.NewReplacer("~1", "/", "~0", "~").Replace(segment)].(map[string]any)
		if !ok {
			return nil, false
		}
		doc = next
	}
	return doc, true
}
