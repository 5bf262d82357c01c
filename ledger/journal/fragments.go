package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// Fragment says where bytes lie that may be an entry, and which position they claim.
type Fragment struct {
	File     string // path
	Offset   int64  // of the entry in File, in bytes
	Entry    []byte // valid only until the next one is asked for
	Position uint64 // as the entry itself says
}

// Fragments finds what is left of the entries in the segments of a damaged journal, whatever became of the bytes between
// them: behind damage it goes on at the next byte where a record begins whose entry claims accepts. claims says which
// position an entry says it has; false is no entry. Entries come in the order of the files, so a position can come twice,
// or never. It changes nothing, and ends with an error that is no damage where a file cannot be read.
func Fragments(dir string, claims func(entry []byte) (position uint64, ok bool)) iter.Seq2[Fragment, error] {
	return func(yield func(Fragment, error) bool) {
		found, err := numbers(dir)
		if err != nil {
			yield(Fragment{}, fmt.Errorf("journal: look for entries: %w", err))
			return
		}
		for _, number := range found {
			more, err := fragments(filepath.Join(dir, segmentName(number)), claims, yield)
			if err != nil {
				yield(Fragment{}, fmt.Errorf("journal: look for entries: %w", err))
				return
			}
			if !more {
				return
			}
		}
	}
}

func fragments(path string, claims func([]byte) (uint64, bool), yield func(Fragment, error) bool) (more bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 2*(lengthSize+MaxEntry))
	for at := int64(0); ; {
		head, err := r.Peek(lengthSize + 1)
		if errors.Is(err, io.EOF) {
			return true, nil // what is left is too short for a record
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", path, err)
		}
		step := 1
		if head[lengthSize] == '{' { // an entry is JSON: all else would only be parsed in vain
			size := lengthSize + int(binary.BigEndian.Uint16(head))
			b, err := r.Peek(size)
			if err != nil && !errors.Is(err, io.EOF) {
				return false, fmt.Errorf("read %s: %w", path, err)
			}
			if len(b) == size && size > lengthSize {
				if position, ok := claims(b[lengthSize:]); ok {
					if !yield(Fragment{path, at + lengthSize, b[lengthSize:], position}, nil) {
						return false, nil
					}
					step = size
				}
			}
		}
		n, _ := r.Discard(step) // it is buffered
		at += int64(n)
	}
}
