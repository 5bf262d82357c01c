package verify_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/bundle/bundletest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// A packed file of a zip bundle.
type packedFile struct {
	name string
	b    []byte
}

type packedFiles []packedFile

func (f packedFiles) get(name string) *[]byte {
	for i := range f {
		if f[i].name == name {
			return &f[i].b
		}
	}
	panic(name)
}

// without gives the files but one.
func (f packedFiles) without(name string) packedFiles {
	return slices.DeleteFunc(slices.Clone(f), func(p packedFile) bool { return p.name == name })
}

// renamed gives the files with another name for one of them.
func (f packedFiles) renamed(name, to string) packedFiles {
	i := slices.IndexFunc(f, func(p packedFile) bool { return p.name == name })
	f[i].name = to
	return f
}

// rezip is what somebody does who changes a zip bundle and knows how one is made: checksums and the list of sums are right
// again.
func rezip(t testing.TB, b []byte, change func(packedFiles) packedFiles) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var files packedFiles
	headers := map[string]zip.FileHeader{}
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		headers[""] = f.FileHeader
		if f.Name != "SHA256SUMS" {
			files = append(files, packedFile{f.Name, content})
		}
	}
	files = change(files)
	var sums bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(f.b), f.name)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range append(files, packedFile{"SHA256SUMS", sums.Bytes()}) {
		h := headers[""]
		h.Name, h.CRC32, h.CompressedSize64, h.UncompressedSize64 = f.name, crc32.ChecksumIEEE(f.b), uint64(len(f.b)), uint64(len(f.b))
		to, err := w.CreateRaw(&h)
		if err == nil {
			_, err = to.Write(f.b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// many is a ledger of more than two tiles.
func many(t testing.TB) *world {
	w := open(t, plain)
	for len(w.entries) < 2*tree.TileWidth+18 {
		name := fmt.Sprint("user", len(w.entries))
		w.do(ask{}, &events.SubjectAdded{Subject: id(name), Key: name, Kind: events.KindHuman})
	}
	return w
}

// unframed gives the entries of a bundle of entries; framed packs them again.
func unframed(b []byte) (list [][]byte) {
	for len(b) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(b))
		list, b = append(list, b[2:n]), b[n:]
	}
	return list
}

func framed(list [][]byte) (b []byte) {
	for _, e := range list {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
	}
	return b
}

// damage is what somebody does to a bundle, and which check notices, in which file and at which entry.
type damage struct {
	name     string
	change   func(packedFiles) packedFiles
	check    string
	file     string
	position uint64
	fast     string // the check that notices in the fast pass, where it is another one
}

// damages gives a bundle, and what can be done to it as it can be done to a log.
func damages(t *testing.T) (whole []byte, list []damage) {
	t.Helper()
	w := many(t)
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	whole = p.write(t, bundle.Zip)
	p.sign(t, p.position-1, "checkpoint")
	older := slices.Clone(p.Checkpoint)
	const first, second, last = "tile/entries/000", "tile/entries/001", "tile/entries/002.p/18"
	flip := func(name string, at int) func(packedFiles) packedFiles {
		return func(f packedFiles) packedFiles {
			b := *f.get(name)
			b[at] ^= 1
			return f
		}
	}
	edit := func(name string, change func(list [][]byte) [][]byte) func(packedFiles) packedFiles {
		return func(f packedFiles) packedFiles {
			b := f.get(name)
			*b = framed(change(unframed(*b)))
			return f
		}
	}
	text := func(name, old, with string) func(packedFiles) packedFiles {
		return func(f packedFiles) packedFiles {
			b := f.get(name)
			if n := strings.Count(string(*b), old); n != 1 {
				t.Fatalf("%q stands %d times in %s", old, n, *b)
			}
			*b = []byte(strings.Replace(string(*b), old, with, 1))
			return f
		}
	}
	checkpoint := func(change func(*note.Checkpoint)) func(packedFiles) packedFiles {
		return func(f packedFiles) packedFiles {
			n, err := note.Parse(*f.get("checkpoint"))
			if err != nil {
				t.Fatal(err)
			}
			c, err := note.ParseCheckpoint(n.Text)
			if err != nil {
				t.Fatal(err)
			}
			change(&c)
			n.Text = c.Text()
			*f.get("checkpoint") = n.Bytes()
			return f
		}
	}
	return whole, []damage{
		{"a bit in a tile of leaves", flip("tile/0/001", 32*7+3), verify.CheckTile, "tile/0/001", 256 + 8, ""},
		{"a bit in the last tile, which is not full", flip("tile/0/002.p/18", 32*17), verify.CheckTile, "tile/0/002.p/18", 512 + 18, ""},
		{"a bit in a tile of tiles", flip("tile/1/000.p/2", 32), verify.CheckTile, "tile/1/000.p/2", 257, ""},
		{"a bit in an entry", edit(second, func(l [][]byte) [][]byte {
			l[4] = bytes.Replace(l[4], []byte(`"key":"user260"`), []byte(`"key":"user26p"`), 1)
			return l
		}), chain.CheckSignature, second, 261, chain.CheckLink}, // of the next one
		{"two entries swapped", edit(second, func(l [][]byte) [][]byte { l[4], l[5] = l[5], l[4]; return l }), chain.CheckPosition, second, 261, ""},
		{"an entry dropped for another one", edit(second, func(l [][]byte) [][]byte { l[4] = l[3]; return l }), chain.CheckPosition, second, 261, ""},
		{"an entry short", edit(second, func(l [][]byte) [][]byte { return l[:255] }), chain.CheckForm, second, 512, ""},
		{"an entry too many", edit(first, func(l [][]byte) [][]byte { return append(l, l[0]) }), chain.CheckForm, first, 257, ""},
		{"a tile missing", func(f packedFiles) packedFiles { return f.without("tile/0/001") }, chain.CheckForm, "tile/0/001", 0, ""},
		{"a bundle of entries missing", func(f packedFiles) packedFiles { return f.without(second) }, chain.CheckForm, second, 0, ""},
		{"another root", checkpoint(func(c *note.Checkpoint) { c.Root[0] ^= 1 }), verify.CheckCheckpoint, "checkpoint", 0, ""},
		{"another size", checkpoint(func(c *note.Checkpoint) { c.Size++ }), verify.CheckManifest, "manifest.json", 0, ""},
		{"another origin", checkpoint(func(c *note.Checkpoint) { c.Origin = "ledger.example/other" }), verify.CheckCheckpoint, "checkpoint", 0, ""},
		{"an older checkpoint", func(f packedFiles) packedFiles { *f.get("checkpoint") = older; return f }, verify.CheckManifest, "manifest.json", 0, ""},

		{"the last entry left out", func(f packedFiles) packedFiles {
			b := f.get(last)
			*b = framed(unframed(*b)[:17])
			return f.renamed(last, "tile/entries/002.p/17")
		}, chain.CheckForm, last, 0, ""},
		{"the last entry left out, and the manifest knows it", func(f packedFiles) packedFiles {
			b := f.get(last)
			*b = framed(unframed(*b)[:17])
			return text("manifest.json", `"position":530`, `"position":529`)(f.renamed(last, "tile/entries/002.p/17"))
		}, "", "", 0, ""}, // this is the bundle as of one entry before
		{"a tile too many", func(f packedFiles) packedFiles {
			i := slices.IndexFunc(f, func(p packedFile) bool { return p.name == "tile/1/000.p/2" })
			return slices.Insert(f, i+1, packedFile{"tile/2/000.p/1", make([]byte, 32)})
		}, chain.CheckForm, "tile/2/000.p/1", 0, ""},
		{"a key in the DID document", text("did.json", `"publicKeyMultibase":"`+strings.TrimPrefix(did("document"), "did:key:"), `"publicKeyMultibase":"`+strings.TrimPrefix(did("stranger"), "did:key:")), verify.CheckIssuer, "did.json", 0, ""},
		{"the origin in the manifest", text("manifest.json", "ledger.example/acme", "ledger.example/beta"), verify.CheckManifest, "manifest.json", 0, ""},
		{"a document that nobody issued", func(f packedFiles) packedFiles {
			i := slices.IndexFunc(f, func(p packedFile) bool { return strings.HasPrefix(p.name, "schemas/") })
			return slices.Insert(f, i, packedFile{"documents/" + chain.CID([]byte("{}")) + ".json", []byte("{}")})
		}, chain.CheckDocument, "documents/" + chain.CID([]byte("{}")) + ".json", 0, "-"},
	}
}

// Given an exported bundle, when somebody does to it what can be done to a log, and makes every checksum right again, then
// it is refused, and file and entry are named.
func TestDamagedBundle(t *testing.T) {
	whole, list := damages(t)
	if _, err := verifyBundle(t, whole, verify.Options{}); err != nil {
		t.Fatal(err)
	}
	if again := rezip(t, whole, func(f packedFiles) packedFiles { return f }); !bytes.Equal(again, whole) {
		t.Fatal("packed again, the bundle has other bytes")
	}
	for _, d := range list {
		t.Run(d.name, func(t *testing.T) {
			b := rezip(t, whole, d.change)
			for _, fast := range []bool{false, true} {
				_, err := verifyBundle(t, b, verify.Options{Fast: fast})
				check, file := d.check, d.file
				if fast && d.fast != "" {
					check = d.fast
				}
				switch {
				case check == "" || check == "-":
					if err != nil {
						t.Errorf("fast %v: %v", fast, err)
					}
				case check == chain.CheckLink:
					wantBrokenFile(t, err, check, file, d.position+1)
				default:
					wantBrokenFile(t, err, check, file, d.position)
				}
			}
		})
	}
}

// Given two honest histories of one key and one size, when one is exported, then it verifies by itself, for it is signed;
// only that nobody else has seen it tells, and a policy that asks for witnesses refuses it.
func TestForkedBundle(t *testing.T) {
	w := open(t, plain)
	w.do(ask{}, &events.SubjectAdded{Subject: id("eve"), Key: "eve", Kind: events.KindHuman})
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	b := p.write(t, bundle.Zip)
	r, err := verifyBundle(t, b, verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, not := r.Words(); !strings.Contains(strings.Join(not, "\n"), "Nobody but the ledger's operator signed") {
		t.Errorf("it does not say that nobody else has seen it: %q", not)
	}
	policy := &note.Policy{
		Logs:      []note.Log{{Key: bundletest.LogKey(p.Origin)}},
		Witnesses: []note.Witness{{Name: "auditor", Key: witnessKey("auditor")}}, Quorum: "auditor",
	}
	_, err = verifyBundle(t, b, verify.Options{Trust: policy})
	wantBrokenFile(t, err, verify.CheckTrust, "checkpoint", 0)
}

// Given bundles in every form, when a byte anywhere is another, then they are refused.
func TestFlippedBundle(t *testing.T) {
	w := history(t, profiles["with documents"])
	p := pack(t, w)
	role := w.bundleOf(p, bundle.Role)
	all := map[string][]byte{}
	for _, f := range bundleForms {
		all["all "+f.String()] = p.write(t, f)
	}
	for _, f := range bundleForms[:2] {
		all["role "+f.String()] = role.write(t, f)
	}
	p.position -= 10 // under the checkpoint of more
	all["fewer, CAR"], all["fewer, zip"] = p.write(t, bundle.CAR), p.write(t, bundle.Zip)
	names := slices.Sorted(maps.Keys(all))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "bundle")
		b := slices.Clone(all[name])
		at := rapid.IntRange(0, len(b)-1).Draw(t, "byte")
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if _, err := verify.Bundle(t.Context(), bytes.NewReader(b), int64(len(b)), verify.Options{}); err == nil {
			t.Errorf("byte %d of %q is another, and it verifies", at, name)
		}
	})
}
