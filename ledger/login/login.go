// Package login turns a password into a key that signs: a random Ed25519 key is made once, and kept wrapped with the
// password. Whoever knows the password unwraps it for a session; the ledger knows the key's did:key as a credential like
// any other, so that what somebody does after signing in has their own signature.
//
// The wrapped key is a text of one line, which a ledger keeps as a private text: an entry holds the commitment to it, and
// erasing the text takes the credential out of everybody's reach. It says how it was made, so that the costs can be
// raised later without making older ones unreadable:
//
//	plw1$argon2id$v=19$m=47104,t=1,p=1$<salt>$<nonce || sealed seed>
//
// Salt (16 bytes) and box (12 + 32 + 16 bytes) are base64url without padding. The seed (32 bytes, RFC 8032) is sealed with
// AES-256-GCM under the 32 bytes that Argon2id (RFC 9106; 46 MiB, 1 pass, 1 lane: the first of the settings that OWASP's
// Password Storage Cheat Sheet names) gives for the password in NFC; everything before the box, and the did:key, is authenticated with it. So a wrapped key that is
// moved to another subject, or whose costs were changed, does not open.
package login

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/permledger/permledger/events/didkey"
)

// Errors, to be told apart with errors.Is. None holds anything of a password or a key.
var (
	// ErrPassword says that a password cannot be taken as a new one, and why.
	ErrPassword = errors.New("the password cannot be used")
	// ErrWrong says that the password is not the one a key was wrapped with, or the wrapped key is another's.
	ErrWrong = errors.New("the password does not open this key")
	// ErrForm says that a text is no wrapped key of a form that this release knows.
	ErrForm = errors.New("not a wrapped key")
)

// Lengths of new passwords. The shortest follows what NIST SP 800-63B asks of a password that is the only factor, and
// leaves its composition to the person; the longest keeps a request small.
const (
	MinCharacters = 15
	MaxBytes      = 1024
)

const header = "plw1$argon2id$v=19$m=47104,t=1,p=1"

const (
	memory  = 46 << 10 // KiB
	passes  = 1
	lanes   = 1
	keySize = 32
)

const (
	saltSize = 16
	boxSize  = 12 + ed25519.SeedSize + 16
)

var b64 = base64.RawURLEncoding.Strict()

// CheckPassword says why a password cannot be a new one. Errors wrap [ErrPassword].
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: it is no text in UTF-8", ErrPassword)
	case len(password) > MaxBytes:
		return fmt.Errorf("%w: it has more than %d bytes", ErrPassword, MaxBytes)
	case utf8.RuneCountInString(norm.NFC.String(password)) < MinCharacters:
		return fmt.Errorf("%w: it has fewer than %d characters; a few words are easy to remember", ErrPassword, MinCharacters)
	case strings.ContainsFunc(password, unicode.IsControl):
		return fmt.Errorf("%w: it has a control character", ErrPassword)
	}
	return nil
}

// Wrap wraps a key with a new password, see [CheckPassword]. Twice the same gives two texts.
func Wrap(key ed25519.PrivateKey, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	random := make([]byte, saltSize+12)
	rand.Read(random) // never fails: crypto/rand ends the process instead
	salt, nonce := random[:saltSize], random[saltSize:]
	text := header + "$" + b64.EncodeToString(salt)
	aead, err := sealer(password, salt)
	if err != nil {
		return "", err
	}
	return text + "$" + b64.EncodeToString(aead.Seal(nonce, nonce, key.Seed(), authenticated(text, didOf(key)))), nil
}

// Unwrap gives the key of a did:key that was wrapped with a password. Errors are [ErrWrong], or wrap [ErrForm].
func Unwrap(wrapped, did, password string) (ed25519.PrivateKey, error) {
	text, salt, box, err := parse(wrapped)
	if err != nil {
		return nil, err
	}
	if len(password) > MaxBytes {
		return nil, ErrWrong
	}
	aead, err := sealer(password, salt)
	if err != nil {
		return nil, err
	}
	seed, err := aead.Open(nil, box[:12], box[12:], authenticated(text, did))
	if err != nil {
		return nil, ErrWrong
	}
	key := ed25519.NewKeyFromSeed(seed)
	if didOf(key) != did {
		return nil, ErrWrong
	}
	return key, nil
}

// Check says whether a text is a wrapped key. Errors wrap [ErrForm].
func Check(wrapped string) error {
	_, _, _, err := parse(wrapped)
	return err
}

// Spend takes as long as [Unwrap] with a wrong password: who signs in as nobody is answered no sooner than who mistypes.
func Spend(password string) {
	if len(password) <= MaxBytes {
		_, _ = sealer(password, make([]byte, saltSize))
	}
}

func parse(wrapped string) (text string, salt, box []byte, err error) {
	rest, ok := strings.CutPrefix(wrapped, header+"$")
	if !ok {
		return "", nil, nil, fmt.Errorf("%w: it does not begin with %s", ErrForm, header)
	}
	first, second, _ := strings.Cut(rest, "$")
	salt, err1 := b64.DecodeString(first)
	box, err2 := b64.DecodeString(second)
	if err1 != nil || err2 != nil || len(salt) != saltSize || len(box) != boxSize || strings.ContainsAny(rest, "\r\n") {
		return "", nil, nil, fmt.Errorf("%w: salt and box are not as long as they are to be, or not in base64url", ErrForm)
	}
	return wrapped[:len(header)+1+len(first)], salt, box, nil
}

func authenticated(text, did string) []byte { return []byte(text + "\n" + did) }

func sealer(password string, salt []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, passes, memory, lanes, keySize))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func didOf(key ed25519.PrivateKey) string { return didkey.Encode(key.Public().(ed25519.PublicKey)) }
