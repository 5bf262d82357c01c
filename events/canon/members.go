package canon

import (
	"bytes"
	"strconv"
)

// String is a member that is always there.
func (c *Codec) String(name string, s *string, rule *Rule) {
	if c.member(name, true, true) {
		c.describe(rule.schema)
		c.text(s, rule)
		c.done()
	}
}

// OptionalString is a member that is left out when s is empty.
func (c *Codec) OptionalString(name string, s *string, rule *Rule) {
	if c.member(name, false, *s != "") {
		c.describe(func() *Schema { return rule.schema().atLeast(1) })
		c.text(s, rule)
		if c.mode == reading && *s == "" {
			c.Failf("an empty string is left out")
		}
		c.done()
	}
}

// Change is a member that says what a text becomes; it is left out when nothing is said, and may be empty.
func (c *Codec) Change(name string, s **string, rule *Rule) {
	if c.member(name, false, *s != nil) {
		c.describe(rule.schema)
		if c.mode == reading {
			*s = new(string)
		}
		c.text(*s, rule)
		c.done()
	}
}

// Const is a member that always holds the same string, of printable ASCII without quotes and backslashes.
func (c *Codec) Const(name, value string) {
	if c.member(name, true, true) {
		c.describe(func() *Schema { return &Schema{Const: value} })
		switch c.mode {
		case writing:
			c.b = AppendString(c.b, value)
		case reading:
			if raw, ok := c.span(); !ok || string(raw) != value {
				c.Failf("want %q", value)
				return
			}
			c.i += len(value) + 2
		}
		c.done()
	}
}

// Implied is a member that is always there and says what other members say already: want, which keeps to rule, or is
// empty where it is not known. It gives what the member says; where the codec reads, the caller compares.
func (c *Codec) Implied(name, want string, rule *Rule) string {
	if !c.member(name, true, true) {
		return ""
	}
	c.describe(rule.schema)
	if c.mode == reading {
		if raw, ok := c.span(); ok && want != "" && string(raw) == want {
			c.i += len(want) + 2
			c.done()
			return want
		}
		want = ""
	}
	c.text(&want, rule)
	c.done()
	return want
}

// Decimal is a member that is always there: an integer from 1 to 10^16-1, written as a string.
func (c *Codec) Decimal(name string, n *uint64) {
	if !c.member(name, true, true) {
		return
	}
	c.describe(Decimal.schema)
	switch c.mode {
	case writing:
		s := strconv.FormatUint(*n, 10)
		c.text(&s, Decimal)
	case reading:
		raw, ok := c.span()
		if ok = ok && len(raw) >= Decimal.Min && len(raw) <= Decimal.Max && raw[0] != '0'; ok {
			var v uint64
			for _, d := range raw {
				ok = ok && d >= '0' && d <= '9'
				v = v*10 + uint64(d-'0')
			}
			if ok {
				*n = v
				c.i += len(raw) + 2
			}
		}
		if !ok {
			var s string
			c.text(&s, Decimal) // says what is wrong
		}
	}
	c.done()
}

// Uint is a member that is always there.
func (c *Codec) Uint(name string, n *uint64) {
	if c.member(name, true, true) {
		c.describe(func() *Schema { return &Schema{Type: "integer", Minimum: new(int), Maximum: MaxInteger} })
		c.integer(n)
		c.done()
	}
}

// OptionalUint is a member that is left out when n is 0.
func (c *Codec) OptionalUint(name string, n *uint64) {
	if c.member(name, false, *n != 0) {
		c.describe(func() *Schema { return &Schema{Type: "integer", Minimum: new(1), Maximum: MaxInteger} })
		c.integer(n)
		if c.mode == reading && *n == 0 {
			c.Failf("0 is left out")
		}
		c.done()
	}
}

