package credential

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mr-tron/base58"

	"github.com/permledger/permledger/events/didkey"
)

const (
	proofType    = "DataIntegrityProof"
	cryptosuite  = "eddsa-jcs-2022"
	proofPurpose = "assertionMethod"
)

// VerificationMethod returns the name by which a proof refers to key without any registry:
// did:key:MB#MB, where MB is the key in multibase.
func VerificationMethod(key ed25519.PublicKey) string {
	did := didkey.Encode(key)
	return did + "#" + strings.TrimPrefix(did, didMethod)
}

// MethodOf returns the name by which a proof refers to key in the DID document of did: did#MB. Of a did:key that is
// key's own it is [VerificationMethod].
func MethodOf(did string, key ed25519.PublicKey) string {
	return did + "#" + strings.TrimPrefix(didkey.Encode(key), didMethod)
}

const didMethod = "did:key:"

// methodKey returns the key that a verification method names by itself, or nil where it is not a
// did:key and the key must be known otherwise.
func methodKey(method string) (ed25519.PublicKey, error) {
	if !strings.HasPrefix(method, didMethod) {
		u, err := url.Parse(method)
		if err != nil || !u.IsAbs() || !utf8.ValidString(method) {
			return nil, fmt.Errorf("%w: verificationMethod %q is not a URL", ErrProof, method)
		}
		return nil, nil
	}
	did, fragment, _ := strings.Cut(method, "#")
	if fragment != strings.TrimPrefix(did, didMethod) {
		return nil, fmt.Errorf("%w: the fragment of %q does not repeat the key", ErrProof, method)
	}
	key, err := didkey.Parse(did)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return key, nil
}

// formatCreated writes a time as proofs carry it: UTC, with milliseconds where there are any.
func formatCreated(t time.Time) (string, error) {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 || t.Nanosecond()%int(time.Millisecond) != 0 {
		return "", fmt.Errorf("%w: time %v is not one of whole milliseconds in the years 1 to 9999", ErrProof, t)
	}
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z"), nil
	}
	return t.Format("2006-01-02T15:04:05.000Z"), nil
}

// config is a proof without its proofValue, as [Sign] and [Secure] write it.
func config(c credential, method string, created time.Time) (members, error) {
	at, err := formatCreated(created)
	if err != nil {
		return nil, err
	}
	m := members{"@context": c.document["@context"]}
	for name, value := range map[string]string{
		"type":               proofType,
		"cryptosuite":        cryptosuite,
		"created":            at,
		"verificationMethod": method,
		"proofPurpose":       proofPurpose,
	} {
		if m[name], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProof, err)
		}
	}
	return m, nil
}

// hashData returns the 64 bytes that are signed: the proof comes first.
func hashData(config, document members) ([]byte, error) {
	canonicalConfig, err := config.canonical()
	if err != nil {
		return nil, err
	}
	canonicalDocument, err := document.canonical()
	if err != nil {
		return nil, err
	}
	proofHash, documentHash := sha256.Sum256(canonicalConfig), sha256.Sum256(canonicalDocument)
	return slices.Concat(proofHash[:], documentHash[:]), nil
}

// maxProofValue is the length of the longest proofValue: z and 64 bytes in base58.
const maxProofValue = 1 + 88

func decodeProofValue(value string) ([]byte, error) {
	if len(value) > maxProofValue || !strings.HasPrefix(value, "z") {
		return nil, fmt.Errorf("%w: proofValue is not base58btc with z before it", ErrProof)
	}
	sig, err := base58.Decode(value[1:])
	if err != nil || len(sig) != ed25519.SignatureSize || encodeProofValue(sig) != value {
		return nil, fmt.Errorf("%w: proofValue is not one spelling of 64 bytes", ErrProof)
	}
	return sig, nil
}

func encodeProofValue(sig []byte) string { return "z" + base58.Encode(sig) }
