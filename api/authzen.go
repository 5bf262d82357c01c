package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// The decision points of the OpenID AuthZEN Authorization API 1.0: of each organization at /orgs/{org}, and at the root for
// callers that are somebody in one organization alone. What the API leaves to a decision point is said in docs/authzen.md.
//
// Evaluations are the hot path of services: a request goes past the dispatch of the other routes, its body is read without
// reflection into buffers that are used again, and its caller is looked up by the hash of its token. What was looked up
// is what nothing changes, which did:key a token has; who that is, and what it may, is asked of the state each time.

const (
	authzenSpec    = "https://openid.net/specs/authorization-api-1_0-final"
	pointPath      = "/orgs/{org}"
	accessPath     = "/access/v1/"
	wellKnownPath  = "/.well-known/authzen-configuration"
	requestIDField = "X-Request-Id"
)

// Reasons for routes of decision points without an action.
const (
	whyRootPoint = "the organization is that of the caller, and the same is judged there: roles.read, or that it asks about itself"
	whyMetadata  = "it says where to ask, the same of every organization, whether or not there is one of that name"
)

// authzenRoutes are the routes of the decision points.
func authzenRoutes() []Route {
	type pointRoute struct {
		name, summary     string
		request, response reflect.Type
		answer            func(*point) error
	}
	search, results := reflect.TypeFor[wire.AuthZENSearch](), reflect.TypeFor[wire.AuthZENResults]()
	var routes []Route
	for _, base := range []string{pointPath, ""} {
		at := "AuthZEN: "
		if base == "" {
			at = "AuthZEN, of the caller's one organization: "
		}
		for _, p := range []pointRoute{
			{"evaluation", "whether a subject may do an action on a resource", reflect.TypeFor[wire.Evaluation](), reflect.TypeFor[wire.AuthZENDecision](), (*point).evaluation},
			{"evaluations", "the same of many at once", reflect.TypeFor[wire.Evaluations](), reflect.TypeFor[wire.AuthZENDecisions](), (*point).evaluations},
			{"search/subject", "which subjects may do an action on a resource", search, results, (*point).searchSubjects},
			{"search/resource", "on which resources a subject may do an action", search, results, (*point).searchResources},
			{"search/action", "which actions a subject may do on a resource", search, results, (*point).searchActions},
		} {
			r := Route{
				Method: http.MethodPost, Path: base + accessPath + p.name, Summary: at + p.summary, Spec: authzenSpec,
				endpoint: endpoint{Request: p.request, Takes: mediaJSON, Response: p.response, Gives: mediaJSON}, point: p.answer,
			}
			if base == "" {
				r.Why = whyRootPoint
			} else {
				r.Action, r.own = rules.ActionRolesRead, always
			}
			routes = append(routes, r)
		}
		routes = append(routes, Route{
			Method: http.MethodGet, Path: wellKnownPath + base, Open: true, anyOrg: true, Why: whyMetadata, Summary: at + "where to ask",
			endpoint: stream(mediaJSON, reflect.TypeFor[wire.AuthZENMetadata](), authzenMetadata),
		})
	}
	return routes
}

// point is one request to a decision point.
type point struct {
	w     http.ResponseWriter
	r     *http.Request
	s     *server
	route *Route
	org   *node.Org
	now   time.Time

	subject ulid.ULID // who calls; zero for the local operator
	reads   bool      // it may ask about others
	asks    *call     // made where what is asked takes it
	caller  Caller    // of asks

	did    string // who calls, where it is known by its token
	known  bool   // that is somebody in the organization
	action string // that was named last
	name   string // what it is called
	costly int    // evaluations that were explained or recorded

	q    authzenRequest
	body []byte
	path []byte
	out  []byte

	look, find func(*rules.State) // the methods of these names; kept because making them takes memory
}

var points = sync.Pool{New: func() any {
	p := new(point)
	p.look, p.find = p.standing, p.findAction
	return p
}}

// decisionPoint serves a route of a decision point.
func (s *server) decisionPoint(route *Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header[requestIDField]; len(id) > 0 {
			w.Header()[requestIDField] = id[:1]
		}
		if r.Method == http.MethodPost {
			s.servePoint(route, w, r)
			return
		}
		w.Header().Set("Allow", http.MethodPost)
		writePointError(w, &problem{Problem: wire.Problem{Status: http.StatusMethodNotAllowed}}, "This takes POST")
	})
}

func (s *server) servePoint(route *Route, w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	p := points.Get().(*point)
	p.w, p.r, p.s, p.route, p.now = w, r, s, route, s.opts.Now().UTC()
	err := p.enter()
	if err == nil {
		err = p.slow(1)
	}
	if err == nil {
		err = p.readBody()
	}
	if err == nil {
		err = route.point(p)
	}
	if err != nil {
		s.failPoint(p, err)
	} else {
		p.out = append(p.out, '\n')
		h["Content-Type"], h["Content-Length"] = contentJSON, []string{strconv.Itoa(len(p.out))}
		_, _ = w.Write(p.out) // a caller that has gone is nobody to tell
	}
	p.forget()
}

var contentJSON = []string{mediaJSON}

// forget lets the point be used again, unless it has grown beyond what requests mostly take.
func (p *point) forget() {
	const most = 256 << 10
	if cap(p.body) > most || cap(p.out) > most || cap(p.q.items) > 1000 || cap(p.q.names) > 1000 {
		return
	}
	clear(p.q.items[:cap(p.q.items)])
	clear(p.q.names[:cap(p.q.names)])
	*p = point{
		q:    authzenRequest{jsonReader: jsonReader{names: p.q.names[:0]}, items: p.q.items[:0]},
		body: p.body[:0], path: p.path[:0], out: p.out[:0], look: p.look, find: p.find,
	}
	points.Put(p)
}