// Flag is a member that is true or left out.
func (c *Codec) Flag(name string, v *bool) {
	if c.member(name, false, *v) {
		c.describe(func() *Schema { return &Schema{Const: true} })
		switch c.mode {
		case writing:
			c.b = append(c.b, "true"...)
		case reading:
			if len(c.b)-c.i < 4 || string(c.b[c.i:c.i+4]) != "true" {
				c.Failf("want true, found %s", c.found())
				return
			}
			c.i += 4
			*v = true
		}
		c.done()
	}
}

// Set is a member that is always there: strings in ascending byte order, none twice.
func (c *Codec) Set(name string, list *[]string, rule *Rule) {
	if c.member(name, true, true) {
		c.describe(func() *Schema { return &Schema{Type: "array", Items: rule.schema(), UniqueItems: true} })
		c.set(list, rule)
		c.done()
	}
}

// OptionalSet is Set, left out when empty.
func (c *Codec) OptionalSet(name string, list *[]string, rule *Rule) {
	if c.member(name, false, len(*list) > 0) {
		c.describe(func() *Schema { return &Schema{Type: "array", Items: rule.schema(), UniqueItems: true, MinItems: 1} })
		c.set(list, rule)
		if c.mode == reading && len(*list) == 0 {
			c.Failf("an empty list is left out")
		}
		c.done()
	}
}

func (c *Codec) set(list *[]string, rule *Rule) {
	array(c, list, func(s, before *string) {
		c.text(s, rule)
		if before != nil && *s <= *before {
			c.Failf("the names are not in ascending order, or one stands twice")
		}
	})
}

// Object is a member that is always there.
func (c *Codec) Object(name string, members func(*Codec)) {
	if c.member(name, true, true) {
		c.nested(members)
		c.done()
	}
}

// OptionalObject is a member that is left out when present is false; when one is read, members fills it in.
func (c *Codec) OptionalObject(name string, present bool, members func(*Codec)) bool {
	if !c.member(name, false, present) {
		return false
	}
	c.nested(members)
	c.done()
	return true
}

func (c *Codec) nested(members func(*Codec)) {
	if c.mode == describing {
		outer := c.node
		c.node = outer.last()
		c.node.beObject()
		members(c)
		c.node = outer
		return
	}
	c.object(members)
}

// Objects is a member that holds a list of objects. Where required is false, an empty list is left out; a list that is
// present and empty is read as an empty list that is not nil. check, if any, compares an element with the one before.
func Objects[T any](c *Codec, name string, list *[]T, required bool, members func(*Codec, *T), check func(before, t *T) error) {
	if !c.member(name, required, len(*list) > 0) {
		return
	}
	if c.mode == describing {
		item := &Schema{}
		item.beObject()
		outer := c.node
		outer.fill(&Schema{Type: "array", Items: item})
		c.node = item
		var t T
		members(c, &t)
		c.node = outer
	} else {
		array(c, list, func(t, before *T) {
			c.object(func(c *Codec) { members(c, t) })
			if before != nil && check != nil && c.err == nil {
				if err := check(before, t); err != nil {
					c.Failf("%v", err)
				}
			}
		})
		if c.mode == reading && !required && len(*list) == 0 {
			c.Failf("an empty list is left out")
		}
	}
	c.done()
}

// array walks over the elements of a list; each is told the one before it.
func array[T any](c *Codec, list *[]T, element func(t, before *T)) {
	if c.mode == describing || c.err != nil || !c.enter('[') {
		return
	}
	if c.mode == writing {
		for i := range *list {
			if i > 0 {
				c.b = append(c.b, ',')
				element(&(*list)[i], &(*list)[i-1])
			} else {
				element(&(*list)[i], nil)
			}
		}
		c.leave(']')
		return
	}
	out := []T{}
	for c.err == nil && c.i < len(c.b) && c.b[c.i] != ']' {
		n := len(out)
		if n > 0 {
			if c.b[c.i] != ',' {
				c.Failf("want a comma, found %s", c.found())
				return
			}
			c.i++
		}
		var t T
		out = append(out, t)
		if n == 0 {
			element(&out[0], nil)
		} else {
			element(&out[n], &out[n-1])
		}
	}
	*list = out
	c.leave(']')
}

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
