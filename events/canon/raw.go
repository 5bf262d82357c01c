package canon

import "bytes"

// Exact is a member that is always there and holds an object whose exact bytes are kept: those that are written, and
// those that members reads. What is read aliases the input. Its description is that of any object.
func (c *Codec) Exact(name string, raw *[]byte, members func(*Codec)) {
	if !c.member(name, true, true) {
		return
	}
	switch c.mode {
	case writing:
		c.b = append(c.b, *raw...)
	case reading:
		start := c.i
		if c.object(members); c.err != nil {
			return
		}
		*raw = c.b[start:c.i:c.i]
	case describing:
		c.describe(func() *Schema { return &Schema{Type: "object"} })
	}
	c.done()
}

// Ahead gives what a string member says that stands somewhere behind the reading position: the first of this name, which
// is to hold no escape. It checks nothing and so is but a hint, by which to read what stands before that member: whoever
// follows it demands, when the member's turn comes, that it was so.
func (c *Codec) Ahead(name string) []byte {
	if c.mode != reading || c.err != nil {
		return nil
	}
	var room [64]byte
	sign := append(append(append(room[:0], ',', '"'), name...), '"', ':', '"')
	rest := c.b[c.i:]
	at := bytes.Index(rest, sign)
	if at < 0 {
		return nil
	}
	rest = rest[at+len(sign):]
	return rest[:max(0, bytes.IndexByte(rest, '"'))]
}

// Raw is a member that is always there and holds an object read elsewhere: its exact bytes. Reading finds where it
// ends by its strings and its depth and checks nothing else of it; the result aliases the input.
func (c *Codec) Raw(name string, raw *[]byte) {
	if !c.member(name, true, true) {
		return
	}
	switch c.mode {
	case writing:
		c.b = append(c.b, *raw...)
	case reading:
		end := c.skip()
		if c.err != nil {
			return
		}
		*raw = c.b[c.i:end:end]
		c.i = end
	case describing:
		c.describe(func() *Schema { return &Schema{Type: "object"} })
	}
	c.done()
}

func (c *Codec) skip() int {
	if c.i >= len(c.b) || c.b[c.i] != '{' {
		c.Failf("want an object, found %s", c.found())
		return 0
	}
	depth := 0
	for i := c.i; i < len(c.b); i++ {
		switch c.b[i] {
		case '"':
			for i++; i < len(c.b) && c.b[i] != '"'; i++ {
				if c.b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > MaxDepth {
				c.Failf("nested deeper than %d", MaxDepth)
				return 0
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	c.Failf("the object does not end")
	return 0
}
