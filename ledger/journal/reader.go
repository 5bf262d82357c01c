package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sort"
	"sync"
)

// rangeBuffer is how much [Reader.Range] reads at once, in bytes. It holds the longest record several times.
const rangeBuffer = 512 << 10

// Reader reads a journal. It holds an index of four bytes an entry and no open file.
//
// All methods are safe for concurrent use, also with [Journal.Append] of the journal that the Reader is part of. Bytes
// that have changed since the index was built are reported as [*DamageError] where a length no longer fits.
type Reader struct {
	dir string
	per uint64 // entries a segment

	mu   sync.RWMutex
	segs map[uint64]*segment // grows, and never a segment before the last changes
	last uint64              // the greatest number in segs
	n    uint64              // entries up to here are synced, or were there when the Reader was opened
}

// Record is an entry at its position.
type Record struct {
	Position uint64
	Entry    []byte
}

// OpenReader opens a journal for reading and changes nothing, not even by a sync. It takes no notice of opts.Create, and
// tolerates a torn tail, which [Reader.Torn] reports: another process may be appending. What that process appends later
// is not seen.
func OpenReader(dir string, opts Options) (*Reader, error) {
	r, damage, err := Salvage(dir, opts)
	if err != nil {
		return nil, err
	}
	if len(damage) > 0 {
		return nil, fmt.Errorf("journal: open: %w", damage[0])
	}
	return r, nil
}

// Salvage opens a damaged journal for reading what is left of it, and reports all damage found, by position. In each
// segment the records before the damage can be read; at a position that cannot, the methods return a [*DamageError].
// Like [OpenReader] it changes nothing.
func Salvage(dir string, opts Options) (*Reader, []*DamageError, error) {
	per, err := opts.segmentEntries()
	if err != nil {
		return nil, nil, fmt.Errorf("journal: open: %w", err)
	}
	segs, last, damage, err := load(dir, per)
	if err != nil {
		return nil, nil, fmt.Errorf("journal: open: %w", err)
	}
	n := last*per + uint64(len(segs[last].starts))
	return &Reader{dir: dir, per: per, segs: segs, last: last, n: n}, damage, nil
}

// Len returns the last position that can be read, which is also the number of entries. In a journal open for writing it
// is the last synced position.
func (r *Reader) Len() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.n
}

// Torn reports the torn tail of the last segment: its offset in the file and its length, in bytes. It is an incomplete
// record; length 0 means that there is none. Zero bytes alone are none either: nothing was ever written there.
func (r *Reader) Torn() (offset, length int64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.segs[r.last]
	return s.end, s.torn
}

// Read returns the entry at a position, as bytes of the caller's own, or ErrNoEntry.
func (r *Reader) Read(position uint64) ([]byte, error) {
	b, err := r.read(position, position)
	if err != nil {
		return nil, fmt.Errorf("journal: read %d: %w", position, err)
	}
	return b[lengthSize:], nil
}

// Bundle returns the first width entries of entry bundle n, in the encoding of tlog-tiles, as bytes of the caller's own.
// Bundle n begins at position 256n+1; width is 256 for a full bundle, and less for a partial one. Where the journal does
// not have all of them, it returns ErrNoEntry.
func (r *Reader) Bundle(n uint64, width int) ([]byte, error) {
	if width < 1 || width > BundleEntries || n >= 1<<63/BundleEntries {
		return nil, fmt.Errorf("journal: bundle %d, width %d: %w", n, width, ErrNoEntry)
	}
	first := n*BundleEntries + 1
	b, err := r.read(first, first+uint64(width)-1)
	if err != nil {
		return nil, fmt.Errorf("journal: bundle %d, width %d: %w", n, width, err)
	}
	return b, nil
}

