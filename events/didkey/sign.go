package didkey

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
)

// Errors of [PublicOf] and [Sign], to be told apart with errors.Is.
var (
	// ErrSigner says that a signer is none of an Ed25519 key.
	ErrSigner = errors.New("didkey: not a signer of an Ed25519 key")
	// ErrNotSigned says that a signer gave no signature, and may be asked again.
	ErrNotSigned = errors.New("didkey: the signer gave no signature")
	// ErrSignature says that a signer gave something that is not the signature of its key.
	ErrSignature = errors.New("didkey: the signer gave what is not its key's signature")
)

// PublicOf gives the public key of a signer.
func PublicOf(s crypto.Signer) (ed25519.PublicKey, error) {
	if private, ok := s.(ed25519.PrivateKey); ok && len(private) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: a private key of %d bytes", ErrSigner, len(private))
	}
	if s == nil {
		return nil, ErrSigner
	}
	if public, ok := s.Public().(ed25519.PublicKey); ok && len(public) == ed25519.PublicKeySize {
		return public, nil
	}
	return nil, ErrSigner
}

// Sign gives the Ed25519 signature of a message by a signer: a private key in memory, or one that another program holds.
// What comes from anywhere but memory is verified before it is given.
func Sign(s crypto.Signer, message []byte) (sig [ed25519.SignatureSize]byte, err error) {
	if private, ok := s.(ed25519.PrivateKey); ok && len(private) == ed25519.PrivateKeySize {
		return [ed25519.SignatureSize]byte(ed25519.Sign(private, message)), nil
	}
	public, err := PublicOf(s)
	if err != nil {
		return sig, err
	}
	b, err := s.Sign(nil, message, crypto.Hash(0))
	if err != nil {
		return sig, fmt.Errorf("%w: %w", ErrNotSigned, err)
	}
	if len(b) != len(sig) || !ed25519.Verify(public, message, b) {
		return sig, fmt.Errorf("%w: %s", ErrSignature, Encode(public))
	}
	return [ed25519.SignatureSize]byte(b), nil
}
