package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// small makes segments of one bundle.
var small = Options{Create: true, SegmentEntries: BundleEntries}

func open(t testing.TB, dir string, opts Options) *Journal {
	t.Helper()
	j, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func appendAll(t testing.TB, j *Journal, entries [][]byte) {
	t.Helper()
	want := j.Len() + 1
	first, err := j.Append(entries)
	if err != nil || first != want || j.Len() != want-1+uint64(len(entries)) {
		t.Fatalf("Append = %d, %v; Len = %d; want %d, and %d more", first, err, j.Len(), want, len(entries))
	}
}

// numbered returns entries of different lengths that name their positions.
func numbered(first, n int) [][]byte {
	var out [][]byte
	for i := range n {
		p := first + i
		out = append(out, fmt.Appendf(nil, "entry %d%*s", p, p%7, ""))
	}
	return out
}

func collect(t testing.TB, r *Reader, first, last uint64) [][]byte {
	t.Helper()
	var out [][]byte
	for rec, err := range r.Range(first, last) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Position != first+uint64(len(out)) {
			t.Fatalf("position %d after %d records from %d", rec.Position, len(out), first)
		}
		out = append(out, bytes.Clone(rec.Entry))
	}
	return out
}

// wantNumbered demands that r holds exactly the numbered entries from 1 to n.
func wantNumbered(t testing.TB, r *Reader, n int) {
	t.Helper()
	got := collect(t, r, 1, r.Len())
	if !slices.EqualFunc(got, numbered(1, n), bytes.Equal) {
		t.Fatalf("%d entries are read back, and not as %d were appended", len(got), n)
	}
}

// records is the format, written a second time.
func records(entries [][]byte) []byte {
	var b []byte
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	return b
}

func TestSegmentsAreConcatenatedBundles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := open(t, dir, Options{Create: true, SegmentEntries: 2 * BundleEntries})
	entries := numbered(1, 1300) // two segments and a bundle and a bit
	appendAll(t, j, entries)

	var all []byte
	for i, want := range []int{512, 512, 276} {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%08d.seg", i)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, records(entries[512*i:512*i+want])) {
			t.Errorf("segment %d is not the plain concatenation of its %d records", i, want)
		}
		all = append(all, b...)
	}
	var bundles []byte
	for n, width := range []int{256, 256, 256, 256, 256, 20} {
		b, err := j.Bundle(uint64(n), width)
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, b...)
	}
	if !bytes.Equal(bundles, all) {
		t.Error("the bundles in order are not the segments in order")
	}
	if b, err := j.Bundle(5, 3); err != nil || !bytes.Equal(b, records(entries[1280:1283])) {
		t.Errorf("partial bundle of 3: %v", err)
	}
	for _, no := range []struct {
		n     uint64
		width int
	}{{5, 21}, {6, 1}, {0, 0}, {0, -1}, {0, 257}, {1 << 60, 1}, {1<<64 - 1, 256}} {
		if _, err := j.Bundle(no.n, no.width); !errors.Is(err, ErrNoEntry) {
			t.Errorf("Bundle(%d, %d) = %v; want ErrNoEntry", no.n, no.width, err)
		}
	}
}

func TestReadAndRange(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "j"), small)
	entries := numbered(1, 700)
	entries[300] = bytes.Repeat([]byte{0xff}, MaxEntry)
	for i := 0; i < len(entries); i += 7 {
		appendAll(t, j, entries[i:i+7])
	}
	for i, want := range entries {
		if got, err := j.Read(uint64(i + 1)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("Read(%d) = %q, %v; want %q", i+1, got, err, want)
		}
	}
	for _, pos := range []uint64{0, 701, 1 << 63, 1<<64 - 1} {
		if _, err := j.Read(pos); !errors.Is(err, ErrNoEntry) {
			t.Errorf("Read(%d) = %v; want ErrNoEntry", pos, err)
		}
	}
	for _, r := range [][2]uint64{{1, 700}, {1, 1}, {256, 257}, {257, 512}, {2, 699}, {700, 700}} {
		if !slices.EqualFunc(entries[r[0]-1:r[1]], collect(t, j.Reader, r[0], r[1]), bytes.Equal) {
			t.Errorf("Range(%d, %d) gives other entries than were appended", r[0], r[1])
		}
	}
	if got := collect(t, j.Reader, 5, 4); got != nil {
		t.Errorf("Range(5, 4) gives %d records", len(got))
	}
	for _, r := range [][2]uint64{{0, 3}, {699, 1<<64 - 1}} {
		var last error
		for _, err := range j.Range(r[0], r[1]) {
			last = err
		}
		if !errors.Is(last, ErrNoEntry) {
			t.Errorf("Range(%d, %d) ends in %v; want ErrNoEntry", r[0], r[1], last)
		}
	}
	for rec, err := range j.Range(255, 300) { // a loop that is left early
		if err != nil || rec.Position > 258 {
			t.Fatal(rec.Position, err)
		}
		if rec.Position == 258 {
			break
		}
	}
}

// A buffer of Range holds eight entries of this length, which do not fill it.
func TestRangeOverManyBuffers(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "j"), small)
	var entries [][]byte
	for i := range 40 {
		entries = append(entries, bytes.Repeat([]byte{byte(i)}, MaxEntry-i))
	}
	appendAll(t, j, entries)
	if !slices.EqualFunc(entries, collect(t, j.Reader, 1, 40), bytes.Equal) {
		t.Error("Range gives other entries than were appended")
	}
}

