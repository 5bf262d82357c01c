package credential

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSignRefuses(t *testing.T) {
	with := func(old, new string) []byte {
		b := bytes.Replace(role(), []byte(old), []byte(new), 1)
		if bytes.Equal(b, role()) {
			t.Fatalf("%q does not stand in the credential", old)
		}
		return b
	}
	for _, tt := range []struct {
		name     string
		unsigned []byte
		method   string
		created  time.Time
		want     error
	}{
		{"a credential that has a proof", secured(t), ourMethod, ourCreated, ErrProof},
		{"a null proof", with(`"id"`, `"proof": null, "id"`), ourMethod, ourCreated, ErrProof},
		{"the method of another key", role(), VerificationMethod(otherKey.Public().(ed25519.PublicKey)), ourCreated, ErrKey},
		{"no method", role(), "", ourCreated, ErrProof},
		{"a method that is not UTF-8", role(), "did:web:\xff", ourCreated, ErrProof},
		{"a time finer than milliseconds", role(), ourMethod, ourCreated.Add(time.Microsecond), ErrProof},
		{"a time after the year 9999", role(), ourMethod, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), ErrProof},
		{"VC 1.1", with("https://www.w3.org/ns/credentials/v2", "https://www.w3.org/2018/credentials/v1"), ourMethod, ourCreated, ErrContext},
		{"an object among the contexts", with(`"https://example.com/context/v1"`, `{"a": "b"}`), ourMethod, ourCreated, ErrContext},
		{"another type", with(`"VerifiableCredential"`, `"VerifiablePresentation"`), ourMethod, ourCreated, ErrMalformed},
		{"no issuer", with(`"issuer"`, `"publisher"`), ourMethod, ourCreated, ErrMalformed},
		{"no subject", with(`"credentialSubject"`, `"subject"`), ourMethod, ourCreated, ErrMalformed},
		{"a fraction", with(`"version": 7`, `"version": 0.5`), ourMethod, ourCreated, ErrMalformed},
		{"a name twice", with(`"version": 7`, `"version": 7, "version": 8`), ourMethod, ourCreated, ErrMalformed},
	} {
		if got, err := Sign(tt.unsigned, ourKey, tt.method, tt.created); !errors.Is(err, tt.want) || got != "" {
			t.Errorf("%s: got %q, %v; want %v", tt.name, got, err, tt.want)
		}
	}
	if _, err := Sign(role(), ourKey[:32], ourMethod, ourCreated); !errors.Is(err, ErrKey) {
		t.Errorf("a short private key: %v", err)
	}
	if _, err := Secure(role(), ourMethod, ourCreated, "zzz"); !errors.Is(err, ErrProof) {
		t.Errorf("Secure with a proofValue that is none: %v", err)
	}
}

func TestIssuerMayBeAnObjectAndIntegersMayBeLarge(t *testing.T) {
	b := bytes.Replace(role(), []byte(`"issuer": "`), []byte(`"issuer": {"name": "ACME", "id": "`), 1)
	b = bytes.Replace(b, []byte("\",\n\t\"validFrom"), []byte("\"},\n\t\"validFrom"), 1)
	b = bytes.Replace(b, []byte(`"version": 7`), []byte(`"version": -9007199254740991`), 1)
	proofValue, err := Sign(b, ourKey, ourMethod, ourCreated)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Secure(b, ourMethod, ourCreated, proofValue)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(file)
	if err != nil || !got.SelfIssued() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCreatedHasMillisecondsOnlyWhereThereAreAny(t *testing.T) {
	for want, at := range map[string]time.Time{
		"2026-03-04T05:06:07Z":     ourCreated.Truncate(time.Second),
		"2026-03-04T05:06:07.089Z": ourCreated.In(time.FixedZone("", 3600)),
		"2026-03-04T05:06:07.100Z": ourCreated.Truncate(time.Second).Add(100 * time.Millisecond),
	} {
		proofValue, err := Sign(role(), ourKey, ourMethod, at)
		if err != nil {
			t.Fatal(err)
		}
		file, err := Secure(role(), ourMethod, at, proofValue)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(file), `"created":"`+want+`"`) {
			t.Errorf("%v is not written as %s:\n%s", at, want, file)
		}
		if got, err := Verify(file); err != nil || !got.Created.Equal(at) {
			t.Errorf("%v is read back as %v, %v", at, got.Created, err)
		}
	}
}

// What Secure writes is canonical, and what Verify accepts can be secured again to the same
// canonical file.
func FuzzVerify(f *testing.F) {
	f.Add(secured(f))
	f.Add(vector(f, "signedJCS.json"))
	f.Add(role())
	f.Fuzz(func(t *testing.T, file []byte) {
		v, err := Verify(file)
		if err != nil {
			return
		}
		m, err := parse(file)
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := m.canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Verify(canonical)
		if err != nil || again.Issuer != v.Issuer || !again.Created.Equal(v.Created) {
			t.Fatalf("the canonical form: %+v, %v; want %+v", again, err, v)
		}
	})
}

func FuzzSecure(f *testing.F) {
	f.Add(role())
	f.Add([]byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"type":"VerifiableCredential","issuer":"a:b","credentialSubject":[{}],"n":[1,-1,true,null,"\u2028\u003c"]}`))
	f.Fuzz(func(t *testing.T, unsigned []byte) {
		proofValue, err := Sign(unsigned, ourKey, ourMethod, ourCreated)
		if err != nil {
			return
		}
		file, err := Secure(unsigned, ourMethod, ourCreated, proofValue)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(file); err != nil {
			t.Fatalf("our own file: %v\n%s", err, file)
		}
		m, err := parse(file)
		if err != nil {
			t.Fatal(err)
		}
		if canonical, err := m.canonical(); err != nil || !bytes.Equal(canonical, file) {
			t.Fatalf("the file is not canonical: %v\n%s", err, file)
		}
	})
}

func BenchmarkSecure(b *testing.B) {
	proofValue, err := Sign(role(), ourKey, ourMethod, ourCreated)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Secure(role(), ourMethod, ourCreated, proofValue); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	file := secured(b)
	for b.Loop() {
		if _, err := Verify(file); err != nil {
			b.Fatal(err)
		}
	}
}
