package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// SegmentEntries is how many entries a full segment holds.
	SegmentEntries = 65536

	// BundleEntries is how many entries a full bundle holds (tlog-tiles).
	BundleEntries = 256

	// MaxEntry is the greatest length of an entry, in bytes.
	MaxEntry = 65535

	lengthSize = 2         // bytes of a record before the entry
	scanBuffer = 128 << 10 // bytes
	suffix     = ".seg"
)

// segment is the index of one file.
type segment struct {
	// starts has the offset of each whole record. The greatest possible, of record 65,535 after as many of 65,537
	// bytes, is 2^32-1.
	starts []uint32
	end    int64 // offset after the last whole record

	// Of a segment just scanned: what follows end.
	torn  int64  // bytes of an incomplete record
	zeros int64  // bytes, all of them zero
	bad   string // why it is neither; else ""
}

func segmentName(number uint64) string { return fmt.Sprintf("%08d%s", number, suffix) }

// scan indexes the records that r gives, at most limit of them. It fails only if r does.
func scan(r *bufio.Reader, limit int) (*segment, error) {
	s := new(segment)
	for {
		head, err := r.Peek(lengthSize)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(head) == 0 {
			return s, nil
		}
		full := len(s.starts) == limit
		if full || len(head) == lengthSize && binary.BigEndian.Uint16(head) == 0 {
			n, zeros, err := drain(r)
			switch {
			case err != nil:
				return nil, err
			case zeros:
				s.zeros = n
			case full:
				s.bad = fmt.Sprintf("%d bytes after the last of %d entries", n, limit)
			default:
				s.bad = "length 0, and other bytes than zeros behind it"
			}
			return s, nil
		}
		if len(head) < lengthSize {
			if head[0] == 0 {
				s.zeros = 1
			} else {
				s.torn = 1
			}
			return s, nil
		}
		size := lengthSize + int(binary.BigEndian.Uint16(head))
		n, err := r.Discard(size)
		if err == io.EOF {
			s.torn = int64(n)
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.starts = append(s.starts, uint32(s.end))
		s.end += int64(size)
	}
}

// drain reads r to its end, and reports how many bytes that were, and whether all were zero.
func drain(r *bufio.Reader) (n int64, zeros bool, err error) {
	zeros = true
	for {
		b, err := r.Peek(max(1, r.Buffered()))
		if err == io.EOF {
			return n, zeros, nil
		}
		if err != nil {
			return n, zeros, err
		}
		zeros = zeros && !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
		m, _ := r.Discard(len(b)) // all of it is buffered
		n += int64(m)
	}
}

// numbers lists the segments of dir, ascending. No segment at all is ErrMissing: a journal has at least its first, from
// the moment it is made.
func numbers(dir string) ([]uint64, error) {
	list, err := os.ReadDir(dir) // sorted, and the names are of one length
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	var found []uint64
	for _, e := range list {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || len(digits) != 8 {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no segment: %w", dir, ErrMissing)
	}
	return found, nil
}

// load indexes all segments of dir, of per entries each, and reports all damage it comes across. It changes nothing.
func load(dir string, per uint64) (segs map[uint64]*segment, last uint64, damage []*DamageError, err error) {
	found, err := numbers(dir)
	if err != nil {
		return nil, 0, nil, err
	}
	segs = make(map[uint64]*segment, len(found))
	last = found[len(found)-1]
	buf := bufio.NewReaderSize(nil, scanBuffer)
	next := uint64(0)
	for _, number := range found {
		if number != next {
			damage = append(damage, &DamageError{
				File: filepath.Join(dir, segmentName(next)), Position: next*per + 1, Reason: "the segment is missing",
			})
		}
		next = number + 1
		path := filepath.Join(dir, segmentName(number))
		s, err := scanFile(path, buf, int(per))
		if err != nil {
			return nil, 0, nil, err
		}
		segs[number] = s
		if reason := s.damage(number == last, int(per)); reason != "" {
			s.torn, s.zeros = 0, 0
			damage = append(damage, &DamageError{
				File: path, Offset: s.end, Position: number*per + uint64(len(s.starts)) + 1, Reason: reason,
			})
		}
	}
	return segs, last, damage, nil
}

// damage says what is wrong with a segment just scanned; "" is nothing.
func (s *segment) damage(last bool, per int) string {
	switch {
	case s.bad != "":
		return s.bad
	case last:
		return ""
	case len(s.starts) < per:
		return fmt.Sprintf("%d of %d entries, and yet there is a next segment", len(s.starts), per)
	case s.zeros > 0:
		return fmt.Sprintf("%d zero bytes after the last of %d entries, and yet there is a next segment", s.zeros, per)
	}
	return ""
}

// scanFile indexes a segment. Another process may be writing over the zeros at its end meanwhile, so that the first bytes
// of a record were read as they had been before it, and later ones as they are: where a length was 0 it is looked at again.
func scanFile(path string, buf *bufio.Reader, limit int) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		buf.Reset(io.NewSectionReader(f, 0, 1<<63-1))
		s, err := scan(buf, limit)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		var length [lengthSize]byte
		if s.bad == "" || len(s.starts) == limit {
			return s, nil
		}
		if _, err := f.ReadAt(length[:], s.end); err == nil && length == [lengthSize]byte{} {
			return s, nil
		} else if err != nil && err != io.EOF {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
}
