package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var errFault = errors.New("injected fault")

// faulty is the disk with one failing call: the n-th, counted from 1; later ones succeed, as a retried fsync does. A
// failing write writes half, a failing sync nothing.
type faulty struct {
	n     int
	calls []string // what was called, one line a call
}

func (d *faulty) call(op, name string) error {
	d.calls = append(d.calls, op+" "+filepath.Base(name))
	if len(d.calls) == d.n {
		return errFault
	}
	return nil
}

func (d *faulty) disk() disk {
	return disk{
		open: func(name string, flag int) (file, error) {
			if err := d.call("open", name); err != nil {
				return nil, err
			}
			f, err := osDisk.open(name, flag)
			if err != nil {
				return nil, err
			}
			return &faultyFile{f, name, d}, nil
		},
		syncDir: func(name string) error {
			if err := d.call("syncdir", name); err != nil {
				return err
			}
			return osDisk.syncDir(name)
		},
	}
}

type faultyFile struct {
	file
	name string
	d    *faulty
}

func (f *faultyFile) WriteAt(b []byte, offset int64) (int, error) {
	if err := f.d.call("write", f.name); err != nil {
		n, _ := f.file.WriteAt(b[:len(b)/2], offset)
		return n, err
	}
	return f.file.WriteAt(b, offset)
}

