package api

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/internal/metrics"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// Stats counts what a node's API did, and writes it with what the node counts. Labels are of the table of routes, of codes
// and of organizations: no caller can make new ones. docs/operations.md says what each is.
type Stats struct {
	URL string // of [Stats.Handler]'s /metrics, for who starts it to say; empty: it is not served apart

	node     *node.Node
	version  string
	draining atomic.Bool

	routes   []*routeStats // in the order of the table; written by New alone
	problems map[string]*metrics.Counter
}

// routeStats is what is counted of one route.
type routeStats struct {
	method, path string
	asks         bool // it changes nothing
	inFlight     atomic.Int64
	statuses     [6]metrics.Counter // by the first digit
	took         *metrics.Histogram
}

// NewStats makes what [Options.Stats] takes.
func NewStats(n *node.Node, version string) *Stats {
	s := &Stats{node: n, version: version, problems: map[string]*metrics.Counter{}}
	for code := range titles {
		s.problems[code] = &metrics.Counter{}
	}
	for _, r := range Routes() {
		one := &routeStats{method: r.Method, path: r.Path, took: metrics.NewDurations()}
		one.asks = r.Method == http.MethodGet || r.point != nil || slices.Contains([]string{"check", "explain", "prepare", "simulate"}, path.Base(r.Path))
		s.routes = append(s.routes, one)
	}
	return s
}

// Drain says that the server is about to stop: it is not ready from now on.
func (s *Stats) Drain() { s.draining.Store(true) }

func (s *Stats) route(r *Route) *routeStats {
	for _, one := range s.routes {
		if one.method == r.Method && one.path == r.Path {
			return one
		}
	}
	return nil
}

func (s *Stats) problem(code string) {
	if c := s.problems[code]; c != nil {
		c.Inc()
	}
}

// answered is a response whose status is known.
type answered struct {
	http.ResponseWriter
	status int
}

var answereds = sync.Pool{New: func() any { return new(answered) }}

func (w *answered) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answered) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answered) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// counted counts requests around their handling, and says in the log, once they are answered, what there was: changes and
// failures as information, the rest for who looks for faults.
func (s *server) counted(st *routeStats, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := answereds.Get().(*answered)
		a.ResponseWriter, a.status = w, 0
		st.inFlight.Add(1)
		defer s.count(st, a, r, time.Now())
		next(a, r)
	}
}

func (s *server) count(st *routeStats, a *answered, r *http.Request, begun time.Time) {
	st.inFlight.Add(-1)
	took := time.Since(begun)
	st.took.Took(took)
	status := a.status
	if status == 0 { // it was broken off
		status = http.StatusInternalServerError
	}
	if digit := status / 100; digit < len(st.statuses) {
		st.statuses[digit].Inc()
	}
	a.ResponseWriter = nil
	answereds.Put(a)
	level := slog.LevelDebug
	if !st.asks || status >= http.StatusInternalServerError {
		level = slog.LevelInfo
	}
	if s.log.Enabled(r.Context(), level) {
		s.said(r.Context(), level, st, r, status, took)
	}
}

func (s *server) said(ctx context.Context, level slog.Level, st *routeStats, r *http.Request, status int, took time.Duration) {
	attrs := []slog.Attr{slog.String("method", r.Method), slog.String("route", st.path), slog.Int("status", status), slog.Duration("took", took)}
	if o, err := s.node.Org(r.PathValue("org")); err == nil {
		attrs = append(attrs, slog.String("organization", o.ID), slog.Uint64("position", o.Access.Head().Position))
	}
	s.log.LogAttrs(ctx, level, "a request was answered", attrs...)
}

// Ready says whether requests should be sent here.
func (s *Stats) Ready() wire.Ready {
	switch ids := s.node.Organizations(); {
	case s.draining.Load():
		return wire.Ready{Status: wire.NotReadyDraining}
	case len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool {
		o, err := s.node.Org(id)
		return err == nil && o.Ledger.Err() == nil
	}):
		return wire.Ready{Status: wire.HealthStopped}
	}
	return wire.Ready{Status: wire.IsReady}
}

func ready(c *call, w http.ResponseWriter) error {
	c.server.stats.serveReady(w)
	return nil
}

