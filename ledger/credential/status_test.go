package credential_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/credential"
)

const listBytes = 131_072 / 8

// The bytes of a list never change: who kept one compares it.
func TestEncodedListIsFixed(t *testing.T) {
	b := credential.NewBits(131_072)
	if got, want := b.Encode(), "uH4sIAAAAAAAA_2MYBaNgFIyCUTAKRsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgYBaNgFIyCUTAKRsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgYBaNgFIyCUTAKRsEoGAWjYBSMglEwCkbBgAMAhtJUqwBAAAA"; got != want {
		t.Errorf("an empty list is\n%s\nwant\n%s", got, want)
	}
	b.Set(0)
	b.Set(9)
	b.Set(131_071)
	if got, want := b.Encode(), "uH4sIAAAAAAAA_2twYBgFo2AUjIJRMApGwSgYBaNgFIyCUTAKRsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgYBaNgFIyCUTAKRsEoGAWjYBSMglEwCkbBKBgFo2AUjIJRMApGwSgYBaNgFIyCUTAKRsHAAkYAqBK6HQBAAAA"; got != want {
		t.Errorf("a list of three is\n%s\nwant\n%s", got, want)
	}
	if b[0] != 0x80 || b[1] != 0x40 || b[listBytes-1] != 1 || !b.Get(9) || b.Get(8) {
		t.Errorf("index 0 is not the first bit from the left: %x %x", b[:2], b[listBytes-1])
	}
}

// Given any bits, when the list is unpacked by an independent reader of gzip, then they are the same.
func TestEncodedListIsGzip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := credential.NewBits(rapid.IntRange(0, 5000).Draw(t, "entries"))
		for at := 0; at < len(b); {
			run := rapid.SampledFrom([]int{1, 2, 3, 4, 10, 11, 12, 18, 19, 34, 35, 66, 67, 130, 131, 257, 258, 259, 260, 261, 600}).Draw(t, "run")
			value := rapid.Byte().Draw(t, "byte")
			for ; run > 0 && at < len(b); run, at = run-1, at+1 {
				b[at] = value
			}
		}
		got, err := credential.DecodeBits(b.Encode(), len(b))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%v: got %x, want %x", err, got, b)
		}
	})
}

func TestListsThatAreRefused(t *testing.T) {
	good := credential.NewBits(131_072).Encode()
	for name, text := range map[string]string{
		"empty": "", "no multibase": good[1:], "another multibase": "z" + good[1:], "padding": good + "=", "cut off": good[:len(good)-4],
		"more behind it": good + "AAAA", "no gzip": "uAAAA", "changed": good[:20] + "B" + good[21:],
		"a bomb": credential.NewBits(8 << 20).Encode(),
	} {
		if _, err := credential.DecodeBits(text, listBytes); !errors.Is(err, credential.ErrList) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeBits(f *testing.F) {
	f.Add(credential.NewBits(131_072).Encode())
	f.Add("uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA") // of the specification's example
	f.Fuzz(func(t *testing.T, text string) {
		b, err := credential.DecodeBits(text, listBytes)
		if err != nil {
			return
		}
		again, err := credential.DecodeBits(b.Encode(), listBytes)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v: other bits", err)
		}
	})
}
