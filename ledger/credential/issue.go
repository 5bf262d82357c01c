package credential

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/permledger/permledger/events/didkey"
)

// Issue signs a credential that is in canonical JSON (RFC 8785) already and returns the proofValue and the file: what
// [Sign] and [Secure] give, without reading the credential. method is how the proof names key: [VerificationMethod], or
// [MethodOf] another DID. created is in whole milliseconds.
//
// That unsigned is a credential in canonical form is the caller's promise: where it is not, the file does not verify.
// Errors wrap [ErrMalformed] where there is no place for the proof, [ErrProof] or [ErrKey], or are the signer's.
func Issue(unsigned []byte, key crypto.Signer, method string, created time.Time) (proofValue string, file []byte, err error) {
	public, err := publicOf(key)
	if err != nil {
		return "", nil, err
	}
	s, err := split(unsigned, public, method, created)
	if err != nil {
		return "", nil, err
	}
	sig, err := didkey.Sign(key, s.signed())
	if err != nil {
		return "", nil, fmt.Errorf("sign a credential: %w", err)
	}
	proofValue = encodeProofValue(sig[:])
	return proofValue, s.file(proofValue), nil
}

func publicOf(key crypto.Signer) (ed25519.PublicKey, error) {
	public, err := didkey.PublicOf(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return public, nil
}

// Restore gives the file that [Issue] gave for a credential and its proofValue, after checking that the proofValue is
// key's signature. Errors are those of Issue, or wrap [ErrSignature].
func Restore(unsigned []byte, key ed25519.PublicKey, method string, created time.Time, proofValue string) ([]byte, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: key of %d bytes", ErrKey, len(key))
	}
	if _, err := didkey.Parse(didkey.Encode(key)); err != nil { // with a key of small order anybody can sign
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	sig, err := decodeProofValue(proofValue)
	if err != nil {
		return nil, err
	}
	s, err := split(unsigned, key, method, created)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, s.signed(), sig) {
		return nil, fmt.Errorf("%w: by %s", ErrSignature, s.method)
	}
	return s.file(proofValue), nil
}

// pieces is a canonical credential on its way to its file.
type pieces struct {
	unsigned []byte
	at       int    // where the proof stands among its members
	contexts []byte // the value of @context
	created  string
	method   string
}

func split(unsigned []byte, key ed25519.PublicKey, method string, created time.Time) (pieces, error) {
	s := pieces{unsigned: unsigned, method: method}
	named, err := methodKey(method)
	switch {
	case err != nil:
		return pieces{}, err
	case named != nil && !named.Equal(key):
		return pieces{}, fmt.Errorf("%w: %s is not the method of the signing key", ErrKey, method)
	case !plain(method):
		return pieces{}, fmt.Errorf("%w: verificationMethod %q has something to escape", ErrProof, method)
	}
	if s.created, err = formatCreated(created); err != nil {
		return pieces{}, err
	}
	if len(unsigned) < 2 || unsigned[0] != '{' || unsigned[len(unsigned)-1] != '}' {
		return pieces{}, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	s.at = len(unsigned) - 1
	for i := 1; i < len(unsigned)-1; {
		name, value, end := member(unsigned, i)
		switch {
		case value < 0:
			return pieces{}, fmt.Errorf("%w: not a JSON object in canonical form", ErrMalformed)
		case string(name) == "proof":
			return pieces{}, fmt.Errorf("%w: the credential has one already", ErrProof)
		case string(name) == "@context":
			s.contexts = unsigned[value:end]
		case string(name) > "proof":
			s.at = min(s.at, i)
		}
		i = end + 1 // the comma
	}
	if s.contexts == nil {
		return pieces{}, fmt.Errorf("%w: there are none", ErrContext)
	}
	if s.at == len(unsigned)-1 { // canonical credentials have a type, which stands behind the proof
		return pieces{}, fmt.Errorf("%w: type does not hold VerifiableCredential", ErrMalformed)
	}
	return s, nil
}

// plain says whether a JSON string holds a text as it is.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// member finds the member of an object that begins at i: its name, and where its value begins and ends. value is
// negative where there is none.
func member(text []byte, i int) (name []byte, value, end int) {
	if text[i] != '"' {
		return nil, -1, 0
	}
	quote := bytes.IndexByte(text[i+1:], '"') // the names of credentials have no escapes
	value = i + 1 + quote + 2
	if quote < 0 || value >= len(text) || text[value-1] != ':' {
		return nil, -1, 0
	}
	depth := 0
	for end = value; end < len(text); end++ {
		switch text[end] {
		case '"':
			for end++; end < len(text) && text[end] != '"'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
		case '{', '[':
			depth++
		case ',':
			if depth == 0 {
				return text[i+1 : i+1+quote], value, end
			}
		case '}', ']':
			if depth == 0 {
				return text[i+1 : i+1+quote], value, end
			}
			depth--
		}
	}
	return nil, -1, 0
}

// signed gives the 64 bytes that are signed: the proof comes first.
func (s *pieces) signed() []byte {
	proof := sha256.Sum256(s.appendProof(make([]byte, 0, len(s.contexts)+384), ""))
	document := sha256.Sum256(s.unsigned)
	return append(proof[:], document[:]...)
}

func (s *pieces) file(proofValue string) []byte {
	b := make([]byte, 0, len(s.unsigned)+len(s.contexts)+512)
	b = append(b, s.unsigned[:s.at]...)
	b = append(b, `"proof":`...)
	b = append(s.appendProof(b, proofValue), ',')
	return append(b, s.unsigned[s.at:]...)
}

// appendProof writes the proof in canonical form, without its proofValue where that is "". None of its values has
// anything to escape.
func (s *pieces) appendProof(b []byte, proofValue string) []byte {
	b = append(append(b, `{"@context":`...), s.contexts...)
	b = append(append(b, `,"created":"`...), s.created...)
	b = append(b, `","cryptosuite":"`+cryptosuite+`","proofPurpose":"`+proofPurpose...)
	if proofValue != "" {
		b = append(append(b, `","proofValue":"`...), proofValue...)
	}
	b = append(b, `","type":"`+proofType+`","verificationMethod":"`...)
	return append(append(b, s.method...), `"}`...)
}
