package journal

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// journalDir makes a closed journal of n entries in segments of 256.
func journalDir(t testing.TB, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "j")
	j := open(t, dir, small)
	appendAll(t, j, numbered(1, n))
	j.Close()
	return dir
}

// files returns what the directory holds.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}

// edit rewrites a file of a directory.
func edit(t testing.TB, dir, name string, f func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, f(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamage(t *testing.T) {
	const (
		seg0, seg1, seg2 = "00000000.seg", "00000001.seg", "00000002.seg"
		entries          = 600 // 256, 256, 88
	)
	size := func(first, n int) int64 { return int64(len(records(numbered(first, n)))) }
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	add := func(tail ...byte) func([]byte) []byte { return func(b []byte) []byte { return append(b, tail...) } }
	at := func(offset int64, c byte) func([]byte) []byte {
		return func(b []byte) []byte { b[offset] = c; return b }
	}
	type want struct {
		file     string // damaged; "": none
		offset   int64
		position uint64
		torn     int64
		len      uint64
	}
	for _, tt := range []struct {
		name string
		file string
		edit func([]byte) []byte // nil: remove the file
		want want
	}{
		{"Whole", seg2, add(), want{len: 600}},
		{"LastRecordCut", seg2, cut(1), want{torn: int64(len(numbered(600, 1)[0])) + 1, len: 599}},
		{"OneZeroByte", seg2, add(0), want{len: 600}},
		{"OneByteOfLength", seg2, add(3), want{torn: 1, len: 600}},
		{"LengthOnly", seg2, add(0, 9), want{torn: 2, len: 600}},
		{"ZeroTail", seg2, func(b []byte) []byte { return append(b, make([]byte, 70000)...) }, want{len: 600}},
		{"CutAndZeroTail", seg2, func(b []byte) []byte { return append(b, 0xff, 0xff, 1, 0, 0, 0) }, want{torn: 6, len: 600}},
		{"LastEmptied", seg2, func([]byte) []byte { return nil }, want{len: 512}},
		{"LastRemoved", seg2, nil, want{len: 512}}, // only a head record can tell
		{"Garbage", seg2, add(0, 0, 7), want{file: seg2, offset: size(513, 88), position: 601}},
		{"ZeroPageInLast", seg2, func(b []byte) []byte { clear(b[size(513, 10):size(513, 50)]); return b },
			want{file: seg2, offset: size(513, 10), position: 523}},
		{"LengthZeroInMiddle", seg1, at(size(257, 20)+1, 0), want{file: seg1, offset: size(257, 20), position: 277}},
		{"LengthHugeInMiddle", seg1, at(size(257, 20), 0xff), want{file: seg1, offset: size(257, 20), position: 277}},
		{"MiddleCut", seg1, cut(1), want{file: seg1, offset: size(257, 255), position: 512}},
		{"MiddleOneRecordLess", seg1, cut(int(size(512, 1))), want{file: seg1, offset: size(257, 255), position: 512}},
		{"MiddleZeroTail", seg1, add(0, 0, 0), want{file: seg1, offset: size(257, 256), position: 513}},
		{"MiddleOneRecordMore", seg1, add(0, 1, 7), want{file: seg1, offset: size(257, 256), position: 513}},
		{"MiddleRemoved", seg1, nil, want{file: seg1, offset: 0, position: 257}},
		{"FirstRemoved", seg0, nil, want{file: seg0, offset: 0, position: 1}},
		{"FirstEmptied", seg0, func([]byte) []byte { return nil }, want{file: seg0, offset: 0, position: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := journalDir(t, entries)
			if tt.edit == nil {
				if err := os.Remove(filepath.Join(dir, tt.file)); err != nil {
					t.Fatal(err)
				}
			} else {
				edit(t, dir, tt.file, tt.edit)
			}
			before := files(t, dir)
			r, rerr := OpenReader(dir, small)
			j, jerr := Open(dir, Options{SegmentEntries: BundleEntries})
			if diff := cmp.Diff(before, files(t, dir)); diff != "" {
				t.Errorf("opening changed the directory: %s", diff)
			}
			if tt.want.file == "" {
				if rerr != nil || jerr != nil {
					t.Fatal(rerr, jerr)
				}
				_, torn := j.Torn()
				if _, rtorn := r.Torn(); rtorn != torn || r.Len() != j.Len() {
					t.Errorf("reader and journal differ: torn %d and %d, length %d and %d", rtorn, torn, r.Len(), j.Len())
				}
				if torn != tt.want.torn || j.Len() != tt.want.len {
					t.Errorf("torn %d, length %d; want %d, %d", torn, j.Len(), tt.want.torn, tt.want.len)
				}
				wantNumbered(t, j.Reader, int(tt.want.len))
				return
			}
			want := &DamageError{File: filepath.Join(dir, tt.want.file), Offset: tt.want.offset, Position: tt.want.position}
			for _, err := range []error{rerr, jerr} {
				var got *DamageError
				if !errors.As(err, &got) || !errors.Is(err, ErrDamaged) {
					t.Fatalf("error %v; want damage", err)
				}
				want.Reason = got.Reason
				if *got != *want {
					t.Errorf("damage %+v; want %+v", got, want)
				}
			}
			salvage(t, dir, tt.file, want)
		})
	}
}

// salvage demands every entry of the other segments, and those of the damaged one before the damage.
func salvage(t *testing.T, dir, damaged string, want *DamageError) {
	r, damage, err := Salvage(dir, small)
	if err != nil || len(damage) != 1 || *damage[0] != *want {
		t.Fatalf("Salvage: %v, %v", damage, err)
	}
	for pos := uint64(1); pos <= 600; pos++ {
		lost := segmentName((pos-1)/256) == damaged && pos >= want.Position
		b, err := r.Read(pos)
		switch {
		case !lost && (err != nil || !bytes.Equal(b, numbered(int(pos), 1)[0])):
			t.Fatalf("salvaged Read(%d) = %q, %v", pos, b, err)
		case lost && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNoEntry):
			t.Fatalf("salvaged Read(%d) = %q, %v; want damage", pos, b, err)
		}
	}
}

func TestDamageBehindAnOpenReader(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"Length": func(b []byte) []byte { b[1]++; return b },
		"Cut":    func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := journalDir(t, 10)
			r, err := OpenReader(dir, small)
			if err != nil {
				t.Fatal(err)
			}
			edit(t, dir, "00000000.seg", spoil)
			if _, err := r.Read(1); !errors.Is(err, ErrDamaged) {
				t.Errorf("Read = %v", err)
			}
			if _, err := r.Bundle(0, 10); !errors.Is(err, ErrDamaged) {
				t.Errorf("Bundle = %v", err)
			}
			for _, err := range r.Range(1, 10) {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("Range = %v", err)
				}
			}
		})
	}
}

