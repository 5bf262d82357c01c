package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	// maxLine is the longest line, in bytes, without its end.
	maxLine = 4 << 20
	// maxObject is the biggest input that is one object, in bytes, not compressed.
	maxObject = 256 << 20
)

var (
	errLineTooLong   = fmt.Errorf("the line is longer than %d bytes", maxLine)
	errObjectTooLong = fmt.Errorf("the input is longer than %d bytes", maxObject)
)

// open gives the input as plain text, and keeps count of the bytes read from r.
func open(r io.Reader, read *int64) (io.Reader, error) {
	in := bufio.NewReaderSize(&counter{r, read}, 64<<10)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return in, nil
	}
	plain, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("read gzip: %w", err)
	}
	return plain, nil
}

type counter struct {
	r io.Reader
	n *int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// lines reads lines and counts them.
type lines struct {
	in     *bufio.Reader
	buf    []byte
	number int // of the line that next gave last, from 1
}

// next gives the next line without its end, valid until the next call. The error is io.EOF after the last line,
// errLineTooLong where the line was skipped, or that of the input.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	tooLong := false
	for {
		piece, err := l.in.ReadSlice('\n')
		if !tooLong {
			l.buf = append(l.buf, piece...)
			tooLong = len(bytes.TrimSuffix(l.buf, []byte("\n"))) > maxLine
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(l.buf) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read line %d: %w", l.number+1, err)
		}
		l.number++
		if tooLong {
			return nil, errLineTooLong
		}
		return bytes.TrimSuffix(l.buf, []byte("\n")), nil
	}
}

// blank says whether a line has nothing but white space.
func blank(line []byte) bool { return len(bytes.Trim(line, " \t\r")) == 0 }