// Range gives the records from position first to position last, both included, in order. After an error it ends; a
// position that the journal does not have is ErrNoEntry. A record's Entry is valid only until the next one is asked for.
func (r *Reader) Range(first, last uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		var (
			buf []byte
			f   *os.File
		)
		defer func() {
			if f != nil {
				f.Close()
			}
		}()
		fail := func(pos uint64, err error) {
			yield(Record{Position: pos}, fmt.Errorf("journal: read %d: %w", pos, err))
		}
		for pos := first; pos <= last; {
			stretch, err := r.run(pos, last)
			if err != nil {
				fail(pos, err)
				return
			}
			if f == nil || f.Name() != stretch.path {
				if f != nil {
					f.Close()
				}
				if f, err = os.Open(stretch.path); err != nil {
					fail(pos, err)
					return
				}
			}
			for len(stretch.starts) > 0 {
				var piece run
				piece, stretch = stretch.split(rangeBuffer)
				if need := int(min(piece.size()+stretch.size(), rangeBuffer)); len(buf) < need {
					buf = make([]byte, need)
				}
				if err := piece.read(f, buf); err != nil {
					fail(pos, err)
					return
				}
				for i := range piece.starts {
					from, to := piece.entry(i)
					if !yield(Record{Position: pos, Entry: buf[from:to:to]}, nil) {
						return
					}
					pos++
				}
			}
		}
	}
}

// read returns the records from first to last, which lie in one segment.
func (r *Reader) read(first, last uint64) ([]byte, error) {
	if _, err := r.run(last, last); err != nil {
		return nil, err
	}
	stretch, err := r.run(first, last) // whole, for the last of them is there
	if err != nil {
		return nil, err
	}
	f, err := os.Open(stretch.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, stretch.size())
	if err := stretch.read(f, b); err != nil {
		return nil, err
	}
	return b, nil
}

// run returns where the records from position first on lie, up to last or to the end of the segment or index.
func (r *Reader) run(first, last uint64) (run, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if first == 0 || first > r.n {
		return run{}, fmt.Errorf("%w: have 1 to %d", ErrNoEntry, r.n)
	}
	number, i := (first-1)/r.per, (first-1)%r.per
	path := filepath.Join(r.dir, segmentName(number))
	s := r.segs[number]
	if s == nil || i >= uint64(len(s.starts)) {
		return run{}, &DamageError{File: path, Position: first, Reason: "not readable when the journal was opened"}
	}
	j := min(i+min(last-first, r.per)+1, uint64(len(s.starts)))
	out := run{path: path, first: first, starts: s.starts[i:j], end: s.end}
	if j < uint64(len(s.starts)) {
		out.end = int64(s.starts[j])
	}
	return out, nil
}

// run is a stretch of records of one segment: record i is at position first+i and goes from starts[i] to starts[i+1],
// the last one to end.
type run struct {
	path   string
	first  uint64
	starts []uint32
	end    int64
}

func (s run) size() int64 {
	if len(s.starts) == 0 {
		return 0
	}
	return s.end - int64(s.starts[0])
}

// entry returns where entry i lies in the bytes of the run.
func (s run) entry(i int) (from, to int64) {
	base, to := int64(s.starts[0]), s.end
	if i+1 < len(s.starts) {
		to = int64(s.starts[i+1])
	}
	return int64(s.starts[i]) - base + lengthSize, to - base
}

// split takes off as many records as have at most size bytes, but at least one.
func (s run) split(size int64) (head, rest run) {
	if s.size() <= size {
		return s, run{}
	}
	limit := int64(s.starts[0]) + size
	n := max(1, sort.Search(len(s.starts), func(i int) bool { return int64(s.starts[i]) > limit })-1)
	if n == len(s.starts) {
		return s, run{}
	}
	head = run{path: s.path, first: s.first, starts: s.starts[:n], end: int64(s.starts[n])}
	rest = run{path: s.path, first: s.first + uint64(n), starts: s.starts[n:], end: s.end}
	return head, rest
}

// read reads the records into the beginning of b, and checks that each has the length it had when it was indexed.
func (s run) read(f io.ReaderAt, b []byte) error {
	damaged := func(i int, reason string) error {
		return &DamageError{File: s.path, Offset: int64(s.starts[i]), Position: s.first + uint64(i), Reason: reason}
	}
	b = b[:s.size()]
	if n, err := f.ReadAt(b, int64(s.starts[0])); n < len(b) {
		if errors.Is(err, io.EOF) {
			return damaged(0, "the file has become shorter")
		}
		return err
	}
	for i := range s.starts {
		from, to := s.entry(i)
		if int64(binary.BigEndian.Uint16(b[from-lengthSize:])) != to-from {
			return damaged(i, "the length has changed")
		}
	}
	return nil
}

// Base gives the position before the first one of the last segment: what lies up to it can no longer be cut.
func (r *Reader) Base() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last * r.per
}
