package docs_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"strings"
	"testing"

	"filippo.io/edwards25519"

	"github.com/permledger/permledger/console/nodetest"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/events/eventtest"
)

// signedCase is a signature, or what somebody made to pass for one.
type signedCase struct {
	Name      string `json:"name"`
	Key       string `json:"key"` // all in hexadecimal
	Message   string `json:"message"`
	Signature string `json:"signature"`
}

// The script says what the console's verifier thinks of each, and what WebCrypto alone does.
var keysScript = []byte(`
import {readFileSync} from 'node:fs';
import {unhex} from './static/verify/bytes.js';
import {checkKey, signed} from './static/verify/ed25519.js';

const all = [];
for (const c of JSON.parse(readFileSync(0, 'utf8'))) {
  const [key, message, signature] = [c.key, c.message, c.signature].map(unhex);
  let good = true, alone = false;
  try {
    checkKey(key, 'it');
  } catch {
    good = false;
  }
  try {
    alone = await crypto.subtle.verify('Ed25519', await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']), signature, message);
  } catch {}
  all.push({key: good, signed: good && await signed(key, message, signature), alone});
}
console.log(JSON.stringify(all));
`)

// Given keys of small order or in a second spelling, and signatures that only some verifiers take, then the console's verifier takes what
// the code takes, and no more; WebCrypto alone would take keys with which anybody signs.
func TestJavaScriptKeys(t *testing.T) {
	key := eventtest.PrivateKey(1)
	public, message := []byte(key.Public().(ed25519.PublicKey)), []byte("a message")
	honest := ed25519.Sign(key, message)
	var cases []signedCase
	add := func(name string, key, message, signature []byte) {
		cases = append(cases, signedCase{name, hex.EncodeToString(key), hex.EncodeToString(message), hex.EncodeToString(signature)})
	}
	add("honest", public, message, honest)
	add("of another message", public, []byte("another"), honest)
	add("cut off", public, message, honest[:63])
	add("a byte more", public, message, append(bytes.Clone(honest), 0))
	for i := range 64 {
		bad := bytes.Clone(honest)
		bad[i] ^= 1 << (i % 8)
		add("a bit is another", public, message, bad)
	}
	add("S of another spelling, S + L", public, message, plusOrder(honest))
	smallKeys := []string{
		"0100000000000000000000000000000000000000000000000000000000000000", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000", "0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"0100000000000000000000000000000000000000000000000000000000000080", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "0200000000000000000000000000000000000000000000000000000000000000",
	}
	zero := make([]byte, 32)
	for _, x := range smallKeys {
		k, err := hex.DecodeString(x)
		if err != nil {
			t.Fatal(err)
		}
		for n := byte(0); n < 8; n++ { // R is the neutral point, S is 0: it verifies where k leads to the neutral point
			add("signed with a bad key", k, []byte{n}, append(append([]byte{1}, zero[:31]...), zero...))
		}
	}
	// A key with a part of order 8, and signatures that hold with the cofactor alone, or without it too.
	torsion, err := hex.DecodeString(smallKeys[4])
	if err != nil {
		t.Fatal(err)
	}
	part, err := new(edwards25519.Point).SetBytes(torsion)
	if err != nil {
		t.Fatal(err)
	}
	secret := scalar(sha512.Sum512([]byte("secret")))
	own := new(edwards25519.Point).ScalarBaseMult(secret)
	mixed := new(edwards25519.Point).Add(own, part)
	for n := byte(0); n < 16; n++ {
		r := scalar(sha512.Sum512([]byte{n}))
		add("a key with a part of order 8", mixed.Bytes(), []byte{n}, forged(secret, r, mixed, new(edwards25519.Point).ScalarBaseMult(r), []byte{n}))
		add("R with a part of order 8", own.Bytes(), []byte{n}, forged(secret, r, own, new(edwards25519.Point).Add(new(edwards25519.Point).ScalarBaseMult(r), part), []byte{n}))
	}
	var got []struct{ Key, Signed, Alone bool }
	nodetest.Run(t, console, keysScript, cases, &got)
	if len(got) != len(cases) {
		t.Fatalf("%d verdicts of %d", len(got), len(cases))
	}
	anybody, uncommon := 0, 0
	for i, c := range cases {
		k, _ := hex.DecodeString(c.Key)
		m, _ := hex.DecodeString(c.Message)
		s, _ := hex.DecodeString(c.Signature)
		_, err := didkey.Parse(didkey.Encode(k))
		want := err == nil && len(s) == ed25519.SignatureSize && ed25519.Verify(k, m, s)
		if got[i].Key != (err == nil) || got[i].Signed != want {
			t.Errorf("%s (key %s): the console says %+v; the code says that the key is %v, the signature %v", c.Name, c.Key, got[i], err, want)
		}
		if got[i].Alone && !want {
			anybody++
		}
		if want && c.Name == "a key with a part of order 8" {
			uncommon++
		}
	}
	if anybody == 0 {
		t.Log("WebCrypto here refuses by itself what the check of keys is for")
	}
	if uncommon == 0 {
		t.Error("no signature of a key with a part of order 8 holds: the cases show nothing")
	}
}

