package api

import (
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/secret"
)

// A session of a browser is in a cookie: of this host alone, not read by scripts, not sent by other sites. There is one for
// each organization, so that who signs in to another stays signed in to the first. Browsers take names that begin with __Host-
// over https alone; on a machine's own loopback address, without https, the name goes without it.
const (
	cookieHost = "__Host-"
	cookieName = "permledger-"
)

// csrfHeader is the field in which a request that changes something repeats what its session's answer said: another site that
// makes a browser send a cookie cannot read that.
const csrfHeader = "X-Csrf-Token"

// secure says whether a request came over https, to this server or to what is before it.
func (s *server) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.opts.URL, "https://")
}

func (s *server) cookieNamed(r *http.Request, org string) string {
	if s.secure(r) {
		return cookieHost + cookieName + org
	}
	return cookieName + org
}

func (s *server) cookieOf(r *http.Request, org, token string) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieNamed(r, org), Value: token, Path: "/", Secure: s.secure(r), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// cookiesServed refuses to give a cookie that the network could read.
func (s *server) cookiesServed(r *http.Request) error {
	u, err := url.Parse(s.opts.URL)
	if s.secure(r) || err == nil && isLoopback(u.Hostname()) {
		return nil
	}
	p := problemOf(http.StatusForbidden, wire.CodeCrossSite, "Browsers sign in over https alone, and this server is called without")
	p.Hint = "Serve with --tls-cert and --tls-key, or say with --external-url by which https URL a proxy is called that is before it"
	return p
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// cookie gives who comes with a cookie; nobody, where there is none.
func (s *server) cookie(r *http.Request) (Caller, error) {
	found, came := s.sessionIn(r)
	switch {
	case found != nil:
		if err := s.fromHere(r, found); err != nil {
			return Caller{}, err
		}
		return found.caller(s.opts.Now), nil
	case came:
		return Caller{}, unauthenticated("The session has ended", "Sign in again")
	}
	return Caller{}, nil
}

// sessionIn gives the session of a request's cookie, and says whether a cookie came at all. A request that names no
// organization has the first that holds.
func (s *server) sessionIn(r *http.Request) (found *session, came bool) {
	prefix, org := s.cookieNamed(r, ""), r.PathValue("org")
	for _, cookie := range r.Cookies() {
		named, ok := strings.CutPrefix(cookie.Name, prefix)
		if !ok || org != "" && named != org {
			continue
		}
		token, err := secret.Parse(secret.Session, cookie.Value)
		if err != nil {
			continue
		}
		came = true
		if found = s.sessions.find(token.Hash(), true, s.opts.Now()); found != nil && found.org == named {
			return found, true
		}
	}
	return nil, came
}

// fromHere refuses what another site had a browser send.
func (s *server) fromHere(r *http.Request, in *session) error {
	if err := s.sameOrigin(r); err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return nil
	}
	if given := r.Header.Get(csrfHeader); subtle.ConstantTimeCompare([]byte(given), []byte(in.csrf)) == 1 {
		return nil
	}
	p := problemOf(http.StatusForbidden, wire.CodeCrossSite, "The request comes with a cookie, and not with what shows that a page of this server made it")
	p.Hint = "Send " + csrfHeader + " with the csrf that signing in, or whoami, answered"
	return p
}

// sameOrigin refuses a request of a browser that a page of another origin made, where it changes something.
func (s *server) sameOrigin(r *http.Request) error {
	if err := s.origins.Check(r); err != nil {
		return problemOf(http.StatusForbidden, wire.CodeCrossSite, "A page of another site made this request")
	}
	return nil
}

// headerOnly lets http.SetCookie write into a header.
type headerOnly struct{ header http.Header }

func (h headerOnly) Header() http.Header         { return h.header }
func (h headerOnly) Write(b []byte) (int, error) { return len(b), nil }
func (h headerOnly) WriteHeader(int)             {}
