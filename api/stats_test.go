package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/permledger/permledger/internal/metrics"
)

// Given requests that end well, badly and by breaking off, then each is counted once by the first digit of its status, nothing
// is in flight afterwards, and a response can be reached through what counts it.
func TestCounted(t *testing.T) {
	s := &server{opts: Options{Now: time.Now}, stats: &Stats{}, log: slog.New(slog.DiscardHandler)}
	st := &routeStats{method: "GET", path: "/x", took: metrics.NewDurations()}
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	for _, serve := range []func(http.ResponseWriter){
		func(w http.ResponseWriter) { _, _ = w.Write([]byte("fine")) },
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound); w.WriteHeader(http.StatusOK) },
		func(w http.ResponseWriter) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			if st.inFlight.Load() != 1 {
				t.Error("it is not in flight")
			}
			panic(http.ErrAbortHandler)
		},
	} {
		func() {
			defer func() { _ = recover() }()
			s.counted(st, func(w http.ResponseWriter, _ *http.Request) { serve(w) })(httptest.NewRecorder(), r)
		}()
	}
	if st.statuses[2].Value() != 1 || st.statuses[4].Value() != 1 || st.statuses[5].Value() != 1 || st.took.Count() != 3 || st.inFlight.Load() != 0 {
		t.Errorf("2xx %d, 4xx %d, 5xx %d, %d took time, %d in flight", st.statuses[2].Value(), st.statuses[4].Value(), st.statuses[5].Value(), st.took.Count(), st.inFlight.Load())
	}
}

// BenchmarkCounted is what counting adds to a request: it is run on all processors, for they share the counters.
func BenchmarkCounted(b *testing.B) {
	s := &server{stats: &Stats{}, log: slog.New(slog.DiscardHandler)}
	st := &routeStats{took: metrics.NewDurations()}
	serve := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	for name, h := range map[string]http.HandlerFunc{"plain": serve, "counted": s.counted(st, serve)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "/x", nil)
			b.RunParallel(func(pb *testing.PB) {
				w := nowhere{}
				for pb.Next() {
					h(w, r)
				}
			})
		})
	}
}

type nowhere struct{}

func (nowhere) Header() http.Header         { return nil }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
