package journal

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

const (
	sector = 512 // bytes that a disk writes whole or not at all
	// unwrittenMost is more than one append leaves behind, in bytes.
	unwrittenMost = 16 << 20
)

// Unwritten says whether what stands behind a position is what a power cut leaves of one append that was never synced:
// its first record is not there, for some of the sectors that it was written to are still zero, and so for every other
// that is missing. Records that are there are those that valid accepts. The kernel writes the pages of an append in any
// order, so that whole records can stand behind a hole.
//
// Rot leaves no zeros where a sector begins and ends; a flipped bit anywhere behind the position, or a missing record
// without a hole, makes it false. So does anything before the last segment. It changes nothing.
func Unwritten(dir string, opts Options, after uint64, valid func(entry []byte) bool) (bool, error) {
	r, _, err := Salvage(dir, opts)
	if err != nil {
		return false, err
	}
	s := r.segs[r.last]
	if after < r.last*r.per || after > r.n {
		return false, nil
	}
	from := s.end
	if count := after - r.last*r.per; count < uint64(len(s.starts)) {
		from = int64(s.starts[count])
	}
	f, err := os.Open(filepath.Join(dir, segmentName(r.last)))
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size()-from > unwrittenMost {
		return false, err
	}
	b := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(b, from); err != nil {
		return false, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return written{b, int(from % sector), valid}.partly(), nil
}

// written is what an append has left: b begins at byte offset of a sector.
type written struct {
	b      []byte
	offset int
	valid  func([]byte) bool
}

func (w written) partly() bool {
	if w.record(0) > 0 {
		return false
	}
	for at := 0; at < len(w.b); {
		if n := w.record(at); n > 0 {
			at += n
			continue
		}
		next, ok := w.hole(at)
		if !ok {
			return false
		}
		at = next
	}
	return len(w.b) > 0
}

// record gives the size of the valid record at byte at; 0: there is none.
func (w written) record(at int) int {
	b := w.b[at:]
	if len(b) <= lengthSize || b[lengthSize] != '{' { // an entry is JSON: all else would be parsed in vain
		return 0
	}
	size := lengthSize + int(binary.BigEndian.Uint16(b))
	if size > len(b) || !w.valid(b[lengthSize:size]) {
		return 0
	}
	return size
}

// hole gives where the next valid record begins, or the end, if the record at byte at is broken by zero sectors, and
// whatever is between them and that next record is what is left of other broken ones; or if it is cut off at the end.
func (w written) hole(at int) (next int, ok bool) {
	const longest = lengthSize + MaxEntry
	zero := at - (w.offset+at)%sector
	for ; ; zero += sector {
		if zero >= len(w.b) {
			return len(w.b), w.reaches(at, len(w.b)) // it goes on past the end
		}
		if zero > at+longest {
			return 0, false
		}
		if w.zeros(zero) {
			break
		}
	}
	if zero > at && !w.reaches(at, zero) { // it is all there
		return 0, false
	}
	end := zero + sector
	for q := end; q < len(w.b); q++ {
		if (w.offset+q)%sector == 0 && w.zeros(q) {
			end, q = q+sector, q+sector-1
			continue
		}
		if q > end+longest {
			return 0, false
		}
		if w.record(q) > 0 {
			return q, true
		}
	}
	return len(w.b), true
}

// reaches says whether the record that begins at byte at, where no zero sector is, goes on beyond byte end.
func (w written) reaches(at, end int) bool {
	if end-at < lengthSize {
		return true
	}
	return at+lengthSize+int(binary.BigEndian.Uint16(w.b[at:])) > end
}

// zeros says whether the sector that begins at byte at, as far as it is there, is zero. In the first one a record ends that
// was synced: without the append, only what stands behind that is zero.
func (w written) zeros(at int) bool {
	for _, c := range w.b[max(at, 0):min(at+sector, len(w.b))] {
		if c != 0 {
			return false
		}
	}
	return true
}
