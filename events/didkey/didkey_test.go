package didkey

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mr-tron/base58"
)

// The first two are from the did:key method's document and the W3C vectors of vc-di-eddsa; the
// third is the public key of RFC 8032, 7.1, test 1.
var vectors = []struct{ hexKey, did string }{
	{"2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
	{"", "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"},
	{"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		key, err := Parse(v.did)
		if err != nil {
			t.Fatalf("Parse(%s): %v", v.did, err)
		}
		if got := Encode(key); got != v.did {
			t.Errorf("Encode(Parse(%s)) = %s", v.did, got)
		}
		if got := hex.EncodeToString(key); v.hexKey != "" && got != v.hexKey {
			t.Errorf("Parse(%s) = %s; want %s", v.did, got, v.hexKey)
		}
	}
}

// badKeys are the encodings of points of small order, canonical and not, and what is no point.
var badKeys = []struct {
	hexKey string
	want   error
}{
	{"0100000000000000000000000000000000000000000000000000000000000000", ErrSmallOrder},   // order 1
	{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ErrSmallOrder},   // order 2
	{"0000000000000000000000000000000000000000000000000000000000000000", ErrSmallOrder},   // order 4
	{"0000000000000000000000000000000000000000000000000000000000000080", ErrSmallOrder},   // order 4
	{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", ErrSmallOrder},   // order 8
	{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", ErrSmallOrder},   // order 8
	{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", ErrSmallOrder},   // order 8
	{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", ErrSmallOrder},   // order 8
	{"0100000000000000000000000000000000000000000000000000000000000080", ErrNonCanonical}, // x = 0 with a sign
	{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", ErrNonCanonical}, // x = 0 with a sign
	{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ErrNonCanonical}, // y = p
	{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", ErrNonCanonical}, // y = p
	{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ErrNonCanonical}, // y = p+1
	{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", ErrNonCanonical}, // y = p+1
	{"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ErrNonCanonical}, // y = p+3, of large order
	{"0200000000000000000000000000000000000000000000000000000000000000", ErrNotOnCurve},
}

func TestBadKeysAreRefused(t *testing.T) {
	for _, b := range badKeys {
		raw, err := hex.DecodeString(b.hexKey)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a refusal must not be remembered as a success
			if key, err := Parse(Encode(raw)); !errors.Is(err, b.want) || key != nil {
				t.Errorf("Parse of %s: key %x, error %v; want %v", b.hexKey, key, err, b.want)
			}
		}
	}
}

// The reason for the refusal: one signature that verifies on every message.
func TestSmallOrderKeyVerifiesAnything(t *testing.T) {
	identity := append([]byte{1}, make([]byte, 31)...)
	sig := append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...)
	if !ed25519.Verify(identity, []byte("anything"), sig) {
		t.Fatal("crypto/ed25519 refuses the identity point itself: the check here may be dropped")
	}
}

func TestOneSpelling(t *testing.T) {
	did := vectors[0].did
	digits := did[len(Prefix):]
	raw, err := base58.Decode(digits)
	if err != nil {
		t.Fatal(err)
	}
	x25519 := append([]byte{0xec, 0x01}, raw[2:]...)
	for name, s := range map[string]string{
		"empty":               "",
		"prefix only":         Prefix,
		"no prefix":           digits,
		"method in capitals":  "did:KEY:z" + digits,
		"scheme in capitals":  "DID:key:z" + digits,
		"other multibase":     "did:key:f" + digits,
		"leading one":         Prefix + "1" + digits,
		"one digit less":      did[:len(did)-1],
		"one digit more":      did + "1",
		"fragment":            did + "#" + "z" + digits,
		"space before":        " " + did,
		"space after":         did + " ",
		"newline":             did[:len(did)-1] + "\n",
		"not a base58 digit":  did[:len(did)-1] + "0",
		"beyond ASCII":        did[:len(did)-2] + "é",
		"X25519 key":          Prefix + base58.Encode(x25519),
		"short key":           Prefix + base58.Encode(raw[:33]),
		"long key":            Prefix + base58.Encode(append(bytes.Clone(raw), 0)),
		"one for the codec":   Prefix + "1" + digits[1:],
		"very long":           Prefix + strings.Repeat("2", 1<<20),
		"all digits the last": Prefix + strings.Repeat("z", 47),
	} {
		if _, err := Parse(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: got %v; want ErrSyntax", name, err)
		}
	}
}

func TestEncodePanicsOnWrongLength(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Encode took a key of 31 bytes")
		}
	}()
	Encode(make([]byte, 31))
}

func TestParseGivesACopy(t *testing.T) {
	key, err := Parse(vectors[2].did)
	if err != nil {
		t.Fatal(err)
	}
	key[0] ^= 0xff
	again, err := Parse(vectors[2].did)
	if err != nil || hex.EncodeToString(again) != vectors[2].hexKey {
		t.Fatalf("after the caller changed its key, Parse gives %x, %v", again, err)
	}
}

func TestParseConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range maxSeen / 8 {
				seed := fmt.Appendf(make([]byte, 0, 32), "%032d", g*maxSeen+i)
				want := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
				if got, err := Parse(Encode(want)); err != nil || !got.Equal(want) {
					t.Errorf("Parse(Encode(%x)) = %x, %v", want, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 2*maxSeen + 1 {
		c.put(fmt.Sprintf("%0*d", Length, i), [32]byte{})
	}
	n := 0
	for range c.keys.Range {
		n++
	}
	if n > maxSeen {
		t.Errorf("%d keys are remembered; at most %d may be", n, maxSeen)
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.did)
	}
	for _, b := range badKeys {
		raw, err := hex.DecodeString(b.hexKey)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(Encode(raw))
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := parse(s)
		if err != nil {
			return
		}
		if again := Encode(key[:]); again != s {
			t.Fatalf("two spellings of one key: %q and %q", s, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			if _, err := parse(vectors[0].did); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(vectors[0].did); err != nil {
				b.Fatal(err)
			}
		}
	})
}
