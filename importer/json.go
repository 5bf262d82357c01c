package importer

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// parser reads JSON (RFC 8259) of a known form from b, strictly: text must be UTF-8 without lone surrogates, and no
// object has a member twice. encoding/json lets both pass.
type parser struct {
	b     []byte
	i     int
	names map[string]string // words seen before: histories name the same permissions again and again
}

// syntaxError says where b is not what it has to be.
type syntaxError struct {
	at  int
	why string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.at+1, e.why) }

func (p *parser) fail(format string, args ...any) error {
	return &syntaxError{p.i, fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

// peek gives the next byte that is no white space; 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.i == len(p.b) {
		return 0
	}
	return p.b[p.i]
}

func (p *parser) expect(c byte) error {
	if got := p.peek(); got != c || p.i == len(p.b) {
		return p.fail("want %q, found %s", c, p.found())
	}
	p.i++
	return nil
}

func (p *parser) found() string {
	if p.i == len(p.b) {
		return "the end"
	}
	return strconv.QuoteToASCII(string(p.b[p.i : p.i+1]))
}

// end demands that nothing follows.
func (p *parser) end() error {
	if p.space(); p.i < len(p.b) {
		return p.fail("want the end, found %s", p.found())
	}
	return nil
}

// object reads an object; member reads the value of each member.
func (p *parser) object(member func(name string) error) error {
	seen := map[string]bool{}
	return p.list('{', '}', func() error {
		p.space()
		at := p.i
		name, err := p.text()
		if err != nil {
			return err
		}
		if seen[name] {
			return &syntaxError{at, fmt.Sprintf("the member %q is there twice", name)}
		}
		seen[name] = true
		if err := p.expect(':'); err != nil {
			return err
		}
		return member(name)
	})
}

// array reads an array; element reads each element.
func (p *parser) array(element func() error) error { return p.list('[', ']', element) }

func (p *parser) list(first, last byte, one func() error) error {
	if err := p.expect(first); err != nil {
		return err
	}
	if p.peek() == last {
		p.i++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.i++
		case last:
			p.i++
			return nil
		default:
			return p.fail("want ',' or %q, found %s", last, p.found())
		}
	}
}

// text reads a string.
func (p *parser) text() (string, error) {
	b, err := p.string()
	return string(b), err
}

// word reads a string that is likely to come again.
func (p *parser) word() (string, error) {
	b, err := p.string()
	if err != nil {
		return "", err
	}
	return p.known(b), nil
}

func (p *parser) known(b []byte) string {
	if s, ok := p.names[string(b)]; ok {
		return s
	}
	s := string(b)
	if p.names != nil {
		p.names[s] = s
	}
	return s
}

// name reads a string or an integer, as text.
func (p *parser) name() (string, error) {
	c := p.peek()
	if c != '-' && (c < '0' || c > '9') {
		return p.word()
	}
	start := p.i
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
		p.i++
	}
	number := p.b[start:p.i]
	if p.i < len(p.b) && (p.b[p.i] == '.' || p.b[p.i] == 'e' || p.b[p.i] == 'E') || len(number) == 0 {
		return "", p.fail("want a string or a whole number that is not negative")
	}
	if number[0] == '0' && len(number) > 1 {
		return "", &syntaxError{start, "a number does not begin with 0"}
	}
	return p.known(number), nil
}

// string reads a string; the bytes are valid until the input changes.
func (p *parser) string() ([]byte, error) {
	if p.peek() != '"' {
		return nil, p.fail("want a string, found %s", p.found())
	}
	start := p.i + 1
	for p.i = start; p.i < len(p.b); {
		switch c := p.b[p.i]; {
		case c == '"':
			p.i++
			return p.b[start : p.i-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return nil, p.fail("a control character stands in a string")
		case c < utf8.RuneSelf:
			p.i++
		default:
			n, err := p.rune()
			if err != nil {
				return nil, err
			}
			p.i += n
		}
	}
	return nil, p.fail("the string has no end")
}

func (p *parser) rune() (int, error) {
	r, n := utf8.DecodeRune(p.b[p.i:])
	if r == utf8.RuneError && n <= 1 {
		return 0, p.fail("not UTF-8")
	}
	return n, nil
}

// escaped reads the rest of a string that began at start and has a backslash at i.
func (p *parser) escaped(start int) ([]byte, error) {
	out := append([]byte(nil), p.b[start:p.i]...)
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			p.i++
			return out, nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		case c < 0x20:
			return nil, p.fail("a control character stands in a string")
		default:
			n, err := p.rune()
			if err != nil {
				return nil, err
			}
			out = append(out, p.b[p.i:p.i+n]...)
			p.i += n
		}
	}
	return nil, p.fail("the string has no end")
}

var errEscape = errors.New("no escape sequence")

// escape reads an escape sequence, a pair of surrogates as one.
func (p *parser) escape() (rune, error) {
	r, n, err := unescape(p.b[p.i:])
	if err != nil {
		return 0, p.fail("%v", err)
	}
	if utf16.IsSurrogate(r) {
		low, m, err := unescape(p.b[p.i+n:])
		if r, n = utf16.DecodeRune(r, low), n+m; err != nil || r == utf8.RuneError {
			return 0, p.fail("a surrogate stands alone")
		}
	}
	p.i += n
	return r, nil
}

func unescape(b []byte) (rune, int, error) {
	if len(b) < 2 || b[0] != '\\' {
		return 0, 0, errEscape
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		if len(b) < 6 {
			return 0, 0, errEscape
		}
		v, err := strconv.ParseUint(string(b[2:6]), 16, 16)
		if err != nil {
			return 0, 0, errEscape
		}
		return rune(v), 6, nil
	}
	return 0, 0, errEscape
}
