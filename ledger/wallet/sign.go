package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Errors about keys and signatures, to be told apart with errors.Is.
var (
	// ErrKey says that bytes are no private key of secp256k1.
	ErrKey = errors.New("not a wallet's private key")
	// ErrSignature says that bytes are no signature of a wallet, or not of what was signed.
	ErrSignature = errors.New("not a wallet's signature")
	// ErrHighS says that a signature is the second spelling of another one, which anybody can make of it.
	ErrHighS = fmt.Errorf("%w: its s lies in the upper half of the group's order, which EIP-2 forbids", ErrSignature)
	// ErrContractWallet says that a signature looks like one of a contract wallet.
	ErrContractWallet = errors.New("signatures of contract wallets (EIP-1271) are not supported: they can only be checked by a call to their chain; sign with a key of your own")
	// ErrSigner says that another wallet signed, or something else was signed.
	ErrSigner = errors.New("the signature is of another wallet, or of something else")
)

// A Key is a wallet's private key.
type Key struct{ key *secp256k1.PrivateKey }

// KeyOf gives the key of 32 bytes: a number from 1 to the order of secp256k1, exclusive.
func KeyOf(b []byte) (*Key, error) {
	var n secp256k1.ModNScalar
	if len(b) != 32 {
		return nil, fmt.Errorf("%w: %d bytes instead of 32", ErrKey, len(b))
	}
	if over := n.SetByteSlice(b); over || n.IsZero() {
		return nil, fmt.Errorf("%w: the number is 0, or beyond the group's order", ErrKey)
	}
	return &Key{secp256k1.NewPrivateKey(&n)}, nil
}

// ParseKey reads a key as 64 hexadecimal digits, with or without 0x before them.
func ParseKey(s string) (*Key, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		return nil, fmt.Errorf("%w: want 64 hexadecimal digits", ErrKey) // without the text: it may be a secret
	}
	return KeyOf(b)
}

// Bytes gives the 32 bytes that [KeyOf] reads. They are a secret.
func (k *Key) Bytes() []byte { return k.key.Serialize() }

// Address gives the address of the wallet that has the key.
func (k *Key) Address() Address { return addressOf(k.key.PubKey()) }

func addressOf(p *secp256k1.PublicKey) (a Address) {
	sum := Keccak256(p.SerializeUncompressed()[1:])
	copy(a[:], sum[12:])
	return a
}

// Sign signs a hash. The signature follows from key and hash alone (RFC 6979).
func (k *Key) Sign(hash [32]byte) (s Signature) {
	compact := ecdsa.SignCompact(k.key, hash[:], false)
	copy(s[:], compact[1:])
	s[64] = compact[0]
	return s
}

// A Signature is r ‖ s ‖ v in its one spelling: s in the lower half of the group's order, v 27 or 28.
type Signature [65]byte

// ReadSignature reads a signature as wallets give it, with v 27 and 28, or 0 and 1, and gives its one spelling.
// Errors wrap [ErrSignature] or [ErrContractWallet].
func ReadSignature(b []byte) (s Signature, err error) {
	switch {
	case len(b) > len(s) || len(b) == 0:
		return s, fmt.Errorf("%w (%d bytes instead of %d)", ErrContractWallet, len(b), len(s))
	case len(b) < len(s):
		return s, fmt.Errorf("%w: %d bytes instead of %d, r, s and v", ErrSignature, len(b), len(s))
	}
	copy(s[:], b)
	switch s[64] {
	case 27, 28:
	case 0, 1:
		s[64] += 27
	default:
		return Signature{}, fmt.Errorf("%w: v is %d instead of 27 or 28", ErrSignature, s[64])
	}
	for _, half := range [][]byte{s[:32], s[32:64]} {
		var n secp256k1.ModNScalar
		if over := n.SetByteSlice(half); over || n.IsZero() {
			return Signature{}, fmt.Errorf("%w: a number in it is 0, or beyond the group's order", ErrSignature)
		}
	}
	var n secp256k1.ModNScalar
	if n.SetByteSlice(s[32:64]); n.IsOverHalfOrder() {
		return Signature{}, ErrHighS
	}
	return s, nil
}

// ParseSignature is [ReadSignature] of hexadecimal digits, with or without 0x before them.
func ParseSignature(text string) (Signature, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return Signature{}, fmt.Errorf("%w: want 0x and 130 hexadecimal digits", ErrSignature)
	}
	return ReadSignature(b)
}

func (s Signature) String() string { return "0x" + hex.EncodeToString(s[:]) }

// Signer gives the wallet whose signature of a hash this is. Nearly every signature is some wallet's: ask whose.
func (s Signature) Signer(hash [32]byte) (Address, error) {
	s, err := ReadSignature(s[:]) // a value that was put together elsewhere
	if err != nil {
		return Address{}, err
	}
	compact := append([]byte{s[64]}, s[:64]...)
	key, _, err := ecdsa.RecoverCompact(compact, hash[:])
	if err != nil {
		return Address{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return addressOf(key), nil
}

// Check says whether a wallet signed a hash: nil, or an error that wraps [ErrSigner] or those of [ReadSignature].
func (s Signature) Check(hash [32]byte, by Address) error {
	signer, err := s.Signer(hash)
	if err != nil {
		return err
	}
	if signer != by {
		return fmt.Errorf("%w: it would be of %s, not of %s", ErrSigner, signer, by)
	}
	return nil
}

// TextHash gives what a wallet signs of a text: EIP-191, version 0x45, as personal_sign does. The length is in bytes.
func TextHash(text string) [32]byte {
	return Keccak256([]byte("\x19Ethereum Signed Message:\n"), strconv.AppendInt(nil, int64(len(text)), 10), []byte(text))
}
