package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/permledger/permledger/ledger/tree"
)

// lines is a file of entries, one exact entry a line.
type lines struct {
	r    io.ReaderAt
	size int64
}

// each gives the lines, which are valid until the next one.
func (l *lines) each(f func(n uint64, line []byte) bool) error {
	in := bufio.NewReaderSize(io.NewSectionReader(l.r, 0, l.size), maxEntry+1)
	for n := uint64(0); ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return malformedAt("entries", n, "a line of more than %d bytes", maxEntry)
		case errors.Is(err, io.EOF):
			return malformedAt("entries", n, "it is cut off: the last line does not end")
		case err != nil:
			return err
		}
		line = line[:len(line)-1]
		if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
			return malformedAt("entries", n, "no entry")
		}
		if !f(n, line) {
			return nil
		}
	}
}

func (l *lines) entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := l.each(func(_ uint64, line []byte) bool { return yield(Entry{Bytes: bytes.Clone(line)}, nil) }); err != nil {
			yield(Entry{}, err)
		}
	}
}

func (l *lines) tile(tree.Tile) ([]byte, error)        { return nil, ErrNoTile }
func (l *lines) documents() iter.Seq2[Document, error] { return func(func(Document, error) bool) {} }
func (l *lines) texts() iter.Seq2[Text, error]         { return func(func(Text, error) bool) {} }
func (l *lines) others() iter.Seq2[File, error]        { return func(func(File, error) bool) {} }
func (l *lines) sums() error                           { return nil }
