// Package canon reads and writes canonical JSON (RFC 8785) from one description of the members of a value.
//
// A value is described by a function that names its members in ascending order. The same function writes the
// value, reads it back and describes its JSON Schema, so the three cannot disagree:
//
//	func (g *Grant) members(c *canon.Codec) {
//		c.String("permission", &g.Permission, canon.Permission)
//		c.OptionalTime("until", &g.Until)
//	}
//
// Reading is strict because there is nothing else it could be: the next member is the one the description names,
// spelled as [Codec] would write it, or the input is refused. Hence what is accepted is written again byte for byte,
// and unknown members, members twice or out of order, white space, floats, other spellings of a number or of an
// escape, bad UTF-8 and forbidden code points have no way in.
//
// The subset of RFC 8785 in use: objects, arrays, strings, true, and integers from 0 to 2^53-1. Strings hold no code
// point that [Forbidden] names; U+000A is allowed only where a rule says so. The only escapes are \" \\ and \n.
// Nesting ends at depth 32.
package canon

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting of objects and arrays that is read or written.
const MaxDepth = 32

// MaxInteger is the largest integer: above it JSON readers that use doubles disagree.
const MaxInteger = 1<<53 - 1

// An Error says why bytes are not the canonical form of what they should be.
type Error struct {
	Path    string // the member, as a.b.c; empty for the value itself
	Offset  int    // where reading stopped, in bytes; 0 when writing
	Problem string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("at byte %d: %s", e.Offset, e.Problem)
	}
	return fmt.Sprintf("%s: %s (byte %d)", e.Path, e.Problem, e.Offset)
}

type mode uint8

const (
	writing mode = iota
	reading
	describing
)

// A Codec walks over the members of a value. The zero Codec is of no use: see [Encode], [Decode] and [Describe].
// It is not safe for concurrent use. After the first error every call does nothing.
type Codec struct {
	mode  mode
	b     []byte // written so far, or being read
	i     int    // reading: the next byte
	first bool   // no member or element of the innermost value was met yet
	depth int
	path  []string
	err   error
	node  *Schema // describing: the object whose members are met
}

// Append writes the object that members describes behind dst.
func Append(dst []byte, members func(*Codec)) ([]byte, error) {
	c := Codec{mode: writing, b: dst}
	c.object(members)
	if c.err != nil {
		return nil, c.err
	}
	return c.b, nil
}

// Encode writes the object that members describes.
func Encode(members func(*Codec)) ([]byte, error) { return Append(nil, members) }

// Decode reads b, which must be exactly the object that members describes. Strings are copied out of b.
func Decode(b []byte, members func(*Codec)) error {
	c := Codec{mode: reading, b: b}
	c.object(members)
	if c.err == nil && c.i != len(b) {
		c.Failf("%d bytes follow the value", len(b)-c.i)
	}
	return c.err
}

// Reading says whether the codec reads; a description uses it to build what it is about to fill.
func (c *Codec) Reading() bool { return c.mode == reading }

// Describing says whether the codec describes; a description then shows every member it knows.
func (c *Codec) Describing() bool { return c.mode == describing }

// Failf makes the value wrong for a reason the description itself knows. The first failure stays.
func (c *Codec) Failf(format string, args ...any) {
	if c.err != nil || c.mode == describing {
		return
	}
	e := &Error{Problem: fmt.Sprintf(format, args...)}
	for i, p := range c.path {
		if i > 0 {
			e.Path += "."
		}
		e.Path += p
	}
	if c.mode == reading {
		e.Offset = c.i
	}
	c.err = e
}

// object walks over one object.
func (c *Codec) object(members func(*Codec)) {
	if c.err != nil || !c.enter('{') {
		return
	}
	outer := c.first
	c.first = true
	members(c)
	c.first = outer
	c.leave('}')
}

func (c *Codec) enter(open byte) bool {
	if c.depth++; c.depth > MaxDepth {
		c.Failf("nested deeper than %d", MaxDepth)
		return false
	}
	switch c.mode {
	case writing:
		c.b = append(c.b, open)
	case reading:
		if c.i >= len(c.b) || c.b[c.i] != open {
			c.Failf("want %q, found %s", open, c.found())
			return false
		}
		c.i++
	}
	return true
}

func (c *Codec) leave(closing byte) {
	if c.err != nil {
		return
	}
	c.depth--
	switch c.mode {
	case writing:
		c.b = append(c.b, closing)
	case reading:
		if c.i >= len(c.b) || c.b[c.i] != closing {
			c.Failf("want %q, found %s", closing, c.found())
			return
		}
		c.i++
	}
}

// found shows what stands at the reading position, for errors. It never shows a value, only its shape: values may be
// somebody's secrets.
func (c *Codec) found() string {
	if c.i >= len(c.b) {
		return "the end"
	}
	rest := c.b[c.i:]
	if rest[0] == ',' {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] == '"' {
		for j := 1; j < len(rest) && j < 64; j++ {
			if rest[j] == '"' {
				if j+1 < len(rest) && rest[j+1] == ':' {
					return "member " + strconv.Quote(string(rest[1:j]))
				}
				break
			}
		}
		return "a string"
	}
	if len(rest) == 0 {
		return "the end"
	}
	return strconv.QuoteRune(rune(rest[0]))
}

