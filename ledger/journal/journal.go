package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// keepBuffer is the greatest buffer that a journal keeps between two appends, in bytes: most journals are idle.
const keepBuffer = 256 << 10

// Options say how to open a journal.
type Options struct {
	// Create makes the directory and its first segment where there is none. Without it a missing journal is refused.
	Create bool

	// SegmentEntries is how many entries a segment holds: a multiple of 256, at most 65,536, which 0 stands for. It is
	// there for tests. The files do not say it, so a journal is always opened with the same.
	SegmentEntries int

	// Ahead has the last segment extended with zeros while entries are appended one by one, see [Journal.Append]. A power
	// cut can then leave any part of the entry that was being written, the first of it missing: it is for whoever opens the
	// journal with [OpenCut] where that is so.
	Ahead bool

	disk disk // zero: osDisk
}

func (o Options) segmentEntries() (uint64, error) {
	n := o.SegmentEntries
	if n == 0 {
		return SegmentEntries, nil
	}
	if n < 0 || n > SegmentEntries || n%BundleEntries != 0 {
		return 0, fmt.Errorf("segments of %d entries: not a multiple of 256 up to 65,536", n)
	}
	return uint64(n), nil
}

// Journal is a journal open for writing. Its Reader reads what is synced, and may be handed on by itself.
//
// One goroutine at a time appends or cuts (others wait); any number may read meanwhile.
type Journal struct {
	*Reader
	disk  disk
	ahead bool

	write sync.Mutex // held while appending or cutting, over all fields below
	f     file       // the last segment; nil until it is first written to
	buf   []byte
	padding
	broken error // the first failed write or sync
	closed bool
}

// Open opens a journal for writing. It reads and indexes all of it, and syncs the last segment and the directory, so
// that what it shows is what a power cut would leave. If a sync failed before, it begins with [RewriteLast].
//
// It returns ErrMissing for a journal that does not exist, and a [*DamageError] for one that is damaged, which it has then
// not changed. A torn tail is no error, but stands in the way of [Journal.Append].
func Open(dir string, opts Options) (*Journal, error) {
	d := opts.disk
	if d.open == nil {
		d = osDisk
	}
	if opts.Create {
		if err := create(dir, d); err != nil {
			return nil, fmt.Errorf("journal: create: %w", err)
		}
	}
	marker := filepath.Join(dir, markerName)
	if found, err := exists(marker); err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	} else if found {
		if err := rewriteLast(dir, d); err != nil {
			return nil, fmt.Errorf("journal: open after a failed sync: %w", err)
		}
	}
	r, err := OpenReader(dir, opts)
	if err != nil {
		return nil, err
	}
	// A process that was killed between a write and its sync leaves whole records that are only in memory.
	f, err := d.open(filepath.Join(dir, segmentName(r.last)), os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	defer f.Close()
	err = f.Sync()
	if err == nil {
		err = d.syncDir(dir)
	}
	if err != nil {
		d.mark(marker)
		return nil, fmt.Errorf("journal: open: %w: %w", ErrBroken, err)
	}
	j := &Journal{Reader: r, disk: d, ahead: opts.Ahead}
	j.zeros = r.segs[r.last].zeros
	j.padded = j.zeros > 0
	return j, nil
}

// create makes what is missing of an empty journal, in an order in which a crash at any point can be gone on from.
func create(dir string, d disk) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.syncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if _, err := numbers(dir); !errors.Is(err, ErrMissing) {
		return err // there is a journal
	}
	if err := d.write(filepath.Join(dir, segmentName(0)), os.O_CREATE|os.O_EXCL, strings.NewReader("")); err != nil {
		return err
	}
	return d.syncDir(dir)
}

