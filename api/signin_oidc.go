package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/oidc"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// whom gives the subject of an organization that a provider vouches for; false: nobody who may act and come in this way. It is
// asked for each request with a token, and once for a session.
func (c *call) whom(p *oidc.Provider, claims oidc.Claims) (id ulid.ULID, ok bool) {
	if p.Email {
		found := []ulid.ULID(nil)
		if claims.Email != "" {
			found = c.server.emails.of(c, foldEmail(claims.Email))
		}
		if len(found) != 1 { // nobody, or several
			return id, false
		}
		id = found[0]
	} else {
		key := claims.Value
		if p.Claim == "" {
			key = p.Subjects[claims.Subject]
		}
		c.org.Fold.Read(func(s *rules.State) { id, ok = s.SubjectByKey(key) })
		if !ok {
			return id, false
		}
	}
	c.org.Fold.Read(func(s *rules.State) {
		u, known := s.Subject(id)
		ok = known && s.Acts(id) && OIDC.proves(s.About(id).Auth) && u.Kind != events.KindAPIKey && u.Kind != events.KindWallet
	})
	return id, ok
}

// vouchedFor says who comes with the access token of an identity provider: of the organization that the request names, or
// of the first that the token is somebody's in.
func (s *server) vouchedFor(r *http.Request, token string) (Caller, error) {
	var why error
	for _, p := range s.opts.Providers {
		if org := r.PathValue("org"); org != "" && org != p.Organization {
			continue
		}
		claims, err := p.Access(r.Context(), token)
		if err != nil {
			if why == nil || errors.Is(err, oidc.ErrUnreachable) {
				why = err
			}
			continue
		}
		org, err := s.node.Org(p.Organization)
		if err != nil {
			continue
		}
		c := &call{Request: r, server: s, org: org, now: s.opts.Now().UTC()}
		if id, ok := c.whom(p, claims); ok {
			return Caller{Kind: OIDC, vouched: &vouched{org: org.ID, subject: id, until: claims.Until}, now: s.opts.Now}, nil
		}
		why = nil
	}
	if errors.Is(why, oidc.ErrUnreachable) {
		return Caller{}, notAsked(why)
	}
	if why != nil {
		return Caller{}, unauthenticated("The token is not one that an identity provider issued for this server: "+strings.TrimPrefix(why.Error(), oidc.ErrRefused.Error()+": "), "Ask the identity provider for another token")
	}
	return Caller{}, stranger(Caller{Kind: OIDC})
}

func notAsked(err error) error {
	p := problemOf(http.StatusServiceUnavailable, wire.CodeNotYet, clip(err.Error()))
	p.Hint, p.retryAfter = "Try again later, or come in another way", 30
	return p
}

// waysIn says how people sign in. Of an organization that is not there it says what it says of one without providers.
func waysIn(c *call) (wire.WaysIn, error) {
	w := wire.WaysIn{Password: true, Wallet: c.server.opts.URL != "", Providers: []wire.Provider{}}
	for _, p := range c.server.opts.Providers {
		if p.Organization == c.PathValue("org") {
			w.Providers = append(w.Providers, wire.Provider{Name: p.Name, URL: c.server.opts.URL + "/v1/orgs/" + p.Organization + "/oidc/" + p.Name})
		}
	}
	return w, nil
}

// away is a sign-in whose browser is at an identity provider. The browser keeps it, sealed: nobody else can end it, nothing is
// kept here of those who never come back, and the cookie does not tell what is in it.
type away struct {
	Organization string       `json:"o"`
	Provider     string       `json:"p"`
	Return       string       `json:"r"`
	Until        time.Time    `json:"u"`
	Pending      oidc.Pending `json:"s"`
}

// awayLife is how long somebody may take to sign in there.
const awayLife = 10 * time.Minute

func newSealing() cipher.AEAD {
	key := make([]byte, 32)
	rand.Read(key) // never fails: crypto/rand ends the process instead
	block, err := aes.NewCipher(key)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return aead
		}
	}
	panic("api: " + err.Error()) // 32 bytes are a key of AES
}

// awayCookie comes back from another site, which a strict cookie would not; it opens nothing by itself.
func (s *server) awayCookie(r *http.Request, value string, life time.Duration) *http.Cookie {
	c := s.cookieOf(r, "", value)
	c.Name, c.SameSite, c.MaxAge = strings.TrimSuffix(c.Name, "-")+".oidc", http.SameSiteLaxMode, int(life.Seconds())
	return c
}

