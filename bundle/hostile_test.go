package bundle_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/console/nodetest"
)

// readAll opens a bundle and reads everything in it.
func readAll(r io.ReaderAt, size int64) error {
	b, err := bundle.Open(r, size)
	if err != nil {
		return err
	}
	for _, err := range b.Entries() {
		if err != nil {
			return err
		}
	}
	for _, err := range b.Documents() {
		if err != nil {
			return err
		}
	}
	for _, err := range b.Texts() {
		if err != nil {
			return err
		}
	}
	for _, err := range b.Others() {
		if err != nil {
			return err
		}
	}
	return b.CheckSums()
}

func readBytes(b []byte) error { return readAll(bytes.NewReader(b), int64(len(b))) }

// repack writes the files of a bundle with another program, after a change.
func repack(t *testing.T, b []byte, change func(files []*file) []*file) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var files []*file
	for _, f := range in.File {
		r, err := f.OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		contents, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, &file{f.FileHeader, contents})
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range change(files) {
		h := f.FileHeader
		to, err := w.CreateRaw(&h)
		if err == nil {
			_, err = to.Write(f.contents)
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

type file struct {
	zip.FileHeader
	contents []byte
}

// at gives the number of a file.
func at(files []*file, name string) int {
	return slices.IndexFunc(files, func(f *file) bool { return f.Name == name })
}

func (f *file) renamed(name string) *file {
	other := *f
	other.Name = name
	return &other
}

// Given zip files that other programs take, some to read another thing each, when they are opened as bundles, then they
// are refused, and what is wrong is named.
func TestHostileZips(t *testing.T) {
	s, q := some(t, 2)
	good := write(t, bundle.Zip, s, q, s.Journal.Len())
	if same := repack(t, good, func(files []*file) []*file { return files }); readBytes(same) != nil {
		t.Fatalf("packed again without a change: %v", readBytes(same))
	}
	edit := func(name string, f func(*file)) func([]*file) []*file {
		return func(files []*file) []*file {
			f(files[at(files, name)])
			return files
		}
	}
	add := func(name string) func([]*file) []*file {
		return func(files []*file) []*file { return append(files, files[0].renamed(name)) }
	}
	var files []nodetest.Case
	for _, tt := range []struct {
		name   string
		change func([]*file) []*file
		want   string
	}{
		{"compressed", edit("README.txt", func(f *file) { f.Method = zip.Deflate }), "compressed"},
		{"encrypted", edit("README.txt", func(f *file) { f.Flags |= 1 }), "encrypted"},
		{"data descriptor", edit("README.txt", func(f *file) { f.Flags |= 8 }), "flags"},
		{"UTF-8 flag", edit("README.txt", func(f *file) { f.Flags |= 0x800 }), "flags"},
		{"extra field", edit("README.txt", func(f *file) { f.Extra = []byte{1, 2, 0, 0} }), "extra"},
		{"comment", edit("README.txt", func(f *file) { f.Comment = "x" }), "comment"},
		{"symbolic link", edit("README.txt", func(f *file) { f.SetMode(fs.ModeSymlink | 0o777) }), "symbolic link"},
		{"executable", edit("README.txt", func(f *file) { f.SetMode(0o755) }), "byte"},
		{"another time", edit("README.txt", func(f *file) { f.ModifiedTime = 1 }), "byte"},
		{"checksum", edit("README.txt", func(f *file) { f.CRC32++ }), "README.txt: its bytes have changed"},
		{"out of the folder", add("../README.txt"), "no file of a bundle"},
		{"absolute", add("/README.txt"), "no file of a bundle"},
		{"backslash", add(`..\README.txt`), "no file of a bundle"},
		{"drive", add("C:README.txt"), "no file of a bundle"},
		{"folder", func(f []*file) []*file {
			g := f[0].renamed("documents/")
			contents(func([]byte) []byte { return nil })(g)
			return append(f, g)
		}, "no file of a bundle"},
		{"zero byte", add("README.txt\x00"), "no file of a bundle"},
		{"empty name", add(""), "no file of a bundle"},
		{"long name", add("documents/" + strings.Repeat("a", 100)), "a path of 110 bytes"},
		{"unknown", add("extra"), "no file of a bundle"},
		{"another case", add("readme.txt"), "no file of a bundle"},
		{"twice", add("README.txt"), "twice, or out of order"},
		{"leading zero", add("entries/01"), "no file of a bundle"},
		{"position 0", add("entries/0"), "no file of a bundle"},
		{"huge position", add("entries/99999999999999999999"), "no file of a bundle"},
		{"other spelling of a number", add("texts/00.jsonl"), "no file of a bundle"},
		{"out of order", func(f []*file) []*file { f[0], f[1] = f[1], f[0]; return f }, "twice, or out of order"},
		{"empty", func([]*file) []*file { return nil }, "manifest.json: it is missing"},
		{"no manifest", without("manifest.json"), "manifest.json: it is missing"},
		{"no checkpoint", without("checkpoint"), "checkpoint: it is missing"},
		{"no sums", without("SHA256SUMS"), "SHA256SUMS: it is missing"},
		{"no first entry", without("entries/1", "entries/1.tlog-proof"), "entries/1: it is missing"},
		{"entry without proof", without("entries/3.tlog-proof"), "entries/3.tlog-proof: it is missing"},
		{"proof without entry", without("entries/3"), "entries/3.tlog-proof"},
		{"document left out", func(f []*file) []*file {
			i := slices.IndexFunc(f, func(f *file) bool { return strings.HasPrefix(f.Name, "documents/") })
			return slices.Delete(f, i, i+1)
		}, "its SHA-256 is not the one in SHA256SUMS"},
		{"schema left out", without("schemas/entry.1.json"), "its SHA-256 is not the one in SHA256SUMS"},
		{"tile in a part", func(f []*file) []*file {
			i := slices.IndexFunc(f, func(f *file) bool { return strings.HasPrefix(f.Name, "documents/") })
			return slices.Insert(f, i, f[0].renamed("tile/0/000.p/1"))
		}, "tile/0/000.p/1"},
		{"manifest with a space", edit("manifest.json", contents(func(b []byte) []byte { return append(b, ' ') })), "manifest.json"},
		{"manifest of a later format", edit("manifest.json", contents(func(b []byte) []byte { return bytes.Replace(b, []byte("bundle/1"), []byte("bundle/2"), 1) })), "manifest.json"},
		{"another proof", func(f []*file) []*file {
			f[at(f, "entries/3.tlog-proof")].swap(f[at(f, "entries/4.tlog-proof")])
			return f
		}, "it is of entry"},
		{"proof under another checkpoint", edit("entries/3.tlog-proof", contents(func(b []byte) []byte { return bytes.Replace(b, []byte("\u2014 "), []byte("\u2014 x"), 1) })), "checkpoint is not the one of the bundle"},
	} {
		b := repack(t, good, tt.change)
		files = append(files, nodetest.Case{Name: tt.name, File: b})
		t.Run(tt.name, func(t *testing.T) {
			if err := readBytes(b); !errors.Is(err, bundle.ErrForm) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q", err, tt.want)
			}
		})
	}
	inBrowsers(t, files)
}

// inBrowsers demands that the console's verifier refuses by their form what cannot be opened here, before it looks at any entry.
func inBrowsers(t *testing.T, files []nodetest.Case) {
	t.Helper()
	t.Run("in browsers", func(t *testing.T) {
		refused := 0
		for i, got := range nodetest.Verify(t, "../console", files...) {
			if _, err := bundle.Open(bytes.NewReader(files[i].File), int64(len(files[i].File))); err == nil {
				continue
			}
			if refused++; got.OK || got.Broken.Check != "form" || got.Broken.Position != 0 {
				t.Errorf("%s: %+v", got.Name, got.Broken)
			}
		}
		if refused < len(files)/2 {
			t.Errorf("only %d of %d files cannot be opened", refused, len(files))
		}
	})
}

func (f *file) swap(g *file) {
	f.contents, g.contents = g.contents, f.contents
	f.sized()
	g.sized()
}

func (f *file) sized() {
	f.UncompressedSize64, f.CompressedSize64 = uint64(len(f.contents)), uint64(len(f.contents))
	f.CRC32 = crc(f.contents)
}

func contents(change func([]byte) []byte) func(*file) {
	return func(f *file) {
		f.contents = change(slices.Clone(f.contents))
		f.sized()
	}
}

func without(names ...string) func([]*file) []*file {
	return func(files []*file) []*file {
		return slices.DeleteFunc(files, func(f *file) bool { return slices.Contains(names, f.Name) })
	}
}

// Given a zip of all entries, when a tile or a bundle of entries is missing, of another width, or not of the entries that
// its name says, then it is refused, and the file is named.
func TestHostileTrees(t *testing.T) {
	s, _ := some(t, 140)
	good := write(t, bundle.Zip, s, bundle.Question{Kind: bundle.All}, s.Journal.Len())
	last := int(s.Journal.Len() - 256)
	edge, edgeEntries := fmt.Sprintf("tile/0/001.p/%d", last), fmt.Sprintf("tile/entries/001.p/%d", last)
	edit := func(name string, f func(b []byte) []byte) func([]*file) []*file {
		return func(files []*file) []*file {
			contents(f)(files[at(files, name)])
			return files
		}
	}
	var files []nodetest.Case
	for name, tt := range map[string]struct {
		change func([]*file) []*file
		want   string
	}{
		"no tile":    {without("tile/0/000"), "tile/0/000: it is missing"},
		"no edge":    {without(edge), edge + ": it is missing"},
		"no top":     {without("tile/1/000.p/1"), "tile/1/000.p/1: it is missing"},
		"no entries": {without("tile/entries/000"), "tile/entries/000: it is missing"},
		"fewer at the edge": {func(f []*file) []*file {
			i := at(f, edgeEntries)
			f[i] = f[i].renamed(fmt.Sprintf("tile/entries/001.p/%d", last-1))
			return f
		}, edgeEntries + ": it is missing"},
		"tile cut":       {edit(edge, func(b []byte) []byte { return b[:len(b)-32] }), edge + ": it is missing, or not as many"},
		"bytes behind":   {edit(edgeEntries, func(b []byte) []byte { return append(b, 0) }), fmt.Sprintf("%s[%d]: bytes follow", edgeEntries, last)},
		"half a length":  {edit(edgeEntries, func(b []byte) []byte { return b[:1] }), edgeEntries + "[0]"},
		"cut":            {edit(edgeEntries, func(b []byte) []byte { return b[:len(b)-1] }), fmt.Sprintf("%s[%d]: an entry of", edgeEntries, last-1)},
		"an empty entry": {edit(edgeEntries, func(b []byte) []byte { b[0], b[1] = 0, 0; return b }), edgeEntries + "[0]: an entry of 0 bytes"},
		"a long entry":   {edit(edgeEntries, func(b []byte) []byte { b[0], b[1] = 255, 255; return b }), edgeEntries + "[0]: an entry of 65535 bytes"},
		"no bytes":       {edit(edgeEntries, func([]byte) []byte { return nil }), edgeEntries},
	} {
		b := repack(t, good, tt.change)
		files = append(files, nodetest.Case{Name: name, File: b})
		if err := readBytes(b); !errors.Is(err, bundle.ErrForm) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
	inBrowsers(t, files)
}

// Given a bundle, when any byte of it is another, or it ends early, or something stands before or behind it, then
// reading it says so.
func TestEveryByteCounts(t *testing.T) {
	s, q := some(t, 1)
	step := 97
	if os.Getenv("PERMLEDGER_LONG") != "" {
		step = 1
	}
	for _, f := range []bundle.Form{bundle.Zip, bundle.CAR} {
		for _, q := range []bundle.Question{q, {Kind: bundle.All}} {
			good := write(t, f, s, q, s.Journal.Len())
			if err := readBytes(good); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(good); i += step {
				b := slices.Clone(good)
				b[i] ^= 1 << (i % 8)
				if readBytes(b) == nil {
					t.Errorf("%v %s: another byte %d is not noticed", f, q.Kind, i)
				}
				if readBytes(good[:i]) == nil {
					t.Errorf("%v %s: cut off at %d and not noticed", f, q.Kind, i)
				}
			}
			for i := range 64 { // the records at the end
				b := slices.Clone(good)
				b[len(b)-1-i] ^= 1
				if readBytes(b) == nil {
					t.Errorf("%v %s: another byte %d from the end is not noticed", f, q.Kind, i)
				}
			}
			for _, b := range [][]byte{append(slices.Clone(good), 0), append([]byte{0}, good...), append(slices.Clone(good), good...)} {
				if readBytes(b) == nil {
					t.Errorf("%v %s: more bytes are not noticed", f, q.Kind)
				}
			}
		}
	}
}

// Given a zip file whose records lie, when it is opened, then it is refused.
func TestLyingRecords(t *testing.T) {
	s, _ := some(t, 2)
	good := write(t, bundle.Zip, s, bundle.Question{Kind: bundle.All}, s.Journal.Len())
	end := len(good) - 22
	list := int(binary.LittleEndian.Uint32(good[end+16:]))
	end64 := func(files, size, offset uint64) []byte {
		b := slices.Clone(good[:end])
		b = append(b, "PK\x06\x06\x2c\x00\x00\x00\x00\x00\x00\x00\x2d\x03\x2d\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
		for _, n := range []uint64{files, files, size, offset} {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		b = append(b, "PK\x06\x07\x00\x00\x00\x00"...)
		b = binary.LittleEndian.AppendUint64(b, uint64(end))
		b = binary.LittleEndian.AppendUint32(b, 1)
		last := slices.Clone(good[end:])
		binary.LittleEndian.PutUint16(last[8:], uint16(min(files, 0xffff)))
		binary.LittleEndian.PutUint16(last[10:], uint16(min(files, 0xffff)))
		binary.LittleEndian.PutUint32(last[12:], uint32(min(size, 0xffffffff)))
		binary.LittleEndian.PutUint32(last[16:], uint32(min(offset, 0xffffffff)))
		return append(b, last...)
	}
	files, size := uint64(binary.LittleEndian.Uint16(good[end+10:])), uint64(end-list)
	put := func(at int, v ...byte) []byte {
		b := slices.Clone(good)
		copy(b[at:], v)
		return b
	}
	var cases []nodetest.Case
	for name, b := range map[string][]byte{
		"zip64 without need":      end64(files, size, uint64(list)),
		"zip64 of many files":     end64(1<<40, size, uint64(list)),
		"zip64 of all there are":  end64(1<<64-1, size, uint64(list)),
		"zip64 beyond the end":    end64(files, size, 1<<63),
		"zip64 around the end":    end64(files, -size, uint64(list)),
		"zip64 announced":         put(end+10, 0xff, 0xff),
		"more files":              put(end+8, byte(files+1), 0, byte(files+1), 0),
		"fewer files":             put(end+8, byte(files-1), 0, byte(files-1), 0),
		"another disk":            put(end+4, 1),
		"counts that differ":      put(end+8, byte(files-1)),
		"a comment":               append(put(end+20, 1, 0), 'x'),
		"the list somewhere else": put(end+16, 0, 0, 0, 0),
		"a longer list":           put(end+12, 0xff, 0xff, 0xff, 0x7f),
		"overlapping files":       put(list+42+46+len("README.txt"), 0, 0, 0, 0),
		"another size":            put(list+20, 1),
		"another name up front":   put(30, 'r'),
		"two signatures":          put(0, 'P', 'K', 7, 8),
		"a spanned archive":       append([]byte("PK\x07\x08"), good...),
		"a program in front":      append([]byte("MZ\x90\x00"), good...),
		"nothing but an end":      []byte("PK\x05\x06" + strings.Repeat("\x00", 18)),
		"nothing":                 nil,
		"two letters":             []byte("PK"),
	} {
		if err := readBytes(b); err == nil || !errors.Is(err, bundle.ErrForm) && !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%s: %v", name, err)
		}
		cases = append(cases, nodetest.Case{Name: name, File: b})
	}
	inBrowsers(t, cases)
}

func crc(b []byte) uint32 { return crc32.ChecksumIEEE(b) }
