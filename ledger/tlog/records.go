package tlog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

// The file of checkpoints holds one record behind the other:
//
//	<milliseconds since 1970> <sum>  when it was kept
//	<note>                           text, an empty line, signatures
//	                                 an empty line
//
// A cosignature comes as another record of the same checkpoint, with all signatures that it has so far. The sum is the
// beginning of a SHA-256 over the milliseconds, a newline and the note, in hex: so a start notices every changed bit
// without verifying signatures.

// sumLong is how many hex digits the sum of a record has.
const sumLong = 16

// record is one of the file.
type record struct {
	published
	at         time.Time
	from, long int64
	cosigned   bool
	sound      bool // the sum fits
}

// Record gives what the file of checkpoints holds of a note that is kept at a time.
func Record(at time.Time, b []byte) []byte {
	ms := strconv.AppendInt(nil, at.UnixMilli(), 10)
	out := append(append(slices.Clip(ms), ' '), sumOf(ms, b)...)
	return append(append(append(out, '\n'), b...), '\n')
}

func sumOf(ms, b []byte) string {
	h := sha256.New()
	h.Write(ms)
	h.Write([]byte("\n"))
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))[:sumLong]
}

// A Kept is what [ReadKept] finds in a file of checkpoints.
type Kept struct {
	note.Checkpoint
	Note    []byte
	Sound   bool // the record is as it was written
	Damaged int  // lines before it that belong to no record
}

// ReadKept goes over the notes in a file of checkpoints that a log's directory keeps, without looking at their signatures.
// It ends where the file does, or f gives an error; damage is how many lines behind the last note are neither one nor what
// a crash leaves of one.
func ReadKept(in io.Reader, origin string, f func(Kept) error) (damage int, err error) {
	var failed error
	rest, err := readRecords(in, origin, 0, func(r record, junk int) {
		if failed == nil {
			failed = f(Kept{r.Checkpoint, r.bytes, r.sound, junk})
		}
	})
	if err = errors.Join(err, failed); err == nil && !rest.torn {
		damage = rest.lines
	}
	return damage, err
}

// remainder is what stands behind the last record.
type remainder struct {
	lines int
	torn  bool // a write that did not come to its end, or zeros, or nothing
}

// readRecords reads records from a place of the file on, each with the number of lines before it that belong to none.
func readRecords(file io.Reader, origin string, at int64, f func(r record, junk int)) (remainder, error) {
	in := bufio.NewReaderSize(file, 1<<16)
	var pending []string // lines that may be the beginning of a record
	var starts []int64
	junk := 0
	for {
		line, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			if line != "" {
				pending = append(pending, line)
			}
			return remainder{junk + len(pending), junk == 0 && torn(pending, origin)}, nil
		}
		if err != nil {
			return remainder{}, err
		}
		pending, starts, at = append(pending, line), append(starts, at), at+int64(len(line))
		found := false
		if line == "\n" && len(pending) >= minLines {
			// A record ends here, if one does; it begins wherever one can.
			for i := range pending {
				var r record
				if r, found = parseRecord(pending[i:], origin); found {
					if r.from > 0 {
						junk++
					}
					r.from += starts[i]
					r.long = at - r.from
					f(r, junk+i)
					junk, pending, starts = 0, nil, nil
					break
				}
			}
		}
		if more := len(pending) - maxLines; !found && more > 0 {
			junk, pending, starts = junk+more, pending[more:], starts[more:]
		}
	}
}

const (
	minLines = 7 // time, origin, size, root, nothing, a signature, nothing
	maxLines = minLines + note.MaxSignatures
)

// first is the first line of a record. What stands before it in the line is what became of the end of the record before.
var first = regexp.MustCompile(`([0-9]{1,16}) ([0-9a-f]{16})\n$`)

