package journal

import (
	"bytes"
	"io"
)

const (
	aheadFrom    = 64 << 10 // bytes of a segment below which nothing is written ahead
	aheadPart    = 4        // of what is there, one part in so many is written ahead
	aheadMost    = 1 << 20  // bytes
	aheadSingles = 16       // appends of one entry, one after the other, before anything is
	aheadSingle  = 4 << 10  // bytes at most for each of these: the next append of several entries may follow soon
)

// zeroBytes is written piece by piece.
var zeroBytes [64 << 10]byte

// padding is what lies behind the last record of the last segment.
type padding struct {
	zeros   int64 // bytes that are on the disk for certain, and zero
	padded  bool  // there may be zeros, these or others
	singles int   // appends of one entry since the last one of several
	retry   int64 // nothing is written ahead before this byte, for the last time it failed
}

// record writes the records b, n of them, at byte end of the last segment, and syncs them. room is how many more the
// segment takes.
//
// What is written over zeros leaves the file as long as it is, and the zeros are on the disk: its data alone need a sync.
func (j *Journal) record(b []byte, end int64, n int, room uint64) error {
	over := n == 1 && room > 0
	if j.padded && !over { // a full segment ends with its last record
		if err := j.f.Truncate(end); err != nil {
			return j.fail(err)
		}
		j.zeros, j.padded = 0, false
	}
	if _, err := j.f.WriteAt(b, end); err != nil {
		return j.fail(err)
	}
	size := int64(len(b))
	if size <= j.zeros {
		if err := j.f.Datasync(); err != nil {
			return j.failSync(err)
		}
		j.zeros -= size
		return nil
	}
	fresh := int64(0)
	if over && j.ahead {
		fresh = j.extend(end+size, room)
	}
	if err := j.f.Sync(); err != nil {
		return j.failSync(err)
	}
	j.zeros = fresh
	return nil
}

// extend writes zeros from byte end on, which the caller syncs, and returns how many. That there is no room for them is no
// error: the records need less.
func (j *Journal) extend(end int64, room uint64) int64 {
	want := min(end/aheadPart, aheadMost, int64(j.singles)*aheadSingle, int64(room)*(lengthSize+MaxEntry))
	if end < max(aheadFrom, j.retry) || j.singles < aheadSingles {
		return 0
	}
	j.padded = true
	for n := int64(0); n < want; {
		m, err := j.f.WriteAt(zeroBytes[:min(want-n, int64(len(zeroBytes)))], end+n)
		if err != nil {
			j.retry = end + want
			j.padded = j.f.Truncate(end) != nil // others may need the room more
			return 0
		}
		n += int64(m)
	}
	return want
}

// withoutZeros gives the size of size bytes from a byte on without the zeros at their end.
func withoutZeros(r io.ReaderAt, from, size int64) (int64, error) {
	buf := make([]byte, min(size, int64(len(zeroBytes))))
	for size > 0 {
		b := buf[:min(size, int64(len(buf)))]
		if _, err := r.ReadAt(b, from+size-int64(len(b))); err != nil && err != io.EOF {
			return 0, err
		}
		if rest := len(bytes.TrimRight(b, "\x00")); rest > 0 {
			return size - int64(len(b)-rest), nil
		}
		size -= int64(len(b))
	}
	return 0, nil
}
