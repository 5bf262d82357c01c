package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// deadlines counts the deadlines for reading that have passed when they are set.
type deadlines struct {
	http.ResponseWriter
	past *atomic.Int32
}

func (d deadlines) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d deadlines) SetReadDeadline(at time.Time) error {
	if !at.IsZero() && at.Before(time.Now()) {
		d.past.Add(1)
	}
	return http.NewResponseController(d.ResponseWriter).SetReadDeadline(at)
}

// Given streams of commands that come to their end, when they are answered, then none is cut off: that would end the
// context of every request that follows on the same connection, and leave their outcomes unknown.
func TestAStreamThatEndsLeavesItsConnectionWhole(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "plain")
	var past atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.handler.ServeHTTP(deadlines{rw, &past}, r)
	}))
	t.Cleanup(srv.Close)
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for range 25 {
				req, err := http.NewRequest(http.MethodPost, srv.URL+"/v1/orgs/acme/commands", strings.NewReader("{}\n"))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token)
				req.Header.Set("Content-Type", "application/jsonl")
				resp, err := srv.Client().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	callers.Wait()
	if n := past.Load(); n > 0 {
		t.Errorf("%d of 800 were cut off", n)
	}
}
