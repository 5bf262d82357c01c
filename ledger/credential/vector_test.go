package credential

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/mr-tron/base58"
)

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vc-di-eddsa", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// w3cKey is the key pair of the W3C vectors.
func w3cKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	var pair struct{ PublicKeyMultibase, PrivateKeyMultibase string }
	if err := json.Unmarshal(vector(t, "keyPair.json"), &pair); err != nil {
		t.Fatal(err)
	}
	b, err := base58.Decode(strings.TrimPrefix(pair.PrivateKeyMultibase, "z"))
	if err != nil || len(b) != 34 || b[0] != 0x80 || b[1] != 0x26 {
		t.Fatalf("secret multikey: %x, %v", b, err)
	}
	key := ed25519.NewKeyFromSeed(b[2:])
	if m := VerificationMethod(key.Public().(ed25519.PublicKey)); !strings.HasSuffix(m, "#"+pair.PublicKeyMultibase) {
		t.Fatalf("the key pair does not fit: %s", m)
	}
	return key
}

var w3cCreated = time.Date(2023, 2, 24, 23, 36, 38, 0, time.UTC)

// unsigned takes the proof off a secured credential and keeps it pretty-printed, as people write.
func unsigned(t testing.TB, file []byte) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(file, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "proof")
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestW3CVectorIsReproducedByteForByte(t *testing.T) {
	key := w3cKey(t)
	method := VerificationMethod(key.Public().(ed25519.PublicKey))
	signed := vector(t, "signedJCS.json")
	credential := unsigned(t, signed)

	c, err := parseUnsigned(credential)
	if err != nil {
		t.Fatal(err)
	}
	document, err := c.document.canonical()
	if err != nil || !bytes.Equal(document, vector(t, "canonDocJCS.txt")) {
		t.Errorf("canonical credential: %v\n%s", err, document)
	}
	proof, err := config(c, method, w3cCreated)
	if err != nil {
		t.Fatal(err)
	}
	options, err := proof.canonical()
	if err != nil || !bytes.Equal(options, vector(t, "proofCanonJCS.txt")) {
		t.Errorf("canonical proof options: %v\n%s", err, options)
	}
	data, err := hashData(proof, c.document)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(data), string(vector(t, "combinedHashJCS.txt")); got != want {
		t.Errorf("hash data\n%s; want\n%s", got, want)
	}
	if got, want := hex.EncodeToString(data), string(vector(t, "proofHashJCS.txt"))+string(vector(t, "docHashJCS.txt")); got != want {
		t.Errorf("hash data\n%s; want the proof's hash, then the document's\n%s", got, want)
	}
	if got, want := hex.EncodeToString(ed25519.Sign(key, data)), string(vector(t, "sigHexJCS.txt")); got != want {
		t.Errorf("signature %s; want %s", got, want)
	}

	proofValue, err := Sign(credential, key, method, w3cCreated)
	if err != nil {
		t.Fatal(err)
	}
	if want := string(vector(t, "sigBTC58JCS.txt")); proofValue != want {
		t.Errorf("proofValue %s; want %s", proofValue, want)
	}
	file, err := Secure(credential, method, w3cCreated, proofValue)
	if err != nil {
		t.Fatal(err)
	}
	want, err := jcs.Transform(signed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, want) {
		t.Errorf("file\n%s; want\n%s", file, want)
	}
}

func TestW3CVectorsVerify(t *testing.T) {
	key := w3cKey(t).Public().(ed25519.PublicKey)
	const https = "https://vc.example/issuers/5678"
	fragment := strings.TrimPrefix(VerificationMethod(key), "did:key:")
	_, fragment, _ = strings.Cut(fragment, "#")
	for _, tt := range []struct {
		file, method string
		options      []Option
	}{
		{"signedJCS.json", VerificationMethod(key), nil},
		{"signedJCS.json", VerificationMethod(key), []Option{WithKey(key)}},
		{"signedHTTPSMethodJCS.json", https + "#" + fragment, []Option{WithKey(key)}},
		{"signedNoProofContextJCS.json", https + "#" + fragment, []Option{WithKey(key)}},
	} {
		got, err := Verify(vector(t, tt.file), tt.options...)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if got.Issuer != https || got.VerificationMethod != tt.method || !got.Created.Equal(w3cCreated) || !got.Key.Equal(key) {
			t.Errorf("%s: %+v", tt.file, got)
		}
		if got.SelfIssued() != (tt.method != VerificationMethod(key)) {
			t.Errorf("%s: SelfIssued() = %v", tt.file, got.SelfIssued())
		}
	}
	if _, err := Verify(vector(t, "signedHTTPSMethodJCS.json")); !errors.Is(err, ErrKey) {
		t.Errorf("a method that is no did:key, and no key given: %v; want ErrKey", err)
	}
}
