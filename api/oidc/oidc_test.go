package oidc_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/permledger/permledger/api/oidc"
	"github.com/permledger/permledger/api/oidc/oidctest"
)

const redirect = "https://ledger.example/v1/oidc/callback"

func provider(t *testing.T, i *oidctest.Issuer, change func(*oidc.Config), now func() time.Time) *oidc.Provider {
	t.Helper()
	c := oidc.Config{Organization: "acme", Name: "corp", Issuer: i.URL, ClientID: i.Client, Audience: "https://ledger.example", Claim: "sub"}
	if change != nil {
		change(&c)
	}
	p, err := oidc.New(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// signIn goes to the issuer as a browser does, and comes back.
func signIn(t *testing.T, p *oidc.Provider, change func(url.Values)) (oidc.Claims, error) {
	t.Helper()
	at, pending, err := p.Begin(t.Context(), redirect)
	if err != nil {
		return oidc.Claims{}, err
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("the issuer answers %d, %v", resp.StatusCode, err)
	}
	came := back.Query()
	if change != nil {
		change(came)
	}
	return p.Finish(t.Context(), pending, came, redirect)
}

// same says whether two are the same but for when they end.
func same(a, b oidc.Claims) bool {
	a.Until, b.Until = time.Time{}, time.Time{}
	return a == b
}

// Given an issuer, when somebody signs in, then it is whom the issuer says, by each algorithm, as a public client and as one
// with a secret.
func TestCodeFlow(t *testing.T) {
	for _, algorithm := range oidc.Algorithms {
		i := oidctest.New(t, "permledger")
		i.Keys = []oidctest.Key{oidctest.NewKey(t, "k", algorithm)}
		i.Who = map[string]any{"sub": "248289761001", "email": "ben@acme.example", "email_verified": true, "login": "ben"}
		p := provider(t, i, func(c *oidc.Config) { c.Claim = "login" }, nil)
		got, err := signIn(t, p, nil)
		if want := (oidc.Claims{Issuer: i.URL, Subject: "248289761001", Email: "ben@acme.example", Value: "ben"}); err != nil || got.Until.IsZero() || !same(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", algorithm, got, err, want)
		}
	}
	i := oidctest.New(t, "permledger")
	i.Secret = "s3cret: with / odd + characters"
	i.Who["email"] = "ben@acme.example" // not verified
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret-of-tests\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := provider(t, i, func(c *oidc.Config) { c.SecretFile = file }, nil)
	if _, err := signIn(t, p, nil); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("with another secret: %v", err)
	}
	i.Secret = "s3cret-of-tests"
	if got, err := signIn(t, p, nil); err != nil || got.Email != "" || got.Value != got.Subject {
		t.Errorf("with the secret: %+v, %v", got, err)
	}
}

// Given an answer to a sign-in that somebody changed, then nobody is vouched for.
func TestAnswersOfOthers(t *testing.T) {
	i := oidctest.New(t, "permledger")
	p := provider(t, i, nil, nil)
	for name, change := range map[string]func(url.Values){
		"another state":    func(q url.Values) { q.Set("state", "x") },
		"no state":         func(q url.Values) { q.Del("state") },
		"another issuer":   func(q url.Values) { q.Set("iss", "https://evil.example") },
		"no issuer":        func(q url.Values) { q.Del("iss") },
		"no code":          func(q url.Values) { q.Del("code") },
		"another code":     func(q url.Values) { q.Set("code", "x") },
		"an error instead": func(q url.Values) { q.Set("error", "access_denied") },
	} {
		if got, err := signIn(t, p, change); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	_, pending, err := p.Begin(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	var code string
	if _, err := signIn(t, p, func(q url.Values) { code = q.Get("code"); q.Set("code", "x") }); err == nil {
		t.Fatal("a code that is none is taken")
	}
	stolen := url.Values{"state": {pending.State}, "iss": {i.URL}, "code": {code}}
	if got, err := p.Finish(t.Context(), pending, stolen, redirect); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("somebody else's code, whose verifier is not ours: %+v, %v", got, err)
	}
	if got, err := p.Finish(t.Context(), oidc.Pending{}, url.Values{"code": {code}, "iss": {i.URL}}, redirect); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("of no sign-in: %+v, %v", got, err)
	}
}

// Given ID tokens that are not for this sign-in, then nobody is vouched for.
func TestForgedIDTokens(t *testing.T) {
	i := oidctest.New(t, "permledger")
	p := provider(t, i, nil, nil)
	now := time.Now()
	for name, change := range map[string]map[string]any{
		"another nonce":                     {"nonce": "x"},
		"no nonce":                          {"nonce": nil},
		"another client":                    {"aud": "other"},
		"no audience":                       {"aud": nil},
		"an audience that is no text":       {"aud": 7},
		"several audiences without azp":     {"aud": []string{"permledger", "other"}},
		"several, and azp another":          {"aud": []string{"permledger", "other"}, "azp": "other"},
		"azp another":                       {"azp": "other"},
		"another issuer":                    {"iss": "https://evil.example"},
		"an issuer with a slash more":       {"iss": i.URL + "/"},
		"no subject":                        {"sub": nil},
		"an empty subject":                  {"sub": ""},
		"a subject that is no text":         {"sub": 7},
		"a subject that is too long":        {"sub": strings.Repeat("x", 256)},
		"ended":                             {"exp": now.Add(-2 * time.Minute).Unix(), "iat": now.Add(-time.Hour).Unix()},
		"no end":                            {"exp": nil},
		"an end that is no number":          {"exp": "tomorrow"},
		"an end beyond all ends":            {"exp": 1e300},
		"no beginning":                      {"iat": nil},
		"from the future":                   {"iat": now.Add(time.Hour).Unix(), "exp": now.Add(2 * time.Hour).Unix()},
		"not yet":                           {"nbf": now.Add(time.Hour).Unix()},
		"a beginning that is no number":     {"nbf": "now"},
		"a beginning that is a number text": {"nbf": "x1"},
		"of a whole year":                   {"exp": now.AddDate(1, 0, 0).Unix()},
	} {
		i.With(func() { i.Change = change })
		if got, err := signIn(t, p, nil); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	i.With(func() { i.Change = map[string]any{"aud": []string{"permledger", "other"}, "azp": "permledger"} })
	if _, err := signIn(t, p, nil); err != nil {
		t.Errorf("several audiences with the right azp: %v", err)
	}
}

// Given access tokens that are not this issuer's for this server, then nobody is vouched for.
func TestForgedAccessTokens(t *testing.T) {
	i := oidctest.New(t, "permledger")
	rs, stranger := oidctest.NewKey(t, "rsa", "RS256"), oidctest.NewKey(t, "first", "ES256")
	ed := oidctest.NewKey(t, "ed", "EdDSA")
	i.Keys = append(i.Keys, rs, ed)
	p := provider(t, i, nil, nil)
	const audience = "https://ledger.example"
	claims := func(change ...any) map[string]any {
		c := i.Claims(audience, time.Now())
		for n := 0; n < len(change); n += 2 {
			if c[change[n].(string)] = change[n+1]; change[n+1] == nil {
				delete(c, change[n].(string))
			}
		}
		return c
	}
	ours := i.Keys[0]
	good := ours.Sign(t, claims(), nil)
	part := func(token string, n int) string { return strings.Split(token, ".")[n] }
	b64 := base64.RawURLEncoding
	raw := func(header, payload any) string {
		h, err1 := json.Marshal(header)
		c, err2 := json.Marshal(payload)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return b64.EncodeToString(h) + "." + b64.EncodeToString(c)
	}
	hmacOf := func(key []byte) string { // the public key taken for a shared secret
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: key, KeyID: "rsa"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(claims())
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
	public, err := json.Marshal(jose.JSONWebKey{Key: rs.Private.Public(), KeyID: "rsa"})
	if err != nil {
		t.Fatal(err)
	}
	full, err := jose.ParseSignedCompact(good, []jose.SignatureAlgorithm{"ES256"})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"none":                       raw(map[string]any{"alg": "none", "typ": "JWT"}, claims()) + ".",
		"None":                       raw(map[string]any{"alg": "None", "typ": "JWT"}, claims()) + ".",
		"no algorithm":               raw(map[string]any{"typ": "JWT", "kid": "first"}, claims()) + "." + part(good, 2),
		"HS256 with the public key":  hmacOf(public),
		"no signature":               part(good, 0) + "." + part(good, 1) + ".",
		"another payload":            part(good, 0) + "." + part(ours.Sign(t, claims("sub", "owner"), nil), 1) + "." + part(good, 2),
		"another header":             part(ours.Sign(t, claims(), map[string]any{"x": "y"}), 0) + "." + part(good, 1) + "." + part(good, 2),
		"a stranger's key, our kid":  stranger.Sign(t, claims(), nil),
		"a stranger's key inside":    stranger.Sign(t, claims(), map[string]any{"jwk": jose.JSONWebKey{Key: stranger.Private.Public()}}),
		"a key to be fetched":        stranger.Sign(t, claims(), map[string]any{"jku": "https://evil.example/keys"}),
		"a kid that is unknown":      oidctest.Key{ID: "nobody", Algorithm: "ES256", Private: ours.Private}.Sign(t, claims(), nil),
		"a kid of another algorithm": oidctest.Key{ID: "rsa", Algorithm: "ES256", Private: ours.Private}.Sign(t, claims(), nil),
		"a kid that is a path":       oidctest.Key{ID: "../../etc/passwd", Algorithm: "ES256", Private: ours.Private}.Sign(t, claims(), nil),
		"ended":                      ours.Sign(t, claims("exp", time.Now().Add(-2*time.Minute).Unix()), nil),
		"no end":                     ours.Sign(t, claims("exp", nil), nil),
		"not yet":                    ours.Sign(t, claims("nbf", time.Now().Add(time.Hour).Unix()), nil),
		"of a whole year":            ours.Sign(t, claims("exp", time.Now().AddDate(1, 0, 0).Unix()), nil),
		"for another server":         ours.Sign(t, claims("aud", "https://evil.example"), nil),
		"for the client":             ours.Sign(t, claims("aud", "permledger"), nil),
		"for nobody":                 ours.Sign(t, claims("aud", nil), nil),
		"of another issuer":          ours.Sign(t, claims("iss", "https://evil.example"), nil),
		"an ID token, by its nonce":  ours.Sign(t, claims("nonce", "n"), nil),
		"an ID token, by its hash":   ours.Sign(t, claims("at_hash", "h"), nil),
		"of another kind":            ours.Sign(t, claims(), map[string]any{"typ": "logout+jwt"}),
		"one that demands more":      ours.Sign(t, claims(), map[string]any{"crit": []string{"exp"}, "exp": 1}),
		"in another form":            full.FullSerialize(),
		"with something behind it":   good + ".x",
		"with a line in it":          strings.Replace(good, ".", ".\n", 1),
		"padded":                     part(good, 0) + "=." + part(good, 1) + "." + part(good, 2),
		"far too long":               good + strings.Repeat("A", 20_000),
		"nothing":                    "",
	} {
		if got, err := p.Access(t.Context(), token); !errors.Is(err, oidc.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, token := range map[string]string{
		"as RFC 9068 has it": ours.Sign(t, claims("client_id", "backend"), map[string]any{"typ": "at+jwt"}), "plain": good,
		"by RS256": rs.Sign(t, claims(), nil), "by EdDSA": ed.Sign(t, claims(), nil), "for several": ours.Sign(t, claims("aud", []string{"a", audience}), nil),
	} {
		if got, err := p.Access(t.Context(), token); err != nil || got.Subject != "248289761001" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	less := provider(t, i, func(c *oidc.Config) { c.Algorithms = []string{"EdDSA"} }, nil)
	if _, err := less.Access(t.Context(), good); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("by an algorithm that is not taken: %v", err)
	}
	none := provider(t, i, func(c *oidc.Config) { c.Audience = "" }, nil)
	if _, err := none.Access(t.Context(), good); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("where access tokens are not taken: %v", err)
	}
}

// Given an issuer whose keys change, when tokens come, then a new key is fetched once, made-up kids make nobody ask again and
// again, an issuer that is down keeps nobody out for a day, and a key that it withdrew ends within the hour.
func TestKeysChange(t *testing.T) {
	i := oidctest.New(t, "permledger")
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	p := provider(t, i, nil, now)
	token := func(k oidctest.Key) string { return k.Sign(t, i.Claims("https://ledger.example", now()), nil) }
	first, second := i.Keys[0], oidctest.NewKey(t, "second", "EdDSA")
	holds := func(k oidctest.Key) error { _, err := p.Access(t.Context(), token(k)); return err }
	for range 3 {
		if err := holds(first); err != nil {
			t.Fatal(err)
		}
	}
	if n := i.Count("/keys"); n != 1 {
		t.Errorf("for three tokens keys were fetched %d times", n)
	}
	i.With(func() { i.Keys = append(i.Keys, second) })
	if err := holds(second); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a second after it was fetched: %v", err)
	}
	ahead.Add(int64(31 * time.Second))
	if err := holds(second); err != nil {
		t.Errorf("a key that is new: %v", err)
	}
	before := i.Count("/keys")
	for n := range 50 {
		if err := holds(oidctest.Key{ID: "made-up-" + string(rune('a'+n)), Algorithm: "EdDSA", Private: second.Private}); !errors.Is(err, oidc.ErrRefused) {
			t.Fatal(err)
		}
	}
	if n := i.Count("/keys") - before; n > 1 {
		t.Errorf("50 made-up kids had keys fetched %d times", n)
	}
	i.With(func() { i.Down = true })
	ahead.Add(int64(12 * time.Hour))
	if err := holds(first); err != nil {
		t.Errorf("while the issuer is down: %v", err)
	}
	ahead.Add(int64(13 * time.Hour))
	if err := holds(first); !errors.Is(err, oidc.ErrUnreachable) {
		t.Errorf("down for more than a day: %v", err)
	}
	i.With(func() { i.Down, i.Keys = false, i.Keys[1:] })
	ahead.Add(int64(time.Minute))
	if err := holds(second); err != nil {
		t.Errorf("up again: %v", err)
	}
	if err := holds(first); !errors.Is(err, oidc.ErrRefused) {
		t.Errorf("a key that was withdrawn: %v", err)
	}
}

// Given an issuer that says strange things of itself, when it is to be asked, then it is not believed.
func TestStrangeIssuers(t *testing.T) {
	for name, says := range map[string]map[string]any{
		"another issuer":           {"issuer": "https://evil.example"},
		"keys without https":       {"jwks_uri": "http://192.0.2.1/keys"},
		"a token endpoint of file": {"token_endpoint": "file:///etc/passwd"},
		"no endpoint":              {"authorization_endpoint": ""},
		"no PKCE that is safe":     {"code_challenge_methods_supported": []string{"plain"}},
	} {
		i := oidctest.New(t, "permledger")
		i.Says = says
		if _, _, err := provider(t, i, nil, nil).Begin(t.Context(), redirect); !errors.Is(err, oidc.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	moved := httptest.NewServer(http.RedirectHandler("https://evil.example/", http.StatusFound))
	defer moved.Close()
	long := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }))
	defer long.Close()
	for _, at := range []string{moved.URL, long.URL, "https://169.254.169.254", "https://127.0.0.2:1", "https://[fe80::1]"} {
		p, err := oidc.New(oidc.Config{Organization: "acme", Name: "corp", Issuer: at, ClientID: "c", Claim: "sub"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if _, _, err := p.Begin(ctx, redirect); !errors.Is(err, oidc.ErrUnreachable) {
			t.Errorf("%s: %v", at, err)
		}
		cancel()
	}
}

// Given files of providers, when they are read, then what is not in order is refused, with what is wrong.
func TestReadConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "oidc.json")
	read := func(text string) ([]oidc.Config, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return oidc.ReadConfig(file)
	}
	const one = `{"organization":"acme","name":"corp","issuer":"https://id.example","clientId":"c","clientSecretFile":"secret","email":true}`
	got, err := read(`{"providers":[` + one + `]}`)
	if err != nil || len(got) != 1 || got[0].SecretFile != filepath.Join(filepath.Dir(file), "secret") {
		t.Fatalf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		`{`:                              "EOF",
		`{"providers":[]} x`:             "follows",
		`{"providers":[{"nonsense":1}]}`: "nonsense",
		`{"providers":[` + one + `,` + one + `]}`:                                                                "two providers",
		`{"providers":[` + strings.Replace(one, `"email":true`, `"email":true,"claim":"sub"`, 1) + `]}`:          "exactly one",
		`{"providers":[` + strings.Replace(one, `,"email":true`, ``, 1) + `]}`:                                   "exactly one",
		`{"providers":[` + strings.Replace(one, `https://id`, `http://id`, 1) + `]}`:                             "not over https",
		`{"providers":[` + strings.Replace(one, `https://id.example`, `https://id.example/?x=1`, 1) + `]}`:       "without query",
		`{"providers":[` + strings.Replace(one, `"email":true`, `"email":true,"audience":"c"`, 1) + `]}`:         "not the client",
		`{"providers":[` + strings.Replace(one, `"email":true`, `"email":true,"algorithms":["none"]`, 1) + `]}`:  "none of EdDSA",
		`{"providers":[` + strings.Replace(one, `"email":true`, `"email":true,"algorithms":["HS256"]`, 1) + `]}`: "none of EdDSA",
		`{"providers":[` + strings.Replace(one, `"email":true`, `"email":true,"scopes":["profile"]`, 1) + `]}`:   "without the scope openid",
		`{"providers":[` + strings.Replace(one, `"name":"corp"`, `"name":"../x"`, 1) + `]}`:                      "is not of a-z",
		`{"providers":[` + strings.Replace(one, `"clientId":"c"`, `"clientId":""`, 1) + `]}`:                     "have to be there",
	} {
		if _, err := read(text); !errors.Is(err, oidc.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}
