package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Request gives the bytes of a request. Lines are whole header fields, as "Authorization: Bearer x".
func Request(method, addr, target string, body []byte, lines ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, addr)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// errForm is for what is no answer that a reader can follow.
var errForm = errors.New("the answer is not HTTP/1.1 with a length")

// reader reads answers from a connection, one after the other. What it gives is good until the next one.
type reader struct {
	from io.Reader
	buf  []byte // what has come
	used int    // of it
	body []byte // of a chunked answer
}

// response reads an answer: its body has a Content-Length or comes in chunks.
func (r *reader) response() (status int, body []byte, err error) {
	r.buf = append(r.buf[:0], r.buf[r.used:]...)
	r.used = 0
	line, err := r.line()
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return 0, nil, fmt.Errorf("%w: %.40q", errForm, line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("%w: %.40q", errForm, line)
	}
	length, chunked := -1, false
	for {
		if line, err = r.line(); err != nil {
			return 0, nil, err
		}
		if len(line) == 0 {
			break
		}
		if v, ok := field(line, "content-length"); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return 0, nil, fmt.Errorf("%w: %.40q", errForm, line)
			}
		} else if v, ok := field(line, "transfer-encoding"); ok {
			chunked = string(v) == "chunked"
		}
	}
	switch {
	case chunked:
		body, err = r.chunks()
	case length >= 0:
		body, err = r.take(length)
	default:
		err = errForm
	}
	return status, body, err
}

// field gives the value of a header line, where it is of the field whose name is given in small letters.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name)+1:]), true
}

// line gives the next line without its end.
func (r *reader) line() ([]byte, error) {
	for looked := r.used; ; {
		if i := bytes.IndexByte(r.buf[looked:], '\n'); i >= 0 {
			line := r.buf[r.used : looked+i]
			r.used = looked + i + 1
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		looked = len(r.buf)
		if err := r.more(); err != nil {
			return nil, err
		}
	}
}

// take gives the next n bytes.
func (r *reader) take(n int) ([]byte, error) {
	for len(r.buf)-r.used < n {
		if err := r.more(); err != nil {
			return nil, err
		}
	}
	r.used += n
	return r.buf[r.used-n : r.used], nil
}

func (r *reader) chunks() ([]byte, error) {
	for r.body = r.body[:0]; ; {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return nil, fmt.Errorf("%w: %.40q", errForm, line)
		}
		chunk, err := r.take(int(n))
		if err != nil {
			return nil, err
		}
		r.body = append(r.body, chunk...)
		if line, err := r.line(); err != nil || len(line) > 0 {
			return nil, errors.Join(errForm, err)
		}
		if n == 0 {
			return r.body, nil
		}
	}
}

func (r *reader) more() error {
	if len(r.buf) == cap(r.buf) {
		r.buf = append(r.buf, make([]byte, 4096)...)[:len(r.buf)]
	}
	n, err := r.from.Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if n > 0 {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
