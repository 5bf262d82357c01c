package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Any two files as segments are refused as damaged, or give entries that with the torn tail are the same bytes again.
func FuzzOpen(f *testing.F) {
	full := records(numbered(1, 256))
	next := records(numbered(257, 3))
	for _, tail := range [][]byte{nil, {0}, {0, 5, 'a'}, make([]byte, 9), {0, 0, 1}, {0xff, 0xff}} {
		f.Add(append(bytes.Clone(next), tail...), []byte(nil))
		f.Add(append(bytes.Clone(full), tail...), []byte(nil))
		f.Add(full, append(bytes.Clone(next), tail...))
	}
	f.Add(full[:len(full)-1], next)
	f.Add(append(bytes.Clone(full), next...), next)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, first, second []byte) {
		last := second
		if len(second) == 0 {
			os.Remove(filepath.Join(dir, "00000001.seg"))
			last = first
		} else if err := os.WriteFile(filepath.Join(dir, "00000001.seg"), second, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "00000000.seg"), first, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(dir, small)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			if r, _, err = Salvage(dir, small); err != nil {
				t.Fatal(err)
			}
			for _, err := range r.Range(1, r.Len()) {
				if err != nil && !errors.Is(err, ErrDamaged) {
					t.Fatal(err)
				}
			}
			return
		}
		offset, torn := r.Torn()
		if zeros := r.segs[r.last].zeros; offset+torn+zeros != int64(len(last)) || torn > 0 && zeros > 0 {
			t.Fatalf("torn %d and zeros %d at %d of %d bytes", torn, zeros, offset, len(last))
		}
		got := records(collect(t, r, 1, r.Len()))
		if want := append(bytes.Clone(first), second...); !bytes.Equal(append(got, last[offset:]...), want) {
			t.Fatalf("%d bytes read back as %d and %d torn, or others", len(want), len(got), torn)
		}
	})
}

// What decodeSlot accepts, encode gives back byte for byte.
func FuzzSlot(f *testing.F) {
	f.Add(slot{generation: 1}.encode(), 1)
	f.Add(slot{generation: 6, head: headAt(41)}.encode(), 0)
	f.Fuzz(func(t *testing.T, b []byte, index int) {
		if s, err := decodeSlot(b, index); err == nil && !bytes.Equal(s.encode(), b) {
			t.Fatalf("two spellings of %+v", s)
		}
	})
}
