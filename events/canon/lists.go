package canon

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
