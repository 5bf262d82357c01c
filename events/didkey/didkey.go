// Package didkey writes and reads Ed25519 public keys as did:key identifiers, the only
// spelling of a key in the ledger.
//
// The form is that of the did:key method, for Ed25519:
//
//	"did:key:z" + base58btc(0xed 0x01 || the 32 bytes of the key)
//
// One key has one spelling: [Parse] accepts exactly what [Encode] gives. It also refuses keys
// that must never be registered: encodings that are not canonical, because two spellings would
// be one key, and points of small order, because for these a constant signature verifies on any
// message (crypto/ed25519 does not refuse them).
package didkey

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"filippo.io/edwards25519"
	"github.com/mr-tron/base58"
)

// Prefix starts every did:key whose key is written in base58btc.
const Prefix = "did:key:z"

// Length is the number of bytes of every Ed25519 did:key: the multicodec prefix 0xed01 fixes
// the number of base58 digits.
const Length = len(Prefix) + 47

// Errors of [Parse], to be told apart with errors.Is.
var (
	// ErrSyntax says that the text is not a did:key of an Ed25519 key in its one spelling.
	ErrSyntax = errors.New("didkey: not an Ed25519 did:key")
	// ErrNotOnCurve says that the 32 bytes are no point of the curve.
	ErrNotOnCurve = errors.New("didkey: key is not a point of the curve")
	// ErrNonCanonical says that the 32 bytes are a second spelling of a point.
	ErrNonCanonical = errors.New("didkey: key is not in its canonical encoding")
	// ErrSmallOrder says that the key is a point of small order, with which anybody can sign.
	ErrSmallOrder = errors.New("didkey: key is a point of small order")
)

// codec is the multicodec prefix of an Ed25519 public key: the varint of 0xed.
var codec = [2]byte{0xed, 0x01}

// Encode returns the did:key of key. It panics where key is not 32 bytes long, as crypto/ed25519
// does; it does not check that the key is one that [Parse] takes.
func Encode(key ed25519.PublicKey) string {
	if len(key) != ed25519.PublicKeySize {
		panic(fmt.Sprintf("didkey: Encode: key of %d bytes", len(key)))
	}
	return encode(key)
}

func encode(key []byte) string {
	var b [len(codec) + ed25519.PublicKeySize]byte
	copy(b[:], codec[:])
	copy(b[len(codec):], key)
	return Prefix + base58.Encode(b[:])
}

// Parse returns the key that s names. The key is the caller's own copy.
//
// It accepts only what [Encode] gives: Encode(Parse(s)) == s. Errors wrap [ErrSyntax],
// [ErrNotOnCurve], [ErrNonCanonical] or [ErrSmallOrder]. Keys that passed are remembered (a
// bounded number), so that asking again for the same key costs a map lookup. Parse is safe for
// concurrent use.
func Parse(s string) (ed25519.PublicKey, error) {
	if key, ok := seen.get(s); ok {
		return key[:], nil
	}
	key, err := parse(s)
	if err != nil {
		return nil, err
	}
	seen.put(s, key)
	return key[:], nil
}

func parse(s string) (key [ed25519.PublicKeySize]byte, err error) {
	// The length comes first: base58 takes quadratic time in it.
	if len(s) != Length || !strings.HasPrefix(s, Prefix) {
		return key, fmt.Errorf("%w: want %s and %d base58 digits", ErrSyntax, Prefix, Length-len(Prefix))
	}
	b, err := base58.Decode(s[len(Prefix):])
	if err != nil {
		return key, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if len(b) != len(codec)+len(key) || !bytes.HasPrefix(b, codec[:]) {
		return key, fmt.Errorf("%w: another kind of key", ErrSyntax)
	}
	copy(key[:], b[len(codec):])
	if encode(key[:]) != s {
		return key, fmt.Errorf("%w: another spelling of %s", ErrSyntax, encode(key[:]))
	}
	return key, check(key[:])
}

// check refuses what is no usable public key.
func check(key []byte) error {
	p, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return ErrNotOnCurve
	}
	// SetBytes takes y at or above the field's prime and a sign bit on x = 0, as RFC 8032 does not.
	if !bytes.Equal(p.Bytes(), key) {
		return ErrNonCanonical
	}
	if new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return ErrSmallOrder
	}
	return nil
}
