package credential

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/permledger/permledger/events/didkey"
)

// Verified says what a credential's proof proves.
type Verified struct {
	// Issuer is the credential's issuer, as the credential states it.
	Issuer string
	// VerificationMethod names the key that signed.
	VerificationMethod string
	// Key is the key that signed.
	Key ed25519.PublicKey
	// Created is when the signer says that it signed, UTC.
	Created time.Time
}

// SelfIssued reports whether the issuer is the DID to which the verification method belongs.
// Where it is not, the proof alone does not tie the two: the caller must know that Key speaks for
// Issuer, or anybody could have issued in that name.
func (v Verified) SelfIssued() bool {
	did, _, _ := strings.Cut(v.VerificationMethod, "#")
	return v.Issuer == did
}

// An Option adds to what [Verify] demands.
type Option func(*demand)

type demand struct{ key ed25519.PublicKey }

// WithKey demands that key signed. It is needed where the verification method is not a did:key,
// and refuses a did:key that is another key's.
func WithKey(key ed25519.PublicKey) Option {
	return func(d *demand) { d.key = key }
}

// Verify checks the proof of a secured credential, by itself: no network, no registry, no clock.
//
// The key is that of the proof's verification method where this is a did:key, or the one given by
// [WithKey]. Verify says nothing about whether the key may speak for the issuer (see
// [Verified.SelfIssued]), nor about validity periods and status lists. The file need not be
// canonical, as others may have written it; contexts appended to it after signing are accepted, as
// the specification has it. Errors wrap [ErrMalformed], [ErrContext], [ErrProof], [ErrKey] or
// [ErrSignature].
func Verify(file []byte, options ...Option) (Verified, error) {
	var d demand
	for _, o := range options {
		o(&d)
	}
	c, err := parseCredential(file)
	if err != nil {
		return Verified{}, err
	}
	p, err := parseProof(c.proof)
	if err != nil {
		return Verified{}, err
	}
	if p.contexts != nil {
		if len(p.contexts) > len(c.contexts) || !slices.Equal(p.contexts, c.contexts[:len(p.contexts)]) {
			return Verified{}, fmt.Errorf("%w: those of the credential do not start with those of its proof", ErrContext)
		}
		c.document["@context"] = p.config["@context"]
	}
	key, err := d.keyFor(p.method)
	if err != nil {
		return Verified{}, err
	}
	data, err := hashData(p.config, c.document)
	if err != nil {
		return Verified{}, err
	}
	if !ed25519.Verify(key, data, p.signature) {
		return Verified{}, fmt.Errorf("%w: by %s", ErrSignature, p.method)
	}
	return Verified{Issuer: c.issuer, VerificationMethod: p.method, Key: key, Created: p.created}, nil
}

// keyFor returns the key with which the signature must verify.
func (d demand) keyFor(method string) (ed25519.PublicKey, error) {
	named, err := methodKey(method)
	if err != nil {
		return nil, err
	}
	if d.key == nil {
		if named == nil {
			return nil, fmt.Errorf("%w: %s is not a did:key", ErrKey, method)
		}
		return named, nil
	}
	if len(d.key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: key of %d bytes", ErrKey, len(d.key))
	}
	if named != nil && !named.Equal(d.key) {
		return nil, fmt.Errorf("%w: %s is not the key demanded", ErrKey, method)
	}
	key, err := didkey.Parse(didkey.Encode(d.key)) // refuses keys with which anybody can sign
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}

// proof is a proof that is of the one accepted form.
type proof struct {
	config    members // without the proofValue
	contexts  []string
	method    string
	created   time.Time
	signature []byte
}

func parseProof(value json.RawMessage) (proof, error) {
	var m members
	if len(value) == 0 || value[0] != '{' {
		return proof{}, fmt.Errorf("%w: want exactly one proof, an object", ErrProof)
	}
	if err := json.Unmarshal(value, &m); err != nil {
		return proof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	text := make(map[string]string, 6)
	for _, name := range []string{"type", "cryptosuite", "proofPurpose", "created", "verificationMethod", "proofValue"} {
		s, err := stringValue(m[name])
		if err != nil {
			return proof{}, fmt.Errorf("%w: %s: %w", ErrProof, name, err)
		}
		text[name] = s
	}
	for name, want := range map[string]string{"type": proofType, "cryptosuite": cryptosuite, "proofPurpose": proofPurpose} {
		if text[name] != want {
			return proof{}, fmt.Errorf("%w: %s is %q, want %s", ErrProof, name, text[name], want)
		}
	}
	p := proof{config: m, method: text["verificationMethod"]}
	if value, ok := m["@context"]; ok {
		var err error
		if p.contexts, err = contexts(value); err != nil {
			return proof{}, err
		}
	}
	// A member that nobody here judges, such as expires or domain, would seem to hold.
	for name := range m {
		if _, known := text[name]; !known && name != "@context" {
			return proof{}, fmt.Errorf("%w: member %q is not understood", ErrProof, name)
		}
	}
	if err := p.created.UnmarshalText([]byte(text["created"])); err != nil {
		return proof{}, fmt.Errorf("%w: created: %w", ErrProof, err)
	}
	p.created = p.created.UTC()
	var err error
	if p.signature, err = decodeProofValue(text["proofValue"]); err != nil {
		return proof{}, err
	}
	delete(m, "proofValue")
	return p, nil
}
