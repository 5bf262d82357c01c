package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
)

const testOrigin = "ledger.example/acme"

// blockOf writes a block as a CAR file has it.
func blockOf(l link, b []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(l)+len(b)))
	return append(append(out, l[:]...), b...)
}

func rawOf(b []byte) link  { return linkTo(codecRaw, sha256.Sum256(b)) }
func cborOf(b []byte) link { return linkTo(codecDagCBOR, sha256.Sum256(b)) }

// carOf writes a file of a root block and others.
func carOf(root []byte, others ...[]byte) []byte {
	b := appendCARHeader(nil, cborOf(root))
	b = append(b, blockOf(cborOf(root), root)...)
	return append(b, bytes.Join(others, nil)...)
}

// Given the documents of IPLD on DAG-CBOR, when what they give as examples is written here, then the bytes are theirs.
func TestDAGCBORIsTheirs(t *testing.T) {
	// A CAR file's header as https://ipld.io/specs/transport/car/fixture/carv1-basic/ has it, but with one root.
	cid, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper("afyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm"))
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00"), cid...)
	want = append(want, "\x67version\x01"...)
	if got := appendCARHeader(nil, link(cid)); !bytes.Equal(got, want) {
		t.Errorf("%x", got)
	}
	// RFC 8949, appendix A.
	for _, tt := range []struct {
		n    uint64
		want string
	}{
		{0, "\x00"}, {10, "\x0a"}, {23, "\x17"}, {24, "\x18\x18"}, {25, "\x18\x19"}, {100, "\x18\x64"}, {1000, "\x19\x03\xe8"},
		{1000000, "\x1a\x00\x0f\x42\x40"}, {1000000000000, "\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00"},
		{1<<64 - 1, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff"},
	} {
		got := appendHead(nil, majorUint, tt.n)
		d := &decoder{b: got}
		if string(got) != tt.want || d.head(majorUint) != tt.n || d.bad {
			t.Errorf("%d is written %x", tt.n, got)
		}
	}
	if got := appendCBORText(nil, "IETF"); string(got) != "\x64IETF" {
		t.Errorf("%x", got)
	}
}

