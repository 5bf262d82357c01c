package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Errors, to be told apart with errors.Is. None holds a token, a code or a secret.
var (
	// ErrRefused says that what was brought proves nothing.
	ErrRefused = errors.New("the identity provider does not vouch for this")
	// ErrUnreachable says that the issuer could not be asked, or answered something else.
	ErrUnreachable = errors.New("the identity provider cannot be asked")
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

func unreachable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnreachable, fmt.Sprintf(format, args...))
}

const (
	askTime = 5 * time.Second // for one answer of an issuer
	askSize = 256 << 10       // bytes
)

// A Provider is a client at an issuer. It is safe for concurrent use, and asks for nothing before it is used.
type Provider struct {
	Config
	secret string
	now    func() time.Time
	http   *http.Client

	found cached[discovery]
	keys  cached[keySet]
}

// New gives the provider of a configuration. now may be nil: time.Now.
func New(c Config, now func() time.Time) (*Provider, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	p := &Provider{Config: c, now: now}
	if len(p.Algorithms) == 0 {
		p.Algorithms = Algorithms
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"openid"}
		if p.Email {
			p.Scopes = append(p.Scopes, "email")
		}
	}
	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, bad("%s: the client's secret: %v", c.Name, err)
		}
		if p.secret = strings.TrimSpace(string(text)); p.secret == "" {
			return nil, bad("%s: %s holds no secret", c.Name, c.SecretFile)
		}
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, bad("%s: %v", c.Name, err)
		}
		if trust.RootCAs = x509.NewCertPool(); !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, bad("%s: %s holds no certificates", c.Name, c.CAFile)
		}
	}
	here := local(c.Issuer)
	dialer := &net.Dialer{Timeout: askTime, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		return allowed(address, here)
	}}
	p.http = &http.Client{
		Timeout:       askTime,
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: trust, TLSHandshakeTimeout: askTime, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.found.fetch, p.keys.fetch = p.discover, p.fetchKeys
	return p, nil
}

// allowed says whether an issuer may be at an address: what it names was resolved already.
func allowed(address string, here bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := at.Addr().Unmap()
	if a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.IsLoopback() && !here {
		return fmt.Errorf("%s is no address of an identity provider", a)
	}
	return nil
}

// discovery is what an issuer says of itself (OpenID Connect Discovery 1.0).
type discovery struct {
	Issuer    string   `json:"issuer"`
	Authorize string   `json:"authorization_endpoint"`
	Token     string   `json:"token_endpoint"`
	Keys      string   `json:"jwks_uri"`
	PKCE      []string `json:"code_challenge_methods_supported"`
	SaysWho   bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

func (p *Provider) discover(ctx context.Context) (d discovery, life time.Duration, err error) {
	life, err = p.get(ctx, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration", &d)
	if err != nil {
		return d, 0, err
	}
	if d.Issuer != p.Issuer {
		return d, 0, unreachable("what is at %s is of another issuer", p.Issuer)
	}
	for _, at := range []string{d.Authorize, d.Token, d.Keys} {
		if _, err := endpoint(at, p.Issuer); err != nil {
			return d, 0, unreachable("%s names an endpoint: %v", p.Issuer, err)
		}
	}
	if len(d.PKCE) > 0 && !slices.Contains(d.PKCE, "S256") {
		return d, 0, unreachable("%s does not know PKCE with S256", p.Issuer)
	}
	return d, life, nil
}

// get asks for JSON, and gives for how long it may be kept.
func (p *Provider) get(ctx context.Context, at string, into any) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return 0, unreachable("%v", err)
	}
	return p.ask(req, into)
}

func (p *Provider) ask(req *http.Request, into any) (time.Duration, error) {
	req.Header.Set("Accept", "application/json")
	resp, err := p.http.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the URL of a token endpoint is no secret, its query could be
		}
		return 0, unreachable("%v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, askSize+1))
	switch {
	case err != nil:
		return 0, unreachable("%v", err)
	case len(body) > askSize:
		return 0, unreachable("its answer has more than %d bytes", askSize)
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized:
		var said struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(body, &said)
		return 0, refused("it answered %d %.60q", resp.StatusCode, said.Error)
	case resp.StatusCode != http.StatusOK:
		return 0, unreachable("it answered %s", resp.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return 0, unreachable("its answer is no JSON of the right form")
	}
	return lifeOf(resp.Header), nil
}

// Pending is a sign-in that has begun. The browser that began it keeps it, so that nobody can have another browser end it.
type Pending struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Begin gives where to send a browser, which comes back to redirect.
func (p *Provider) Begin(ctx context.Context, redirect string) (at string, pending Pending, err error) {
	d, err := p.found.get(ctx, p.now())
	if err != nil {
		return "", pending, err
	}
	pending = Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()} // of 43 to 128 characters
	challenge := sha256.Sum256([]byte(pending.Verifier))
	u, err := endpoint(d.Authorize, p.Issuer)
	if err != nil {
		return "", pending, unreachable("%v", err)
	}
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": p.ClientID, "redirect_uri": redirect, "scope": strings.Join(p.Scopes, " "),
		"state": pending.State, "nonce": pending.Nonce, "code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), pending, nil
}

// Finish gives whom the issuer vouches for, of what a browser came back to redirect with.
func (p *Provider) Finish(ctx context.Context, pending Pending, came url.Values, redirect string) (Claims, error) {
	d, err := p.found.get(ctx, p.now())
	if err != nil {
		return Claims{}, err
	}
	switch {
	case pending.State == "" || subtle.ConstantTimeCompare([]byte(came.Get("state")), []byte(pending.State)) != 1:
		return Claims{}, refused("the answer belongs to another sign-in")
	case came.Has("iss") && came.Get("iss") != p.Issuer, d.SaysWho && !came.Has("iss"):
		return Claims{}, refused("the answer is another issuer's")
	case came.Has("error"):
		return Claims{}, refused("it answered %.60q", came.Get("error"))
	case came.Get("code") == "":
		return Claims{}, refused("the answer has no code")
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {came.Get("code")}, "redirect_uri": {redirect}, "code_verifier": {pending.Verifier}}
	if p.secret == "" {
		form.Set("client_id", p.ClientID)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return Claims{}, unreachable("%v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p.secret != "" {
		req.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.secret))
	}
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if _, err := p.ask(req, &answer); err != nil {
		return Claims{}, err
	}
	return p.idToken(ctx, answer.IDToken, pending.Nonce)
}
