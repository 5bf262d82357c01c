package eventtest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
)

// PrivateKey gives the Ed25519 key whose seed is 32 times the byte n: the keys of the worked example in docs/format.md.
// It protects nothing.
func PrivateKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// KeyOf gives the did:key of a private key.
func KeyOf(key ed25519.PrivateKey) string { return didkey.Encode(key.Public().(ed25519.PublicKey)) }

// didKeys are made once: a key pair takes longer than all the rest of an event.
var didKeys = func() []string {
	var keys []string
	for n := range byte(24) {
		keys = append(keys, KeyOf(PrivateKey(n)))
	}
	return keys
}()

// DIDKey generates the did:key of an Ed25519 key that somebody has.
func DIDKey() *rapid.Generator[string] { return rapid.SampledFrom(didKeys) }

// ID generates a ULID that is not zero, of any time.
func ID() *rapid.Generator[ulid.ULID] {
	return rapid.Custom(func(t *rapid.T) (id ulid.ULID) {
		binary.BigEndian.PutUint64(id[:], rapid.Uint64().Draw(t, "high"))
		binary.BigEndian.PutUint64(id[8:], rapid.Uint64Min(1).Draw(t, "low"))
		return id
	})
}

// Digest generates 32 bytes that are not all zero.
func Digest() *rapid.Generator[events.Digest] {
	return rapid.Custom(func(t *rapid.T) (d events.Digest) {
		for i := 0; i < len(d); i += 8 {
			binary.BigEndian.PutUint64(d[i:], rapid.Uint64Min(1).Draw(t, "digest"))
		}
		return d
	})
}

// lastMillisecond is that of the year 9999, the last one that can be written.
const lastMillisecond = 253402300799999

// Time generates an instant of whole milliseconds in the years 1970 to 9999.
func Time() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, lastMillisecond), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() })
}

// Uint generates an integer from 0 to 2^53-1.
func Uint() *rapid.Generator[uint64] { return rapid.Uint64Range(0, canon.MaxInteger) }

// CID generates the CID of 32 bytes of digest.
func CID() *rapid.Generator[string] {
	lower := base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	return rapid.Map(Digest(), func(d events.Digest) string {
		return "b" + lower.EncodeToString(append([]byte{0x01, 0x55, 0x12, 0x20}, d[:]...))
	})
}

// Text generates free text of several lines, maybe none.
func Text() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.OneOf(character(), rapid.Just('\n')), 0, 40, -1)
}

// Name generates what people call a thing: any allowed characters, of any length in bytes.
func Name() *rapid.Generator[string] { return rapid.StringOfN(character(), 1, 40, -1) }

// character generates what may stand in any text, with a liking for what a writer of JSON may get wrong.
func character() *rapid.Generator[rune] {
	allowed := func(r rune) bool { return !canon.Forbidden(r) }
	return rapid.OneOf(
		rapid.RuneFrom([]rune("\"\\/<>&' abc019{}[]:,\u00a0é日\u2027\ud7ff\ue000\ufb33\U0001f511\U0001fffe")),
		rapid.Int32Range(' ', '~'),
		rapid.Int32Range(0xa0, 0xdffff).Filter(allowed),
	)
}

// Key generates the key of a role or subject.
func Key() *rapid.Generator[string] {
	return rapid.Map(rapid.StringOfN(rapid.Int32Range(' ', '~'), 0, 20, -1), func(s string) string {
		return "k" + strings.TrimRight(s, " ")
	})
}

// Permission generates the name of a permission, of a catalogue or bare.
func Permission() *rapid.Generator[string] {
	bare := rapid.StringOfN(rapid.Int32Range('!', '~').Filter(func(r rune) bool { return r != ':' }), 1, 24, -1)
	return rapid.OneOf(bare, rapid.Custom(func(t *rapid.T) string {
		return Organization().Draw(t, "catalogue") + ":" + bare.Draw(t, "name")
	}))
}

// Token generates a short name of the ledger's own making.
func Token() *rapid.Generator[string] { return rapid.StringMatching(`[a-z0-9][a-z0-9.-]{0,15}`) }

// Organization generates the id of an organization.
func Organization() *rapid.Generator[string] { return rapid.StringMatching(`[a-z0-9-]{1,32}`) }

// Scope generates the path of a scope.
func Scope() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9-]{1,8}/[!-.0-~]{1,8}(/[a-z0-9-]{1,8}/[!-.0-~]{1,8}){0,2}`)
}

// Condition generates a condition in its one spelling.
func Condition() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var c events.Condition
		for range rapid.IntRange(1, 3).Draw(t, "terms") {
			c = append(c, events.Term{
				Of:   rapid.SampledFrom([]string{events.OfSubject, events.OfAction, events.OfResource}).Draw(t, "of"),
				Name: Token().Draw(t, "name"), Not: rapid.Bool().Draw(t, "not"), Value: optional(t, "value", Name()),
			})
		}
		c, err := events.ParseCondition(c.String())
		if err != nil {
			t.Fatal(err)
		}
		return c.String()
	})
}

// Source generates the name of a ledger.
func Source() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9]([a-z0-9.:-]{0,10}[a-z0-9])?/[a-z0-9-]{1,32}`)
}

// DID generates a decentralized identifier.
func DID() *rapid.Generator[string] {
	return rapid.StringMatching(`did:[a-z0-9]{1,5}:([A-Za-z0-9._:-]|%[0-9A-Fa-f]{2}){0,20}([A-Za-z0-9._-]|%[0-9A-Fa-f]{2})`)
}