func (s *Stats) serveReady(w http.ResponseWriter) {
	answer, status := s.Ready(), http.StatusOK
	if answer.Status != wire.IsReady {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, mediaJSON, status, answer)
}

// Handler serves /metrics and /readyz alone, without a token: for a listener of its own, which only those reach who may.
func (s *Stats) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { s.serveMetrics(w) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { s.serveReady(w) })
	return mux
}

func getMetrics(c *call, w http.ResponseWriter) error {
	c.server.stats.serveMetrics(w)
	return nil
}

func (s *Stats) serveMetrics(w http.ResponseWriter) {
	w.Header().Set("Content-Type", metrics.ContentType)
	_, _ = w.Write(s.Metrics()) // who has gone is nobody to tell
}

const (
	mediaMetrics = "text/plain"
	whyMetrics   = "it counts what all organizations do, which is for the node's operator"
	whyReady     = "load balancers have no token; the answer is one word"
)

func operatingRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: "/readyz", Open: true, Why: whyReady, endpoint: stream(mediaJSON, nil, ready),
			Summary: "Whether requests should be sent here: not while the server is about to stop"},
		{Method: http.MethodGet, Path: "/metrics", Operator: true, Why: whyMetrics, endpoint: stream(mediaMetrics, nil, getMetrics),
			Summary: "What the server counts, as Prometheus scrapes it"},
	}
}

// Metrics gives all that is counted, as Prometheus scrapes it.
func (s *Stats) Metrics() []byte {
	var w metrics.Writer
	w.Gauges("permledger_build_info", "1, with the version of the program and of Go.")
	w.Value(1, "version", s.version, "go", runtime.Version())
	w.Gauges("permledger_ready", "1 where /readyz says so.")
	w.Value(truth(s.Ready().Status == wire.IsReady))
	w.Gauges("permledger_disk_free_bytes", "Free on the file system of the data directory.")
	if free, err := s.node.Free(); err == nil {
		w.Value(float64(free))
	}
	s.writeHTTP(&w)
	var orgs []*node.Org
	for _, id := range s.node.Organizations() {
		if o, err := s.node.Org(id); err == nil {
			orgs = append(orgs, o)
		}
	}
	writeLedgers(&w, orgs)
	writeLogs(&w, orgs)
	w.Process()
	return w.Bytes()
}

func (s *Stats) writeHTTP(w *metrics.Writer) {
	w.Counters("permledger_http_requests_total", "Requests that were answered, by route and first digit of the status.")
	for _, r := range s.routes {
		for digit := range r.statuses {
			if n := r.statuses[digit].Value(); n > 0 {
				w.Value(float64(n), "method", r.method, "route", r.path, "status", strconv.Itoa(digit)+"xx")
			}
		}
	}
	w.Histograms("permledger_http_request_seconds", "How long requests took until they were answered to the end, by route.")
	for _, r := range s.routes {
		if r.took.Count() > 0 {
			w.Histogram(r.took, "method", r.method, "route", r.path)
		}
	}
	w.Gauges("permledger_http_in_flight", "Requests that are being answered, by route.")
	follow := map[string]int64{}
	for _, r := range s.routes {
		if n := r.inFlight.Load(); n > 0 {
			w.Value(float64(n), "method", r.method, "route", r.path)
		}
		for _, end := range []string{"watch", "changes"} {
			if strings.HasSuffix(r.path, "/{org}/"+end) && r.method == http.MethodGet {
				follow[end] = r.inFlight.Load()
			}
		}
	}
	w.Gauges("permledger_subscribers", "Who follow what happens over HTTP now, by how.")
	for _, end := range slices.Sorted(maps.Keys(follow)) {
		w.Value(float64(follow[end]), "kind", end)
	}
	w.Counters("permledger_problems_total", "Requests that were answered with a problem, by its code.")
	for _, code := range slices.Sorted(maps.Keys(s.problems)) {
		if n := s.problems[code].Value(); n > 0 {
			w.Value(float64(n), "code", code)
		}
	}
}