// failPoint answers as the Authorization API demands: with a status and a message, which is a JSON string.
func (s *server) failPoint(p *point, err error) {
	said, known := explain(err, p.org)
	if !known {
		s.log.Error("a request failed", "method", p.r.Method, "path", p.r.URL.Path, "error", err)
	}
	s.stats.problem(said.Code())
	message := strings.TrimSuffix(said.Detail, ".")
	if said.Hint != "" {
		message += ". " + said.Hint
	}
	writePointError(p.w, said, message)
}

func writePointError(w http.ResponseWriter, p *problem, message string) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="permledger"`)
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	writeJSON(w, mediaJSON, p.Status, message)
}

// enter lets the caller in.
func (p *point) enter() error {
	if p.r.URL.RawQuery != "" {
		return badRequest("A decision point takes no parameters in the query")
	}
	id := p.r.PathValue("org")
	if token, ok := bearer(p.r); ok {
		if p.did, ok = p.s.dids.get(hashToken(token)); ok {
			if id == "" {
				id = p.s.organizationOfKey(p.did)
			}
			if org, err := p.s.node.Org(id); err == nil {
				if p.org = org; p.enterKnown() {
					return nil
				}
			}
		}
	}
	return p.enterCalled()
}

// enterKnown lets in who is known by its token.
func (p *point) enterKnown() bool {
	p.org.Fold.Read(p.look)
	if p.known {
		p.s.used.note(p.org.ID, p.did, p.now)
	}
	return p.known
}

// standing looks up who calls, and whether it may ask about others.
func (p *point) standing(s *rules.State) {
	if ends := s.KeyEnds(p.did); !ends.IsZero() && !p.now.Before(ends) {
		p.known = false // why is for the slow way to say
		return
	}
	if p.subject, p.known = s.KeyOwner(p.did); p.known {
		if p.known = APIKey.proves(s.About(p.subject).Auth); p.known {
			p.reads = s.May(p.subject, rules.ActionRolesRead, "", p.now)
		}
	}
}

// enterCalled lets in every kind of caller, as all routes do, or says why not.
func (p *point) enterCalled() error {
	caller, err := p.s.identify(p.r)
	if err != nil {
		return err
	}
	p.caller, p.org = caller, nil
	if p.r.PathValue("org") == "" {
		id, err := p.s.organizationOf(caller)
		if err != nil {
			return err
		}
		p.r.SetPathValue("org", id)
	}
	c := p.call()
	if err := c.enter(); err != nil {
		return err
	}
	p.org, p.subject = c.org, c.subject
	p.reads = caller.May(c.org, rules.ActionRolesRead, p.now)
	p.s.remember(caller, p.r)
	return nil
}

// pointRoute stands for all routes of an organization's decision point where a call names one.
var pointRoute = &Route{Path: pointPath, Action: rules.ActionRolesRead}

// call gives the request as other routes have it.
func (p *point) call() *call {
	if p.asks == nil {
		p.asks = &call{Request: p.r, server: p.s, route: pointRoute, rc: http.NewResponseController(p.w), now: p.now, caller: p.caller, org: p.org, subject: p.subject}
		if p.did != "" && p.known {
			p.asks.caller, _ = p.s.identify(p.r) // it was in order before
		}
	}
	return p.asks
}

// mayAsk refuses a caller who asks about another than itself and may not.
func (p *point) mayAsk(subject string) error {
	if p.reads {
		return nil
	}
	if c := p.call(); !c.isCaller(subject) {
		return c.may(rules.ActionRolesRead)
	}
	return nil
}

// readBody reads the body, of which the type is JSON.
func (p *point) readBody() error {
	if t := p.r.Header["Content-Type"]; len(t) != 1 || t[0] != mediaJSON {
		have, _, err := mime.ParseMediaType(p.r.Header.Get("Content-Type"))
		if err != nil || have != mediaJSON || len(t) != 1 {
			return badRequest("The Content-Type must be application/json")
		}
	}
	_ = http.NewResponseController(p.w).SetReadDeadline(time.Now().Add(bodyTime)) // the server sets the next request's
	b := p.body[:0]
	if n := p.r.ContentLength; n > maxBody {
		return bodyTooLarge()
	} else if n >= 0 && int64(cap(b)) <= n {
		b = make([]byte, 0, n+1)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := p.r.Body.Read(b[len(b):min(cap(b), maxBody+1)])
		b = b[:len(b)+n]
		if len(b) > maxBody {
			return bodyTooLarge()
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badRequest("The body cannot be read: " + err.Error())
		}
	}
	p.body = b
	return nil
}

func bodyTooLarge() *problem {
	return problemOf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, fmt.Sprintf("A body has at most %d bytes", maxBody))
}

// parse reads the body as a request.
func (p *point) parse(evaluations, page bool) error {
	if err := p.q.read(string(p.body), evaluations, page); err != nil {
		return badRequest("The body is not the JSON that this takes: " + strings.TrimPrefix(err.Error(), errJSON.Error()+": "))
	}
	if p.q.wrong != "" {
		return badRequest(p.q.wrong)
	}
	return nil
}

// answerJSON adds a value to the answer.
func (p *point) answerJSON(v any) error {
	b := bytes.NewBuffer(p.out)
	err := encodeTo(b, v)
	p.out = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return err
}
