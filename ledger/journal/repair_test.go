package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTornTailIsKeptAndRefusesAppend(t *testing.T) {
	dir := journalDir(t, 300)
	var kept []string
	for _, tail := range []string{"\x00\x09torn", "\x00\x09TORN"} { // twice at the same place
		edit(t, dir, "00000001.seg", func(b []byte) []byte { return append(b, tail...) })
		j := open(t, dir, small)
		offset, torn := j.Torn()
		if want := int64(len(records(numbered(257, 44)))); offset != want || torn != 6 {
			t.Fatalf("Torn = %d, %d; want %d, 6", offset, torn, want)
		}
		if _, err := j.Append(numbered(301, 1)); !errors.Is(err, ErrTorn) {
			t.Fatalf("Append = %v; want ErrTorn", err)
		}
		path, err := j.CutTorn()
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, filepath.Base(path))
		if b, err := os.ReadFile(path); err != nil || string(b) != tail {
			t.Errorf("%s holds %q, %v; want %q", path, b, err, tail)
		}
		if again, err := j.CutTorn(); again != "" || err != nil {
			t.Errorf("second CutTorn = %q, %v", again, err)
		}
		if n, err := j.Append(nil); n != 301 || err != nil {
			t.Errorf("Append(nil) after cut = %d, %v", n, err)
		}
		j.Close()
	}
	name := fmt.Sprintf("torn-00000001-%d", len(records(numbered(257, 44))))
	if diff := cmp.Diff([]string{name, name + ".1"}, kept); diff != "" {
		t.Error(diff)
	}
}

func TestCutAfter(t *testing.T) {
	dir := journalDir(t, 300)
	j := open(t, dir, small)
	for _, pos := range []uint64{0, 255, 301} {
		if _, err := j.CutAfter(pos); !errors.Is(err, ErrNoEntry) {
			t.Errorf("CutAfter(%d) = %v; want ErrNoEntry", pos, err)
		}
	}
	for _, pos := range []uint64{290, 256} {
		kept, err := j.CutAfter(pos)
		if err != nil || j.Len() != pos {
			t.Fatalf("CutAfter(%d) = %v, Len %d", pos, err, j.Len())
		}
		want := records(numbered(int(pos)+1, map[uint64]int{290: 10, 256: 34}[pos]))
		if b, err := os.ReadFile(kept); err != nil || string(b) != string(want) {
			t.Errorf("kept %q, %v; want %q", b, err, want)
		}
		if _, err := j.Read(pos + 1); !errors.Is(err, ErrNoEntry) {
			t.Errorf("Read behind the cut = %v", err)
		}
	}
	appendAll(t, j, numbered(257, 300))
	j.Close()
	j = open(t, dir, Options{SegmentEntries: BundleEntries})
	wantNumbered(t, j.Reader, 556)
}

func TestRewriteLast(t *testing.T) {
	dir := journalDir(t, 300)
	edit(t, dir, "00000001.seg", func(b []byte) []byte { return append(b, 0, 9, 't') }) // a torn tail is copied too
	before := files(t, dir)
	last := filepath.Join(dir, "00000001.seg")
	old, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	for _, leftover := range []string{"unsynced", "00000001.seg.new"} { // as a crash while rewriting leaves them
		if err := os.WriteFile(filepath.Join(dir, leftover), []byte("half a copy, longer than the whole"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, dir, Options{SegmentEntries: BundleEntries})
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error(diff)
	}
	if fresh, err := os.Stat(last); err != nil || os.SameFile(old, fresh) {
		t.Errorf("the last segment is the same file as before (%v)", err)
	}
	if j.Len() != 300 {
		t.Errorf("Len = %d", j.Len())
	}
	j.Close()
	if err := RewriteLast(dir); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Error(diff)
	}
	if err := RewriteLast(t.TempDir()); !errors.Is(err, ErrMissing) {
		t.Errorf("RewriteLast of nothing = %v", err)
	}
}
