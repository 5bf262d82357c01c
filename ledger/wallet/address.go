package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/sha3"
)

// ErrAddress says that a text is no Ethereum address.
var ErrAddress = errors.New("not an Ethereum address")

// An Address is that of an Ethereum account, of a person or a contract.
type Address [20]byte

// Keccak256 gives the hash that Ethereum uses, over all parts one after the other. It is not SHA3-256: the padding differs.
func Keccak256(parts ...[]byte) (sum [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// String gives the address with the checksum of EIP-55 in the case of its letters: its one spelling.
func (a Address) String() string {
	digits := []byte(hex.EncodeToString(a[:]))
	sum := Keccak256(digits)
	for i, d := range digits {
		nibble := sum[i/2] >> 4
		if i%2 == 1 {
			nibble = sum[i/2] & 0xf
		}
		if d >= 'a' && nibble >= 8 {
			digits[i] = d - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

// ParseAddress reads an address as people write it: with the checksum of EIP-55, or all letters in one case, which has
// none. A wrong checksum is refused, for it marks an address that was mistyped.
func ParseAddress(s string) (a Address, err error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 2*len(a) {
		return a, fmt.Errorf("%w: %q; want 0x and 40 hexadecimal digits", ErrAddress, short(s))
	}
	if _, err := hex.Decode(a[:], []byte(digits)); err != nil {
		return Address{}, fmt.Errorf("%w: %q; want 0x and 40 hexadecimal digits", ErrAddress, short(s))
	}
	if strings.ToLower(digits) != digits && strings.ToUpper(digits) != digits && a.String() != s {
		return Address{}, fmt.Errorf("%w: %s has a wrong checksum, EIP-55 writes %s; compare it with where it comes from", ErrAddress, s, a)
	}
	return a, nil
}

// short bounds what an error repeats of a text that somebody sent.
func short(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
