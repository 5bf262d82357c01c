package login_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/login"
)

const password = "correct horse battery staple"

func keyOf(seed string) (ed25519.PrivateKey, string) {
	b, err := hex.DecodeString(seed)
	if err != nil {
		panic(err)
	}
	key := ed25519.NewKeyFromSeed(b)
	return key, didkey.Encode(key.Public().(ed25519.PublicKey))
}

const seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60" // of RFC 8032, 7.1, test 1

// golden was written by this package and stays readable for ever.
const golden = "plw1$argon2id$v=19$m=47104,t=1,p=1$khXVkncPsp9WsUJwZ2Q1XA$qK5HcpHETiLClojfq54K6y04uADMctHuCNNxyWkel8IS9PjcfaLaBzKQecX-UjalIEGSYb4QifQK-PHi"

func TestGolden(t *testing.T) {
	key, did := keyOf(seed)
	got, err := login.Unwrap(golden, did, password)
	if err != nil || !got.Equal(key) {
		t.Fatalf("the golden text does not open: %v", err)
	}
}

// Given a wrapped key, when it is opened with its password in any spelling of the same characters, then it is that key;
// with another password, another did:key or one changed character, it is not.
func TestWrap(t *testing.T) {
	key, did := keyOf(seed)
	const composed, decomposed = "caf\u00e9 cr\u00e8me br\u00fbl\u00e9e", "cafe\u0301 cre\u0300me bru\u0302le\u0301e"
	wrapped, err := login.Wrap(key, composed)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := login.Wrap(key, composed); again == wrapped {
		t.Error("the same key and password give the same text")
	}
	if got, err := login.Unwrap(wrapped, did, decomposed); err != nil || !got.Equal(key) {
		t.Errorf("with the same password in NFD: %v", err)
	}
	if strings.Contains(wrapped, base64.RawURLEncoding.EncodeToString(key.Seed())[:10]) {
		t.Error("the seed stands in the text")
	}
	_, other := keyOf(strings.Repeat("11", 32))
	for what, try := range map[string]func() (ed25519.PrivateKey, error){
		"another password": func() (ed25519.PrivateKey, error) { return login.Unwrap(wrapped, did, composed+" ") },
		"no password":      func() (ed25519.PrivateKey, error) { return login.Unwrap(wrapped, did, "") },
		"a long password":  func() (ed25519.PrivateKey, error) { return login.Unwrap(wrapped, did, strings.Repeat("x", 1<<20)) },
		"another did:key":  func() (ed25519.PrivateKey, error) { return login.Unwrap(wrapped, other, composed) },
		"another salt":     func() (ed25519.PrivateKey, error) { return login.Unwrap(flip(wrapped, len(wrapped)-90), did, composed) },
		"another box":      func() (ed25519.PrivateKey, error) { return login.Unwrap(flip(wrapped, len(wrapped)-20), did, composed) },
	} {
		if got, err := try(); !errors.Is(err, login.ErrWrong) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func flip(text string, at int) string {
	b := []byte(text)
	if b[at]++; b[at] == '_'+1 || b[at] == 'z'+1 || b[at] == 'Z'+1 || b[at] == '9'+1 || b[at] == '.' {
		b[at] = 'A'
	}
	return string(b)
}

func TestPasswords(t *testing.T) {
	key, _ := keyOf(seed)
	for _, bad := range []string{"", "short", strings.Repeat("é", login.MinCharacters-1), strings.Repeat("e\u0301", login.MinCharacters-1),
		strings.Repeat("x", login.MaxBytes+1), "a line feed at the\nmiddle", "no UTF-8 at its end \xff"} {
		wrapped, err := login.Wrap(key, bad)
		if !errors.Is(err, login.ErrPassword) || wrapped != "" {
			t.Errorf("%.20q: %v", bad, err)
		}
		if bad != "" && err != nil && strings.Contains(err.Error(), bad) {
			t.Errorf("the error holds the password: %v", err)
		}
	}
	if err := login.CheckPassword(strings.Repeat("é", login.MinCharacters)); err != nil {
		t.Error(err)
	}
}

// Given any text, when it is read as a wrapped key, then it is in the one form, or refused before any work is done for it.
func FuzzCheck(f *testing.F) {
	f.Add(golden)
	f.Add(strings.Replace(golden, "m=47104", "m=4294967295", 1))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		err := login.Check(text)
		if err == nil && (len(text) != len(golden) || !strings.HasPrefix(text, "plw1$argon2id$v=19$m=47104,t=1,p=1$")) {
			t.Fatalf("%q counts as a wrapped key", text)
		}
		if err != nil && !errors.Is(err, login.ErrForm) {
			t.Fatal(err)
		}
	})
}
