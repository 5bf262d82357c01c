package credential

import (
	"crypto"
	"encoding/json"
	"fmt"
	"time"

	"github.com/permledger/permledger/events/didkey"
)

// Sign signs a credential that has no proof yet and returns the proofValue, which is all that
// must be kept beside the credential: [Secure] makes the file from it.
//
// unsigned is the credential in any order and spacing. verificationMethod is how others find the
// public key: that of key itself (see [VerificationMethod]), or a URL of another kind. created is
// in whole milliseconds. Errors wrap [ErrMalformed], [ErrContext], [ErrProof] or [ErrKey], or are the signer's.
// Equal arguments give the same proofValue.
func Sign(unsigned []byte, key crypto.Signer, verificationMethod string, created time.Time) (proofValue string, err error) {
	public, err := publicOf(key)
	if err != nil {
		return "", err
	}
	named, err := methodKey(verificationMethod)
	if err != nil {
		return "", err
	}
	if named != nil && !named.Equal(public) {
		return "", fmt.Errorf("%w: %s is not the method of the signing key", ErrKey, verificationMethod)
	}
	c, err := parseUnsigned(unsigned)
	if err != nil {
		return "", err
	}
	proof, err := config(c, verificationMethod, created)
	if err != nil {
		return "", err
	}
	data, err := hashData(proof, c.document)
	if err != nil {
		return "", err
	}
	sig, err := didkey.Sign(key, data)
	if err != nil {
		return "", fmt.Errorf("sign a credential: %w", err)
	}
	return encodeProofValue(sig[:]), nil
}

// Secure returns the file of a credential with its proof, in canonical JSON (RFC 8785). The
// arguments are those of [Sign] and what it gave. Secure does not verify the proofValue, for which
// it would have to know the key; [Verify] does.
func Secure(unsigned []byte, verificationMethod string, created time.Time, proofValue string) ([]byte, error) {
	if _, err := methodKey(verificationMethod); err != nil {
		return nil, err
	}
	if _, err := decodeProofValue(proofValue); err != nil {
		return nil, err
	}
	c, err := parseUnsigned(unsigned)
	if err != nil {
		return nil, err
	}
	proof, err := config(c, verificationMethod, created)
	if err != nil {
		return nil, err
	}
	if proof["proofValue"], err = json.Marshal(proofValue); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if c.document["proof"], err = proof.canonical(); err != nil {
		return nil, err
	}
	return c.document.canonical()
}

func parseUnsigned(text []byte) (credential, error) {
	c, err := parseCredential(text)
	if err != nil {
		return credential{}, err
	}
	if c.proof != nil {
		return credential{}, fmt.Errorf("%w: the credential has one already", ErrProof)
	}
	return c, nil
}
