package load

import (
	"bytes"
	"errors"
	"fmt"
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

// parse reads an answer, whose body has a Content-Length or comes in chunks, and says how many bytes it has; none while it
// has not come whole. Chunks are put together in room.
func parse(b, room []byte) (status int, body []byte, used int, err error) {
	head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return 0, nil, 0, nil
	}
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return 0, nil, 0, fmt.Errorf("%w: %.40q", errForm, line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, 0, fmt.Errorf("%w: %.40q", errForm, line)
	}
	length, chunked := -1, false
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if v, ok := field(line, "content-length"); ok {
			if length, err = strconv.Atoi(string(v)); err != nil || length < 0 {
				return 0, nil, 0, fmt.Errorf("%w: %.40q", errForm, line)
			}
		} else if v, ok := field(line, "transfer-encoding"); ok {
			chunked = string(v) == "chunked"
		}
	}
	begin := len(b) - len(rest)
	switch {
	case chunked:
		body, used, err = chunks(rest, room)
	case length < 0:
		err = errForm
	case length <= len(rest):
		return status, rest[:length], begin + length, nil
	}
	if err != nil || used == 0 {
		return 0, nil, 0, err
	}
	return status, body, begin + used, nil
}

// field gives the value of a header line, where it is of the field whose name is given in small letters.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name)+1:]), true
}

// chunks puts a body in chunks together behind room, and says how many bytes it took; none while some are missing.
func chunks(b, room []byte) (body []byte, used int, err error) {
	for rest := b; ; {
		line, after, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			return nil, 0, nil
		}
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %.40q", errForm, line)
		}
		if uint64(len(after)) < n+2 {
			return nil, 0, nil
		}
		if string(after[n:n+2]) != "\r\n" {
			return nil, 0, errForm
		}
		room, rest = append(room, after[:n]...), after[n+2:]
		if n == 0 {
			return room, len(b) - len(rest), nil
		}
	}
}