// member steps to the member name. When writing, present says whether the value has it. It reports whether the value
// of the member is to be walked over now.
func (c *Codec) member(name string, required, present bool) bool {
	if c.err != nil {
		return false
	}
	switch c.mode {
	case writing:
		if !required && !present {
			return false
		}
		if !c.first {
			c.b = append(c.b, ',')
		}
		c.b = append(c.b, '"')
		c.b = append(c.b, name...)
		c.b = append(c.b, '"', ':')
	case reading:
		j := c.i
		if !c.first && j < len(c.b) && c.b[j] == ',' {
			j++
		} else if !c.first {
			j = len(c.b) // neither a comma nor a first member: only an end can follow
		}
		n := len(name)
		if j+n+3 > len(c.b) || c.b[j] != '"' || string(c.b[j+1:j+1+n]) != name || c.b[j+1+n] != '"' || c.b[j+2+n] != ':' {
			if required {
				c.path = append(c.path, name)
				c.Failf("want member %q, found %s", name, c.found())
			}
			return false
		}
		c.i = j + n + 3
	case describing:
		c.node.add(name, required)
	}
	c.first = false
	c.path = append(c.path, name)
	return true
}

func (c *Codec) done() {
	if c.err == nil {
		c.path = c.path[:len(c.path)-1]
	}
}

// text writes or reads one string that keeps to rule.
func (c *Codec) text(s *string, rule *Rule) {
	switch c.mode {
	case writing:
		if err := rule.Check(*s); err != nil {
			c.Failf("%v", err)
			return
		}
		c.b = AppendString(c.b, *s)
	case reading:
		got, ok := c.readString(rule)
		if !ok {
			return
		}
		if err := rule.check(got); err != nil {
			c.Failf("%v", err)
			return
		}
		*s = got
	}
}

// AppendString writes s as a canonical JSON string behind dst. It does not check s.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		var esc byte
		switch s[i] {
		case '"', '\\':
			esc = s[i]
		case '\n':
			esc = 'n'
		default:
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = append(dst, '\\', esc)
		start = i + 1
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// readString reads a string and checks its spelling and code points; what it may say is the rule's own check.
func (c *Codec) readString(rule *Rule) (string, bool) {
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		c.Failf("want a string, found %s", c.found())
		return "", false
	}
	b, i := c.b, c.i+1
	start, escaped := i, 0
	for {
		if i >= len(b) {
			c.Failf("the string does not end")
			return "", false
		}
		ch := b[i]
		switch {
		case ch == '"':
			c.i = i + 1
			if escaped == 0 {
				return string(b[start:i]), true
			}
			return unescape(b[start:i], escaped), true
		case ch == '\\':
			if i+1 >= len(b) || (b[i+1] != '"' && b[i+1] != '\\' && b[i+1] != 'n') {
				c.Failf("an escape that canonical JSON does not use here")
				return "", false
			}
			if b[i+1] == 'n' && !rule.Lines {
				c.Failf("a line break is not allowed here")
				return "", false
			}
			escaped++
			i += 2
		case ch < 0x20 || ch == 0x7f:
			c.Failf("forbidden code point U+%04X", ch)
			return "", false
		case ch < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				c.Failf("not UTF-8")
				return "", false
			}
			if Forbidden(r) {
				c.Failf("forbidden code point U+%04X", r)
				return "", false
			}
			i += n
		}
	}
}

func unescape(b []byte, escaped int) string {
	out := make([]byte, 0, len(b)-escaped)
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' {
			if i++; b[i] == 'n' {
				out = append(out, '\n')
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

// integer writes or reads one integer.
func (c *Codec) integer(n *uint64) {
	switch c.mode {
	case writing:
		if *n > MaxInteger {
			c.Failf("%d is above 2^53-1", *n)
			return
		}
		c.b = strconv.AppendUint(c.b, *n, 10)
	case reading:
		j := c.i
		for j < len(c.b) && c.b[j] >= '0' && c.b[j] <= '9' {
			j++
		}
		digits := c.b[c.i:j]
		switch {
		case len(digits) == 0:
			c.Failf("want an integer, found %s", c.found())
		case len(digits) > 1 && digits[0] == '0':
			c.Failf("an integer begins with 0")
		case len(digits) > 16:
			c.Failf("an integer above 2^53-1")
		case j < len(c.b) && (c.b[j] == '.' || c.b[j] == 'e' || c.b[j] == 'E'):
			c.Failf("a number that is no integer")
		default:
			var v uint64
			for _, d := range digits {
				v = v*10 + uint64(d-'0')
			}
			if v > MaxInteger {
				c.Failf("an integer above 2^53-1")
				return
			}
			*n, c.i = v, j
		}
	}
}

// Fail makes the value wrong for the reason err, which stays reachable for errors.As.
func (c *Codec) Fail(err error) {
	if c.err == nil && c.mode != describing {
		c.err = err
	}
}
