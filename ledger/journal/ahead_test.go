package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ahead is small, with zeros written ahead.
var ahead = Options{Create: true, SegmentEntries: BundleEntries, Ahead: true}

const (
	wide   = 400 // bytes of an entry of these tests
	before = 180 // entries that are there before: more than is needed for zeros to be written ahead
)

// wideEntries returns entries that name their positions.
func wideEntries(first, n int) [][]byte {
	var out [][]byte
	for i := range n {
		out = append(out, fmt.Appendf(nil, "%0*d.", wide-1, first+i))
	}
	return out
}

// singly appends entries one by one.
func singly(t testing.TB, j *Journal, n int) {
	t.Helper()
	for range n {
		appendAll(t, j, wideEntries(int(j.Len())+1, 1))
	}
}

// wantWide demands that r holds exactly n wide entries, and that the last segment is their records and so many zeros; -1:
// some.
func wantWide(t testing.TB, r *Reader, n, zeros int) {
	t.Helper()
	if got := collect(t, r, 1, r.Len()); !slices.EqualFunc(got, wideEntries(1, n), bytes.Equal) {
		t.Fatalf("%d entries are read back, and not as %d were appended", len(got), n)
	}
	base := (n - 1) / BundleEntries * BundleEntries
	have := files(t, r.dir)[segmentName(uint64(base/BundleEntries))]
	rest, ok := strings.CutPrefix(have, string(records(wideEntries(base+1, n-base))))
	if !ok || strings.Trim(rest, "\x00") != "" {
		t.Fatalf("the last segment, of %d bytes, is not the records of %d entries and zeros", len(have), n-base)
	}
	if zeros >= 0 && len(rest) != zeros || zeros < 0 && rest == "" {
		t.Fatalf("%d zeros follow the last record; want %d", len(rest), zeros)
	}
}

// begun makes a journal with zeros behind its last record, which is open.
func begun(t testing.TB, opts Options) *Journal {
	t.Helper()
	j := open(t, filepath.Join(t.TempDir(), "j"), opts)
	appendAll(t, j, wideEntries(1, before))
	singly(t, j, aheadSingles)
	wantWide(t, j.Reader, before+aheadSingles, -1)
	return j
}

func TestSmallJournalsAreNotExtended(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "j"), ahead)
	singly(t, j, aheadFrom/(wide+lengthSize))
	wantWide(t, j.Reader, int(j.Len()), 0)
	singly(t, j, 1)
	wantWide(t, j.Reader, int(j.Len()), (wide+lengthSize)*int(j.Len())/aheadPart)
}