const callbackPath = "/v1/oidc/callback"

// beginOIDC sends a browser to an identity provider.
func beginOIDC(c *call, w http.ResponseWriter) error {
	if err := c.server.cookiesServed(c.Request); err != nil {
		return err
	}
	back := c.query.Get("return")
	if back == "" {
		back = "/"
	}
	if !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\x00\r\n\t") {
		return badRequest("return is a path on this server, as /v1/orgs")
	}
	p := c.provider(c.PathValue("org"), c.PathValue("provider"))
	if p == nil || c.org == nil {
		return problemOf(http.StatusNotFound, string(rules.NotFound), "There is no such identity provider here")
	}
	at, pending, err := p.Begin(c.Context(), c.server.opts.URL+callbackPath)
	if err != nil {
		return notAsked(err)
	}
	text, err := json.Marshal(away{Organization: p.Organization, Provider: p.Name, Return: back, Until: c.now.Add(awayLife), Pending: pending})
	if err != nil {
		return err
	}
	sealed := base64.RawURLEncoding.EncodeToString(c.server.sealing.Seal(nil, nil, text, nil))
	http.SetCookie(w, c.server.awayCookie(c.Request, sealed, awayLife))
	http.Redirect(w, c.Request, at, http.StatusSeeOther)
	return nil
}

func (c *call) provider(org, name string) *oidc.Provider {
	for _, p := range c.server.opts.Providers {
		if p.Organization == org && p.Name == name {
			return p
		}
	}
	return nil
}

// cameBack reads the sign-in that the browser keeps.
func (c *call) cameBack() (away, bool) {
	var a away
	cookie, err := c.Cookie(c.server.awayCookie(c.Request, "", 0).Name)
	if err != nil {
		return a, false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cookie.Value)
	if err != nil {
		return a, false
	}
	text, err := c.server.sealing.Open(nil, nil, sealed, nil)
	return a, err == nil && json.Unmarshal(text, &a) == nil && c.now.Before(a.Until)
}

// endOIDC opens a session for whom the identity provider vouches for.
func endOIDC(c *call, w http.ResponseWriter) error {
	http.SetCookie(w, c.server.awayCookie(c.Request, "", -time.Second))
	refuse := func(detail string) error {
		p := problemOf(http.StatusUnauthorized, wire.CodeSignIn, detail)
		p.Hint = "Begin again"
		return p
	}
	a, ok := c.cameBack()
	if !ok {
		return badRequest("This browser began no sign-in here, or it took too long: begin again")
	}
	p := c.provider(a.Organization, a.Provider)
	org, err := c.server.node.Org(a.Organization)
	if p == nil || err != nil {
		return refuse("There is no such identity provider here")
	}
	c.org = org
	c.SetPathValue("org", org.ID)
	claims, err := p.Finish(c.Context(), a.Pending, c.query, c.server.opts.URL+callbackPath)
	if errors.Is(err, oidc.ErrUnreachable) {
		return notAsked(err)
	}
	if err != nil {
		c.nobody(p, "An identity provider vouched for nobody: "+clip(strings.TrimPrefix(err.Error(), oidc.ErrRefused.Error()+": ")))
		return refuse(clip(err.Error()))
	}
	id, ok := c.whom(p, claims)
	if !ok {
		c.nobody(p, "An identity provider vouched for somebody who is nobody here, or comes in another way")
		return refuse("The identity provider vouches for somebody who is nobody in this organization, may not act, or comes in another way")
	}
	if _, err := c.opened(session{subject: id, kind: OIDC}, true, "signed in at the identity provider "+p.Name); err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaPage)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	// A browser that was sent here by another site sends a strict cookie to no page that it is sent on to. This page is ours: what
	// it leads to is asked for by ourselves.
	return backPage.Execute(w, back(a.Return))
}

// nobody notes that nobody was signed in, in the words of why.
func (c *call) nobody(p *oidc.Provider, why string) {
	c.org.Activity.Note(c.now, node.ActivityRecord{Kind: node.ActivitySignInWrong, Code: wire.CodeSignIn, Reason: fmt.Sprintf("%s (%s)", why, p.Name)})
}

// back gives a path on this server as it may stand in a page.
func back(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" {
		return "/"
	}
	return u.String()
}

var backPage = template.Must(template.New("back").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={{.}}"><title>Signed in</title>
<p>You are signed in. <a href="{{.}}">Go on</a></p></html>
`))
