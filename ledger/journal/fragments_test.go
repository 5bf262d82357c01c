package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// claimed reads the position that an entry {N} says it has.
func claimed(entry []byte) (uint64, bool) {
	if len(entry) != 10 || entry[0] != '{' || entry[9] != '}' {
		return 0, false
	}
	return binary.BigEndian.Uint64(entry[1:]), true
}

func recordOf(n uint64) []byte {
	b := append([]byte{0, 10}, '{')
	return append(binary.BigEndian.AppendUint64(b, n), '}')
}

// Whatever the bytes of a segment are, what is found lies in it where it says; and of whole records behind whatever bytes
// every one is found.
func FuzzFragments(f *testing.F) {
	f.Add([]byte{}, uint8(3))
	f.Add([]byte{0}, uint8(1))
	f.Add([]byte("\xff\xff{"), uint8(2))
	f.Add(append([]byte{0, 0, 0}, recordOf(7)...), uint8(0))
	f.Fuzz(func(t *testing.T, damage []byte, records uint8) {
		b := bytes.Clone(damage)
		b = append(b, make([]byte, lengthSize+MaxEntry)...) // no length in the damage reaches further
		for n := range uint64(records) {
			b = append(b, recordOf(n+1000)...)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, segmentName(0)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		want := uint64(1000)
		for g, err := range Fragments(dir, claimed) {
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b[g.Offset:g.Offset+int64(len(g.Entry))], g.Entry) {
				t.Fatalf("%d is not at %d", g.Position, g.Offset)
			}
			if g.Position == want && g.Offset > int64(len(damage)) {
				want++
			}
		}
		if want != 1000+uint64(records) {
			t.Errorf("%d of %d records were found", want-1000, records)
		}
	})
}

func TestFragmentsOfNothing(t *testing.T) {
	for _, err := range Fragments(filepath.Join(t.TempDir(), "none"), claimed) {
		if !errors.Is(err, ErrMissing) {
			t.Errorf("got %v", err)
		}
	}
	for g := range Fragments(t.TempDir(), claimed) {
		if g.Entry != nil {
			t.Errorf("found %v", g)
		}
	}
}

// A cut keeps what it takes, and damage before the cut is refused with nothing changed.
func TestOpenCut(t *testing.T) {
	dir := t.TempDir()
	good := bytes.Join([][]byte{recordOf(1), recordOf(2), recordOf(3)}, nil)
	tail := append([]byte{0, 0, 0}, "rest"...)
	path := filepath.Join(dir, segmentName(0))
	if err := os.WriteFile(path, append(bytes.Clone(good), tail...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenCut(dir, Options{}, 4); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut behind the damage: %v", err)
	}
	j, kept, err := OpenCut(dir, Options{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	was, err := os.ReadFile(kept)
	if want := append(recordOf(3), tail...); err != nil || !bytes.Equal(was, want) || j.Len() != 2 {
		t.Errorf("kept %q, %v, %d entries left", was, err, j.Len())
	}
	if first, err := j.Append([][]byte{recordOf(9)[2:]}); err != nil || first != 3 {
		t.Errorf("goes on at %d, %v", first, err)
	}
}
