package canon

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

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
		if got, ok := c.readPlain(rule); ok {
			*s = got
			return
		}
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
	if plain(s) {
		dst = append(dst, s...)
		return append(dst, '"')
	}
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

// plain says whether s stands between its quotes as it is.
func plain(s string) bool {
	return strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\\') < 0 && strings.IndexByte(s, '\n') < 0
}

// span gives what stands between the quote at the reading position and the next one; false where there is no quote, no
// next one, or a backslash between them.
func (c *Codec) span() ([]byte, bool) {
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		return nil, false
	}
	rest := c.b[c.i+1:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 || bytes.IndexByte(rest[:n], '\\') >= 0 {
		return nil, false
	}
	return rest[:n], true
}

// readPlain reads a string without escapes that keeps to rule: nearly all are. It says false, and has read nothing, of
// any other; then [Codec.readString] reads it, or says what is wrong.
func (c *Codec) readPlain(rule *Rule) (string, bool) {
	raw, ok := c.span()
	if !ok {
		return "", false
	}
	s, known := rule.seen.get(raw)
	if !known {
		if len(raw) < rule.Min || len(raw) > rule.Max || !rule.printable && !printable(raw) {
			return "", false
		}
		s = string(raw)
		if rule.match != nil && !rule.match(s) {
			return "", false
		}
		rule.seen.put(raw, s)
	}
	c.i += len(raw) + 2
	return s, true
}

// printable says whether all of b is ASCII without controls.
func printable(b []byte) bool {
	for _, ch := range b {
		if ch < ' ' || ch > '~' {
			return false
		}
	}
	return true
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
