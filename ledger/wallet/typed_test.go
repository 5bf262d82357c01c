package wallet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/wallet"
)

// Given the example of EIP-712, when something about it is not in order, then it is refused.
func TestTypedDataRefused(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"a member too much", `"contents":"Hello, Bob!"`, `"contents":"Hello, Bob!","bcc":"Eve"`},
		{"a member too few", `,"contents":"Hello, Bob!"`, ``},
		{"a member twice", `"contents":"Hello, Bob!"`, `"contents":"Hello, Eve!","contents":"Hello, Bob!"`},
		{"a member of the whole twice", `"primaryType":"Mail"`, `"PrimaryType":"Person","primaryType":"Mail"`},
		{"an unknown member of the whole", `"primaryType":"Mail"`, `"primaryType":"Mail","note":""`},
		{"a number as a string", `"contents":"Hello, Bob!"`, `"contents":1`},
		{"no such type", `"name":"contents","type":"string"`, `"name":"contents","type":"text"`},
		{"uint without its size", `"name":"contents","type":"string"`, `"name":"contents","type":"uint"`},
		{"uint of 12 bits", `"name":"contents","type":"string"`, `"name":"contents","type":"uint12"`},
		{"bytes33", `"name":"contents","type":"string"`, `"name":"contents","type":"bytes33"`},
		{"an array of no end", `"name":"contents","type":"string"`, `"name":"contents","type":"string["`},
		{"a type that refers to itself", `"name":"wallet","type":"address"`, `"name":"wallet","type":"Person"`},
		{"types that refer to each other", `"name":"wallet","type":"address"`, `"name":"wallet","type":"Mail[]"`},
		{"an address mistyped", `0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826`, `0xCd2a3d9F938E13CD947Ec05AbC7FE734Df8DD826`},
		{"a chain id below 0", `"chainId":1`, `"chainId":-1`},
		{"a chain id of parts", `"chainId":1`, `"chainId":1.5`},
		{"a chain id with an exponent", `"chainId":1`, `"chainId":1e3`},
		{"another member of the domain", `"version":"1"`, `"edition":"1"`},
		{"fields of the domain in another order", `{"name":"name","type":"string"},{"name":"version","type":"string"}`, `{"name":"version","type":"string"},{"name":"name","type":"string"}`},
		{"an unknown primary type", `"primaryType":"Mail"`, `"primaryType":"Letter"`},
		{"the domain as what is signed", `"primaryType":"Mail"`, `"primaryType":"EIP712Domain"`},
		{"a struct type named like an atomic one", `"Person"`, `"uint8"`},
		{"a field with no name", `"name":"contents"`, `"name":""`},
		{"a field with a name that ends the list", `"name":"contents"`, `"name":"contents)X("`},
	}
	for _, tt := range tests {
		text := strings.ReplaceAll(mail, tt.old, tt.new)
		if text == mail {
			t.Fatalf("%s: nothing is replaced", tt.name)
		}
		if _, err := wallet.ParseTypedData([]byte(text)); !errors.Is(err, wallet.ErrTypedData) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, text := range []string{"", "{}", "null", "[]", mail + "{}", mail[:len(mail)-1], strings.Repeat("[", 10_000)} {
		if _, err := wallet.ParseTypedData([]byte(text)); !errors.Is(err, wallet.ErrTypedData) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// Given values of each kind of type, then they are encoded as EIP-712 says, and what does not fit the type is refused.
func TestValues(t *testing.T) {
	hash := func(typ, value string) (string, error) {
		td, err := wallet.ParseTypedData(fmt.Appendf(nil,
			`{"types":{"S":[{"name":"n","type":"uint8"}],"T":[{"name":"v","type":%q}]},"primaryType":"T","domain":{"name":"d"},"message":{"v":%s}}`, typ, value))
		if err != nil {
			return "", err
		}
		sum, err := td.StructHash()
		return hexed(sum), err
	}
	word := func(typ, word string) string { // what the specification says: the hash of the type's hash and 32 bytes
		sum := wallet.Keccak256([]byte(typ))
		b := must(hexBytes(word))(t)
		return hexed(wallet.Keccak256(sum[:], b))
	}
	keccak := func(parts ...[]byte) string { sum := wallet.Keccak256(parts...); return hexed(sum)[2:] }
	z := func(n int) string { return strings.Repeat("00", n) }
	s1, s2 := wallet.Keccak256([]byte("S(uint8 n)")), must(hexBytes(z(31)+"01"))(t)
	one := wallet.Keccak256(s1[:], s2)
	tests := []struct{ typ, value, want string }{
		{"uint8", `255`, word("T(uint8 v)", z(31)+"ff")},
		{"uint8", `"0xff"`, word("T(uint8 v)", z(31)+"ff")},
		{"uint8", `256`, ""},
		{"uint8", `-1`, ""},
		{"uint8", `"01"`, ""},
		{"uint8", `""`, ""},
		{"uint8", `"+1"`, ""},
		{"uint256", `"115792089237316195423570985008687907853269984665640564039457584007913129639935"`, word("T(uint256 v)", strings.Repeat("ff", 32))},
		{"uint256", `"115792089237316195423570985008687907853269984665640564039457584007913129639936"`, ""},
		{"int8", `-128`, word("T(int8 v)", strings.Repeat("ff", 31)+"80")},
		{"int8", `127`, word("T(int8 v)", z(31)+"7f")},
		{"int8", `128`, ""},
		{"int8", `-129`, ""},
		{"int256", `-1`, word("T(int256 v)", strings.Repeat("ff", 32))},
		{"bool", `true`, word("T(bool v)", z(31)+"01")},
		{"bool", `false`, word("T(bool v)", z(32))},
		{"bool", `1`, ""},
		{"bytes4", `"0xdeadbeef"`, word("T(bytes4 v)", "deadbeef"+z(28))},
		{"bytes4", `"0xdeadbe"`, ""},
		{"bytes4", `"deadbeef"`, ""},
		{"bytes", `"0x"`, word("T(bytes v)", keccak())},
		{"bytes", `"0x01"`, word("T(bytes v)", keccak([]byte{1}))},
		{"string", `"a"`, word("T(string v)", keccak([]byte("a")))},
		{"uint8[]", `[1,2]`, word("T(uint8[] v)", keccak(must(hexBytes(z(31)+"01"+z(31)+"02"))(t)))},
		{"uint8[2]", `[1,2]`, word("T(uint8[2] v)", keccak(must(hexBytes(z(31)+"01"+z(31)+"02"))(t)))},
		{"uint8[2]", `[1]`, ""},
		{"uint8[0]", `[]`, ""},
		{"uint8[]", `1`, ""},
		{"uint8[][2]", `[[],[1]]`, word("T(uint8[][2] v)", keccak(must(hexBytes(keccak()+keccak(must(hexBytes(z(31)+"01"))(t))))(t)))},
		{"S", `{"n":1}`, word("T(S v)S(uint8 n)", hexed(one)[2:])},
		{"S[]", `[{"n":1}]`, word("T(S[] v)S(uint8 n)", keccak(one[:]))},
		{"S", `1`, ""},
		{"S", `{"n":1,"m":2}`, ""},
		{"address", `"0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"`, word("T(address v)", z(12)+"2c7536E3605D9C16a7a3D7b1898e529396a65c23")},
		{"address", `1`, ""},
	}
	for _, tt := range tests {
		got, err := hash(tt.typ, tt.value)
		if tt.want == "" && !errors.Is(err, wallet.ErrTypedData) || tt.want != "" && (err != nil || got != tt.want) {
			t.Errorf("%s %s: %s, %v; want %s", tt.typ, tt.value, got, err, tt.want)
		}
	}
}

// Given typed data, when it is written as JSON and read again, then it has the same hash.
func TestTypedDataJSON(t *testing.T) {
	td := must(wallet.ParseTypedData([]byte(mail)))(t)
	again := must(wallet.ParseTypedData(must(json.Marshal(td))(t)))(t)
	if must(td.Hash())(t) != must(again.Hash())(t) {
		t.Error("the hash changed")
	}
}
