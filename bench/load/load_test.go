package load_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/bench/load"
)

// questions are a hundred requests of the path /yes or /no, as a right server answers them.
func questions(addr string) load.Target {
	t := load.Target{Addr: addr}
	var want [][]bool
	for i := range 100 {
		yes := i%3 == 0
		path := map[bool]string{true: "/yes", false: "/no"}[yes]
		t.Requests = append(t.Requests, load.Request("POST", addr, path, []byte(`{"n":1}`)))
		want = append(want, []bool{yes})
	}
	t.Wrong = load.Expect("allowed", "true", "false", want)
	return t
}

func serving(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func run(t *testing.T, target load.Target, clients int) load.Result {
	t.Helper()
	r, err := load.Run(t.Context(), target, clients, 20*time.Millisecond, 80*time.Millisecond, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func right(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, map[bool]string{true: `{"allowed": true}`, false: `{"allowed":false}`}[r.URL.Path == "/yes"])
}

func TestARightServerIsNeverWrong(t *testing.T) {
	r := run(t, questions(serving(t, right)), 4)
	if r.Requests == 0 || r.Wrong != 0 || r.Failed != 0 {
		t.Errorf("%d requests, %d wrong, %d failed: %v", r.Requests, r.Wrong, r.Failed, r.Err)
	}
	if p50, p99 := r.Times.At(0.5), r.Times.At(0.99); p50 <= 0 || p99 < p50 {
		t.Errorf("p50 %s, p99 %s", p50, p99)
	}
}

// A server that says yes to everything, and one that lies once in a while: each lie is counted.
func TestLiesAreCounted(t *testing.T) {
	var lies atomic.Uint64
	addr := serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/no" {
			lies.Add(1)
		}
		_, _ = io.WriteString(w, `{"allowed":true}`)
	})
	r := run(t, questions(addr), 3)
	if r.Failed != 0 || r.Wrong == 0 || r.Wrong != lies.Load() {
		t.Errorf("%d were counted, %d failed (%v); the server lied %d times", r.Wrong, r.Failed, r.Err, lies.Load())
	}
}

// Refusals, answers without a decision, connections that end: each is a failure and no decision.
func TestWhatIsNoAnswerIsAFailure(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"refused": func(w http.ResponseWriter, r *http.Request) { http.Error(w, `{"allowed":true}`, http.StatusForbidden) },
		"empty":   func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{}`) },
		"null":    func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"allowed":null}`) },
		"two": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"allowed":true,"allowed":true}`)
		},
		"hung up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, questions(serving(t, h)), 2)
			if r.Requests != 0 || r.Failed == 0 || r.Err == nil {
				t.Errorf("%d requests, %d failed: %v", r.Requests, r.Failed, r.Err)
			}
		})
	}
}

// Long answers come in chunks, and several decisions in one answer are judged in their order.
func TestBatchesAreJudgedOneByOne(t *testing.T) {
	addr := serving(t, func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		for i := range 1000 {
			if i%2 == 0 {
				b.WriteString(`{"decision":true},`)
			} else {
				b.WriteString(`{"decision":false},`)
			}
			if i%100 == 99 {
				_, _ = w.Write(b.Bytes())
				b.Reset()
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	want := make([]bool, 1000)
	for i := range want {
		want[i] = i%2 == 0
	}
	want[10], want[999] = !want[10], !want[999]
	target := load.Target{
		Addr: addr, Requests: [][]byte{load.Request("GET", addr, "/", nil)},
		Wrong: load.Expect("decision", "true", "false", [][]bool{want}),
	}
	var answers atomic.Uint64
	judge := target.Wrong
	target.Wrong = func(i, status int, body []byte) (int, error) {
		answers.Add(1)
		return judge(i, status, body)
	}
	r := run(t, target, 1)
	if r.Failed != 0 || answers.Load() == 0 || r.Wrong != 2*answers.Load() {
		t.Errorf("%d answers, %d wrong, %d failed: %v", answers.Load(), r.Wrong, r.Failed, r.Err)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := serving(t, func(http.ResponseWriter, *http.Request) {
		cancel()
		<-t.Context().Done()
	})
	if _, err := load.Run(ctx, questions(addr), 2, 0, time.Hour, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