func writeLedgers(w *metrics.Writer, orgs []*node.Org) {
	each := func(f func(o *node.Org)) {
		for _, o := range orgs {
			f(o)
		}
	}
	w.Gauges("permledger_ledger_position", "Entries that are recorded and shown.")
	each(func(o *node.Org) { w.Value(float64(o.Access.Head().Position), "org", o.ID) })
	w.Gauges("permledger_ledger_writing", "0 where a ledger has stopped, until the server is started again.")
	each(func(o *node.Org) { w.Value(truth(o.Ledger.Err() == nil), "org", o.ID) })
	w.Gauges("permledger_projection_lag_entries", "Entries of the journal that readers do not see yet.")
	each(func(o *node.Org) {
		head := o.Access.Head().Position // first: the journal is never behind it
		w.Value(float64(o.Journal.Len()-min(head, o.Journal.Len())), "org", o.ID)
	})
	w.Histograms("permledger_append_seconds", "How long a group of entries took until it was synced and ordered.")
	each(func(o *node.Org) { w.Histogram(o.Stats.Append, "org", o.ID) })
	w.Histograms("permledger_journal_seconds", "Of that, until it was synced in the journal.")
	each(func(o *node.Org) { w.Histogram(o.Stats.Journal, "org", o.ID) })
	w.Histograms("permledger_stream_seconds", "Of that, until the stream had ordered it.")
	each(func(o *node.Org) { w.Histogram(o.Stats.Stream, "org", o.ID) })
	w.Histograms("permledger_batch_entries", "How many entries were written together.")
	each(func(o *node.Org) { w.Histogram(o.Stats.Batch, "org", o.ID) })
	w.Counters("permledger_decisions_total", "Answers to whether somebody may do something.")
	each(func(o *node.Org) {
		w.Value(float64(o.Stats.Allowed.Value()), "org", o.ID, "answer", "allow")
		w.Value(float64(o.Stats.Denied.Value()), "org", o.ID, "answer", "deny")
	})
	w.Counters("permledger_refusals_total", "Commands of known callers that the rules refused, by the code of why.")
	each(func(o *node.Org) {
		all := o.Stats.Refusals()
		for _, code := range slices.Sorted(maps.Keys(all)) {
			w.Value(float64(all[code]), "org", o.ID, "code", string(rules.Code(code)))
		}
	})
}

func writeLogs(w *metrics.Writer, orgs []*node.Org) {
	each := func(f func(o *node.Org, size uint64)) {
		for _, o := range orgs {
			if _, c, ok := o.Log.Latest(); ok {
				f(o, c.Size)
			}
		}
	}
	w.Gauges("permledger_checkpoint_size", "Entries that the newest checkpoint covers.")
	each(func(o *node.Org, size uint64) { w.Value(float64(size), "org", o.ID) })
	w.Gauges("permledger_checkpoint_lag_entries", "Entries that no checkpoint covers yet.")
	each(func(o *node.Org, size uint64) {
		head := o.Access.Head().Position
		w.Value(float64(head-min(head, size)), "org", o.ID)
	})
	w.Gauges("permledger_checkpoint_kept_timestamp_seconds", "When the newest checkpoint or cosignature was kept, in seconds since 1970.")
	each(func(o *node.Org, _ uint64) { w.Value(float64(o.Log.KeptAt().UnixMilli())/1000, "org", o.ID) })
	w.Gauges("permledger_checkpoint_failing", "1 where no checkpoint can be signed or kept now.")
	each(func(o *node.Org, _ uint64) { w.Value(truth(o.Log.Err() != nil), "org", o.ID) })
	w.Gauges("permledger_witness_lag_entries", "Entries of the newest checkpoint that a witness has not cosigned since the start.")
	each(func(o *node.Org, size uint64) {
		for _, s := range o.Witnesses() {
			w.Value(float64(size-min(size, s.Size)), "org", o.ID, "witness", s.Name)
		}
	})
	w.Gauges("permledger_witness_alarm", "1 where a witness knows another history: a person has to look.")
	each(func(o *node.Org, _ uint64) {
		for _, s := range o.Witnesses() {
			w.Value(truth(s.Alarm), "org", o.ID, "witness", s.Name)
		}
	})
}

func truth(so bool) float64 {
	if so {
		return 1
	}
	return 0
}
