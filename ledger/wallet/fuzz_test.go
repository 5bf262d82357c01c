package wallet_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/wallet"
)

func hexBytes(s string) ([]byte, error) { return hex.DecodeString(s) }

// Given any text, then what is read as an account is written in a spelling that reads as the same account.
func FuzzAccount(f *testing.F) {
	for _, s := range []string{
		"eip155:137:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5", "did:pkh:eip155:1:0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "hedera:testnet:0.0.123-abcde",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := wallet.ParseAccount(s); err == nil {
			if again, err := wallet.ParseAccount(a.String()); err != nil || again != a {
				t.Errorf("%q reads as %v, which reads as %v, %v", s, a, again, err)
			}
		}
		if w, err := wallet.ParseID(s); err == nil {
			if again, err := wallet.ParseID(w.String()); err != nil || again != w || !wallet.IsID(w.String()) {
				t.Errorf("%q reads as %v, which reads as %v, %v", s, w, again, err)
			}
		}
		if wallet.IsID(s) {
			if w, err := wallet.ParseID(s); err != nil || w.String() != s {
				t.Errorf("%q is a wallet, but reads as %v, %v", s, w, err)
			}
		}
	})
}

// Given any text, then what is read as a message is that message byte for byte.
func FuzzMessage(f *testing.F) {
	own, _ := action()
	for _, m := range []wallet.Message{login(), tally(), own} {
		f.Add(m.String())
		m.Statement = ""
		m.Scheme = "https"
		m.NotBefore = m.IssuedAt
		f.Add(m.String())
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := wallet.ParseMessage(s)
		if err == nil && m.String() != s {
			t.Errorf("%q reads as %q", s, m)
		}
	})
}

// Given any bytes, then what is read as typed data has the same hash after it was written and read again.
func FuzzTypedData(f *testing.F) {
	f.Add([]byte(mail))
	f.Add([]byte(`{"types":{"S":[{"name":"n","type":"int16[2][]"}]},"primaryType":"S","domain":{"chainId":"0x1"},"message":{"n":[[1,-2]]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		td, err := wallet.ParseTypedData(b)
		if err != nil {
			return
		}
		written, err := json.Marshal(td)
		if err != nil {
			t.Fatal(err)
		}
		again, err := wallet.ParseTypedData(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if must(td.Hash())(t) != must(again.Hash())(t) {
			t.Errorf("%s has another hash", written)
		}
	})
}

// Given any 65 bytes, then what is read as a signature has one spelling, and its twin is none.
func FuzzSignature(f *testing.F) {
	f.Add(must(hexBytes(strings.TrimPrefix(tallySignature, "0x")))(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := wallet.ReadSignature(b)
		if err != nil {
			return
		}
		if again, err := wallet.ReadSignature(s[:]); err != nil || again != s || string(s[:64]) != string(b[:64]) {
			t.Errorf("%x reads as %s, which reads as %s, %v", b, s, again, err)
		}
	})
}

// Given any key and text, then its signature holds for both, and no single changed bit of it does.
func TestSignedProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 32, 32).Filter(func(b []byte) bool { // nearly all are keys; 32 zeros are none
			_, err := wallet.KeyOf(b)
			return err == nil
		}).Draw(t, "secret")
		key, err := wallet.KeyOf(secret)
		if err != nil {
			t.Fatal(err)
		}
		text := rapid.String().Draw(t, "text")
		hash := wallet.TextHash(text)
		sig := key.Sign(hash)
		if err := sig.Check(hash, key.Address()); err != nil {
			t.Fatal(err)
		}
		bit := rapid.IntRange(0, 8*len(sig)-1).Draw(t, "bit")
		sig[bit/8] ^= 1 << (bit % 8)
		if err := sig.Check(hash, key.Address()); err == nil {
			t.Fatalf("bit %d of the signature counts for nothing", bit)
		}
		hash[bit%32] ^= 1
		sig[bit/8] ^= 1 << (bit % 8)
		if err := sig.Check(hash, key.Address()); err == nil {
			t.Fatal("the signature holds for another hash")
		}
	})
}
