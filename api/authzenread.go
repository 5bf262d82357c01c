package api

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader reads one JSON text in a single pass, without reflection: the hot path of decisions. It is strict where two
// readers could take one text for two things (RFC 7493): bytes that are no UTF-8, surrogates without their other half, a
// member that stands twice in an object, anything behind the value. Members that nobody asks for are read just so, and
// skipped.
//
// Strings without escapes are parts of the text, which nothing else may change.
type jsonReader struct {
	text  string
	at    int
	depth int
	names []string // of the objects that are open, the innermost last
}

const (
	maxDepth = 64 // of objects and arrays in each other
	fewNames = 16 // of an object that are compared one by one
)

var errJSON = errors.New("not JSON")

func (r *jsonReader) fail(format string, args ...any) error {
	return fmt.Errorf("%w: at byte %d: %s", errJSON, r.at+1, fmt.Sprintf(format, args...))
}

func (r *jsonReader) spaces() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\n', '\r', '\t':
			r.at++
		default:
			return
		}
	}
}

// next skips spaces and gives the byte that follows them; 0 at the end.
func (r *jsonReader) next() byte {
	r.spaces()
	if r.at == len(r.text) {
		return 0
	}
	return r.text[r.at]
}

// take skips spaces and one byte, which must be there.
func (r *jsonReader) take(want byte) error {
	if r.next() != want {
		return r.fail("want %q, found %s", want, r.found())
	}
	r.at++
	return nil
}

func (r *jsonReader) found() string {
	if r.at >= len(r.text) {
		return "the end"
	}
	return strconv.QuoteRuneToASCII(rune(r.text[r.at]))
}

// end refuses what stands behind the value.
func (r *jsonReader) end() error {
	if r.next() != 0 || r.at != len(r.text) {
		return r.fail("there is something behind the value")
	}
	return nil
}

// object reads an object and calls member with each name, which reads the value.
func (r *jsonReader) object(member func(name string) error) error {
	if err := r.open('{'); err != nil {
		return err
	}
	first := len(r.names)
	var seen map[string]bool // where there are many
	if r.next() == '}' {
		r.at++
		return r.close(first)
	}
	for {
		begin := r.next()
		if begin != '"' {
			return r.fail("want the name of a member, found %s", r.found())
		}
		at := r.at
		name, err := r.str()
		if err != nil {
			return err
		}
		twice := false
		if mine := r.names[first:]; len(mine) < fewNames {
			for _, other := range mine {
				twice = twice || other == name
			}
		} else {
			if seen == nil {
				seen = make(map[string]bool, 2*len(mine))
				for _, other := range mine {
					seen[other] = true
				}
			}
			twice, seen[name] = seen[name], true
		}
		if twice {
			r.at = at
			return r.fail("the member %q stands twice", clip(name))
		}
		if seen == nil {
			r.names = append(r.names, name)
		}
		if err := r.take(':'); err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			return r.close(first)
		default:
			return r.fail("want , or }, found %s", r.found())
		}
	}
}

// array reads an array and calls item where each of its items begins.
func (r *jsonReader) array(item func() error) error {
	if err := r.open('['); err != nil {
		return err
	}
	first := len(r.names)
	if r.next() == ']' {
		r.at++
		return r.close(first)
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			return r.close(first)
		default:
			return r.fail("want , or ], found %s", r.found())
		}
	}
}

func (r *jsonReader) open(bracket byte) error {
	if err := r.take(bracket); err != nil {
		return err
	}
	if r.depth++; r.depth > maxDepth {
		return r.fail("objects and arrays stand in each other more than %d deep", maxDepth)
	}
	return nil
}

func (r *jsonReader) close(first int) error {
	r.depth--
	r.names = r.names[:first]
	return nil
}

// skip reads a value that nobody asks for, and gives its text.
func (r *jsonReader) skip() (string, error) {
	first := r.next()
	begin := r.at
	var err error
	switch {
	case first == '{':
		err = r.object(func(string) error { _, err := r.skip(); return err })
	case first == '[':
		err = r.array(func() error { _, err := r.skip(); return err })
	case first == '"':
		_, err = r.str()
	case first == '-' || '0' <= first && first <= '9':
		err = r.number()
	case !r.word("true") && !r.word("false") && !r.word("null"):
		err = r.fail("want a value, found %s", r.found())
	}
	if err != nil {
		return "", err
	}
	return r.text[begin:r.at], nil
}

func (r *jsonReader) word(word string) bool {
	if strings.HasPrefix(r.text[r.at:], word) {
		r.at += len(word)
		return true
	}
	return false
}

// number reads a number as RFC 8259 spells it.
func (r *jsonReader) number() error {
	digits := func() bool {
		from := r.at
		for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
			r.at++
		}
		return r.at > from
	}
	r.word("-")
	if !r.word("0") && !digits() {
		return r.fail("want a digit, found %s", r.found())
	}
	if r.word(".") && !digits() {
		return r.fail("want a digit, found %s", r.found())
	}
	if r.word("e") || r.word("E") {
		if !r.word("+") {
			r.word("-")
		}
		if !digits() {
			return r.fail("want a digit, found %s", r.found())
		}
	}
	return nil
}

// str reads a string, at whose first quote the reader is.
func (r *jsonReader) str() (string, error) {
	begin := r.at + 1
	ascii := true
	for i := begin; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			s := r.text[begin:i]
			if !ascii && !utf8.ValidString(s) {
				return "", r.fail("a string is not UTF-8")
			}
			r.at = i + 1
			return s, nil
		case c == '\\':
			return r.escaped(begin, i)
		case c < ' ':
			r.at = i
			return "", r.fail("a control character stands in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	r.at = len(r.text)
	return "", r.fail("a string has no end")
}

// escaped reads the rest of a string whose first backslash is at i.
func (r *jsonReader) escaped(begin, i int) (string, error) {
	var b strings.Builder
	b.WriteString(r.text[begin:i])
	for i < len(r.text) {
		r.at = i
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			if !utf8.ValidString(b.String()) {
				return "", r.fail("a string is not UTF-8")
			}
			return b.String(), nil
		case c < ' ':
			return "", r.fail("a control character stands in a string")
		case c != '\\':
			b.WriteByte(c)
			i++
			continue
		}
		if i++; i == len(r.text) {
			break
		}
		if plain := strings.IndexByte(`"\/bfnrt`, r.text[i]); plain >= 0 {
			b.WriteByte("\"\\/\b\f\n\r\t"[plain])
			i++
			continue
		}
		c, ok := hex4(r.text[i:])
		i += 5
		if ok && utf16.IsSurrogate(c) {
			var low rune
			if low, ok = hex4(strings.TrimPrefix(r.text[min(i, len(r.text)):], `\`)); ok && r.text[i] == '\\' {
				c = utf16.DecodeRune(c, low)
				i += 6
			}
			ok = ok && c != utf8.RuneError && !utf16.IsSurrogate(c)
		}
		if !ok {
			return "", r.fail(`there is no such escape in a string`)
		}
		b.WriteRune(c)
	}
	r.at = len(r.text)
	return "", r.fail("a string has no end")
}

// hex4 reads u and four hexadecimal digits.
func hex4(s string) (c rune, ok bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:5], 16, 16)
	return rune(n), err == nil
}