func TestFullSegmentAndDefaultSize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, Options{Create: true})
	entries := make([][]byte, SegmentEntries+1)
	for i := range entries {
		entries[i] = []byte{byte(i), byte(i >> 8)}
	}
	appendAll(t, j, entries[:SegmentEntries-1])
	appendAll(t, j, entries[SegmentEntries-1:])
	r, err := OpenReader(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(entries, collect(t, r, 1, r.Len()), bytes.Equal) {
		t.Error("the reader gives other entries than were appended")
	}
	if b, err := r.Bundle(256, 1); err != nil || !bytes.Equal(b, []byte{0, 2, 0, 0}) {
		t.Errorf("first bundle of the second segment: %x, %v", b, err)
	}
}

func TestRefusals(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "j"), small)
	for _, bad := range [][]byte{nil, {}, make([]byte, MaxEntry+1)} {
		if _, err := j.Append([][]byte{{1}, bad}); !errors.Is(err, ErrEntrySize) || j.Len() != 0 {
			t.Errorf("Append of %d bytes = %v, Len %d", len(bad), err, j.Len())
		}
	}
	if first, err := j.Append(nil); first != 1 || err != nil {
		t.Errorf("Append(nil) = %d, %v", first, err)
	}
	appendAll(t, j, [][]byte{{1}})
	j.Close()
	if _, err := j.Append([][]byte{{2}}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Append after Close = %v", err)
	}
	if b, err := j.Read(1); err != nil || !bytes.Equal(b, []byte{1}) {
		t.Errorf("Read after Close = %v, %v", b, err)
	}
	for _, n := range []int{-256, 255, 65792} {
		if _, err := Open(t.TempDir(), Options{Create: true, SegmentEntries: n}); err == nil {
			t.Errorf("segments of %d entries accepted", n)
		}
	}
}

func TestOpenMissingAndCreate(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "j")
	for range 2 { // the second time on an empty directory, as a crash while creating leaves it
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrMissing) {
			t.Errorf("Open = %v; want ErrMissing", err)
		}
		if _, err := OpenReader(dir, Options{}); !errors.Is(err, ErrMissing) {
			t.Errorf("OpenReader = %v; want ErrMissing", err)
		}
		if list, _ := os.ReadDir(dir); len(list) > 0 {
			t.Fatalf("a refused Open made %v", list)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, dir, Options{Create: true})
	appendAll(t, j, numbered(1, 3))
	j.Close()
	if j := open(t, dir, Options{Create: true}); j.Len() != 3 { // creating what is there
		t.Errorf("Len = %d; want 3", j.Len())
	}
	if j := open(t, dir, Options{}); j.Len() != 3 {
		t.Errorf("Len = %d; want 3", j.Len())
	}
	if _, err := Open(filepath.Join(parent, "no", "j"), Options{Create: true}); err == nil {
		t.Error("a journal was made without a parent directory")
	}
}

func TestReadersBesideOneAppender(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "j"), small)
	const total = 1500
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				n := j.Len()
				seen := uint64(0)
				for rec, err := range j.Range(1, n) {
					seen++
					if want := numbered(int(seen), 1)[0]; err != nil || rec.Position != seen || !bytes.Equal(rec.Entry, want) {
						t.Errorf("record %d: %d %q %v", seen, rec.Position, rec.Entry, err)
						return
					}
				}
				if seen != n {
					t.Errorf("%d of %d records", seen, n)
				}
				if n > 0 {
					if b, err := j.Read(n); err != nil || !bytes.Equal(b, numbered(int(n), 1)[0]) {
						t.Errorf("Read(%d) = %q, %v", n, b, err)
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := 0; i < total; i += 15 {
		appendAll(t, j, numbered(1+i, 15))
	}
	close(done)
	readers.Wait()
}

// Whatever is appended in whatever groups, with reopening in between, reads back the same in every way.
func TestAnyHistoryReadsBack(t *testing.T) {
	root := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		dir := filepath.Join(root, fmt.Sprint(run))
		j, err := Open(dir, small)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { j.Close() }()
		var want [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "groups") {
			group := make([][]byte, rapid.IntRange(0, 400).Draw(t, "entries"))
			for i := range group {
				group[i] = bytes.Repeat([]byte{byte(i)}, 1+(i*i+len(want))%50)
			}
			if _, err := j.Append(group); err != nil {
				t.Fatal(err)
			}
			want = append(want, group...)
			if rapid.Bool().Draw(t, "reopen") {
				j.Close()
				if j, err = Open(dir, Options{SegmentEntries: BundleEntries}); err != nil {
					t.Fatal(err)
				}
			}
		}
		r, err := OpenReader(dir, small)
		if err != nil || r.Len() != uint64(len(want)) || j.Len() != r.Len() {
			t.Fatalf("reader has %d, journal %d of %d entries: %v", r.Len(), j.Len(), len(want), err)
		}
		if len(want) == 0 {
			return
		}
		first := rapid.IntRange(1, len(want)).Draw(t, "first")
		pos := first - 1
		for rec, err := range r.Range(uint64(first), r.Len()) {
			if err != nil || !bytes.Equal(rec.Entry, want[pos]) {
				t.Fatalf("position %d: %q, %v", pos+1, rec.Entry, err)
			}
			pos++
		}
		if pos != len(want) {
			t.Fatalf("Range ended at %d of %d", pos, len(want))
		}
	})
}
