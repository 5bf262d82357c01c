// Package eip155 reads and spells the names of wallets and contracts on Ethereum-like chains: addresses in the mixed case
// of EIP-55, whose case is a checksum, and CAIP-10 ids of contracts, eip155:<chain>:<address>.
//
// The ledger writes one spelling of each. What people write in lower or upper case throughout has no checksum and is
// taken; mixed case has to be right.
package eip155

import (
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/sha3"
)

// Zero is the address that nobody has: contracts name it where there is none.
const Zero = "0x0000000000000000000000000000000000000000"

// Address gives the EIP-55 spelling of an address, and whether it is one.
func Address(text string) (string, bool) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok || len(digits) != 40 {
		return "", false
	}
	lower := strings.ToLower(digits)
	var raw [20]byte
	if _, err := hex.Decode(raw[:], []byte(lower)); err != nil {
		return "", false
	}
	spelt := Spell(raw)
	if digits != lower && digits != strings.ToUpper(digits) && spelt != text {
		return "", false // a mixed case is a checksum
	}
	return spelt, true
}

// Spell gives the EIP-55 spelling of the bytes of an address.
func Spell(address [20]byte) string {
	digits := []byte(hex.EncodeToString(address[:]))
	sum := Keccak256(digits)
	for i, d := range digits {
		nibble := sum[i/2] >> 4
		if i%2 == 1 {
			nibble = sum[i/2] & 15
		}
		if nibble >= 8 && d >= 'a' {
			digits[i] -= 'a' - 'A'
		}
	}
	return "0x" + string(digits)
}

// Keccak256 gives the hash that Ethereum uses, over all parts one after the other. It is not SHA3-256: the padding differs.
func Keccak256(parts ...[]byte) (sum [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// Spelt says whether a text is an address in the spelling of EIP-55.
func Spelt(text string) bool {
	spelt, ok := Address(text)
	return ok && spelt == text
}

// Contract gives the CAIP-10 id of a contract, with its address in the spelling of EIP-55, and whether it is one.
func Contract(text string) (string, bool) {
	chain, address, ok := Cut(text)
	if !ok {
		return "", false
	}
	spelt, ok := Address(address)
	return chain + ":" + spelt, ok
}

// SpeltContract says whether a text is the CAIP-10 id of a contract, its address in the spelling of EIP-55.
func SpeltContract(text string) bool {
	spelt, ok := Contract(text)
	return ok && spelt == text
}

// Cut takes a CAIP-10 id of this kind apart: eip155:137 and the address, as it is spelt. It looks at the chain only.
func Cut(text string) (chain, address string, ok bool) {
	rest, ok := strings.CutPrefix(text, "eip155:")
	number, address, cut := strings.Cut(rest, ":")
	if !ok || !cut || number == "" || len(number) > 16 || number[0] == '0' || strings.Trim(number, "0123456789") != "" {
		return "", "", false
	}
	return text[:len(text)-len(address)-1], address, true
}
