package canon_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events/canon"
)

// thing has a member of every sort.
type thing struct {
	Change   *string
	Digest   [32]byte
	Digests  [][32]byte
	Flag     bool
	ID       ulid.ULID
	IDs      []ulid.ULID
	Inner    *inner
	List     []inner
	Number   uint64
	Optional optionals
	Raw      []byte
	Set      []string
	Sig      [64]byte
	String   string
	Text     string
	Time     time.Time
}

type inner struct{ Name string }

type optionals struct {
	Digest [32]byte
	ID     ulid.ULID
	IDs    []ulid.ULID
	List   []inner
	Number uint64
	Set    []string
	String string
	Time   time.Time
}

func (i *inner) members(c *canon.Codec) { c.String("name", &i.Name, canon.Name) }

func (x *thing) members(c *canon.Codec) {
	c.Change("change", &x.Change, canon.Value)
	c.Const("const", "1.0")
	c.Digest("digest", &x.Digest)
	c.Digests("digests", &x.Digests)
	c.Flag("flag", &x.Flag)
	c.ULID("id", &x.ID)
	c.ULIDs("ids", &x.IDs)
	c.OptionalObject("inner", x.Inner != nil, func(c *canon.Codec) {
		if x.Inner == nil {
			x.Inner = new(inner)
		}
		x.Inner.members(c)
	})
	canon.Objects(c, "list", &x.List, true, func(c *canon.Codec, i *inner) { i.members(c) }, func(before, i *inner) error {
		if i.Name <= before.Name {
			return errors.New("not ascending")
		}
		return nil
	})
	c.Uint("number", &x.Number)
	c.Object("optional", x.Optional.members)
	c.Raw("raw", &x.Raw)
	c.Set("set", &x.Set, canon.Permission)
	c.Signature("sig", &x.Sig)
	c.String("string", &x.String, canon.Name)
	c.String("text", &x.Text, canon.Text)
	c.Time("time", &x.Time)
}

func (o *optionals) members(c *canon.Codec) {
	c.OptionalDigest("digest", &o.Digest)
	c.OptionalULID("id", &o.ID)
	c.OptionalULIDs("ids", &o.IDs)
	canon.Objects(c, "list", &o.List, false, func(c *canon.Codec, i *inner) { i.members(c) }, nil)
	c.OptionalUint("number", &o.Number)
	c.OptionalSet("set", &o.Set, canon.Token)
	c.OptionalString("string", &o.String, canon.Value)
	c.OptionalTime("time", &o.Time)
}

func full() *thing {
	at := time.Date(2026, 3, 1, 12, 30, 0, 250e6, time.UTC)
	return &thing{
		Change: new("new"), Digest: [32]byte{31: 1}, Digests: [][32]byte{{1}, {0: 1}}, Flag: true, ID: ulid.ULID{1},
		IDs: []ulid.ULID{{1}, {2}}, Inner: &inner{"ü"}, List: []inner{{"a"}, {"b"}}, Number: canon.MaxInteger,
		Optional: optionals{
			Digest: [32]byte{2}, ID: ulid.ULID{3}, IDs: []ulid.ULID{{4}}, List: []inner{{"z"}, {"a"}}, Number: 1,
			Set: []string{"s", "t"}, String: "o", Time: at,
		},
		Raw: []byte(`{"any":["thing",{"}":1}]}`), Set: []string{`"`, "a:b"}, Sig: [64]byte{63: 9},
		String: `q"\</`, Text: "two\nlines \U0001f511", Time: at,
	}
}

func least() *thing {
	return &thing{
		ID: ulid.ULID{1}, IDs: []ulid.ULID{}, List: []inner{}, Raw: []byte(`{}`), Set: []string{}, String: "s", Time: time.UnixMilli(0).UTC(),
	}
}

