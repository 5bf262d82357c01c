// Package api is the HTTP API of a node: JSON over the routes that [Routes] lists, errors as problems (RFC 9457), a
// few streams of lines. It decides nothing: changes are commands that their authors signed, judged by the rules of the
// ledger they are for; questions are answered by the projections.
//
// Who calls is told apart from whose command it is. A caller proves itself with a bearer token and may then read, and
// pass signed commands on; that a command is its author's, its own signature proves, whoever brings it.
//
// Every read takes as_of (see access.Index.ParseAsOf) and says in its answer as of when it is; at_least waits until the
// ledger has a position, so that who wrote something can read it.
//
// Streams end with the context of their request: a server that is to stop gives its connections a BaseContext that
// ends. It sets no ReadTimeout or WriteTimeout, which would cut them off; bodies that are no streams have a deadline
// here.
package api

import (
	"cmp"
	"crypto/cipher"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/permledger/permledger/api/oidc"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// Options say how to serve a node.
type Options struct {
	Token   string           // of the local operator; empty: nobody is let in
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: nothing is said
	Version string           // of the program, for the header field Server

	// URL is what people call the server by, without a slash at its end: what sign-in is bound to. Where it is one of https,
	// cookies are for that alone.
	URL string
	// Proxies are the addresses of proxies whose X-Forwarded-For is believed: attempts to sign in are counted by the address
	// that they name. Without any, it is the peer's; those of the machine itself are not counted.
	Proxies []netip.Prefix

	// Providers are the identity providers that vouch for people and programs, each in one organization.
	Providers []*oidc.Provider

	// PublicDocuments says that signed documents are served to everybody who has their CID; entries never are.
	PublicDocuments bool

	// Stats counts what is done, for [Stats.Handler] too; nil: one of its own.
	Stats *Stats

	// PrivateLog lets only those read checkpoints and hash tiles who may read the history.
	PrivateLog bool

	Streams StreamLimits
	Limits  Limits
}

type server struct {
	node  *node.Node
	opts  Options
	log   *slog.Logger
	stats *Stats
	token [32]byte // SHA-256 of the local operator's

	sessions  sessions
	attempts  attempts // by name
	addresses attempts
	origins   *http.CrossOriginProtection
	nonces    *nonces
	sealing   cipher.AEAD      // what browsers keep for us while they are at an identity provider
	codes     *node.FirstCodes // nil: none is used here
	emails    emails
	lists     signedLists
	opening   chan struct{} // full: as many passwords are being tried as may be at a time
	dids      keyCache
	hubs      hubs
	streams   StreamLimits
	limits    limits
	personal  personal
	done      done
	used      lastUse
	people    peopleOf

	document, manual func() []byte // what the API is, of no organization; made when first asked for
}

// New gives the handler of a node's API. It may be served over a network, or called in the process (see package
// client). It is safe for concurrent use, and of no use once the node is closed.
func New(n *node.Node, opts Options) http.Handler {
	s := &server{node: n, opts: opts, log: opts.Logger, token: hashToken(opts.Token), opening: make(chan struct{}, openings), streams: opts.Streams.orDefault(), limits: limits{Limits: opts.Limits}}
	s.document = sync.OnceValue(func() []byte { return written(OpenAPI(nil)) })
	s.manual = sync.OnceValue(func() []byte { return manualOf(OpenAPI(nil)) })
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.used.dir, s.used.fail = n.Dir(), func(err error) { s.log.Warn("when API keys were used last cannot be kept", "error", err) }
	s.addresses.free, s.nonces, s.sealing = addressFree, newNonces(), newSealing()
	s.origins = http.NewCrossOriginProtection()
	if s.opts.URL != "" {
		s.codes = n.ServeFirstCode(s.opts.Now())
		if err := s.origins.AddTrustedOrigin(s.opts.URL); err != nil {
			s.log.Error("the URL that people call is none", "url", s.opts.URL, "error", err)
		}
	}
	if s.stats = opts.Stats; s.stats == nil {
		s.stats = NewStats(n, opts.Version)
	}
	methods := map[string]map[string]*Route{}
	for _, r := range Routes() {
		if r.public && opts.PrivateLog {
			r.Open, r.Action = false, rules.ActionHistoryRead
		}
		if methods[r.Path] == nil {
			methods[r.Path] = map[string]*Route{}
		}
		methods[r.Path][r.Method] = &r
	}
	mux := http.NewServeMux()
	for pattern, routes := range methods {
		mux.Handle(pattern, s.dispatch(routes))
	}
	mux.Handle("/", http.HandlerFunc(s.noRoute))
	return s.guard(mux)
}

// Header fields of every answer, in the form that http.Header keeps them in, so that no request takes memory for them.
// Nobody changes these slices: Set puts another in their place, and Add cannot append to them where they are.
var (
	noStore = []string{"no-store"}
	noSniff = []string{"nosniff"}
)

// guard goes around every request: it answers panics, and paths that are not in their one spelling.
func (s *server) guard(next http.Handler) http.Handler {
	program := []string{strings.TrimSuffix("permledger/"+s.opts.Version, "/")}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // an answer that cannot be finished is broken off
			}
			s.log.ErrorContext(r.Context(), "a request failed", "method", r.Method, "path", clip(r.URL.Path), "panic", p)
			s.fail(w, r, problemOf(http.StatusInternalServerError, wire.CodeInternal, "The server failed; its log says why"))
		}()
		h := w.Header()
		h["Server"], h["Cache-Control"], h["X-Content-Type-Options"] = program, noStore, noSniff
		if span, ok := trace.Parse(r.Header.Get(trace.Header)); ok {
			span = span.Next()
			h.Set(trace.Response, span.String())
			r = r.WithContext(trace.With(r.Context(), span))
		}
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if p := r.URL.EscapedPath(); path.Clean(p) != p {
			s.noRoute(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) noRoute(w http.ResponseWriter, r *http.Request) {
	p := problemOf(http.StatusNotFound, wire.CodeNoRoute, "There is nothing at "+clip(r.URL.Path))
	p.Hint = "/v1/docs lists what there is, as a page to read; /v1/openapi.json does for programs"
	s.fail(w, r, p)
}

// dispatch serves the routes of one path.
func (s *server) dispatch(routes map[string]*Route) http.Handler {
	if get := routes[http.MethodGet]; get != nil && (get.Gives == mediaJSON || get.head) {
		routes[http.MethodHead] = get
	}
	stats, serve := map[string]*routeStats{}, map[string]http.HandlerFunc{}
	for method, route := range routes {
		stats[method] = s.stats.route(route)
		serve[method] = s.counted(stats[method], func(w http.ResponseWriter, r *http.Request) {
			if err := s.serve(route, w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	var allowed []string
	for method, route := range routes {
		if route.point != nil {
			return s.counted(stats[method], s.decisionPoint(route).ServeHTTP)
		}
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if routes[r.Method] == nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			s.fail(w, r, problemOf(http.StatusMethodNotAllowed, wire.CodeMethodNotAllowed, "This takes "+strings.Join(allowed, ", ")+", not "+clip(r.Method)))
			return
		}
		serve[r.Method](w, r)
	})
}

// serve lets a caller in, finds the organization and calls the route's handler.
func (s *server) serve(route *Route, w http.ResponseWriter, r *http.Request) error {
	c := &call{Request: r, server: s, route: route, rc: http.NewResponseController(w), out: w.Header(), now: s.opts.Now().UTC()}
	if guest := route.guest != nil && route.guest(s) && len(r.Header.Values("Authorization")) == 0; !route.Open && !guest {
		caller, err := s.identify(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="permledger"`)
			return err
		}
		c.caller, c.Request = caller, r.WithContext(WithCaller(r.Context(), caller))
	}
	if err := c.enter(); err != nil {
		if caller := c.caller; caller.Kind != LocalOperator && !route.Open {
			w.Header().Set("WWW-Authenticate", `Bearer realm="permledger"`)
		}
		return err
	}
	if c.org != nil {
		s.remember(c.caller, r)
	}
	if err := cmp.Or(c.slow(), c.readQuery()); err != nil {
		return err
	}
	if err := cmp.Or(c.demand(), c.readWait()); err != nil {
		return err
	}
	if err := c.awaitPosition(); err != nil {
		return err
	}
	if err := c.stands(); err != nil {
		return err
	}
	return route.serve(c, w)
}

// clip shortens what a caller sent before it is said back.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
