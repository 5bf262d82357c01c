// Package snapshot writes and reads the bytes in which something that was folded from entries is kept, so that a start
// need not fold it again. It owns the spelling of numbers, names and lists; what stands in a snapshot, and in which
// order, is for the package that takes one.
//
// A snapshot is a cache and no record: whoever cannot read one folds the entries again. So there is one spelling for
// each value, reading is strict, and a newer version is refused and not guessed. Bytes that nobody wrote may give an
// error or a value that no history makes, but never a panic, and never more memory than a small multiple of their
// length.
//
// Numbers are unsigned base-128 varints of the fewest bytes (signed ones in zigzag form first), texts have their length
// before them, and lists their count. A list of texts is one column of lengths and one of text, so that reading it takes
// two allocations, however long it is.
package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrSnapshot says that bytes are no snapshot that this release reads: damaged, cut off, or of another version. What
// they were a snapshot of is to be folded from the entries again.
var ErrSnapshot = errors.New("not a snapshot this release reads")

// AppendHeader appends what a snapshot begins with: what it is of, and the version of its form.
func AppendHeader(b []byte, of string, version uint64) []byte {
	return AppendUint(AppendString(b, of), version)
}

// AppendUint appends a number.
func AppendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendInt appends a number that may be negative.
func AppendInt(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

// AppendCount appends how many things follow.
func AppendCount(b []byte, n int) []byte { return AppendUint(b, uint64(n)) }

// AppendBool appends a truth value.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendString appends a text.
func AppendString(b []byte, s string) []byte { return append(AppendCount(b, len(s)), s...) }

// AppendBytes appends a byte string.
func AppendBytes(b, s []byte) []byte { return append(AppendCount(b, len(s)), s...) }

// AppendStrings appends a list of texts. An empty list and none are the same.
func AppendStrings(b []byte, list []string) []byte {
	b = AppendCount(b, len(list))
	for _, s := range list {
		b = AppendCount(b, len(s))
	}
	for _, s := range list {
		b = append(b, s...)
	}
	return b
}

// A Reader reads what the Append functions wrote, in the same order. After the first fault every read gives the zero
// value and every count is 0, so that a caller asks for the fault once, at the end, with [Reader.Close].
type Reader struct {
	rest []byte
	err  error
}

// NewReader reads from b, which must not change meanwhile. Nothing that is read keeps b, but for what [Reader.Bytes] and
// [Reader.Take] give.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Fail notes a fault that the caller found in what was read, unless there was one before.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrSnapshot, fmt.Sprintf(format, args...))
		r.rest = nil
	}
}

// Err gives the first fault so far; it wraps [ErrSnapshot].
func (r *Reader) Err() error { return r.err }

// Close says that everything was read that there should be. Its error is the first fault, and wraps [ErrSnapshot].
func (r *Reader) Close() error {
	if len(r.rest) > 0 {
		r.Fail("%d bytes follow its end", len(r.rest))
	}
	return r.err
}

// Rest says how many bytes are still to be read.
func (r *Reader) Rest() int { return len(r.rest) }

// Header reads what AppendHeader wrote, and takes another thing or version for a fault.
func (r *Reader) Header(of string, version uint64) {
	if got := r.String(); r.err == nil && got != of {
		r.Fail("it is of %.32q, not of %s", got, of)
	}
	if got := r.Uint(); r.err == nil && got != version {
		r.Fail("the one of %s is of version %d, and this release reads version %d", of, got, version)
	}
}

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	if len(r.rest) > 0 && r.rest[0] < 0x80 { // most are small
		v := r.rest[0]
		r.rest = r.rest[1:]
		return uint64(v)
	}
	return r.long()
}

func (r *Reader) long() uint64 {
	v, n := binary.Uvarint(r.rest)
	switch {
	case n <= 0:
		r.Fail("it ends within a number, or the number is too large")
		return 0
	case r.rest[n-1] == 0 && n > 1:
		r.Fail("a number has more bytes than it needs")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Int reads a number that may be negative.
func (r *Reader) Int() int64 {
	u := r.Uint()
	return int64(u>>1) ^ -int64(u&1)
}

// Below reads a number that must be less than limit.
func (r *Reader) Below(limit uint64) uint64 {
	v := r.Uint()
	if v >= limit {
		r.Fail("the number %d stands where only those below %d may", v, limit)
		return 0
	}
	return v
}

// Count reads how many things follow. Each takes at least size bytes, which is 1 or more: a count for which there are
// not enough left is a fault, so that nobody makes room for what is not there.
func (r *Reader) Count(size int) int {
	n := r.Uint()
	if n > uint64(len(r.rest)/size) {
		r.Fail("it ends before %d things that are to follow", n)
		return 0
	}
	return int(n)
}

// Bool reads a truth value.
func (r *Reader) Bool() bool { return r.Below(2) == 1 }

// Take reads so many bytes, and gives them where they stand; nil after a fault.
func (r *Reader) Take(n int) []byte {
	if n > len(r.rest) {
		r.Fail("it ends within %d bytes that are to follow", n)
		return nil
	}
	s := r.rest[:n:n]
	r.rest = r.rest[n:]
	return s
}

// Bytes reads a byte string, and gives it where it stands.
func (r *Reader) Bytes() []byte { return r.Take(r.Count(1)) }

// String reads a text.
func (r *Reader) String() string { return string(r.Bytes()) }

// ID reads 16 bytes.
func (r *Reader) ID() (id [16]byte) {
	copy(id[:], r.Take(len(id)))
	return id
}

// Sum reads 32 bytes.
func (r *Reader) Sum() (sum [32]byte) {
	copy(sum[:], r.Take(len(sum)))
	return sum
}

// Strings reads a list of texts; nil for an empty one. They share one piece of memory, which lives as long as one of
// them does.
func (r *Reader) Strings() []string {
	n := r.Count(1)
	if n == 0 {
		return nil
	}
	lengths := r.rest
	total := 0
	for range n {
		length := r.Uint()
		if length > uint64(len(r.rest)-total) {
			r.Fail("it ends within a list of texts")
			return nil
		}
		total += int(length)
	}
	again := Reader{rest: lengths}
	text := string(r.Take(total))
	if r.err != nil {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		length := again.Uint()
		list[i], text = text[:length], text[length:]
	}
	return list
}