func TestAppendsOverZeros(t *testing.T) {
	// Given a journal that was extended
	d := new(faulty)
	opts := ahead
	opts.disk = d.disk()
	j := begun(t, opts)
	info := func() int64 {
		t.Helper()
		i, err := os.Stat(filepath.Join(j.dir, segmentName(0)))
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	size := info()
	// when one entry is appended, then the file stays as long as it is, and only its data are synced
	d.calls = nil
	singly(t, j, 1)
	if diff := cmp.Diff([]string{"write 00000000.seg", "datasync 00000000.seg"}, d.calls); diff != "" || info() != size {
		t.Errorf("%d bytes, were %d; %s", info(), size, diff)
	}
	// And when several are, then the zeros are cut off before
	d.calls = nil
	appendAll(t, j, wideEntries(int(j.Len())+1, 2))
	if diff := cmp.Diff([]string{"truncate 00000000.seg", "write 00000000.seg", "sync 00000000.seg"}, d.calls); diff != "" {
		t.Error(diff)
	}
	wantWide(t, j.Reader, before+aheadSingles+3, 0)
	singly(t, j, aheadSingles-1)
	wantWide(t, j.Reader, before+2*aheadSingles+2, 0)
	// And a journal that is closed ends with its last record.
	singly(t, j, 1)
	wantWide(t, j.Reader, before+2*aheadSingles+3, -1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	wantWide(t, j.Reader, before+2*aheadSingles+3, 0)
}

func TestFullSegmentEndsWithItsLastRecord(t *testing.T) {
	j := begun(t, ahead)
	singly(t, j, BundleEntries-1-int(j.Len()))
	wantWide(t, j.Reader, BundleEntries-1, -1)
	singly(t, j, 1)
	wantWide(t, j.Reader, BundleEntries, 0)
	singly(t, j, BundleEntries-1)
	wantWide(t, j.Reader, 2*BundleEntries-1, -1)
	appendAll(t, j, wideEntries(2*BundleEntries, 3))
	wantWide(t, j.Reader, 2*BundleEntries+2, 0)
	if r, err := OpenReader(j.dir, small); err != nil || r.Len() != j.Len() {
		t.Fatal(err)
	}
}

// Zeros that a kill left are no torn tail: opening changes nothing, cutting sets nothing aside, appending goes over them.
func TestZerosThatAKillLeft(t *testing.T) {
	left := func(t *testing.T) (dir string, n int) {
		j := begun(t, ahead)
		dir = filepath.Join(t.TempDir(), "left")
		if err := os.CopyFS(dir, os.DirFS(j.dir)); err != nil {
			t.Fatal(err)
		}
		return dir, int(j.Len())
	}
	for name, opts := range map[string]Options{"ahead": ahead, "not ahead": small} {
		t.Run(name, func(t *testing.T) {
			dir, n := left(t)
			j := open(t, dir, opts)
			if _, torn := j.Torn(); torn != 0 {
				t.Errorf("%d bytes are torn", torn)
			}
			wantWide(t, j.Reader, n, -1)
			singly(t, j, 2)
			wantWide(t, j.Reader, n+2, -1)
			appendAll(t, j, wideEntries(n+3, 300))
			wantWide(t, j.Reader, n+302, 0)

			dir, n = left(t)
			j = open(t, dir, opts)
			if kept, err := j.CutTorn(); kept != "" || err != nil {
				t.Errorf("CutTorn = %q, %v", kept, err)
			}
			wantWide(t, j.Reader, n, 0)
			singly(t, j, 1)
			wantWide(t, j.Reader, n+1, 0)

			dir, n = left(t)
			j = open(t, dir, opts)
			kept, err := j.CutAfter(uint64(n - 1))
			if b, _ := os.ReadFile(kept); err != nil || string(b) != string(records(wideEntries(n, 1))) {
				t.Errorf("CutAfter = %v, and keeps %q", err, b)
			}
			wantWide(t, j.Reader, n-1, 0)

			dir, n = left(t) // and nothing is appended
			if err := open(t, dir, opts).Close(); err != nil {
				t.Fatal(err)
			}
			r, err := OpenReader(dir, small)
			if err != nil {
				t.Fatal(err)
			}
			wantWide(t, r, n, -1)

			dir = journalDir(t, BundleEntries) // a segment that was to be cut when its last record was written
			edit(t, dir, "00000000.seg", func(b []byte) []byte { return append(b, make([]byte, 999)...) })
			j = open(t, dir, opts)
			appendAll(t, j, numbered(BundleEntries+1, 1))
			if r, err = OpenReader(dir, small); err != nil {
				t.Fatal(err)
			}
			wantNumbered(t, r, BundleEntries+1)
		})
	}
}

// Where there is no room for zeros, or they cannot be cut off when the journal is closed, nothing is lost.
func TestNoRoomForZeros(t *testing.T) {
	d := new(faulty)
	opts := ahead
	opts.disk = d.disk()
	j := open(t, filepath.Join(t.TempDir(), "j"), opts)
	appendAll(t, j, wideEntries(1, before))
	singly(t, j, aheadSingles-1)
	d.n, d.calls = 2, nil // the record is written, then half of the zeros
	singly(t, j, 1)
	want := []string{"write 00000000.seg", "write 00000000.seg", "truncate 00000000.seg", "sync 00000000.seg"}
	if diff := cmp.Diff(want, d.calls); diff != "" {
		t.Error(diff)
	}
	wantWide(t, j.Reader, before+aheadSingles, 0)
	d.n, d.calls = 0, nil
	singly(t, j, 1)
	if diff := cmp.Diff([]string{"write 00000000.seg", "sync 00000000.seg"}, d.calls); diff != "" {
		t.Errorf("it is tried again at once: %s", diff)
	}
	singly(t, j, BundleEntries-int(j.Len()))
	singly(t, j, BundleEntries-1)
	wantWide(t, j.Reader, 2*BundleEntries-1, -1) // in the next segment there is room again
	d.n, d.calls = 1, nil
	if err := j.Close(); err != nil || d.calls[0] != "truncate 00000001.seg" {
		t.Errorf("Close = %v, %v", err, d.calls)
	}
	wantWide(t, j.Reader, 2*BundleEntries-1, -1)
}

func TestFailedDatasyncBreaksTheJournal(t *testing.T) {
	d := new(faulty)
	opts := ahead
	opts.disk = d.disk()
	j := begun(t, opts)
	n := int(j.Len())
	d.n, d.calls = 2, nil
	if _, err := j.Append(wideEntries(n+1, 1)); !errors.Is(err, ErrBroken) || !errors.Is(err, errFault) {
		t.Fatalf("Append = %v", err)
	}
	if found, err := Unsynced(j.dir); !found || err != nil {
		t.Errorf("no marker: %v", err)
	}
	as := files(t, j.dir)["00000000.seg"]
	if err := j.Close(); err != nil || files(t, j.dir)["00000000.seg"] != as {
		t.Errorf("a broken journal is cut when it is closed: %v", err)
	}
	d.n, d.calls = 0, nil
	j = open(t, j.dir, opts)
	if !slices.Contains(d.calls, "sync 00000000.seg.new") {
		t.Errorf("the segment was not copied: %v", d.calls)
	}
	wantWide(t, j.Reader, n+1, -1)
}

// For every n, the n-th call fails while entries are appended one by one, over zeros and over the end of a segment.
func TestEveryCallFailsWhileExtended(t *testing.T) {
	const end = BundleEntries + 2
	first := open(t, filepath.Join(t.TempDir(), "j"), ahead)
	appendAll(t, first, wideEntries(1, BundleEntries-aheadSingles-8))
	first.Close()
	run := func(dir string, d disk) (acked uint64, err error) {
		opts := ahead
		opts.disk = d
		j, err := Open(dir, opts)
		if err != nil {
			return 0, err
		}
		defer j.Close()
		for acked = j.Len(); acked < end; acked = j.Len() {
			if _, err := j.Append(wideEntries(int(acked)+1, 1)); err != nil {
				return acked, err
			}
		}
		return acked, nil
	}
	root := t.TempDir()
	for n := 1; ; n++ {
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.CopyFS(dir, os.DirFS(first.dir)); err != nil {
			t.Fatal(err)
		}
		d := &faulty{n: n}
		acked, err := run(dir, d.disk())
		if len(d.calls) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if err != nil && !errors.Is(err, errFault) {
			t.Fatalf("%s: %v", d.calls[n-1], err)
		}
		r, err := OpenReader(dir, small)
		if err != nil || r.Len() < acked {
			t.Fatalf("%s: %d of %d acknowledged: %v", d.calls[n-1], r.Len(), acked, err)
		}
		j := open(t, dir, ahead) // the half of a record that a failed write leaves is whole with the zeros behind it
		for at := acked + 1; at <= j.Len(); at++ {
			if b, err := j.Read(at); err != nil || !bytes.Equal(b, wideEntries(int(at), 1)[0]) {
				if _, err := j.CutAfter(at - 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := j.CutTorn(); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if got, err := run(dir, osDisk); got != end || err != nil {
			t.Fatalf("%s: the next start comes to %d, %v", d.calls[n-1], got, err)
		}
		if r, err = OpenReader(dir, small); err != nil {
			t.Fatal(err)
		}
		wantWide(t, r, end, 0)
	}
}

// A process that reads beside the one that writes never takes zeros, or what is being written, for damage.
func TestReadersBesideAWriter(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "j"), ahead)
	appendAll(t, j, wideEntries(1, before))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 * BundleEntries {
			if _, err := j.Append(wideEntries(int(j.Len())+1, 1)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		synced := int(j.Len())
		r, err := OpenReader(j.dir, small)
		if err != nil {
			t.Fatal(err)
		}
		if got := collect(t, r, 1, uint64(synced)); !slices.EqualFunc(got, wideEntries(1, synced), bytes.Equal) {
			t.Fatalf("%d entries are read, and not as %d were synced", len(got), synced)
		}
	}
}

// What a write over zeros leaves of which a power cut kept only some sectors: nothing, a record with wrong bytes in it, or
// bytes behind a length of 0. Whatever it is, OpenCut cuts it off and keeps it, and nothing else.
func TestPowerCutInAWriteOverZeros(t *testing.T) {
	j := begun(t, ahead)
	n := int(j.Len())
	base := files(t, j.dir)["00000000.seg"]
	entry := bytes.Repeat([]byte{'x'}, 3*512)
	appendAll(t, j, [][]byte{entry})
	written := files(t, j.dir)["00000000.seg"]
	if len(written) != len(base) {
		t.Fatal("it was not written over zeros")
	}
	end := len(records(wideEntries(1, n)))
	first, last := end/512, (end+len(entry)+1)/512
	damaged := 0
	for kept := range 1 << (last - first + 1) {
		image := []byte(base)
		for s := first; s <= last; s++ {
			if kept>>(s-first)&1 == 1 {
				copy(image[s*512:(s+1)*512], written[s*512:])
			}
		}
		dir := filepath.Join(t.TempDir(), "j")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "00000000.seg"), image, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenReader(dir, small); errors.Is(err, ErrDamaged) {
			damaged++
		} else if err != nil {
			t.Fatal(err)
		}
		again, aside, err := OpenCut(dir, ahead, uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		if aside != "" {
			if b, err = os.ReadFile(aside); err != nil {
				t.Fatal(err)
			}
		}
		if want := bytes.TrimRight(image[end:], "\x00"); !bytes.Equal(b, want) {
			t.Errorf("sectors %b: %q is kept; want %q", kept, b, want)
		}
		wantWide(t, again.Reader, n, 0)
		again.Close()
	}
	if damaged == 0 {
		t.Error("no state had other bytes behind a length of 0")
	}
}
