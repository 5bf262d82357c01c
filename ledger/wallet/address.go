package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/permledger/permledger/events/eip155"
)

// ErrAddress says that a text is no Ethereum address.
var ErrAddress = errors.New("not an Ethereum address")

// An Address is that of an Ethereum account, of a person or a contract.
type Address [20]byte

// Keccak256 gives the hash that Ethereum uses, over all parts one after the other.
func Keccak256(parts ...[]byte) [32]byte { return eip155.Keccak256(parts...) }

// String gives the address with the checksum of EIP-55 in the case of its letters: its one spelling.
func (a Address) String() string { return eip155.Spell(a) }

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
	if _, ok := eip155.Address(s); !ok {
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
