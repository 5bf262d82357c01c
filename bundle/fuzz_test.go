package bundle

import (
	"bytes"
	"io"
	"testing"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/tree"
)

// zipSeed makes a small zip of a bundle, of one entry that is none.
func zipSeed(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	m := Manifest{Origin: testOrigin, Question: Question{Kind: All}, Position: 1, Size: 1}
	manifest, err := canon.Encode(m.members)
	if err != nil {
		t.Fatal(err)
	}
	z := &zipWriter{w: &b}
	z.add(fileReadme, []byte("r"))
	z.add(fileManifest, manifest)
	z.add(fileCheckpoint, []byte("c"))
	z.add(tree.EntriesPath(0, 1), []byte("\x00\x02{}"))
	leaf := tree.Leaf([]byte("{}"))
	z.add(tree.Tile{Width: 1}.Path(), leaf[:])
	z.add(fileSums, z.sums)
	if err := z.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func carSeed() []byte {
	entry, checkpoint := []byte("{}"), []byte("c")
	page := appendLinks(nil, []link{rawOf(entry)})
	m := &carManifest{
		Manifest: Manifest{Origin: testOrigin, Question: Question{Kind: All}, Position: 1, Size: 1},
		entries:  []link{cborOf(page)}, checkpoint: []link{rawOf(checkpoint)},
	}
	return carOf(m.append(nil), blockOf(cborOf(page), page), blockOf(rawOf(entry), entry), blockOf(rawOf(checkpoint), checkpoint))
}

// FuzzOpen: whatever bytes are opened, nothing panics, and what is accepted as a zip or CAR file is, byte for byte, what
// writing its contents gives.
func FuzzOpen(f *testing.F) {
	f.Add(zipSeed(f))
	f.Add(carSeed())
	f.Add([]byte("{}\n{\"a\":1}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil || readAll(bytes.NewReader(b), int64(len(b))) != nil {
			return
		}
		var again []byte
		switch in := r.in.(type) {
		case *zipPacked:
			again = rezip(t, in.zipFile)
		case *carFile:
			again = recar(t, in, r)
		case *lines:
			for e, err := range r.Entries() {
				if err != nil {
					t.Fatal(err)
				}
				again = append(append(again, e.Bytes...), '\n')
			}
		}
		if !bytes.Equal(again, b) {
			t.Errorf("read %q, and written %q", b, again)
		}
	})
}

// rezip writes the files of a zip again.
func rezip(t *testing.T, in *zipFile) []byte {
	var b bytes.Buffer
	z := &zipWriter{w: &b}
	for i := range in.files {
		contents, err := in.read(i)
		if err != nil {
			t.Fatal(err)
		}
		z.add(in.name(i), contents)
	}
	if err := z.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// recar writes the blocks of a CAR file again.
func recar(t *testing.T, in *carFile, r *Reader) []byte {
	var blocks [][]byte
	raw := func(b []byte) {
		if b != nil {
			blocks = append(blocks, blockOf(rawOf(b), b))
		}
	}
	all := func(p part) {
		var links []link
		var of [][]byte
		flush := func() {
			if len(links) > 0 {
				page := appendLinks(nil, links)
				blocks = append(blocks, blockOf(cborOf(page), page))
				blocks = append(blocks, of...)
			}
			links, of = nil, nil
		}
		if err := p.each(in.from(p.at, ""), func(_ uint64, l link, b []byte) error {
			links, of = append(links, l), append(of, blockOf(l, b))
			if len(links) == page {
				flush()
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		flush()
	}
	raw(r.DID())
	all(in.textsAt)
	raw(r.Policy())
	all(in.proofsAt)
	all(in.entriesAt)
	all(in.docs)
	raw(r.Checkpoint())
	return carOf(in.m.append(nil), blocks...)
}

// FuzzDAGCBOR: what is accepted as a manifest or a page is, byte for byte, what writing it gives.
func FuzzDAGCBOR(f *testing.F) {
	m := &carManifest{
		Manifest: Manifest{Origin: testOrigin, Question: Question{Kind: All, Texts: Reasons}, Position: 300, Size: 70000},
		entries:  []link{cborOf(nil)}, checkpoint: []link{rawOf(nil)}, texts: []link{cborOf(nil)},
	}
	f.Add(m.append(nil))
	f.Add(appendLinks(nil, []link{rawOf(nil), rawOf(nil)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseCARManifest(b); err == nil && !bytes.Equal(m.append(nil), b) {
			t.Errorf("manifest %x", b)
		}
		if list, err := parsePage(b); err == nil && !bytes.Equal(appendLinks(nil, list), b) {
			t.Errorf("page %x", b)
		}
	})
}

// FuzzPath: a path is accepted only where no other path names the same place, or lies outside of the folder.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		fileReadme, fileSums, "tile/0/x001/234.p/17", "tile/entries/000", "entries/12", "entries/12.tlog-proof", documentPath(cidNumber(7)),
		textsPath(12), "schemas/role.created.2.json", "../a", "documents/..", "/",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := parsePath(path)
		if err != nil {
			return
		}
		if len(path) > maxName || bytes.ContainsAny([]byte(path), "\\:\x00 ") || path[0] == '/' || bytes.Contains([]byte(path), []byte("..")) {
			t.Errorf("%q", path)
		}
		var again string
		switch p.kind {
		case entries:
			again = tree.EntriesPath(p.a, p.tile.Width)
		case entry:
			if again = entryPath(p.a); p.b == 1 {
				again = proofPath(p.a)
			}
		case tile:
			again = p.tile.Path()
		case document:
			again = documentPath(p.name)
		case texts:
			again = textsPath(p.a)
		case schema:
			again = "schemas/" + p.name + ".json"
		default:
			if single[path] != p.kind {
				t.Errorf("%q is %d", path, p.kind)
			}
			again = path
		}
		if again != path {
			t.Errorf("%q is %q", path, again)
		}
		if q, err := parsePath(path); err != nil || q.compare(p) != 0 {
			t.Errorf("%q is not itself", path)
		}
	})
}

// readAll reads all that a bundle has.
func readAll(f io.ReaderAt, size int64) error {
	r, err := Open(f, size)
	if err != nil {
		return err
	}
	for _, err := range r.Entries() {
		if err != nil {
			return err
		}
	}
	for _, err := range r.Documents() {
		if err != nil {
			return err
		}
	}
	for _, err := range r.Texts() {
		if err != nil {
			return err
		}
	}
	for t := range tree.Tiles(min(r.Manifest().Size, 1<<16)) {
		if _, err := r.Tile(t); err != nil {
			return err
		}
	}
	return r.CheckSums()
}