// A journal cut off anywhere in its last append opens, loses nothing that was synced before, and goes on once the torn
// tail is cut, of which every byte is kept.
func TestCutOffAnywhere(t *testing.T) {
	const synced, more = 250, 12 // over the end of a segment
	whole := journalDir(t, synced+more)
	image := files(t, whole)
	names := slices.Sorted(maps.Keys(image))
	start := len(records(numbered(1, synced)))
	for _, zeros := range []int{0, 3} {
		for cut := start; cut <= len(image[names[0]])+len(image[names[1]]); cut += 5 {
			dir := filepath.Join(t.TempDir(), "j")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			left := cut
			for _, name := range names { // the second segment is made when the first is full and synced
				n := min(left, len(image[name]))
				b := []byte(image[name][:n])
				if left -= n; left == 0 {
					b = append(b, make([]byte, zeros)...)
				}
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
					t.Fatal(err)
				}
				if left == 0 {
					break
				}
			}
			goOnAfter(t, dir, synced)
		}
	}
}

func goOnAfter(t *testing.T, dir string, synced int) {
	t.Helper()
	before := files(t, dir)
	j := open(t, dir, Options{SegmentEntries: BundleEntries})
	n := int(j.Len())
	offset, torn := j.Torn()
	if n < synced {
		t.Fatalf("%d of %d synced entries", n, synced)
	}
	kept, err := j.CutTorn()
	if err != nil || (kept != "") != (torn > 0) {
		t.Fatalf("CutTorn = %q, %v with %d torn", kept, err, torn)
	}
	last := segmentName(uint64(len(before) - 1))
	after := files(t, dir)
	if after[last] != before[last][:offset] || kept != "" && after[filepath.Base(kept)] != strings.TrimRight(before[last][offset:], "\x00") {
		t.Fatalf("cut and kept are not what was there")
	}
	// A last record filled up with zeros to its length is whole for the journal: the caller cuts it.
	if n > synced {
		b, err := j.Read(uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, numbered(n, 1)[0]) && n > (len(before)-1)*BundleEntries {
			if _, err := j.CutAfter(uint64(n - 1)); err != nil {
				t.Fatal(err)
			}
			n--
		}
	}
	appendAll(t, j, numbered(n+1, 20))
	j.Close()
	r, err := OpenReader(dir, small)
	if err != nil {
		t.Fatal(err)
	}
	wantNumbered(t, r, n+20)
}
