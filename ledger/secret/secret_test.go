package secret_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/secret"
)

// golden are secrets with the did:key of their key. They are the form: a change of them makes every key in use unreadable.
// The seeds are those of RFC 8032, 7.1, tests 1 and 2.
var golden = []struct {
	kind            secret.Kind
	seed, text, did string
}{
	{secret.APIKey, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"plk_bJqBlTW9bh6vX23K3sQzLe7gC8Fdbtdh5h3dBuEYyDw26tcaE", "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"},
	{secret.Invitation, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"pli_ID8ObFo9U7IzlNIWwjXryZRZKYSMgS0UtTZkryvvkmR2eT1bL", "did:key:z6MkiaMbhXHNA4eJVCCj8dbzKzTgYDKf6crKgHVHid1F1WCT"},
	{secret.Session, "0000000000000000000000000000000000000000000000000000000000000000",
		"pls_00000000000000000000000000000000000000000001BitNl", ""},
	{secret.APIKey, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"plk_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp10uL9QW", "did:key:z6MknSLrJoTcukLrE435hVNQT4JUhbvWLX4kUzqkEStBU8Vi"},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		s, err := secret.Parse(g.kind, g.text)
		if err != nil {
			t.Errorf("%s: %v", g.seed, err)
			continue
		}
		if s.Text() != g.text || s.Kind() != g.kind || len(g.text) != secret.Length {
			t.Errorf("%s reads as %s of %s", g.text, s.Text(), s.Kind())
		}
		if g.kind == secret.Session {
			continue
		}
		if seed := hex.EncodeToString(s.Key().Seed()); seed != g.seed || s.DID() != g.did {
			t.Errorf("%s has seed %s and %s; want %s and %s", g.text, seed, s.DID(), g.seed, g.did)
		}
	}
}

// Given a secret, when any one character of it is another, is cut off or is added, then it is refused, and the error says
// nothing of it.
func TestOneWrongCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]secret.Kind{secret.APIKey, secret.Invitation, secret.Session}).Draw(t, "kind")
		text := secret.New(kind).Text()
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		var bad string
		switch rapid.IntRange(0, 3).Draw(t, "change") {
		case 0:
			with := rapid.Byte().Filter(func(b byte) bool { return b != text[at] }).Draw(t, "with")
			bad = text[:at] + string([]byte{with}) + text[at+1:]
		case 1:
			bad = text[:at] + text[at+1:]
		case 2:
			bad = text[:at] + "0" + text[at:]
		case 3:
			bad = text[:at] + strings.ToUpper(text[at:])
			if bad == text { // no small letters there; before it there are some
				bad = strings.ToUpper(text)
			}
		}
		_, err := secret.Parse(kind, bad)
		if !errors.Is(err, secret.ErrForm) {
			t.Fatalf("%q gives %v", bad, err)
		}
		if strings.Contains(err.Error(), text[4:12]) || strings.Contains(err.Error(), text[44:]) {
			t.Fatalf("the error holds some of the secret: %v", err)
		}
	})
}

// Given a secret of one kind, when it is read as another, then it is refused, even with the other's prefix.
func TestAnotherKind(t *testing.T) {
	text := secret.New(secret.APIKey).Text()
	for _, bad := range []string{text, "pli_" + text[4:], "PLK_" + text[4:], "", "pli_", strings.Repeat("z", secret.Length), "pli_" + strings.Repeat("z", secret.Length-4)} {
		if _, err := secret.Parse(secret.Invitation, bad); !errors.Is(err, secret.ErrForm) {
			t.Errorf("%q gives %v", bad, err)
		}
	}
	if _, err := secret.Parse("plx_", text); !errors.Is(err, secret.ErrForm) {
		t.Errorf("a kind that is none gives %v", err)
	}
	if kind, ok := secret.KindOf(text); kind != secret.APIKey || !ok {
		t.Errorf("it is taken for %q", kind)
	}
	if kind, ok := secret.KindOf("PLK_" + text[4:]); ok {
		t.Errorf("a prefix in capitals is taken for %q", kind)
	}
}

// Given a secret, when it is formatted, logged or encoded, then only its prefix is seen.
func TestNothingShowsIt(t *testing.T) {
	s := secret.New(secret.APIKey)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s)
	b, err := json.Marshal(s)
	if err == nil {
		t.Errorf("json.Marshal gives %s", b)
	}
	for _, shown := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v", struct{ S secret.Secret }{s}), log.String(), string(b),
	} {
		if strings.Contains(shown, s.Text()[4:20]) || strings.Contains(shown, hex.EncodeToString(s.Key().Seed())[:8]) {
			t.Errorf("it shows itself: %s", shown)
		}
	}
	if got := fmt.Sprintf("%d|%v", s, s); got != "plk_…|plk_…" {
		t.Errorf("it is formatted as %s", got)
	}
}

// Given a key that was made elsewhere, when it is written as an API key, then that reads as the same key.
func TestOf(t *testing.T) {
	key := secret.New(secret.Invitation).Key()
	s, err := secret.Parse(secret.APIKey, secret.Of(secret.APIKey, key).Text())
	if err != nil || !s.Key().Equal(key) {
		t.Errorf("it reads as another key: %v", err)
	}
}

func TestSessionsSignNothing(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a session has a key")
		}
	}()
	secret.New(secret.Session).Key()
}

func TestHashTellsSecretsApart(t *testing.T) {
	a, err := secret.Parse(golden[0].kind, golden[0].text)
	if err != nil {
		t.Fatal(err)
	}
	if b := secret.New(secret.APIKey); a.Hash() == b.Hash() {
		t.Error("two secrets have one hash")
	}
}

// Given any text, when it is read, then it is refused with ErrForm, or it is the one spelling of what was read.
func FuzzParse(f *testing.F) {
	for _, g := range golden {
		f.Add(string(g.kind), g.text)
	}
	f.Add("plk_", "plk_"+strings.Repeat("0", 49))
	f.Fuzz(func(t *testing.T, kind, text string) {
		s, err := secret.Parse(secret.Kind(kind), text)
		if err != nil {
			if !errors.Is(err, secret.ErrForm) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if s.Text() != text {
			t.Fatalf("%q is another spelling of %q", text, s.Text())
		}
	})
}