// Given a browser that offers no cryptography, as all do over plain http unless the host is localhost, or none that knows Ed25519, then
// the console's verifier says so instead of anything about the ledger.
func TestJavaScriptWithoutCryptography(t *testing.T) {
	var got []string
	nodetest.Run(t, console, []byte(`
import {missing} from './static/verify.js';

const said = [await missing()];
const subtle = {importKey: async () => { throw new DOMException('Unrecognized algorithm name', 'NotSupportedError'); }};
for (const crypto of [{}, {subtle}]) {
  Object.defineProperty(globalThis, 'crypto', {value: crypto, configurable: true});
  said.push(await missing());
}
console.log(JSON.stringify(said));
`), nil, &got)
	if len(got) != 3 || got[0] != "" || !strings.Contains(got[1], "plain http") || !strings.Contains(got[2], "Ed25519") {
		t.Errorf("%q", got)
	}
}

// Given a verification that is stopped, or a file that cannot be read to its end, then nothing is said of the ledger.
func TestJavaScriptStops(t *testing.T) {
	var got []string
	nodetest.Run(t, console, []byte(`
import {readFileSync} from 'node:fs';
import {verifyFile} from './static/verify.js';

const file = new Blob([Buffer.from(JSON.parse(readFileSync(0, 'utf8')), 'base64')]);
const broken = {slice: file.slice.bind(file), stream: () => new ReadableStream({start: (c) => c.error(new Error('the disk is gone'))})};
const said = [];
for (const [f, options] of [[file, {signal: AbortSignal.abort()}], [broken, {}]]) {
  said.push(await verifyFile(f, options).then(() => 'a verdict', (e) => e.name + ': ' + e.message));
}
console.log(JSON.stringify(said));
`), segment(small(t).raws()), &got)
	if len(got) != 2 || !strings.HasPrefix(got[0], "AbortError") || got[1] != "Error: the disk is gone" {
		t.Errorf("%q", got)
	}
}

// plusOrder gives a signature whose S is larger by the order of the group, which says the same.
func plusOrder(sig []byte) []byte {
	order := []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10}
	sum, carry := bytes.Clone(sig), 0
	for i := range 32 {
		n := int(sig[32+i]) + int(order[i]) + carry
		sum[32+i], carry = byte(n), n>>8
	}
	return sum
}

func scalar(wide [64]byte) *edwards25519.Scalar {
	s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
	if err != nil {
		panic(err) // it is 64 bytes
	}
	return s
}

// forged signs as Ed25519 does, with any points in the place of R and of the public key.
func forged(secret, r *edwards25519.Scalar, public, point *edwards25519.Point, message []byte) []byte {
	k := scalar(sha512.Sum512(append(append(point.Bytes(), public.Bytes()...), message...)))
	return append(point.Bytes(), edwards25519.NewScalar().MultiplyAdd(k, secret, r).Bytes()...)
}
