package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// How long what an issuer says is kept: as it says itself, within these bounds. What cannot be fetched again is used for a
// day: an issuer that is down for an hour keeps nobody out.
const (
	leastLife = time.Minute
	usualLife = 10 * time.Minute
	mostLife  = time.Hour
	lastLife  = 24 * time.Hour
	// againAfter is how long nothing is fetched after it was tried: whoever makes up kids does not make us ask for each.
	againAfter = 30 * time.Second
)

func lifeOf(h http.Header) time.Duration {
	for _, directive := range strings.Split(h.Get("Cache-Control"), ",") {
		if text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(directive)), "max-age="); ok {
			if n, err := strconv.Atoi(text); err == nil {
				return min(max(time.Duration(n)*time.Second, leastLife), mostLife)
			}
		}
	}
	return usualLife
}

// cached is something that an issuer says, fetched when it is needed, by one caller at a time.
type cached[T any] struct {
	fetch func(context.Context) (T, time.Duration, error)

	mu      sync.Mutex
	have    T
	fetched time.Time // zero: nothing was
	fresh   time.Time // until when it need not be fetched again
	tried   time.Time
	failed  error
	running chan struct{} // nil: nothing is being fetched
}

// get gives what there is. Where it is not fresh it is fetched; where that fails, what there was is given, for a day.
func (c *cached[T]) get(ctx context.Context, now time.Time) (T, error) {
	c.mu.Lock()
	if !c.fetched.IsZero() && now.Before(c.fresh) {
		defer c.mu.Unlock()
		return c.have, nil
	}
	c.mu.Unlock()
	return c.again(ctx, now)
}

// again fetches, unless that was tried just now, and gives what there is then.
func (c *cached[T]) again(ctx context.Context, now time.Time) (T, error) {
	c.mu.Lock()
	if c.running == nil && (c.tried.IsZero() || now.Sub(c.tried) >= againAfter) {
		c.tried, c.running = now, make(chan struct{})
		go c.run(context.WithoutCancel(ctx), now) // others wait for it too
	}
	running := c.running
	c.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fetched.IsZero() || now.Sub(c.fetched) >= lastLife {
		var none T
		if c.failed == nil {
			return none, unreachable("it was asked just now")
		}
		return none, c.failed
	}
	return c.have, nil
}

func (c *cached[T]) run(ctx context.Context, now time.Time) {
	got, life, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed = err; err == nil {
		c.have, c.fetched, c.fresh = got, now, now.Add(life)
	} else {
		c.fresh = now.Add(againAfter)
	}
	close(c.running)
	c.running = nil
}

// keySet are the keys that an issuer signs tokens with.
type keySet []jose.JSONWebKey

func (p *Provider) fetchKeys(ctx context.Context) (keySet, time.Duration, error) {
	d, err := p.found.get(ctx, p.now())
	if err != nil {
		return nil, 0, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	life, err := p.get(ctx, d.Keys, &set)
	if err != nil {
		return nil, 0, err
	}
	var keys keySet
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") { // others are not for us
			keys = append(keys, k)
		}
	}
	return keys, life, nil
}

// key gives the key with a kid that signs by an algorithm; without a kid the only one that does.
func (p *Provider) key(ctx context.Context, kid, algorithm string) (any, error) {
	keys, err := p.keys.get(ctx, p.now())
	if err != nil {
		return nil, err
	}
	if k := keys.find(kid, algorithm); k != nil {
		return k, nil
	}
	if keys, err = p.keys.again(ctx, p.now()); err != nil { // a key that is new there
		return nil, err
	}
	if k := keys.find(kid, algorithm); k != nil {
		return k, nil
	}
	return nil, refused("the issuer has no such key")
}

func (keys keySet) find(kid, algorithm string) (found any) {
	for _, k := range keys {
		if kid != "" && k.KeyID != kid || k.Algorithm != "" && k.Algorithm != algorithm || !signs(k.Key, algorithm) {
			continue
		}
		if found != nil { // two that could be meant: none is
			return nil
		}
		found = k.Key
	}
	return found
}

// signs says whether a key is one of an algorithm, and no weak one.
func signs(key any, algorithm string) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	case *ecdsa.PublicKey:
		return algorithm == "ES256" && k.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return algorithm == "RS256" && k.N.BitLen() >= 2048
	}
	return false
}