func (f *faultyFile) Sync() error {
	if err := f.d.call("sync", f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *faultyFile) Datasync() error {
	if err := f.d.call("datasync", f.name); err != nil {
		return err
	}
	return f.file.Datasync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.d.call("truncate", f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func TestFailedSyncBreaksTheJournal(t *testing.T) {
	for _, op := range []string{"write 00000000.seg", "sync 00000000.seg"} {
		t.Run(op, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "j")
			d := new(faulty)
			opts := small
			opts.disk = d.disk()
			j := open(t, dir, opts)
			appendAll(t, j, numbered(1, 10))
			d.calls = nil
			appendAll(t, j, numbered(11, 10))
			if diff := cmp.Diff([]string{"write 00000000.seg", "sync 00000000.seg"}, d.calls); diff != "" {
				t.Fatalf("an append is one write and one sync: %s", diff)
			}
			for i, c := range d.calls {
				if c == op {
					d.n = i + 1
				}
			}
			d.calls = nil
			_, first := j.Append(numbered(21, 10))
			if !errors.Is(first, ErrBroken) || !errors.Is(first, errFault) {
				t.Fatalf("Append = %v; want ErrBroken and the cause", first)
			}
			d.n, d.calls = 0, nil
			if _, err := j.Append(numbered(21, 10)); err == nil || err.Error() != first.Error() || !errors.Is(err, errFault) {
				t.Errorf("next Append = %v; want %v", err, first)
			}
			if _, err := j.CutTorn(); !errors.Is(err, ErrBroken) {
				t.Errorf("CutTorn = %v; want ErrBroken", err)
			}
			if len(d.calls) > 0 {
				t.Errorf("a broken journal calls %v", d.calls)
			}
			wantNumbered(t, j.Reader, 20)
			if err := j.Close(); err != nil {
				t.Error(err)
			}

			_, err := os.Stat(filepath.Join(dir, "unsynced"))
			if marked := err == nil; marked != strings.HasPrefix(op, "sync") {
				t.Errorf("marker: %v", err)
			}
			// The next start rewrites the segment before it reads it, if a sync failed.
			d.calls = nil
			j = open(t, dir, opts)
			if rewrote := slices.Contains(d.calls, "sync 00000000.seg.new"); rewrote != strings.HasPrefix(op, "sync") {
				t.Errorf("Open calls %v", d.calls)
			}
			if j.Len() < 20 {
				t.Errorf("Len = %d after opening again", j.Len())
			}
		})
	}
}

// script opens a journal, cuts what is torn and appends up to 530 entries, in groups of 130 so that two go over the end
// of a segment. It returns the last position acknowledged, and the first error.
func script(dir string, d disk) (acked uint64, err error) {
	j, err := Open(dir, Options{Create: true, SegmentEntries: BundleEntries, disk: d})
	if err != nil {
		return 0, err
	}
	defer j.Close()
	acked = j.Len()
	if _, err := j.CutTorn(); err != nil {
		return acked, err
	}
	for j.Len() < 530 {
		n := min(130, 530-int(j.Len()))
		if _, err := j.Append(numbered(int(j.Len())+1, n)); err != nil {
			return acked, err
		}
		acked = j.Len()
	}
	return acked, nil
}

// For every n, the n-th call to the disk fails, from nothing, and after a start that another fault has ended. The next
// start finds all that was acknowledged, and goes on.
func TestEveryCallFails(t *testing.T) {
	root := t.TempDir()
	for _, before := range []int{0, 11, 12, 16} { // 0: none; then write and sync at the end of a segment, and directory sync of a new one
		for n := 1; ; n++ {
			dir := filepath.Join(root, fmt.Sprint(before, "-", n))
			acked := uint64(0)
			if before > 0 {
				d := &faulty{n: before}
				var err error
				if acked, err = script(dir, d.disk()); !errors.Is(err, errFault) {
					t.Fatalf("call %d: %v", before, err)
				}
			}
			d := &faulty{n: n}
			got, err := script(dir, d.disk())
			if len(d.calls) < n { // nothing left to fail
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			where := fmt.Sprintf("fault at call %d, then %d (%s)", before, n, d.calls[n-1])
			if err != nil && !errors.Is(err, errFault) {
				t.Fatalf("%s: %v", where, err)
			}
			acked = max(acked, got)
			r, err := OpenReader(dir, small)
			if errors.Is(err, ErrMissing) && acked == 0 {
				err = nil
			} else if err == nil && r.Len() < acked {
				err = fmt.Errorf("%d of %d acknowledged", r.Len(), acked)
			}
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if got, err := script(dir, osDisk); got != 530 || err != nil {
				t.Fatalf("%s: the next start comes to %d, %v", where, got, err)
			}
			r, err = OpenReader(dir, small)
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			wantNumbered(t, r, 530)
		}
	}
}

// A cut that fails leaves the torn tail, or what was torn in a file of its own.
func TestEveryCallOfACutFails(t *testing.T) {
	const tail = "\x00\x09torn"
	for n := 1; ; n++ {
		dir := journalDir(t, 300)
		edit(t, dir, "00000001.seg", func(b []byte) []byte { return append(b, tail...) })
		d := new(faulty)
		opts := small
		opts.disk = d.disk()
		j := open(t, dir, opts)
		d.n, d.calls = n, nil
		_, err := j.CutTorn()
		if len(d.calls) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		call := d.calls[n-1]
		if !errors.Is(err, errFault) {
			t.Fatalf("%s: CutTorn = %v", call, err)
		}
		inSegment := call == "truncate 00000001.seg" || call == "sync 00000001.seg"
		if errors.Is(err, ErrBroken) != inSegment {
			t.Errorf("%s: CutTorn = %v", call, err)
		}
		if _, err := j.Append(numbered(301, 1)); !errors.Is(err, ErrTorn) && !errors.Is(err, ErrBroken) {
			t.Errorf("%s: Append = %v", call, err)
		}
		if !inSegment { // it can be tried again
			if _, err := j.CutTorn(); err != nil {
				t.Errorf("%s: second CutTorn = %v", call, err)
			}
		}
		j.Close()
		j = open(t, dir, small)
		if _, err := j.CutTorn(); err != nil {
			t.Fatal(err)
		}
		wantNumbered(t, j.Reader, 300)
		kept := false
		for name, b := range files(t, dir) {
			kept = kept || strings.HasPrefix(name, "torn-") && b == tail
		}
		if !kept {
			t.Errorf("%s: the torn bytes are gone: %v", call, files(t, dir))
		}
	}
}

// Nothing but a power cut would notice a sync that is left out, so the calls are written down here.
func TestCallsInOrder(t *testing.T) {
	parent := t.TempDir()
	d := new(faulty)
	opts := small
	opts.disk = d.disk()
	want := func(what string, calls ...string) {
		t.Helper()
		if diff := cmp.Diff(calls, d.calls); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		d.calls = nil
	}
	j := open(t, filepath.Join(parent, "j"), opts)
	want("create and open", "syncdir "+filepath.Base(parent), "open 00000000.seg", "sync 00000000.seg", "syncdir j",
		"open 00000000.seg", "sync 00000000.seg", "syncdir j")
	appendAll(t, j, numbered(1, 250))
	want("first append", "open 00000000.seg", "write 00000000.seg", "sync 00000000.seg")
	appendAll(t, j, numbered(251, 10))
	want("append over the end of a segment", "write 00000000.seg", "sync 00000000.seg",
		"open 00000001.seg", "write 00000001.seg", "sync 00000001.seg", "syncdir j")
	if _, err := j.CutAfter(257); err != nil {
		t.Fatal(err)
	}
	kept := fmt.Sprintf("torn-00000001-%d", len(records(numbered(257, 1))))
	want("cut", "open "+kept, "write "+kept, "sync "+kept, "syncdir j", "truncate 00000001.seg", "sync 00000001.seg")

	h, err := openHead(filepath.Join(parent, "head"), true, d.disk())
	if err != nil {
		t.Fatal(err)
	}
	want("create and open head", "open head.new", "write head.new", "sync head.new", "syncdir "+filepath.Base(parent),
		"open head", "sync head")
	if err := h.Store(headAt(1)); err != nil {
		t.Fatal(err)
	}
	want("store head", "open head", "write head", "sync head")
}
