// Package oidctest is an identity provider for tests: an issuer over HTTP on the loopback address, whose keys can be replaced,
// and which signs whatever token a test wants forged.
package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key is a key of an issuer, in the algorithm that it signs by.
type Key struct {
	ID        string
	Algorithm string
	Private   crypto.Signer
}

// NewKey makes a key for EdDSA, ES256, RS256 or RS256-1024, which is too short.
func NewKey(t testing.TB, id, algorithm string) Key {
	t.Helper()
	k := Key{ID: id, Algorithm: algorithm}
	var err error
	switch algorithm {
	case "EdDSA":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		t.Fatalf("no key for %s", algorithm)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Sign signs claims as a token. header adds to its header, or replaces what is in it.
func (k Key) Sign(t testing.TB, claims map[string]any, header map[string]any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		o = o.WithHeader(jose.HeaderKey(name), value)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: jose.JSONWebKey{Key: k.Private, KeyID: k.ID}}, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Issuer is an identity provider at which one person is signed in. Its exported members are changed by who holds no request
// open; With changes them while requests may be.
type Issuer struct {
	URL    string
	Client string // its only one
	Secret string // empty: a public client

	mu      sync.Mutex
	Keys    []Key          // the first signs
	Who     map[string]any // claims of the person: sub at least
	Change  map[string]any // what tokens say instead of what is right; nil values take claims away
	Says    map[string]any // what discovery says instead
	Down    bool
	Fetched map[string]int // how often each path was asked for

	t     testing.TB
	codes map[string]url.Values // what each code was asked for with
}

// New starts an issuer with one key, for a client.
func New(t testing.TB, client string) *Issuer {
	t.Helper()
	i := &Issuer{
		Client: client, Keys: []Key{NewKey(t, "first", "ES256")}, Who: map[string]any{"sub": "248289761001"}, Fetched: map[string]int{}, t: t, codes: map[string]url.Values{},
	}
	srv := httptest.NewServer(i)
	t.Cleanup(srv.Close)
	i.URL = srv.URL
	return i
}

// With changes the issuer.
func (i *Issuer) With(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// Count gives how often a path was asked for.
func (i *Issuer) Count(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.Fetched[path]
}

// Claims gives what a right token says to an audience at an instant.
func (i *Issuer) Claims(audience any, now time.Time) map[string]any {
	c := map[string]any{"iss": i.URL, "aud": audience, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for name, value := range i.Who {
		c[name] = value
	}
	for name, value := range i.Change {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Fetched[r.URL.Path]++
	if i.Down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		d := map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
		}
		for name, value := range i.Says {
			d[name] = value
		}
		answer(d)
	case "/keys":
		var set jose.JSONWebKeySet
		for _, k := range i.Keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"})
		}
		answer(set)
	case "/authorize":
		i.authorize(w, r)
	case "/token":
		answer(i.token(w, r))
	default:
		http.NotFound(w, r)
	}
}

// authorize sends the browser back with a code: the person is signed in here and says yes.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != i.Client || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("nonce") == "" {
		http.Error(w, "this is no request of the client's", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.codes[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.URL}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) map[string]any {
	refuse := func(why string) map[string]any {
		w.WriteHeader(http.StatusBadRequest)
		return map[string]any{"error": why}
	}
	if id, secret, ok := r.BasicAuth(); ok != (i.Secret != "") || ok && (id != i.Client || secret != i.Secret) {
		return refuse("invalid_client")
	}
	asked, ok := i.codes[r.PostFormValue("code")]
	delete(i.codes, r.PostFormValue("code"))
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") || base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") {
		return refuse("invalid_grant")
	}
	c := i.Claims(i.Client, time.Now())
	if _, changed := i.Change["nonce"]; !changed {
		c["nonce"] = asked.Get("nonce")
	}
	return map[string]any{"id_token": i.Keys[0].Sign(i.t, c, nil), "access_token": "opaque", "token_type": "Bearer"}
}
