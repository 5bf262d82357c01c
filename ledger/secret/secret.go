// Package secret makes, writes and reads the secrets that people and programs carry as one word: API keys, invitations
// and the tokens of sessions. A secret is shown once, when it is made; a ledger keeps at most the did:key of it.
//
// The form, 53 characters:
//
//	prefix ("plk_", "pli_" or "pls_") || 43 base62 digits of 32 bytes || 6 base62 digits of the checksum
//
// Digits are 0-9, A-Z, a-z, the most significant first. The checksum is the first four bytes of SHA-256(prefix || the 32
// bytes), big-endian: it finds what was cut off or mistyped before anybody is asked, and lets scanners of source code
// tell a real secret from one in an example. One secret has one spelling: [Parse] accepts exactly what [Secret.Text]
// gives. The 32 bytes of an API key and of an invitation are the seed of an Ed25519 key (RFC 8032), so that its holder
// signs commands with it; those of a session are a bearer token and sign nothing.
//
// No error of this package holds any part of a secret, and formatting a Secret in any way gives its prefix alone.
package secret

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"

	"github.com/permledger/permledger/events/didkey"
)

// Kind is what a secret is for; its value is the prefix.
type Kind string

// The kinds.
const (
	APIKey     Kind = "plk_"
	Invitation Kind = "pli_"
	Session    Kind = "pls_"
)

// Length is the number of characters of every secret.
const Length = 4 + payload + check

const (
	payload = 43 // 62^43 is just over 2^256
	check   = 6  // 62^6 is over 2^32
	digits  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrForm is what all errors of [Parse] wrap: the text is no secret of that kind.
var ErrForm = errors.New("secret: not in its form")

var names = map[Kind]string{APIKey: "an API key", Invitation: "an invitation", Session: "a session's token"}

// Secret is one secret. Its zero value is none.
type Secret struct {
	kind  Kind
	bytes [32]byte
}

// New makes a secret of a kind.
func New(kind Kind) Secret {
	s := Secret{kind: kind}
	rand.Read(s.bytes[:]) // never fails: crypto/rand ends the process instead
	return s
}

// Of gives the secret whose key is key: an API key or an invitation for a key that was made elsewhere.
func Of(kind Kind, key ed25519.PrivateKey) Secret {
	return Secret{kind, [32]byte(key.Seed())}
}

// KindOf says what a text claims to be by its prefix; false: it claims to be no secret.
func KindOf(text string) (Kind, bool) {
	for kind := range names {
		if strings.HasPrefix(text, string(kind)) {
			return kind, true
		}
	}
	return "", false
}

// Parse reads a secret of the kind. Errors wrap [ErrForm], say what to look at, and hold nothing of the text.
func Parse(kind Kind, text string) (Secret, error) {
	bad := func(format string, args ...any) (Secret, error) {
		return Secret{}, fmt.Errorf("%w: %s %s", ErrForm, names[kind], fmt.Sprintf(format, args...))
	}
	switch {
	case names[kind] == "":
		return Secret{}, fmt.Errorf("%w: there is no such kind of secret", ErrForm)
	case !strings.HasPrefix(text, string(kind)):
		return bad("begins with %s, in small letters", kind)
	case len(text) != Length:
		return bad("has %d characters, and this has %d", Length, len(text))
	}
	b, ok := decode(text[len(kind):len(kind)+payload], 32)
	if !ok {
		return bad("has only letters and digits behind its prefix, and not any of them")
	}
	sum, ok := decode(text[len(kind)+payload:], 4)
	s := Secret{kind, [32]byte(b)}
	if want := s.checksum(); !ok || !bytes.Equal(sum, want[:]) {
		return bad("has another checksum: a character is wrong, or its case is")
	}
	return s, nil
}

// decode reads base62 digits as a number of so many bytes; false: other characters, or a number too big. That it takes
// longer for some digits than for others tells nobody anything: who calls brings the digits.
func decode(text string, size int) ([]byte, bool) {
	n, base := new(big.Int), big.NewInt(int64(len(digits)))
	for i := range len(text) {
		d := strings.IndexByte(digits, text[i])
		if d < 0 {
			return make([]byte, size), false
		}
		n.Add(n.Mul(n, base), big.NewInt(int64(d)))
	}
	if n.BitLen() > 8*size {
		return make([]byte, size), false
	}
	return n.FillBytes(make([]byte, size)), true
}

func encode(b []byte, width int) string {
	out := make([]byte, width)
	n, base, d := new(big.Int).SetBytes(b), big.NewInt(int64(len(digits))), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, d)
		out[i] = digits[d.Int64()]
	}
	return string(out)
}

func (s Secret) checksum() [4]byte {
	sum := sha256.Sum256(append([]byte(s.kind), s.bytes[:]...))
	return [4]byte(sum[:4])
}

// Kind says what it is for.
func (s Secret) Kind() Kind { return s.kind }

// Text gives the secret itself, to be shown to its holder once.
func (s Secret) Text() string {
	sum := s.checksum()
	return string(s.kind) + encode(s.bytes[:], payload) + encode(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(sum[:])), check)
}

// Key gives the Ed25519 key whose seed it is. A session has none: it panics, because what a session may sign with is kept
// elsewhere.
func (s Secret) Key() ed25519.PrivateKey {
	if s.kind != APIKey && s.kind != Invitation {
		panic("secret: only an API key and an invitation are a key's seed")
	}
	return ed25519.NewKeyFromSeed(s.bytes[:])
}

// DID gives the did:key of [Secret.Key], which is all that a ledger knows of it.
func (s Secret) DID() string { return didkey.Encode(s.Key().Public().(ed25519.PublicKey)) }

// Hash gives the SHA-256 of the secret, by which it can be looked for without keeping it, and without the time of a
// comparison telling how much of it was right.
func (s Secret) Hash() [32]byte { return sha256.Sum256(append([]byte(s.kind), s.bytes[:]...)) }

// Format writes the prefix alone, whatever the verb: a secret in a log is a secret lost.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(s.kind)+"…") }

// LogValue is what log/slog writes: the prefix alone.
func (s Secret) LogValue() slog.Value { return slog.StringValue(string(s.kind) + "…") }

// MarshalText refuses, so that no encoder writes a secret by accident; [Secret.Text] is meant to be asked for.
func (s Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("secret: written by Text only")
}
