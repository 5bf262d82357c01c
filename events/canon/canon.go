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
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
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
	err   error
	node  *Schema // describing: the object whose members are met

	// The members that are being walked over, outermost first: where in b their names begin.
	within int
	names  [MaxDepth + 1]int
}

// codecs are kept for the next value: a ledger is read entry by entry.
var codecs = sync.Pool{New: func() any { return new(Codec) }}

// walk walks over one object, and gives the codec's bytes and error.
func walk(m mode, b []byte, members func(*Codec)) ([]byte, error) {
	c := codecs.Get().(*Codec)
	c.mode, c.b, c.i, c.depth, c.within = m, b, 0, 0, 0
	c.object(members)
	if m == reading && c.err == nil && c.i != len(b) {
		c.Failf("%d bytes follow the value", len(b)-c.i)
	}
	out, err := c.b, c.err
	c.b, c.err = nil, nil
	codecs.Put(c)
	return out, err
}

// Append writes the object that members describes behind dst.
func Append(dst []byte, members func(*Codec)) ([]byte, error) {
	b, err := walk(writing, dst, members)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Encode writes the object that members describes.
func Encode(members func(*Codec)) ([]byte, error) {
	return Append(make([]byte, 0, 768), members) // most values of a ledger fit
}

// Decode reads b, which must be exactly the object that members describes. Strings are copied out of b.
func Decode(b []byte, members func(*Codec)) error {
	_, err := walk(reading, b, members)
	return err
}

// Reading says whether the codec reads; a description uses it to build what it is about to fill.
func (c *Codec) Reading() bool { return c.mode == reading }

// Describing says whether the codec describes; a description then shows every member it knows.
func (c *Codec) Describing() bool { return c.mode == describing }

// Failf makes the value wrong for a reason the description itself knows. The first failure stays.
func (c *Codec) Failf(format string, args ...any) { c.failf("", format, args...) }

// failf is Failf for a member of the innermost object, which has not been met; empty: for what is being walked over.
func (c *Codec) failf(member, format string, args ...any) {
	if c.err != nil || c.mode == describing {
		return
	}
	var path []string
	for _, at := range c.names[:c.within] {
		name, _, _ := bytes.Cut(c.b[at:], []byte{'"'})
		path = append(path, string(name))
	}
	if member != "" {
		path = append(path, member)
	}
	e := &Error{Path: strings.Join(path, "."), Problem: fmt.Sprintf(format, args...)}
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
		c.enterMember(len(c.b))
		c.b = append(c.b, name...)
		c.b = append(c.b, '"', ':')
	case reading:
		if !c.step(name) {
			if required {
				c.failf(name, "want member %q, found %s", name, c.found())
			}
			return false
		}
	case describing:
		c.node.add(name, required)
	}
	c.first = false
	return true
}

func (c *Codec) enterMember(name int) {
	c.names[c.within] = name // an object is no deeper than MaxDepth
	c.within++
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
	c.enterMember(j + 1)
	c.i = j + n + 3
	return true
}

func (c *Codec) done() {
	if c.err == nil && c.mode != describing {
		c.within--
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