func encode(t testing.TB, x *thing) []byte {
	t.Helper()
	b, err := canon.Encode(x.members)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Given a value with everything, and one with nothing, when it is written and read, then it is the same.
func TestRoundTrip(t *testing.T) {
	for name, x := range map[string]*thing{"full": full(), "least": least()} {
		t.Run(name, func(t *testing.T) {
			b := encode(t, x)
			var got thing
			if err := canon.Decode(b, got.members); err != nil {
				t.Fatalf("%v in %s", err, b)
			}
			if !reflect.DeepEqual(&got, x) {
				t.Errorf("got %+v; want %+v", got, x)
			}
			if same, err := jcs.Transform(b); err != nil || !bytes.Equal(same, b) {
				t.Errorf("not RFC 8785 (%v):\n%s\n%s", err, b, same)
			}
		})
	}
}

// Given something written before, when more is appended, then that stays.
func TestAppend(t *testing.T) {
	b, err := canon.Append([]byte("before"), (&inner{"n"}).members)
	if want := `before{"name":"n"}`; err != nil || string(b) != want {
		t.Errorf("got %s (%v); want %s", b, err, want)
	}
}

// Given a good value, when one thing in its bytes is changed by hand, then it is refused.
func TestDecodeRefuses(t *testing.T) {
	good := string(encode(t, full()))
	digest := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	tests := []struct{ name, old, new string }{
		{"a member twice", `"flag":true`, `"flag":true,"flag":true`},
		{"a member twice, once by an escape", `"flag":true`, `"flag":true,"fl\u0061g":true`},
		{"a name by an escape", `"flag":true`, `"fl\u0061g":true`},
		{"members out of order", `"string":"q\"\\</","text":"two\nlines `, `"text":"q\"\\</","string":"two\nlines `},
		{"an unknown member", `"flag":true`, `"flag":true,"flap":true`},
		{"a missing member", `"const":"1.0",`, ``},
		{"a name in another case", `"flag":true`, `"Flag":true`},
		{"a space after a colon", `"flag":true`, `"flag": true`},
		{"a space after a comma", `,"flag"`, `, "flag"`},
		{"a tab before the end", `Z"}`, "Z\"\t}"},
		{"a line break after the end", `.250Z"}`, ".250Z\"}\n"},
		{"a second value", `.250Z"}`, `.250Z"}{}`},
		{"a space before all", `{"change"`, ` {"change"`},
		{"a byte order mark", `{"change"`, "\ufeff{\"change\""},
		{"a comma too many", `"flag":true,`, `"flag":true,,`},
		{"a comma at the end", `.250Z"}`, `.250Z",}`},
		{"a comma at the start", `{"change"`, `{,"change"`},
		{"a comma too few", `"flag":true,"id"`, `"flag":true"id"`},
		{"a comma at the end of a list", `{"name":"b"}]`, `{"name":"b"},]`},
		{"two values without a comma", `{"name":"a"},{"name":"b"}`, `{"name":"a"}{"name":"b"}`},
		{"a list that does not end", `{"name":"b"}],`, `{"name":"b"},`},
		{"an escape for an ordinary letter", `"string":"q`, `"string":"\u0071`},
		{"an escape for a quote by number", `"q\"`, `"q\u0022`},
		{"an escaped slash", `</"`, `<\/"`},
		{"a line break by number", `two\nlines`, `two\u000alines`},
		{"a tab by escape", `two\nlines`, `two\tlines`},
		{"a carriage return by escape", `two\nlines`, `two\rlines`},
		{"a surrogate pair by escape", "\U0001f511", `\ud83d\udd11`},
		{"a lone surrogate by escape", "\U0001f511", `\ud83d`},
		{"a line break as it is", `two\nlines`, "two\nlines"},
		{"a line break where a rule has none", `"q\"`, `"q\n`},
		{"an escape at the end", `"q\"\\</","text"`, `"q\`},
		{"a string that does not end", `.250Z"}`, `.250Z`},
		{"bad UTF-8", "ü", "\xfc"},
		{"an overlong encoding", "ü", "\xc0\xaf"},
		{"a surrogate in UTF-8", "ü", "\xed\xa0\x80"},
		{"a code point above U+10FFFF", "ü", "\xf4\x90\x80\x80"},
		{"UTF-8 that is cut off", "ü", "\xc3"},
		{"null", `"number":9007199254740991`, `"number":null`},
		{"a fraction", `"number":1,`, `"number":1.0,`},
		{"an exponent", `"number":1,`, `"number":1e0,`},
		{"1e2", `"number":1,`, `"number":1e2,`},
		{"1E2", `"number":1,`, `"number":1E2,`},
		{"minus zero", `"number":1,`, `"number":-0,`},
		{"a negative number", `"number":1,`, `"number":-1,`},
		{"a plus", `"number":1,`, `"number":+1,`},
		{"a zero before", `"number":1,`, `"number":01,`},
		{"an optional zero", `"number":1,`, `"number":0,`},
		{"2^53", `9007199254740991`, `9007199254740992`},
		{"2^53 + 1", `9007199254740991`, `9007199254740993`},
		{"2^64", `9007199254740991`, `18446744073709551616`},
		{"17 digits", `9007199254740991`, `10000000000000000`},
		{"a number as a string", `9007199254740991`, `"9007199254740991"`},
		{"NaN", `9007199254740991`, `NaN`},
		{"false", `"flag":true`, `"flag":false`},
		{"half of true", `"flag":true`, `"flag":tru`},
		{"true as a string", `"flag":true`, `"flag":"true"`},
		{"an empty optional string", `"string":"o"`, `"string":""`},
		{"an empty optional set", `"set":["s","t"]`, `"set":[]`},
		{"an empty optional list of objects", `"list":[{"name":"z"},{"name":"a"}]`, `"list":[]`},
		{"an empty optional list of ids", `"ids":["` + ulid.ULID{4}.String() + `"]`, `"ids":[]`},
		{"an empty optional list of digests", `"digests":["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],`, `"digests":[],`},
		{"an optional digest of zeros", `{"digest":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`, `{"digest":"` + digest + `"`},
		{"a set out of order", `["s","t"]`, `["t","s"]`},
		{"a name twice in a set", `["s","t"]`, `["s","s"]`},
		{"a list of objects out of order", `[{"name":"a"},{"name":"b"}]`, `[{"name":"b"},{"name":"a"}]`},
		{"ids out of order", `["` + ulid.ULID{1}.String() + `","` + ulid.ULID{2}.String() + `"]`, `["` + ulid.ULID{2}.String() + `","` + ulid.ULID{1}.String() + `"]`},
		{"another constant", `"const":"1.0"`, `"const":"1.1"`},
		{"a digest with its padding", `{"digest":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`, `{"digest":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`},
		{"a digest with bits to spare", `{"digest":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`, `{"digest":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"`},
		{"a digest in the other alphabet", `{"digest":"AgAA`, `{"digest":"+/AA`},
		{"a line break within a digest", `{"digest":"AgAA`, "{\"digest\":\"A\nAA"},
		{"a string for an object", `"inner":{"name":"ü"}`, `"inner":"ü"`},
		{"an object for a list", `"set":["s","t"]`, `"set":{}`},
		{"a list for an object", `"inner":{"name":"ü"}`, `"inner":["ü"]`},
		{"an array instead of raw", `"raw":{"any":["thing",{"}":1}]}`, `"raw":[]`},
		{"raw that does not end", `"raw":{"any"`, `"raw":{"any":{"b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("%s does not stand in\n%s", tt.old, good)
			}
			err := canon.Decode([]byte(bad), new(thing).members)
			if e := new(canon.Error); !errors.As(err, &e) {
				t.Errorf("got %v; want an *Error for\n%s", err, bad)
			}
		})
	}
	for n := range good {
		if err := canon.Decode([]byte(good[:n]), new(thing).members); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(good))
		}
	}
}

// Given every code point there is, then what is read is what may be written, and the forbidden ones are neither.
func TestForbiddenIsRefused(t *testing.T) {
	members := func(s *string) func(*canon.Codec) {
		return func(c *canon.Codec) { c.String("s", s, canon.Text) }
	}
	for r := rune(0); r <= 0x10ffff; r++ {
		if r >= 0xd800 && r <= 0xdfff {
			continue // has no UTF-8; see the table above
		}
		s := string(r)
		_, writing := canon.Encode(members(&s))
		var got string
		reading := canon.Decode(canonical(s), members(&got))
		if refused := canon.Forbidden(r); (writing != nil) != refused || (reading != nil) != refused || !refused && got != s {
			t.Fatalf("U+%04X: forbidden %v, written with %v, read as %q with %v", r, refused, writing, got, reading)
		}
	}
}

func canonical(s string) []byte { return append(canon.AppendString([]byte(`{"s":`), s), '}') }

// Given nesting of any depth, when it is read or written, then 32 is the deepest.
func TestDepth(t *testing.T) {
	nested := func(objects int) []byte {
		return []byte(strings.Repeat(`{"a":`, objects-1) + `{}` + strings.Repeat("}", objects-1))
	}
	// A description that goes down as long as there is something to go down into.
	var down func(left int) func(*canon.Codec)
	down = func(left int) func(*canon.Codec) {
		return func(c *canon.Codec) { c.OptionalObject("a", left > 1, down(left-1)) }
	}
	raw := func(c *canon.Codec) { c.Raw("r", new([]byte)) }
	for depth := canon.MaxDepth - 1; depth <= canon.MaxDepth+1; depth++ {
		fits := depth <= canon.MaxDepth
		if err := canon.Decode(nested(depth), down(depth)); (err == nil) != fits {
			t.Errorf("depth %d is read with %v", depth, err)
		}
		if b, err := canon.Encode(down(depth)); (err == nil) != fits || fits && !bytes.Equal(b, nested(depth)) {
			t.Errorf("depth %d is written as %s (%v)", depth, b, err)
		}
		if err := canon.Decode(fmt.Appendf(nil, `{"r":%s}`, nested(depth)), raw); (err == nil) != fits {
			t.Errorf("raw of depth %d is read with %v", depth, err)
		}
		arrays := strings.Repeat(`[`, depth-1) + strings.Repeat(`]`, depth-1)
		if err := canon.Decode(fmt.Appendf(nil, `{"r":{"a":%s}}`, arrays), raw); (err == nil) != fits {
			t.Errorf("raw of arrays to depth %d is read with %v", depth, err)
		}
	}
}

// Given an error, then it says which member it is about and shows no value, which may be a secret.
func TestErrorsNameTheMember(t *testing.T) {
	secret := "hunter2"
	bad := strings.Replace(string(encode(t, full())), `"number":1,`, `"number":"`+secret+`",`, 1)
	err := canon.Decode([]byte(bad), new(thing).members)
	e := new(canon.Error)
	if !errors.As(err, &e) || e.Path != "optional.number" || e.Offset != strings.Index(bad, `"`+secret) {
		t.Errorf("got %+v", err)
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error shows a value: %v", err)
	}
}

// Given any value, when it is written, then another library finds it canonical, and it is read as the same.
func TestAnyValue(t *testing.T) {
	id := rapid.Map(rapid.Uint64Min(1), func(n uint64) (id ulid.ULID) {
		for i := range 8 {
			id[8+i] = byte(n >> (56 - 8*i))
		}
		return id
	})
	text := rapid.StringOf(rapid.Int32Range(0, 0x1ffff).Filter(func(r rune) bool { return !canon.Forbidden(r) }))
	rapid.Check(t, func(t *rapid.T) {
		x := full()
		x.Text = text.Draw(t, "text")
		x.Number = rapid.Uint64Range(0, canon.MaxInteger).Draw(t, "number")
		x.Optional.Number = rapid.Uint64Range(0, canon.MaxInteger).Draw(t, "optional number")
		x.Time = time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "ms")).UTC()
		x.IDs = rapid.SliceOfDistinct(id, rapid.ID[ulid.ULID]).Draw(t, "ids")
		slices.SortFunc(x.IDs, ulid.ULID.Compare)
		if x.Flag = rapid.Bool().Draw(t, "flag"); x.Flag {
			x.Inner = nil
		}
		b, err := canon.Encode(x.members)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := jcs.Transform(b); err != nil || !bytes.Equal(same, b) {
			t.Fatalf("not RFC 8785 (%v):\n%s\n%s", err, b, same)
		}
		var got thing
		if err := canon.Decode(b, got.members); err != nil || !reflect.DeepEqual(&got, x) {
			t.Fatalf("read as %+v (%v); want %+v", got, err, x)
		}
	})
}

// Given any bytes, when they are accepted, then they are written again as they were, and another library finds them
// canonical.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, full()))
	f.Add(encode(f, least()))
	f.Fuzz(func(t *testing.T, b []byte) {
		var x thing
		if canon.Decode(b, x.members) != nil {
			return
		}
		if same := encode(t, &x); !bytes.Equal(same, b) {
			t.Fatalf("two spellings of one value:\n%s\n%s", b, same)
		}
		x.Raw = []byte(`{}`) // is not this package's to check
		b = encode(t, &x)
		if same, err := jcs.Transform(b); err != nil || !bytes.Equal(same, b) {
			t.Fatalf("not RFC 8785 (%v):\n%s\n%s", err, b, same)
		}
	})
}