// Append adds entries and returns the position of the first. When it returns nil all of them are synced, and readers
// see them, all at once. Each touched segment is written to and synced once. It does not keep the entries.
//
// With [Options.Ahead], and after some appends of one entry, the file is extended with zeros in the same sync. The next ones
// of one entry write over them, which changes neither the length of the file nor where its blocks lie, so that less has to
// be synced. Several entries are always written behind the end of the file, as without Ahead: else a power cut could
// leave a later one of them whole and an earlier one not, as if one that was acknowledged were lost.
//
// An error that is not ErrBroken leaves everything as it was: ErrEntrySize, ErrTorn, or a segment that could not be opened.
// After a failed write or sync the entries may or may not have been written, readers do not see them, and the journal is
// broken: this and every later Append returns ErrBroken with the first cause. A sync is never tried again. The next
// [Open] finds what is there.
func (j *Journal) Append(entries [][]byte) (first uint64, err error) {
	j.write.Lock()
	defer j.write.Unlock()
	first = j.Len() + 1
	if err := j.writable(); err != nil {
		return 0, fmt.Errorf("journal: append at %d: %w", first, err)
	}
	if _, torn := j.Torn(); torn > 0 {
		return 0, fmt.Errorf("journal: append at %d: %w of %d bytes", first, ErrTorn, torn)
	}
	for i, e := range entries {
		if len(e) == 0 || len(e) > MaxEntry {
			return 0, fmt.Errorf("journal: append: entry %d of %d has %d bytes: %w", i+1, len(entries), len(e), ErrEntrySize)
		}
	}
	if len(entries) == 0 {
		return first, nil
	}
	if len(entries) == 1 {
		j.singles++
	} else {
		j.singles = 0
	}
	number, count, end := j.last, uint64(len(j.segs[j.last].starts)), j.segs[j.last].end
	for rest := entries; len(rest) > 0; {
		if count == j.per {
			number, count, end = number+1, 0, 0
		}
		part := rest[:min(j.per-count, uint64(len(rest)))]
		rest = rest[len(part):]
		if err := j.put(number, end, part, j.per-count-uint64(len(part))); err != nil {
			return 0, fmt.Errorf("journal: append at %d: %w", first, err)
		}
		count = j.per // of the segment just written, if there is more to come
	}
	j.publish(entries)
	return first, nil
}

// put writes entries to the segment number, which ends at byte end and has room for so many entries behind them, and
// syncs them. It makes the segment if it is the one after the last.
func (j *Journal) put(number uint64, end int64, entries [][]byte, room uint64) error {
	fresh := number != j.last
	if fresh {
		if j.padded { // a crash came when the last record of the one before it was written
			if err := j.truncate(j.segs[j.last].end); err != nil {
				return err
			}
		}
		if j.f != nil {
			_ = j.f.Close() // full and synced
			j.f = nil
		}
		f, err := j.disk.open(filepath.Join(j.dir, segmentName(number)), os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return j.fail(err)
		}
		j.f, j.retry = f, 0
	} else if err := j.openLast(); err != nil {
		return err
	}
	b := j.buf[:0]
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
		b = append(b, e...)
	}
	if cap(b) <= keepBuffer {
		j.buf = b
	}
	if err := j.record(b, end, len(entries), room); err != nil {
		return err
	}
	if fresh {
		if err := j.disk.syncDir(j.dir); err != nil {
			return j.failSync(err)
		}
	}
	return nil
}

// openLast opens the last segment for writing, if it is not. Nothing is lost if that fails.
func (j *Journal) openLast() error {
	if j.f != nil {
		return nil
	}
	f, err := j.disk.open(filepath.Join(j.dir, segmentName(j.last)), os.O_RDWR)
	if err != nil {
		return err
	}
	j.f = f
	return nil
}

// publish lets readers see entries that are synced.
func (j *Journal) publish(entries [][]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.segs[j.last]
	for _, e := range entries {
		if uint64(len(s.starts)) == j.per {
			s = new(segment)
			j.last++
			j.segs[j.last] = s
		}
		s.starts = append(s.starts, uint32(s.end))
		s.end += int64(lengthSize + len(e))
	}
	j.n += uint64(len(entries))
}

// Close closes the journal for writing, and cuts off the zeros it has written ahead if it can: nothing is lost where they
// stay. Its Reader goes on reading. There is nothing left to sync.
func (j *Journal) Close() error {
	j.write.Lock()
	defer j.write.Unlock()
	j.closed = true
	j.buf = nil
	if j.f == nil {
		return nil
	}
	f := j.f
	j.f = nil
	if j.padded && j.broken == nil {
		_ = f.Truncate(j.segs[j.last].end)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("journal: close: %w", err)
	}
	return nil
}

// writable returns why nothing may be written.
func (j *Journal) writable() error {
	if j.closed {
		return os.ErrClosed
	}
	if j.broken != nil {
		return fmt.Errorf("%w: %w", ErrBroken, j.broken)
	}
	return nil
}

// fail breaks the journal for good.
func (j *Journal) fail(err error) error {
	j.broken = err
	return j.writable()
}

// failSync breaks the journal, and makes the next Open copy the last segment before it trusts it.
func (j *Journal) failSync(err error) error {
	j.disk.mark(filepath.Join(j.dir, markerName))
	return j.fail(err)
}
