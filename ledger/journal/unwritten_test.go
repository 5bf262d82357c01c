package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// jsonEntry makes an entry whose number valid reads back.
func jsonEntry(n, size int) []byte {
	b := fmt.Appendf(nil, `{"n":%06d,"x":"`, n)
	return append(append(b, bytes.Repeat([]byte("x"), size)...), '"', '}')
}

func validEntry(b []byte) bool {
	var n int
	if _, err := fmt.Sscanf(string(b), `{"n":%06d`, &n); err != nil {
		return false
	}
	return bytes.Equal(b, jsonEntry(n, len(b)-len(jsonEntry(0, 0))))
}

// TestUnwritten: given a journal and an append of which the disk kept any of its sectors, or pages, when somebody looks
// what stands behind the last synced entry, then it is a write that was never synced exactly if its first record is
// broken; and a bit that was flipped in a record that is there makes it something else.
func TestUnwritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		j, err := Open(dir, Options{Create: true})
		if err != nil {
			rt.Fatal(err)
		}
		size := rapid.IntRange(1, 6000)
		n, groups := 0, [2][][]byte{}
		for g := range groups {
			for range rapid.IntRange(1, 20).Draw(rt, "entries") {
				groups[g] = append(groups[g], jsonEntry(n, size.Draw(rt, "size")))
				n++
			}
		}
		name := filepath.Join(dir, segmentName(0))
		if _, err := j.Append(groups[0]); err != nil {
			rt.Fatal(err)
		}
		after := j.Len()
		offset, _ := j.Torn()
		before := int(offset)
		if _, err := j.Append(groups[1]); err != nil {
			rt.Fatal(err)
		}
		if err := j.Close(); err != nil {
			rt.Fatal(err)
		}
		whole, err := os.ReadFile(name)
		if err != nil {
			rt.Fatal(err)
		}
		unit := rapid.SampledFrom([]int{512, 4096}).Draw(rt, "unit")
		torn := bytes.Clone(whole)
		for at := before - before%unit; at < len(torn); at += unit {
			if !rapid.Bool().Draw(rt, "kept") {
				clear(torn[max(at, before):min(at+unit, len(torn))])
			}
		}
		first := torn[before:min(before+2+len(groups[1][0]), len(torn))]
		want := !bytes.Equal(first, whole[before:before+2+len(groups[1][0])])
		look := func(b []byte) bool {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				rt.Fatal(err)
			}
			got, err := Unwritten(dir, Options{}, after, validEntry)
			if err != nil {
				rt.Fatal(err)
			}
			return got
		}
		if got := look(torn); got != want {
			rt.Fatalf("unwritten: %v, the first record is broken: %v", got, want)
		}
		rotten := bytes.Clone(whole)
		rotten[before+2+rapid.IntRange(0, len(groups[1][0])-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		if look(rotten) {
			rt.Fatal("a flipped bit is taken for a write that was never synced")
		}
	})
}

// TestUnwrittenElsewhere: what is missing before the last segment, or stands behind no hole, is no unsynced write.
func TestUnwrittenElsewhere(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(dir, Options{Create: true, SegmentEntries: 256})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for i := range 300 {
		if _, err := j.Append([][]byte{jsonEntry(i, 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, after := range []uint64{0, 100, 255, 299, 300, 301} {
		got, err := Unwritten(dir, Options{SegmentEntries: 256}, after, validEntry)
		if err != nil || got {
			t.Errorf("behind %d: %v, %v", after, got, err)
		}
	}
}
