package credential

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events/didkey"
)

var (
	ourKey     = ed25519.NewKeyFromSeed([]byte("the key that issues the document"))
	otherKey   = ed25519.NewKeyFromSeed([]byte("a key that has no business here!"))
	ourMethod  = VerificationMethod(ourKey.Public().(ed25519.PublicKey))
	ourCreated = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
)

// role is a credential such as the ledger issues.
func role() []byte {
	return []byte(`{
	"@context": ["https://www.w3.org/ns/credentials/v2", "https://example.com/context/v1"],
	"id": "urn:uuid:6c0c8a7a-afef-40e2-900b-560a60945bfe",
	"type": ["VerifiableCredential", "RoleCredential"],
	"issuer": "` + didkey.Encode(ourKey.Public().(ed25519.PublicKey)) + `",
	"validFrom": "2026-03-04T05:06:07.089Z",
	"credentialSubject": {"type": "Role", "name": "<Officer> & ` + "\u2028é😀" + `", "version": 7, "permissions": ["a", "b"]}
}`)
}

// secured is role with a proof by ourKey.
func secured(t testing.TB) []byte {
	t.Helper()
	proofValue, err := Sign(role(), ourKey, ourMethod, ourCreated)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Secure(role(), ourMethod, ourCreated, proofValue)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// changed returns the secured credential after change, written again.
func changed(t testing.TB, change func(document, proof map[string]any)) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(secured(t), &m); err != nil {
		t.Fatal(err)
	}
	change(m, m["proof"].(map[string]any))
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignedCredentialVerifies(t *testing.T) {
	file := secured(t)
	got, err := Verify(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.VerificationMethod != ourMethod || !got.Created.Equal(ourCreated) || !got.SelfIssued() ||
		got.Issuer != didkey.Encode(ourKey.Public().(ed25519.PublicKey)) {
		t.Errorf("%+v", got)
	}
	if _, err := Verify(changed(t, func(_, _ map[string]any) {})); err != nil {
		t.Errorf("written again in another spelling: %v", err)
	}
	if !bytes.Equal(secured(t), file) {
		t.Error("the same credential gives two files")
	}
}

// Given a secured credential, when any member of it is changed, taken away or added, then it no
// longer verifies.
func TestEachChangeIsFound(t *testing.T) {
	var m map[string]any
	if err := json.Unmarshal(secured(t), &m); err != nil {
		t.Fatal(err)
	}
	for name := range m {
		refused(t, "without "+name, changed(t, func(d, _ map[string]any) { delete(d, name) }))
		refused(t, "null "+name, changed(t, func(d, _ map[string]any) { d[name] = nil }))
		refused(t, "another "+name, changed(t, func(d, _ map[string]any) { d[name] = vary(d[name]) }))
	}
	for name := range m["proof"].(map[string]any) {
		refused(t, "proof without "+name, changed(t, func(_, p map[string]any) { delete(p, name) }))
		refused(t, "proof with null "+name, changed(t, func(_, p map[string]any) { p[name] = nil }))
		refused(t, "proof with another "+name, changed(t, func(_, p map[string]any) { p[name] = vary(p[name]) }))
	}
	for name := range m["credentialSubject"].(map[string]any) {
		refused(t, "subject with another "+name, changed(t, func(d, _ map[string]any) {
			s := d["credentialSubject"].(map[string]any)
			s[name] = vary(s[name])
		}))
	}
	refused(t, "one member more", changed(t, func(d, _ map[string]any) { d["x"] = "y" }))
	refused(t, "one proof member more", changed(t, func(_, p map[string]any) { p["expires"] = "2030-01-01T00:00:00Z" }))
}

func refused(t *testing.T, what string, file []byte) {
	t.Helper()
	if got, err := Verify(file); err == nil {
		t.Errorf("%s: verifies: %+v", what, got)
	}
}

// vary returns another value of the same kind.
func vary(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > 4 { // keep its prefix, so that more than the syntax check is put to the test
			last := byte('2')
			if v[len(v)-1] == last {
				last = '3'
			}
			return v[:len(v)-1] + string(last)
		}
		return v + "x"
	case float64:
		return v + 1
	case []any:
		return append([]any{v[len(v)-1]}, v[:len(v)-1]...)
	case map[string]any:
		out := map[string]any{"added": true}
		for name, value := range v {
			out[name] = value
		}
		return out
	}
	return "other"
}

func TestEveryBitOfTheFileCounts(t *testing.T) {
	file := secured(t)
	for i := range file {
		for _, bit := range []byte{1, 0x10} {
			b := bytes.Clone(file)
			b[i] ^= bit
			if got, err := Verify(b); err == nil {
				t.Fatalf("byte %d changed from %q to %q: verifies: %+v", i, file[i], b[i], got)
			}
		}
		if _, err := Verify(file[:i]); err == nil {
			t.Fatalf("cut after %d bytes: verifies", i)
		}
	}
}

func TestKindsOfRefusal(t *testing.T) {
	other := otherKey.Public().(ed25519.PublicKey)
	smallOrder := ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...))
	set := func(name string, value any) []byte {
		return changed(t, func(_, p map[string]any) { p[name] = value })
	}
	file := secured(t)
	proofValue := string(file[bytes.Index(file, []byte(`"proofValue":"z`))+14:][:89])
	for _, tt := range []struct {
		name    string
		file    []byte
		options []Option
		want    error
	}{
		{"other type", set("type", "Ed25519Signature2020"), nil, ErrProof},
		{"other cryptosuite", set("cryptosuite", "eddsa-rdfc-2022"), nil, ErrProof},
		{"other purpose", set("proofPurpose", "authentication"), nil, ErrProof},
		{"created without a zone", set("created", "2026-03-04T05:06:07"), nil, ErrProof},
		{"created in another spelling", set("created", "2026-03-04t05:06:07z"), nil, ErrProof},
		{"created a second later", set("created", "2026-03-04T05:06:08.089Z"), nil, ErrSignature},
		{"proofValue in base64url", set("proofValue", "u"+proofValue[1:]), nil, ErrProof},
		{"proofValue with a leading 1", set("proofValue", "z1"+proofValue[1:]), nil, ErrProof},
		{"proofValue too short", set("proofValue", proofValue[:80]), nil, ErrProof},
		{"proofValue very long", set("proofValue", "z"+strings.Repeat("2", 1<<16)), nil, ErrProof},
		{"proofValue empty", set("proofValue", ""), nil, ErrProof},
		{"method of another key", set("verificationMethod", VerificationMethod(other)), nil, ErrSignature},
		{"method without fragment", set("verificationMethod", didkey.Encode(other)), nil, ErrProof},
		{"method with another fragment", set("verificationMethod", ourMethod+"x"), nil, ErrProof},
		{"method of a key of small order", set("verificationMethod", VerificationMethod(smallOrder)), nil, ErrKey},
		{"method that is no URL", set("verificationMethod", "key one"), nil, ErrProof},
		{"method elsewhere", set("verificationMethod", "https://example.com/keys#1"), nil, ErrKey},
		{"method elsewhere, with the key", set("verificationMethod", "https://example.com/keys#1"), []Option{WithKey(ourKey.Public().(ed25519.PublicKey))}, ErrSignature},
		{"another key demanded", file, []Option{WithKey(other)}, ErrKey},
		{"short key demanded", set("verificationMethod", "https://example.com/keys#1"), []Option{WithKey(other[:31])}, ErrKey},
		{"small-order key demanded", set("verificationMethod", "https://example.com/keys#1"), []Option{WithKey(smallOrder)}, ErrKey},
		{"two proofs", changed(t, func(d, p map[string]any) { d["proof"] = []any{p, p} }), nil, ErrProof},
		{"one proof in a set", changed(t, func(d, p map[string]any) { d["proof"] = []any{p} }), nil, ErrProof},
		{"chained proof", set("previousProof", "urn:uuid:6c0c8a7a-afef-40e2-900b-560a60945bfe"), nil, ErrProof},
		{"proof twice", bytes.Replace(file, []byte(`"proof":`), []byte(`"proof":{},"proof":`), 1), nil, ErrMalformed},
		{"name twice by escape", bytes.Replace(file, []byte(`"type":["V`), []byte(`"typ\u0065":[],"type":["V`), 1), nil, ErrMalformed},
		{"something after it", append(bytes.Clone(file), '1'), nil, ErrMalformed},
		{"not an object", []byte(`[]`), nil, ErrMalformed},
		{"null", []byte(`null`), nil, ErrMalformed},
		{"empty", nil, nil, ErrMalformed},
		{"invalid UTF-8", bytes.Replace(file, []byte("Officer"), []byte("Offic\xff"), 1), nil, ErrMalformed},
		{"lone surrogate", bytes.Replace(file, []byte("Officer"), []byte(`\ud800`), 1), nil, ErrMalformed},
		{"number with another spelling", bytes.Replace(file, []byte(`"version":7`), []byte(`"version":7.0`), 1), nil, ErrMalformed},
		{"number with an exponent", bytes.Replace(file, []byte(`"version":7`), []byte(`"version":7e0`), 1), nil, ErrMalformed},
		{"number over 2^53-1", bytes.Replace(file, []byte(`"version":7`), []byte(`"version":9007199254740992`), 1), nil, ErrMalformed},
		{"minus nought", bytes.Replace(file, []byte(`"version":7`), []byte(`"version":-0`), 1), nil, ErrMalformed},
		{"too deep", bytes.Replace(file, []byte(`"version":7`), []byte(`"version":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)), 1), nil, ErrMalformed},
	} {
		if got, err := Verify(tt.file, tt.options...); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %+v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestContexts(t *testing.T) {
	const v2, own, more = "https://www.w3.org/ns/credentials/v2", "https://example.com/context/v1", "https://example.com/more"
	for _, tt := range []struct {
		name            string
		document, proof any
		want            error
	}{
		{"as signed", []any{v2, own}, []any{v2, own}, nil},
		{"appended after signing", []any{v2, own, more}, []any{v2, own}, nil},
		{"reordered in the credential", []any{own, v2}, []any{v2, own}, ErrContext},
		{"reordered in both", []any{own, v2}, []any{own, v2}, ErrContext},
		{"one put between", []any{v2, more, own}, []any{v2, own}, ErrContext},
		{"one taken from the credential", []any{v2}, []any{v2, own}, ErrContext},
		{"one taken from both", []any{v2}, []any{v2}, ErrSignature},
		{"one taken from the proof", []any{v2, own}, []any{v2}, ErrSignature},
		{"one added to both", []any{v2, own, more}, []any{v2, own, more}, ErrSignature},
		{"a string", v2, v2, ErrContext},
		{"an object", []any{v2, map[string]any{"name": "https://schema.org/name"}}, []any{v2}, ErrContext},
		{"none", []any{}, []any{}, ErrContext},
		{"null in the proof", []any{v2, own}, nil, ErrContext},
	} {
		file := changed(t, func(d, p map[string]any) { d["@context"], p["@context"] = tt.document, tt.proof })
		if _, err := Verify(file); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v; want %v", tt.name, err, tt.want)
		}
	}
}
