package journal

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// markerName is the file that a failed sync leaves behind.
const markerName = "unsynced"

// RewriteLast copies the last segment of a journal to a new synced file and puts it in the place of the old one. After a
// failed sync this is the only way to know that the segment is on the disk: see fsync(2) on what the kernel forgets.
//
// [Open] does it by itself where the file "unsynced" stands, which a failed sync leaves if it still can. It is for a
// journal that nobody has open, and can be repeated after an error.
func RewriteLast(dir string) error {
	if err := rewriteLast(dir, osDisk); err != nil {
		return fmt.Errorf("journal: rewrite: %w", err)
	}
	return nil
}

func rewriteLast(dir string, d disk) error {
	found, err := numbers(dir)
	if err != nil {
		return err
	}
	last := filepath.Join(dir, segmentName(found[len(found)-1]))
	return d.rewrite(last, filepath.Join(dir, markerName))
}

// Unsynced says whether a sync of a journal failed and its last segment was not copied since: [Open] does that first.
func Unsynced(dir string) (bool, error) { return exists(filepath.Join(dir, markerName)) }

// CutTorn cuts the torn tail, after copying it to a synced file of its own in the journal's directory, whose path it
// returns. Without a torn tail it returns "". Zeros at the end are cut too, and not kept.
//
// An error that is not ErrBroken leaves the tail as it was, and it can be tried again. If it fails while cutting, the
// journal is broken as after a failed [Journal.Append].
func (j *Journal) CutTorn() (kept string, err error) {
	return j.CutAfter(j.Len())
}

// CutAfter cuts everything after a position in the last segment: whole records and a torn tail, as [Journal.CutTorn]
// does. It is for records that a power cut left with wrong bytes in them. The caller has verified that nothing of value
// follows; nobody may be reading behind the position. It refuses to cut into a segment before the last with ErrNoEntry.
func (j *Journal) CutAfter(position uint64) (kept string, err error) {
	j.write.Lock()
	defer j.write.Unlock()
	if err := j.writable(); err != nil {
		return "", fmt.Errorf("journal: cut after %d: %w", position, err)
	}
	if position < j.last*j.per || position > j.Len() {
		return "", fmt.Errorf("journal: cut after %d: %w in the last segment", position, ErrNoEntry)
	}
	s := j.segs[j.last]
	count := int(position - j.last*j.per)
	from := s.end
	if count < len(s.starts) {
		from = int64(s.starts[count])
	}
	size := s.end + s.torn - from
	if size == 0 && !j.padded {
		return "", nil
	}
	if size > 0 {
		if kept, err = j.setAside(from, size); err != nil {
			return "", fmt.Errorf("journal: cut after %d: %w", position, err)
		}
	}
	if err := j.truncate(from); err != nil {
		return kept, fmt.Errorf("journal: cut after %d: %w", position, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	// Not the same array: a reader may still hold the old index.
	j.segs[j.last] = &segment{starts: append([]uint32(nil), s.starts[:count]...), end: from}
	j.n = position
	return kept, nil
}

// setAside copies size bytes of the last segment to a synced file, without the zeros that they end with. One that an
// earlier cut at the same place has left is kept as well.
func (j *Journal) setAside(from, size int64) (string, error) {
	f, err := os.Open(filepath.Join(j.dir, segmentName(j.last)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if size, err = withoutZeros(f, from, size); err != nil || size == 0 {
		return "", err
	}
	path := filepath.Join(j.dir, fmt.Sprintf("torn-%08d-%d", j.last, from))
	name := path
	for i := 1; ; i++ {
		taken, err := exists(name)
		if err != nil {
			return "", err
		}
		if !taken {
			break
		}
		name = fmt.Sprintf("%s.%d", path, i)
	}
	if err := j.disk.write(name, os.O_CREATE|os.O_EXCL, io.NewSectionReader(f, from, size)); err != nil {
		return "", err
	}
	return name, j.disk.syncDir(j.dir)
}

func (j *Journal) truncate(size int64) error {
	if err := j.openLast(); err != nil {
		return err
	}
	if err := j.f.Truncate(size); err != nil {
		return j.fail(err)
	}
	if err := j.f.Sync(); err != nil {
		return j.failSync(err)
	}
	j.zeros, j.padded = 0, false
	return nil
}
