package wallet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/wallet"
)

// Given the addresses that EIP-55 publishes, then they are written with its checksum, whatever they were read from.
func TestAddress(t *testing.T) {
	for _, want := range []string{
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
		"0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77", // all letters in one case
	} {
		for _, s := range []string{want, strings.ToLower(want), "0x" + strings.ToUpper(want[2:])} {
			if got := must(wallet.ParseAddress(s))(t).String(); got != want {
				t.Errorf("%s is written %s, want %s", s, got, want)
			}
		}
	}
	for _, s := range []string{
		"", "0x", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", // the last letter in the other case
		"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed0", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
	} {
		if _, err := wallet.ParseAddress(s); !errors.Is(err, wallet.ErrAddress) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// Given accounts as CAIP-10 and did:pkh write them, then they are read, and written in one spelling.
func TestAccount(t *testing.T) {
	tests := []struct{ in, out string }{
		{"eip155:137:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5", "eip155:137:0x4E90E8a8191c1c23a24A598c3ab4fB47Ce926ff5"},
		{"eip155:1:0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "eip155:1:0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"},
		{"hedera:testnet:0.0.123", "hedera:testnet:0.0.123"},
		{"hedera:mainnet:0.0.1234567890-zbhlt", "hedera:mainnet:0.0.1234567890-zbhlt"},
		{"bip122:000000000019d6689c085ae165831e93:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6", "bip122:000000000019d6689c085ae165831e93:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6"},
	}
	for _, tt := range tests {
		a := must(wallet.ParseAccount(tt.in))(t)
		if a.String() != tt.out {
			t.Errorf("%s is written %s, want %s", tt.in, a, tt.out)
		}
		if again := must(wallet.ParseDID(a.DID()))(t); again != a || a.DID() != "did:pkh:"+tt.out {
			t.Errorf("%s as a DID: %s", tt.in, a.DID())
		}
	}
	for _, s := range []string{
		"", ":", "eip155:137", "eip155:137:", "eip155::0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5", "eip155:0:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5",
		"eip155:0137:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5", "eip155:mainnet:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5",
		"eip155:99999999999999999999:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5", "EIP155:1:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5",
		"eip155:1:0.0.123", "ei:1:0x", "eip155abc:1:x", "hedera:testnet:0.0.1 ", "hedera:testnet:0_0", "hedera:test net:0", "hedera:testnet:" + strings.Repeat("1", 129),
		"eip155:137:0x4e90e8a8191c1C23A24a598c3aB4fb47ce926ff5", // a wrong checksum
	} {
		if _, err := wallet.ParseAccount(s); !errors.Is(err, wallet.ErrAccount) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := wallet.ParseDID("eip155:1:0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"); !errors.Is(err, wallet.ErrAccount) {
		t.Errorf("an account that is no DID: %v", err)
	}
}

// Given a wallet of one chain and one of all chains, then each has one spelling, and acts where it may.
func TestID(t *testing.T) {
	const a = "0x4E90E8a8191c1c23a24A598c3ab4fB47Ce926ff5"
	one := must(wallet.ParseID("eip155:137:" + strings.ToLower(a)))(t)
	every := must(wallet.ParseID(strings.ToLower(a)))(t)
	if one.String() != "did:pkh:eip155:137:"+a || every.String() != a {
		t.Errorf("written %s and %s", one, every)
	}
	if !one.Acts(137) || one.Acts(1) || !every.Acts(137) || !every.Acts(1) {
		t.Error("a wallet acts on other chains than its own, or not on its own")
	}
	for s, is := range map[string]bool{
		one.String(): true, every.String(): true, strings.ToLower(a): false, strings.ToLower(one.String()): false,
		"eip155:137:" + a: false, "did:pkh:hedera:testnet:0.0.1": false, "did:pkh:eip155:01:" + a: false, "": false,
	} {
		if wallet.IsID(s) != is {
			t.Errorf("IsID(%q) = %t", s, !is)
		}
	}
	if _, err := wallet.ParseID("did:pkh:hedera:testnet:0.0.1"); !errors.Is(err, wallet.ErrAccount) {
		t.Errorf("a wallet of Hedera: %v", err)
	}
}
