package credential

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

// Given any credential in canonical form, when it is issued, then proofValue and file are those of Sign and Secure, and
// Restore gives the same file again.
func TestIssueIsSignAndSecure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		public := key.Public().(ed25519.PublicKey)
		at := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "created"))
		claims := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "claims") {
			claims[rapid.StringMatching(`[a-z]{1,8}`).Draw(t, "name")] = []any{rapid.String().Draw(t, "text"), map[string]any{`}`: `","proof":{"`, "n": 1}}
		}
		m := map[string]any{
			"@context": []string{contextV2, "https://example.org/" + rapid.StringMatching(`[a-z]{0,5}`).Draw(t, "context")},
			"type":     []string{"VerifiableCredential"}, "issuer": "did:example:1", "credentialSubject": claims,
		}
		for _, extra := range rapid.SliceOf(rapid.SampledFrom([]string{"id", "proofs", "pro", "validFrom", "name"})).Draw(t, "extra") {
			m[extra] = rapid.String().Draw(t, extra)
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		unsigned, err := jcs.Transform(text)
		if err != nil {
			t.Skip("no canonical form") // a lone surrogate
		}
		wantProof, err := Sign(unsigned, key, VerificationMethod(public), at)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Secure(unsigned, VerificationMethod(public), at, wantProof)
		if err != nil {
			t.Fatal(err)
		}
		proof, file, err := Issue(unsigned, key, VerificationMethod(public), at)
		if err != nil || proof != wantProof || !bytes.Equal(file, want) {
			t.Fatalf("issued %s, %v\n%s\nwant %s\n%s", proof, err, file, wantProof, want)
		}
		again, err := Restore(unsigned, public, VerificationMethod(public), at, proof)
		if err != nil || !bytes.Equal(again, want) {
			t.Fatalf("restored %v\n%s\nwant\n%s", err, again, want)
		}
		if _, err := Restore(unsigned, public, VerificationMethod(public), at.Add(time.Millisecond), proof); !errors.Is(err, ErrSignature) {
			t.Fatalf("restored with another time: %v", err)
		}
	})
}

// Given what is no credential, or has a proof already, when it is issued, then it is refused.
func TestIssueRefuses(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	method := VerificationMethod(key.Public().(ed25519.PublicKey))
	for text, want := range map[string]error{
		``:                               ErrMalformed,
		`[]`:                             ErrMalformed,
		`{}`:                             ErrContext,
		`{"type":["a"]}`:                 ErrContext,
		`{"@context":["a"]}`:             ErrMalformed,
		`{"@context":["a","type":1}`:     ErrMalformed,
		`{"@context":["a"],"type}`:       ErrMalformed,
		`{"@context":"a}`:                ErrMalformed,
		`{"@context":["a"], "type":"b"}`: ErrMalformed,
		`{"@context":["a"],"proof":{},"type":["b"]}`: ErrProof,
	} {
		if _, file, err := Issue([]byte(text), key, method, time.Unix(0, 0)); !errors.Is(err, want) || file != nil {
			t.Errorf("%s: got %s, %v; want %v", text, file, err, want)
		}
	}
	ok := []byte(`{"@context":["a"],"type":["b"]}`)
	if _, _, err := Issue(ok, key[:31], method, time.Unix(0, 0)); !errors.Is(err, ErrKey) {
		t.Errorf("with half a key: %v", err)
	}
	if _, _, err := Issue(ok, key, method, time.Unix(0, 1)); !errors.Is(err, ErrProof) {
		t.Errorf("at a nanosecond: %v", err)
	}
}
