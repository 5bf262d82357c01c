package canon_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/didkey"
)

// The slow reader: two libraries that share nothing with the codec say what is JSON and what is canonical, and what
// docs/format.md takes away from that is said here once more, in the plainest words.

// A node is a JSON value as jsontext reads it.
type node struct {
	kind  jsontext.Kind
	text  string // of a string or a number
	names []string
	of    map[string]*node
	items []*node
}

// read reads one value, also with names twice and with bad UTF-8; nil where it is no JSON even so.
func read(b []byte) *node {
	d := jsontext.NewDecoder(bytes.NewReader(b), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	n, err := readValue(d)
	if err != nil {
		return nil
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return nil
	}
	return n
}

func readValue(d *jsontext.Decoder) (*node, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	n := &node{kind: token.Kind()}
	switch n.kind {
	case '"', '0':
		n.text = token.String()
	case '[', '{':
		n.of = map[string]*node{}
		for d.PeekKind() != ']' && d.PeekKind() != '}' {
			name := ""
			if n.kind == '{' {
				if token, err = d.ReadToken(); err != nil {
					return nil, err
				}
				name = token.String()
				n.names = append(n.names, name)
			}
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			if n.kind == '{' {
				n.of[name] = v
			} else {
				n.items = append(n.items, v)
			}
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// allowed says whether a value is of the subset of canonical JSON that is in use.
func (n *node) allowed(depth int) bool {
	switch n.kind {
	case '{', '[':
		for _, name := range n.names {
			if !canonName.MatchString(name) || !n.of[name].allowed(depth+1) {
				return false
			}
		}
		for _, item := range n.items {
			if !item.allowed(depth + 1) {
				return false
			}
		}
		return depth <= canon.MaxDepth
	case '"':
		return len(n.text) <= canon.Text.Max && !strings.ContainsFunc(n.text, canon.Forbidden)
	case '0':
		v, err := strconv.ParseUint(n.text, 10, 64)
		return err == nil && v <= canon.MaxInteger
	}
	return n.kind == 't'
}

var canonName = regexp.MustCompile(`^[ !#-\[\]-~]*$`) // ASCII that needs no escape

// isCanonical is the reference for [canon.Decode].
func isCanonical(b []byte, n *node) bool {
	if n == nil || n.kind != '{' || !jsontext.Value(b).IsValid() || !n.allowed(1) {
		return false
	}
	same, err := jcs.Transform(b)
	return err == nil && bytes.Equal(same, b)
}

// members describes a value to the codec as a type of ours would, names in ascending order. It says false where no
// description can: the arrays of the ledger are sets of strings and lists of objects.
func (n *node) members() (func(*canon.Codec), bool) {
	names := slices.Compact(slices.Sorted(slices.Values(n.names)))
	var walks []func(*canon.Codec)
	for _, name := range names {
		if !canonName.MatchString(name) {
			return nil, false
		}
		v := n.of[name]
		switch v.kind {
		case '"':
			s := new(string)
			walks = append(walks, func(c *canon.Codec) { c.String(name, s, canon.Text) })
		case '0':
			i := new(uint64)
			walks = append(walks, func(c *canon.Codec) { c.Uint(name, i) })
		case '{':
			inner, ok := v.members()
			if !ok {
				return nil, false
			}
			walks = append(walks, func(c *canon.Codec) { c.Object(name, inner) })
		case '[':
			walk, ok := v.array(name)
			if !ok {
				return nil, false
			}
			walks = append(walks, walk)
		default:
			flag := new(bool)
			walks = append(walks, func(c *canon.Codec) { c.Flag(name, flag) })
		}
	}
	return func(c *canon.Codec) {
		for _, walk := range walks {
			walk(c)
		}
	}, true
}

func (n *node) array(name string) (func(*canon.Codec), bool) {
	if !slices.ContainsFunc(n.items, func(i *node) bool { return i.kind != '"' }) {
		ascending := slices.IsSortedFunc(n.items, func(a, b *node) int {
			if a.text <= b.text { // an element and the one before it
				return -1
			}
			return 1
		})
		set := new([]string)
		return func(c *canon.Codec) { c.Set(name, set, canon.Text) }, ascending
	}
	var inner []func(*canon.Codec)
	for _, item := range n.items {
		members, ok := item.members()
		if !ok || item.kind != '{' {
			return nil, false
		}
		inner = append(inner, members)
	}
	list := make([]struct{}, len(inner))
	return func(c *canon.Codec) {
		at := 0
		canon.Objects(c, name, &list, true, func(c *canon.Codec, _ *struct{}) { inner[at](c); at++ }, nil)
	}, true
}

// Given any bytes, then the codec, told to expect what jsontext finds in them, accepts them just when jsontext and jcs find
// them canonical and docs/format.md takes nothing in them away; and writes them again as they were.
func FuzzCanonical(f *testing.F) {
	f.Add(encode(f, full()))
	f.Add(encode(f, least()))
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":{"b":{}},"c":[{"d":"e"},{}],"f":["g","h"]}`, `{"a":"\n\"\\/é","b":true}`, `{"a":1,"a":1}`, `{"b":1,"a":1}`, `{"a":1.0}`,
		`{"a":-0}`, `{"a":9007199254740992}`, `{"a":9007199254740991}`, `{"a":1e1}`, `{"a":false}`, `{"a":null}`, `{"a":"\u0061"}`, `{"a":"\/"}`,
		`{"a":"\ud800"}`, "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", `{"a": 1}`, `{"a":1} `, "\ufeff{}", `{"a":1}{}`, `[]`, `{"a":[1]}`, `{"":""}`,
		`{"a":["b","b"]}`, "{\"a\":\"\u200b\"}", "{\"a\":\"\x7f\"}", `{"a":"\t"}`, `{"é":1}`, `{"a\n":1}`, `{"a":truth}`, `{"a":tru}`, `{"a":01}`,
	} {
		f.Add([]byte(seed))
	}
	for _, depth := range []int{31, 32, 33} {
		f.Add([]byte(strings.Repeat(`{"a":`, depth-1) + `{}` + strings.Repeat(`}`, depth-1)))
		f.Add([]byte(strings.Repeat(`{"a":[`, depth/2) + strings.Repeat(`]}`, depth/2)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := read(b)
		if n == nil || n.kind != '{' {
			if canon.Decode(b, new(thing).members) == nil || canon.Decode(b, new(inner).members) == nil || canon.Decode(b, func(*canon.Codec) {}) == nil {
				t.Fatalf("this is no JSON object, and is accepted: %q", b)
			}
			return
		}
		members, ok := n.members()
		if !ok {
			return // two of its names, or its arrays, are of no sort that a description knows
		}
		want, err := isCanonical(b, n), canon.Decode(b, members)
		if (err == nil) != want {
			t.Fatalf("canonical: %v; the codec says %v of %q", want, err, b)
		}
		if err != nil {
			return
		}
		if same, err := canon.Encode(members); err != nil || !bytes.Equal(same, b) {
			t.Fatalf("written again as %q (%v); was %q", same, err, b)
		}
	})
}

// A sort is one sort of value: how the codec reads and writes it, and what the slow reader says of it.
type sort struct {
	name  string
	walk  func(*canon.Codec) // over a variable of its own
	takes func(s string) bool
}

// sorts has every sort of value that is written as a string.
func sorts() []sort {
	var (
		id    ulid.ULID
		at    time.Time
		hash  [32]byte
		sig   [64]byte
		some  []byte
		n     uint64
		text  string
		bits  = base64.RawURLEncoding
		octet = func(s string, from, to int) bool {
			b, err := bits.DecodeString(s)
			return err == nil && bits.EncodeToString(b) == s && len(b) >= from && len(b) <= to
		}
	)
	all := []sort{
		{"id", func(c *canon.Codec) { c.ULID("x", &id) }, func(s string) bool {
			id, err := ulid.ParseStrict(s)
			return err == nil && id.String() == s && id != ulid.ULID{}
		}},
		{"time", func(c *canon.Codec) { c.Time("x", &at) }, func(s string) bool {
			at, err := time.Parse(canon.TimeLayout, s)
			return err == nil && at.Format(canon.TimeLayout) == s && at.Year() >= 1970 && at.Year() <= 9999
		}},
		{"digest", func(c *canon.Codec) { c.Digest("x", &hash) }, func(s string) bool { return octet(s, 32, 32) }},
		{"signature", func(c *canon.Codec) { c.Signature("x", &sig) }, func(s string) bool { return octet(s, 64, 64) }},
		{"bytes", func(c *canon.Codec) { c.Bytes("x", &some) }, func(s string) bool { return octet(s, 1, 512) }},
		{"decimal", func(c *canon.Codec) { c.Decimal("x", &n) }, regexp.MustCompile(canon.Decimal.Pattern).MatchString},
		{"constant", func(c *canon.Codec) { c.Const("x", "1.0") }, func(s string) bool { return s == "1.0" }},
		{"did:key", func(c *canon.Codec) { c.String("x", &text, canon.DIDKey) }, func(s string) bool {
			_, err := didkey.Parse(s)
			return err == nil
		}},
		{"implied", func(c *canon.Codec) { text = c.Implied("x", "role/1", canon.About) }, slow(canon.About)},
	}
	for name, rule := range patterned {
		all = append(all, sort{name, func(c *canon.Codec) { c.String("x", &text, rule) }, slow(rule)})
	}
	for _, rule := range []*canon.Rule{canon.Text, canon.Name, canon.Value, canon.Credential} {
		all = append(all, sort{rule.Name, func(c *canon.Codec) { c.String("x", &text, rule) }, slow(rule)})
	}
	return all
}

// slow is a rule as docs/format.md has it: a pattern, a length in bytes, code points.
func slow(rule *canon.Rule) func(string) bool {
	pattern := regexp.MustCompile(rule.Pattern)
	return func(s string) bool {
		return len(s) >= rule.Min && len(s) <= rule.Max && pattern.MatchString(s) &&
			!strings.ContainsFunc(s, canon.Forbidden) && (rule.Lines || !strings.Contains(s, "\n"))
	}
}

// Given any bytes in the place of a value, then the codec takes them just when the slow reader does, whichever sort of
// value is expected; a second time too, when it may remember them; and what it takes it writes again as it was.
func FuzzStrings(f *testing.F) {
	for _, seed := range []string{
		`"01ARZ3NDEKTSV4RRFFQ69G5FAV"`, `"81ARZ3NDEKTSV4RRFFQ69G5FAV"`, `"01arz3ndektsv4rrffq69g5fav"`, `"00000000000000000000000000"`, `"7ZZZZZZZZZZZZZZZZZZZZZZZZZ"`,
		`"0IARZ3NDEKTSV4RRFFQ69G5FAL"`, `"2026-03-01T12:30:00.250Z"`, `"2024-02-29T23:59:59.999Z"`, `"2023-02-29T00:00:00.000Z"`, `"1969-12-31T23:59:59.999Z"`,
		`"9999-12-31T23:59:59.999Z"`, `"2100-02-29T00:00:00.000Z"`, `"2000-02-29T00:00:00.000Z"`, `"2026-04-31T00:00:00.000Z"`, `"2026-01-01T24:00:00.000Z"`,
		`"2026-01-01T00:00:60.000Z"`, `"2026-13-01T00:00:00.000Z"`, `"2026-00-01T00:00:00.000Z"`, `"2026-01-00T00:00:00.000Z"`,
		`"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`, `"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"`, `"` + strings.Repeat("A", 86) + `"`, `"` + strings.Repeat("A", 85) + `B"`,
		`"AA"`, `"AB"`, `"A"`, "\"A\nAAA\"", `"1"`, `"9999999999999999"`, `"0"`, `"01"`, `"12345678901234567"`, `"1.0"`, `"1\u002e0"`,
		`"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"`, `"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doL"`, `"did:web:acme.example"`, `"did:web:a%3a"`,
		`"did:web:a:"`, `"did:web:%3"`, `"did:we-b:a"`, `"role/1"`, `"role/"`, `"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"`,
		`"guardian:POLICIES"`, `":a"`, `"a:b:c"`, `"a\"b"`, `"a\\b"`, `"a b"`, `" a"`, `"a "`, `"-a"`, `".a"`, `"a.b-c"`, `"site/1"`, `"site/1/desk/2"`, `"site/1/"`, `"site//1"`,
		`"ledger.example/acme"`, `"ledger.example:8080/acme"`, `".ledger/acme"`, `"a/b/c"`, `"a-/b"`, `"urn:permledger:role.created:1"`, `"urn:permledger:role.created:01"`,
		`"two\nlines"`, `"é"`, "\"\u200b\"", "\"\x7f\"", `""`, `"`, ``, `1`, `"a"b"`, `"\u0061"`, `"` + strings.Repeat("a", 513) + `"`, `"` + strings.Repeat("é", 256) + `"`,
	} {
		f.Add([]byte(seed))
	}
	all := sorts()
	f.Fuzz(func(t *testing.T, value []byte) {
		b := append(append([]byte(`{"x":`), value...), '}')
		s, is := "", false
		if v := jsontext.Value(value); v.IsValid() && v.Kind() == '"' {
			raw, err := jsontext.AppendUnquote(nil, value)
			s = string(raw)
			is = err == nil && string(canon.AppendString(nil, s)) == string(value) // else it is written in another way
		}
		for _, sort := range all {
			want := is && sort.takes(s)
			for range 2 {
				if err := canon.Decode(b, sort.walk); (err == nil) != want {
					t.Fatalf("%s: %q is to be taken: %v; the codec says %v", sort.name, value, want, err)
				}
			}
			if !want || sort.name == "implied" {
				continue
			}
			if same, err := canon.Encode(sort.walk); err != nil || !bytes.Equal(same, b) {
				t.Fatalf("%s: written again as %q (%v); was %q", sort.name, same, err, b)
			}
		}
	})
}
