package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxToken = 16 << 10
	// skew is how far the issuer's clock may be from ours.
	skew = time.Minute
	// maxLife bounds how long a token may hold: whoever is not to be vouched for any more is not for longer.
	maxLife = 24 * time.Hour
)

const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// Claims are whom an issuer vouches for.
type Claims struct {
	Issuer  string
	Subject string    // sub: unique at the issuer, and never given to another
	Email   string    // empty where the issuer did not verify it
	Value   string    // of [Config.Claim]; empty: it is not there, or no text
	Until   time.Time // from when on the token is not taken any more
}

// claims are the members of a token that are looked at.
type claims struct {
	Issuer     string       `json:"iss"`
	Subject    string       `json:"sub"`
	Audience   audience     `json:"aud"`
	Authorized string       `json:"azp"`
	Nonce      string       `json:"nonce"`
	Hash       string       `json:"at_hash"`
	Expires    *json.Number `json:"exp"`
	NotBefore  *json.Number `json:"nbf"`
	Issued     *json.Number `json:"iat"`
	Email      string       `json:"email"`
	Verified   bool         `json:"email_verified"`
}

// audience is one text or several.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// idToken reads the ID token of a sign-in (OpenID Connect Core 1.0, 3.1.3.7).
func (p *Provider) idToken(ctx context.Context, token, nonce string) (Claims, error) {
	c, header, out, err := p.verify(ctx, token)
	switch {
	case err != nil:
		return Claims{}, err
	case header != "" && !strings.EqualFold(header, "JWT"):
		return Claims{}, refused("it is a token of another kind, and no ID token")
	case !slices.Contains(c.Audience, p.ClientID):
		return Claims{}, refused("the token is for another client")
	case len(c.Audience) > 1 && c.Authorized == "", c.Authorized != "" && c.Authorized != p.ClientID:
		return Claims{}, refused("the token was issued to another client")
	case nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) != 1:
		return Claims{}, refused("the token belongs to another sign-in")
	}
	return out, nil
}

// Access gives whom an access token is of that was issued for this server (RFC 9068).
func (p *Provider) Access(ctx context.Context, token string) (Claims, error) {
	if p.Audience == "" {
		return Claims{}, refused("access tokens are not taken here")
	}
	c, header, out, err := p.verify(ctx, token)
	switch {
	case err != nil:
		return Claims{}, err
	case header != "" && !slices.Contains([]string{"at+jwt", "application/at+jwt", "jwt"}, strings.ToLower(header)):
		return Claims{}, refused("it is a token of another kind, and no access token")
	case c.Nonce != "" || c.Hash != "": // which only ID tokens have
		return Claims{}, refused("it is an ID token, and no access token")
	case !slices.Contains(c.Audience, p.Config.Audience):
		return Claims{}, refused("the token is for another server")
	}
	return out, nil
}

// verify reads what every token has to hold: form, algorithm, signature, issuer, subject and times. header is the typ.
func (p *Provider) verify(ctx context.Context, token string) (c claims, header string, out Claims, err error) {
	fail := func(format string, args ...any) (claims, string, Claims, error) {
		return claims{}, "", Claims{}, refused(format, args...)
	}
	if len(token) > maxToken {
		return fail("the token has more than %d bytes", maxToken)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(tokenCharacters, r) }) {
		return fail("it is no token in its compact form") // the library would take spaces and lines
	}
	var algorithms []jose.SignatureAlgorithm
	for _, a := range p.Algorithms {
		algorithms = append(algorithms, jose.SignatureAlgorithm(a))
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return fail("it is no token that was signed with one of %s", strings.Join(p.Algorithms, ", "))
	}
	said := signed.Signatures[0].Protected
	for name := range said.ExtraHeaders {
		if name == "crit" || name == "b64" {
			return fail("the token demands what is not known here")
		}
	}
	header, _ = said.ExtraHeaders[jose.HeaderType].(string)
	key, err := p.key(ctx, said.KeyID, said.Algorithm)
	if err != nil {
		return claims{}, "", Claims{}, err
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return fail("the token's signature does not hold")
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return fail("the token's claims are not of the right form")
	}
	if c.Issuer != p.Issuer {
		return fail("the token is another issuer's")
	}
	if c.Subject == "" || len(c.Subject) > 255 {
		return fail("the token names nobody")
	}
	until, err := p.times(c)
	if err != nil {
		return claims{}, "", Claims{}, err
	}
	out = Claims{Issuer: c.Issuer, Subject: c.Subject, Until: until}
	if c.Verified {
		out.Email = c.Email
	}
	if p.Claim != "" {
		var all map[string]any
		if json.Unmarshal(payload, &all) == nil {
			out.Value, _ = all[p.Claim].(string)
		}
	}
	return c, header, out, nil
}

// times gives until when a token is taken that is taken now.
func (p *Provider) times(c claims) (until time.Time, err error) {
	now := p.now()
	expires, ok1 := instant(c.Expires)
	issued, ok2 := instant(c.Issued)
	until = expires.Add(skew)
	switch {
	case !ok1 || !ok2:
		return until, refused("the token does not say from when and until when it holds")
	case !now.Before(until):
		return until, refused("the token has ended")
	case issued.After(now.Add(skew)):
		return until, refused("the token is from the future")
	case expires.Sub(issued) > maxLife:
		return until, refused("the token holds for more than %s", maxLife)
	}
	if from, ok := instant(c.NotBefore); c.NotBefore != nil && (!ok || from.After(now.Add(skew))) {
		return until, refused("the token does not hold yet")
	}
	return until, nil
}

// instant reads a number of seconds since 1970.
func instant(n *json.Number) (time.Time, bool) {
	if n == nil {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || f < 0 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(f * 1000)), true
}
