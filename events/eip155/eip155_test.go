package eip155_test

import (
	"strings"
	"testing"

	"github.com/permledger/permledger/events/eip155"
)

// Given the addresses that EIP-55 itself shows, then whatever throughout-case they come in they are spelt as there, and a
// wrong checksum is none.
func TestAddressesAreSpeltAsEIP55(t *testing.T) {
	for _, want := range []string{
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77",
	} {
		for _, text := range []string{want, strings.ToLower(want), "0x" + strings.ToUpper(want[2:])} {
			if got, ok := eip155.Address(text); !ok || got != want {
				t.Errorf("%s is spelt %q, %v; want %s", text, got, ok, want)
			}
		}
		if got, ok := eip155.Contract("eip155:137:" + strings.ToLower(want)); !ok || got != "eip155:137:"+want {
			t.Errorf("the contract at %s is spelt %q, %v", want, got, ok)
		}
	}
	for _, text := range []string{
		"", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd", "0xgaaeb6053f3e94c9b9a09f33669435e7ef1beaed",
	} {
		if got, ok := eip155.Address(text); ok {
			t.Errorf("%q is taken for the address %s", text, got)
		}
	}
	for _, text := range []string{
		"eip155:0137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "eip155::0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "eip155:137",
		"eip156:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "eip155:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed:1", "eip155:13a:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	} {
		if got, ok := eip155.Contract(text); ok {
			t.Errorf("%q is taken for the contract %s", text, got)
		}
	}
}

func FuzzContract(f *testing.F) {
	f.Add("eip155:137:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := eip155.Contract(text)
		if again, _ := eip155.Contract(got); ok && again != got {
			t.Errorf("%q is spelt %q, and that %q", text, got, again)
		}
	})
}
