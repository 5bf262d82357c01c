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
// Reading is one pass over the bytes: names are compared in place, values are read where they stand, and strings that come
// again and again are given as the copy that was made the first time.
//
// The subset of RFC 8785 in use: objects, arrays, strings, true, and integers from 0 to 2^53-1. Strings hold no code
// point that [Forbidden] names; U+000A is allowed only where a rule says so. The only escapes are \" \\ and \n.
// Nesting ends at depth 32.
package canon

import (
	"fmt"
	"strconv"
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

	room [8]string // for path
}

func newCodec(m mode, b []byte) *Codec {
	c := &Codec{mode: m, b: b}
	c.path = c.room[:0]
	return c
}

// Append writes the object that members describes behind dst.
func Append(dst []byte, members func(*Codec)) ([]byte, error) {
	c := newCodec(writing, dst)
	c.object(members)
	if c.err != nil {
		return nil, c.err
	}
	return c.b, nil
}

// Encode writes the object that members describes.
func Encode(members func(*Codec)) ([]byte, error) {
	return Append(make([]byte, 0, 768), members) // most values of a ledger fit
}

// Decode reads b, which must be exactly the object that members describes. Strings are copied out of b.
func Decode(b []byte, members func(*Codec)) error {
	c := newCodec(reading, b)
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
		if !c.step(name) {
			if required {
				c.path = append(c.path, name)
				c.Failf("want member %q, found %s", name, c.found())
			}
			return false
		}
	case describing:
		c.node.add(name, required)
	}
	c.first = false
	c.path = append(c.path, name)
	return true
}

// step reads a comma, but before the first member, and the name with its colon, or nothing where that is not what
// stands there.
func (c *Codec) step(name string) bool {
	b, j, n := c.b, c.i, len(name)
	if !c.first {
		if j >= len(b) || b[j] != ',' {
			return false // neither a comma nor a first member: only an end can follow
		}
		j++
	}
	if len(b)-j < n+3 || b[j] != '"' || b[j+n+1] != '"' || b[j+n+2] != ':' || string(b[j+1:j+1+n]) != name {
		return false
	}
	c.i = j + n + 3
	return true
}

func (c *Codec) done() {
	if c.err == nil {
		c.path = c.path[:len(c.path)-1]
	}
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
