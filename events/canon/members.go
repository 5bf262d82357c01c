package canon

import "strconv"

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
