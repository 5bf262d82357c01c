package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

// problem is an error that is a wire.Problem already.
type problem struct {
	wire.Problem
	retryAfter int // seconds; 0: nothing is said of it
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// titles says for each code what kind of problem it is.
var titles = map[string]string{
	wire.CodeUnauthenticated:  "Who calls is not known",
	wire.CodeNoRoute:          "No such resource",
	wire.CodeNoSession:        "Not in a session",
	wire.CodeSignIn:           "Not signed in",
	wire.CodeTooMany:          "Too many attempts",
	wire.CodeCrossSite:        "Made by another site",
	wire.CodeCodeSpent:        "The code is spent",
	wire.CodeMethodNotAllowed: "The resource does not take this method",
	wire.CodeNoOrganization:   "No such organization",
	wire.CodeBadRequest:       "The request is not in order",
	wire.CodeBadAsOf:          "No such point of the history",
	wire.CodeNotConfirmed:     "Not confirmed",
	wire.CodeBadCommand:       "Not a signed command",
	wire.CodeAmbiguous:        "The name means several things",
	wire.CodeTooLarge:         "The request is too large",
	wire.CodeMediaType:        "The request is of another type",
	wire.CodeNotYet:           "The ledger is not that far",
	wire.CodeNoCheckpoint:     "Nothing to prove it with",
	wire.CodeNotTried:         "Not tried",
	wire.CodeWait:             "Nothing can be recorded just now",
	wire.CodeStopped:          "The ledger takes no more commands",
	wire.CodeOutcomeUnknown:   "The outcome is not known",
	wire.CodeBroken:           "The ledger does not hold",
	wire.CodeInternal:         "The server failed",
	wire.CodeNoStatusList:     "No such status list",
	wire.CodeNotAcceptable:    "Not served in that form",
	wire.CodeTooManyStreams:   "Too many streams",
	wire.CodeTooFast:          "Too many requests",
	wire.CodeStorage:          "The organization has no room left",
	wire.CodeChanged:          "Others changed it meanwhile",
	wire.CodeNotDelivered:     "Not delivered",

	string(rules.NotPermitted):   "Not permitted",
	string(rules.Escalation):     "Nobody gives what it does not hold",
	string(rules.NotProven):      "The author is not proven",
	string(rules.Inactive):       "The subject is deactivated",
	string(rules.NotFound):       "Not found",
	string(rules.Taken):          "In use already",
	string(rules.InUse):          "Still in use",
	string(rules.Unknown):        "No such permission",
	string(rules.Invalid):        "This cannot be",
	string(rules.NoChange):       "It is so already",
	string(rules.Repeated):       "Recorded already",
	string(rules.Conflict):       "The id is another command's",
	string(rules.WrongLedger):    "The command is for another ledger",
	string(rules.Stale):          "The id is too old or too new",
	string(rules.PartMissing):    "A part is missing",
	string(rules.UnknownRules):   "The rules are of a newer release",
	string(rules.AlreadyOpened):  "The organization is open already",
	string(rules.NotOpened):      "The organization is not open",
	string(rules.MessageTooLong): "The message would be too long",
}

// statuses says with which status a refusal of the rules is answered.
var statuses = map[rules.Code]int{
	rules.NotPermitted: http.StatusForbidden, rules.Escalation: http.StatusForbidden, rules.NotProven: http.StatusForbidden,
	rules.NotFound: http.StatusNotFound,
	rules.Inactive: http.StatusConflict, rules.Taken: http.StatusConflict, rules.InUse: http.StatusConflict,
	rules.NoChange: http.StatusConflict, rules.Repeated: http.StatusConflict, rules.Conflict: http.StatusConflict,
	rules.PartMissing: http.StatusConflict, rules.AlreadyOpened: http.StatusConflict, rules.NotOpened: http.StatusConflict,
	rules.Unknown: http.StatusUnprocessableEntity, rules.Invalid: http.StatusUnprocessableEntity,
	rules.WrongLedger: http.StatusUnprocessableEntity, rules.Stale: http.StatusUnprocessableEntity,
	rules.MessageTooLong: http.StatusUnprocessableEntity,
	rules.UnknownRules:   http.StatusServiceUnavailable,
}

func problemOf(status int, code, detail string) *problem {
	return &problem{Problem: wire.Problem{Type: wire.ProblemType + code, Title: titles[code], Status: status, Detail: detail}}
}

// badRequest says what of a request is not in order.
func badRequest(detail string) *problem {
	return problemOf(http.StatusBadRequest, wire.CodeBadRequest, detail)
}

// refused gives the problem that a refusal is; org may be nil.
func refused(r *rules.Refusal, org *node.Org) *problem {
	p := problemOf(statuses[r.Code], string(r.Code), r.Reason)
	p.Hint, p.Permission, p.Nearest, p.At = r.Hint, r.Permission, r.Nearest, r.At
	for _, id := range r.Holders {
		p.Holders = append(p.Holders, keyOf(org, id))
	}
	return p
}

// explain is the one place that says what an error means to a caller; org may be nil. false: it belongs into the log,
// too.
func explain(err error, org *node.Org) (*problem, bool) {
	var (
		known    *problem
		refusal  *rules.Refusal
		notFound *access.NotFoundError
		form     *canon.Error
		broken   *chain.BrokenError
	)
	switch {
	case errors.As(err, &known):
		return known, true
	case errors.As(err, &refusal):
		return refused(refusal, org), true
	case errors.As(err, &notFound):
		p := problemOf(http.StatusNotFound, string(rules.NotFound), notFound.Error())
		p.At, p.Nearest = notFound.Deleted, nearThing(org, notFound)
		if slices.Contains(p.Nearest, notFound.Name) { // it is asked for as of a time before it was made
			p.Nearest, p.Hint = nil, "There is one now: it was made later"
		}
		return p, true
	case errors.Is(err, access.ErrSyntax), errors.Is(err, access.ErrNoPosition), errors.Is(err, access.ErrBeforeFirst):
		return problemOf(http.StatusBadRequest, wire.CodeBadAsOf, err.Error()), true
	case errors.Is(err, node.ErrNoOrganization):
		return problemOf(http.StatusNotFound, wire.CodeNoOrganization, err.Error()), true
	case errors.Is(err, node.ErrProfile):
		return problemOf(http.StatusUnprocessableEntity, string(rules.Invalid), err.Error()), true
	case errors.Is(err, journal.ErrNoEntry):
		return problemOf(http.StatusNotFound, string(rules.NotFound), "There is no such entry"), true
	case errors.Is(err, ledger.ErrUnknown): // also where the ledger has stopped, and why
		p := problemOf(http.StatusServiceUnavailable, wire.CodeOutcomeUnknown, "The command may or may not have been recorded")
		p.Hint = "Send it again with the same id: it gets its answer, or is recorded once"
		return p, true
	case errors.Is(err, ledger.ErrStopped):
		return problemOf(http.StatusServiceUnavailable, wire.CodeStopped, err.Error()), true
	case errors.As(err, &broken):
		p := problemOf(http.StatusInternalServerError, wire.CodeBroken, broken.Error())
		p.At, p.Hint = broken.Position, "Run permledger doctor on the server"
		return p, false
	case errors.Is(err, journal.ErrDamaged):
		return problemOf(http.StatusInternalServerError, wire.CodeBroken, "An entry cannot be read from the journal"), false
	case errors.As(err, &form):
		return problemOf(http.StatusUnprocessableEntity, string(rules.Invalid), err.Error()), true
	case errors.Is(err, ledger.ErrNotTried):
		return problemOf(http.StatusFailedDependency, wire.CodeNotTried, "A command before it was refused"), true
	case errors.Is(err, ledger.ErrWait):
		p := problemOf(http.StatusServiceUnavailable, wire.CodeWait, err.Error())
		p.Hint = "Nothing is spoilt: send the same command again later"
		if key := (*ledger.KeyError)(nil); errors.As(err, &key) {
			p.Hint = key.Do() // time alone does not help
		}
		return p, true
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problemOf(http.StatusServiceUnavailable, wire.CodeNotYet, "The request was given up"), true
	}
	return problemOf(http.StatusInternalServerError, wire.CodeInternal, "The server failed; its log says why"), false
}

// fail answers with a problem.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var org *node.Org
	if id := r.PathValue("org"); id != "" {
		org, _ = s.node.Org(id)
	}
	p, known := explain(err, org)
	s.stats.problem(strings.TrimPrefix(p.Type, wire.ProblemType))
	if !known {
		s.log.ErrorContext(traced(w, r), "a request failed", "method", r.Method, "path", clip(r.URL.Path), "error", err)
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	writeJSON(w, mediaProblem, p.Status, p.Problem)
}

// traced gives the context of a request with a trace that its caller is told of too, to say when it asks what happened.
func traced(w http.ResponseWriter, r *http.Request) context.Context {
	if _, ok := trace.From(r.Context()); ok {
		return r.Context()
	}
	span := trace.New()
	w.Header().Set(trace.Response, span.String())
	return trace.With(r.Context(), span)
}

// writeJSON answers with one JSON value.
func writeJSON(w http.ResponseWriter, mediaType string, status int, v any) {
	w.Header().Set("Content-Type", mediaType)
	b := encoded(v)
	w.WriteHeader(status)
	_, _ = w.Write(b) // a caller that has gone is nobody to tell
}