// parseRecord reads a record. Its from is where it begins in the first line.
func parseRecord(lines []string, origin string) (r record, ok bool) {
	if len(lines) < minLines {
		return r, false
	}
	at := first.FindStringSubmatchIndex(lines[0])
	if at == nil {
		return r, false
	}
	when, sum := lines[0][at[2]:at[3]], lines[0][at[4]:at[5]]
	ms, err := strconv.ParseInt(when, 10, 64)
	if err != nil {
		return r, false
	}
	r.from = int64(at[0])
	var b []byte
	for _, line := range lines[1 : len(lines)-1] {
		b = append(b, line...)
	}
	n, c, err := note.ReadCheckpoint(b)
	if err != nil || c.Origin != origin {
		return r, false
	}
	r.published, r.at = published{c, b}, time.UnixMilli(ms).UTC()
	r.cosigned = slices.ContainsFunc(n.Signatures, func(s note.Signature) bool { return s.Name != origin })
	r.sound = sum == sumOf([]byte(when), b)
	return r, true
}

// torn says whether lines, of which the last may have no end, are the beginning of a record, or zeros: what a crash leaves
// of a write.
func torn(lines []string, origin string) bool {
	if len(lines) == 0 || strings.Trim(strings.Join(lines, ""), "\x00") == "" {
		return true
	}
	for i, line := range lines {
		text, whole := strings.CutSuffix(line, "\n")
		var ok bool
		switch {
		case !whole:
			const signature = "— "
			switch i {
			case 0:
				ok = strings.Trim(text, "0123456789abcdef ") == ""
			case 1:
				ok = strings.HasPrefix(origin, text)
			case 2:
				ok = strings.Trim(text, "0123456789") == ""
			case 3:
				ok = len(text) <= len(note.FormatHash([32]byte{}))
			case 4:
				ok = false // a line that has nothing but its end
			default:
				ok = strings.HasPrefix(signature, text) || strings.HasPrefix(text, signature)
			}
		case i == 0:
			when, sum, cut := strings.Cut(text, " ")
			_, err := strconv.ParseInt(when, 10, 64)
			ok = cut && err == nil && len(sum) == sumLong
		case i == 1:
			ok = text == origin
		case i == 2:
			ok = text != "" && strings.Trim(text, "0123456789") == ""
		case i == 3:
			_, err := note.ParseHash(text)
			ok = err == nil
		case i == 4:
			ok = text == ""
		default: // an empty line ended a record that does not hold
			_, err := note.ParseSignatures([]byte(line))
			ok = err == nil
		}
		if !ok {
			return false
		}
	}
	return true
}

// flaws are what is not as it was written in a file of checkpoints.
type flaws struct {
	n     int // places
	first string
}

func (f *flaws) add(at int64, format string, args ...any) {
	if f.n++; f.n == 1 {
		f.first = fmt.Sprintf("at byte %d ", at) + fmt.Sprintf(format, args...)
	}
}

// String says how many there are, and what the first is, in one line.
func (f *flaws) String() string {
	if f.n == 1 {
		return f.first
	}
	return fmt.Sprintf("%s, and %d more", f.first, f.n-1)
}

// read reads records from a place of the file on: those that are as they were written, and what else there is.
func read(file io.Reader, origin string, at int64, f func(r record)) (bad flaws, err error) {
	begin, end := at, at
	rest, err := readRecords(file, origin, at, func(r record, junk int) {
		if junk > 0 && (begin == 0 || end > begin) { // who begins anywhere begins within a record
			bad.add(end, "%d lines belong to no checkpoint", junk)
		}
		end = r.from + r.long
		if !r.sound {
			bad.add(r.from, "the checkpoint of size %d is not as it was written", r.Size)
			return
		}
		f(r)
	})
	if err == nil && !rest.torn && (begin == 0 || end > begin) {
		bad.add(end, "%d lines belong to no checkpoint", rest.lines)
	}
	return bad, err
}

func linesOf(b []byte) (lines []string) {
	for line := range bytes.Lines(b) {
		lines = append(lines, string(line))
	}
	return lines
}