// Given CAR files that are not as they are written here, when they are opened, then they are refused.
func TestHostileCARs(t *testing.T) {
	checkpoint, entry := []byte("c"), []byte("e")
	pageOf := func(links ...link) []byte { return appendLinks(nil, links) }
	one := pageOf(rawOf(entry))
	manifest := func(change func(*carManifest)) []byte {
		m := &carManifest{
			Manifest: Manifest{Origin: testOrigin, Question: Question{Kind: All}, Position: 1, Size: 1},
			entries:  []link{cborOf(one)}, checkpoint: []link{rawOf(checkpoint)},
		}
		if change != nil {
			change(m)
		}
		return m.append(nil)
	}
	rest := [][]byte{blockOf(cborOf(one), one), blockOf(rawOf(entry), entry), blockOf(rawOf(checkpoint), checkpoint)}
	good := carOf(manifest(nil), rest...)
	open := func(b []byte) error {
		_, err := Open(bytes.NewReader(b), int64(len(b)))
		return err
	}
	if err := open(good); err != nil {
		t.Fatal(err)
	}
	changed := func(f func(*carManifest)) []byte { return carOf(manifest(f), rest...) }
	pages := func(p ...[]byte) []byte { // a file with these pages of entries
		var list []link
		var blocks [][]byte
		for _, b := range p {
			list = append(list, cborOf(b))
			blocks = append(blocks, blockOf(cborOf(b), b), blockOf(rawOf(entry), entry))
		}
		return carOf(manifest(func(m *carManifest) { m.entries = list }), append(blocks, rest[2])...)
	}
	root := manifest(nil)
	replaced := func(old, new string) []byte {
		b := []byte(strings.Replace(string(root), old, new, 1))
		if bytes.Equal(b, root) {
			t.Fatalf("%q does not occur", old)
		}
		return carOf(b, rest...)
	}
	var circle link // of a page that holds a link to itself, as no hash allows
	copy(circle[:], []byte{1, codecDagCBOR, 0x12, 0x20})
	self := pageOf(linkTo(codecRaw, circle.digest()))
	for name, b := range map[string][]byte{
		"no block":                       good[:59],
		"version 2":                      bytes.Replace(good, []byte("version\x01"), []byte("version\x02"), 1),
		"two roots":                      bytes.Replace(good, []byte("roots\x81"), []byte("roots\x82"), 1),
		"a raw root":                     bytes.Replace(good, []byte{0, 1, codecDagCBOR}, []byte{0, 1, codecRaw}, 1),
		"another root":                   appendThen(appendCARHeader(nil, cborOf(one)), good[59:]),
		"a length of two bytes for 1":    bytes.Replace(good, blockOf(rawOf(entry), entry)[:1], []byte{0x80 | 37, 0}, 1),
		"an endless length":              appendThen(good[:59], bytes.Repeat([]byte{0xff}, 100)),
		"a length of 1 GiB":              appendThen(good[:59], binary.AppendUvarint(nil, 1<<30)),
		"a length of 2^63":               appendThen(good[:59], binary.AppendUvarint(nil, 1<<63)),
		"a length of 0":                  appendThen(good[:59], []byte{0}),
		"a block as long as its CID":     carOf(nil, rest...),
		"bytes of another CID":           bytes.Replace(good, blockOf(rawOf(entry), entry), blockOf(rawOf(entry), []byte("f")), 1),
		"a block that is not next":       bytes.Replace(good, rest[1], append(bytes.Clone(rest[1]), rest[1]...), 1),
		"blocks in another order":        carOf(root, rest[1], rest[0], rest[2]),
		"a block left out":               carOf(root, rest[0], rest[2]),
		"a block more":                   carOf(root, append(rest[:3:3], rest[1])...),
		"a circle":                       carOf(manifest(func(m *carManifest) { m.entries = []link{circle} }), blockOf(circle, self)),
		"the root as a page":             carOf(manifest(func(m *carManifest) { m.entries = []link{cborOf(root)} }), blockOf(cborOf(root), root)),
		"a page twice, once in the file": carOf(manifest(func(m *carManifest) { m.entries = append(m.entries, m.entries...) }), rest...),
		"an empty page":                  pages(pageOf()),
		"a page that is not full":        pages(one, one),
		"a page of 1,025":                pages(pageOf(make([]link, page+1)...)),
		"a page that lies of 2^32":       pages([]byte("\x9a\xff\xff\xff\xff")),
		"a page that lies of 2^64":       pages([]byte("\x9b\xff\xff\xff\xff\xff\xff\xff\xff")),
		"a page without end":             pages(append([]byte("\x9f"), append(one[1:], 0xff)...)),
		"a page with a long head":        pages(append([]byte("\x98\x01"), one[1:]...)),
		"a page with more behind":        pages(append(bytes.Clone(one), 0)),
		"a page of pages":                pages(pageOf(cborOf(entry))),
		"links of CIDv0":                 pages(bytes.Replace(one, []byte{0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x55}, []byte{0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x70}, 1)),
		"links of SHA-512":               pages(bytes.Replace(one, []byte{0x01, 0x55, 0x12, 0x20}, []byte{0x01, 0x55, 0x13, 0x20}, 1)),
		"no entries":                     changed(func(m *carManifest) { m.entries = nil }),
		"no checkpoint":                  changed(func(m *carManifest) { m.checkpoint = nil }),
		"proofs of all":                  changed(func(m *carManifest) { m.proofs = m.entries }),
		"a part without proofs":          changed(func(m *carManifest) { m.Question = Question{Kind: Role, ID: ulid.ULID{1}} }),
		"texts not asked for":            changed(func(m *carManifest) { m.texts = m.entries }),
		"position 0":                     changed(func(m *carManifest) { m.Position, m.Size = 0, 0 }),
		"position 2":                     changed(func(m *carManifest) { m.Position, m.Size = 2, 2 }),
		"beyond the checkpoint":          changed(func(m *carManifest) { m.Position = 2 }),
		"a size above 2^53":              changed(func(m *carManifest) { m.Size = 1 << 60 }),
		"another origin":                 changed(func(m *carManifest) { m.Origin = "../acme" }),
		"all of a role":                  changed(func(m *carManifest) { m.Question.ID = ulid.ULID{1} }),
		"an unknown question":            changed(func(m *carManifest) { m.Question.Kind = "x" }),
		"unknown texts":                  changed(func(m *carManifest) { m.Question.Texts = "x" }),
		"a later format":                 replaced("bundle/1", "bundle/2"),
		"another key":                    replaced("hposition", "hpositiom"),
		"a pair more than there is":      replaced("\xa7", "\xa8"),
		"a map without end":              replaced("\xa7", "\xbf"),
		"a number in a long form":        carOf(bytes.Replace(root, []byte("position\x01"), []byte("position\x18\x01"), 1), rest...),
		"a negative number":              carOf(bytes.Replace(root, []byte("position\x01"), []byte("position\x21"), 1), rest...),
		"a float":                        carOf(bytes.Replace(root, []byte("position\x01"), []byte("position\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"), 1), rest...),
	} {
		if err := open(b); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func appendThen(a, b []byte) []byte { return append(bytes.Clone(a), b...) }

// Given lines that are no entries, when they are opened, then they are refused, and the line is named.
func TestHostileLines(t *testing.T) {
	long := `{"x":"` + strings.Repeat("a", maxEntry) + `"}` + "\n"
	for text, want := range map[string]string{
		"{}\n{":                          "entries[1]: it is cut off",
		"{}\n\n":                         "entries[1]: no entry",
		"{}\n[]\n":                       "entries[1]: no entry",
		"{}\r\n":                         "entries[0]: no entry",
		"{":                              "entries[0]: it is cut off",
		"{}\n" + long:                    "entries[1]: a line of more than 65535 bytes",
		"{" + strings.Repeat(" ", 1<<20): "entries[0]: a line of more",
	} {
		_, err := Open(strings.NewReader(text), int64(len(text)))
		if !errors.Is(err, ErrForm) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v; want %q", text, err, want)
		}
	}
	for _, text := range []string{"", " {}\n", "[]\n", "position,time\n", "\xef\xbb\xbf{}\n"} {
		if _, err := Open(strings.NewReader(text), int64(len(text))); !errors.Is(err, ErrNotBundle) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
