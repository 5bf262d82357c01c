package canon

import (
	"encoding/base64"
	"time"

	"github.com/oklog/ulid/v2"
)

// TimeLayout is how an instant is written: UTC, milliseconds, always 24 characters.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// ULID is a member that is always there: 26 capital Crockford characters.
func (c *Codec) ULID(name string, id *ulid.ULID) {
	if c.member(name, true, true) {
		c.describe(ulidSchema())
		c.ulid(id)
		c.done()
	}
}

// OptionalULID is a member that is left out when id is zero.
func (c *Codec) OptionalULID(name string, id *ulid.ULID) {
	if c.member(name, false, *id != ulid.ULID{}) {
		c.describe(ulidSchema())
		c.ulid(id)
		c.done()
	}
}

// ULIDs is a member that is always there and holds a set of ids in ascending order.
func (c *Codec) ULIDs(name string, ids *[]ulid.ULID) {
	if c.member(name, true, true) {
		c.describe(&Schema{Type: "array", Items: ulidSchema(), UniqueItems: true})
		c.ulids(ids)
		c.done()
	}
}

// OptionalULIDs is ULIDs, left out when empty.
func (c *Codec) OptionalULIDs(name string, ids *[]ulid.ULID) {
	if c.member(name, false, len(*ids) > 0) {
		c.describe(&Schema{Type: "array", Items: ulidSchema(), UniqueItems: true, MinItems: 1})
		c.ulids(ids)
		if c.mode == reading && len(*ids) == 0 {
			c.Failf("an empty list is left out")
		}
		c.done()
	}
}

func (c *Codec) ulids(ids *[]ulid.ULID) {
	array(c, ids, func(id *ulid.ULID, before *ulid.ULID) {
		c.ulid(id)
		if before != nil && id.Compare(*before) <= 0 {
			c.Failf("ids are not in ascending order")
		}
	})
}

func (c *Codec) ulid(id *ulid.ULID) {
	switch c.mode {
	case writing:
		if *id == (ulid.ULID{}) {
			c.Failf("the id is missing")
			return
		}
		c.b = append(c.b, '"')
		c.b = append(c.b, id.String()...)
		c.b = append(c.b, '"')
	case reading:
		if len(c.b)-c.i < 28 || c.b[c.i] != '"' || c.b[c.i+27] != '"' {
			c.Failf("want a ULID, found %s", c.found())
			return
		}
		got, err := ParseULID(string(c.b[c.i+1 : c.i+27]))
		if err != nil {
			c.Failf("%v", err)
			return
		}
		*id = got
		c.i += 28
	}
}

// Time is a member that is always there.
func (c *Codec) Time(name string, t *time.Time) {
	if c.member(name, true, true) {
		c.describe(timeSchema())
		c.instant(t)
		c.done()
	}
}

// OptionalTime is a member that is left out when t is zero.
func (c *Codec) OptionalTime(name string, t *time.Time) {
	if c.member(name, false, !t.IsZero()) {
		c.describe(timeSchema())
		c.instant(t)
		c.done()
	}
}

func (c *Codec) instant(t *time.Time) {
	switch c.mode {
	case writing:
		u := t.UTC()
		if u.Year() < 1970 || u.Year() > 9999 || u.Nanosecond()%1e6 != 0 {
			c.Failf("%v is no instant of whole milliseconds in the years 1970 to 9999", u)
			return
		}
		c.b = append(c.b, '"')
		c.b = u.AppendFormat(c.b, TimeLayout)
		c.b = append(c.b, '"')
	case reading:
		if len(c.b)-c.i < 26 || c.b[c.i] != '"' || c.b[c.i+25] != '"' {
			c.Failf("want an instant like %s, found %s", TimeLayout, c.found())
			return
		}
		got, ok := parseTime(c.b[c.i+1 : c.i+25])
		if !ok {
			c.Failf("want an instant like %s", TimeLayout)
			return
		}
		*t = got
		c.i += 26
	}
}

// parseTime reads the one spelling of TimeLayout; time.Parse would take others too and is slower.
func parseTime(b []byte) (time.Time, bool) {
	const form = "dddd-dd-ddTdd:dd:dd.dddZ"
	for i := range form {
		if digit := b[i] >= '0' && b[i] <= '9'; digit != (form[i] == 'd') || !digit && b[i] != form[i] {
			return time.Time{}, false
		}
	}
	n := func(from, to int) (v int) {
		for _, d := range b[from:to] {
			v = v*10 + int(d-'0')
		}
		return v
	}
	y, mo, d, h, mi, s := n(0, 4), n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
	t := time.Date(y, time.Month(mo), d, h, mi, s, n(20, 23)*1e6, time.UTC)
	// time.Date normalises 31 February; then the parts differ.
	if y < 1970 || t.Year() != y || int(t.Month()) != mo || t.Day() != d || t.Hour() != h || t.Minute() != mi || t.Second() != s {
		return time.Time{}, false
	}
	return t, true
}

// Digest is a member that is always there: SHA-256 in base64url without padding.
func (c *Codec) Digest(name string, d *[32]byte) {
	if c.member(name, true, true) {
		c.describe(digestSchema())
		c.digest(d)
		c.done()
	}
}

// OptionalDigest is a member that is left out when d is zero.
func (c *Codec) OptionalDigest(name string, d *[32]byte) {
	if c.member(name, false, *d != [32]byte{}) {
		c.describe(digestSchema())
		c.digest(d)
		if c.mode == reading && *d == ([32]byte{}) {
			c.Failf("a digest of zeros is left out")
		}
		c.done()
	}
}

func (c *Codec) digest(d *[32]byte) {
	c.octets(func() []byte { return d[:] }, 32, func(b []byte) { copy(d[:], b) })
}

// Signature is a member that is always there: 64 bytes in base64url without padding.
func (c *Codec) Signature(name string, sig *[64]byte) {
	if c.member(name, true, true) {
		c.describe(&Schema{Type: "string", Pattern: `^[A-Za-z0-9_-]{86}$`})
		c.octets(func() []byte { return sig[:] }, 64, func(b []byte) { copy(sig[:], b) })
		c.done()
	}
}

// Bytes is a member that is always there: 1 to 512 bytes in base64url without padding.
func (c *Codec) Bytes(name string, b *[]byte) {
	if !c.member(name, true, true) {
		return
	}
	c.describe(&Schema{Type: "string", Pattern: `^[A-Za-z0-9_-]+$`, MinLength: 2, MaxLength: 683})
	text := base64.RawURLEncoding.EncodeToString(*b)
	c.text(&text, encoded)
	if c.mode == reading && c.err == nil {
		out, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(out) == 0 {
			c.Failf("want bytes in base64url")
			return
		}
		*b = out
	}
	c.done()
}

var encoded = bytesRule("bytes in base64url", `^[A-Za-z0-9_-]+$`, 2, 683, func(s string) bool {
	return every(s, func(b byte) bool { return isToken(b) || b >= 'A' && b <= 'Z' || b == '_' })
})

func (c *Codec) octets(value func() []byte, size int, set func([]byte)) {
	enc := base64.RawURLEncoding.Strict()
	n := enc.EncodedLen(size)
	switch c.mode {
	case writing:
		c.b = append(c.b, '"')
		c.b = enc.AppendEncode(c.b, value())
		c.b = append(c.b, '"')
	case reading:
		if len(c.b)-c.i < n+2 || c.b[c.i] != '"' || c.b[c.i+n+1] != '"' {
			c.Failf("want %d bytes in base64url, found %s", size, c.found())
			return
		}
		var out [64]byte
		// Decode skips line breaks; a string of the right length that holds one comes out short.
		if m, err := enc.Decode(out[:], c.b[c.i+1:c.i+1+n]); err != nil || m != size {
			c.Failf("want %d bytes in base64url", size)
			return
		}
		set(out[:size])
		c.i += n + 2
	}
}

// Digests is a member that is left out when empty: digests in the order given.
func (c *Codec) Digests(name string, list *[][32]byte) {
	if c.member(name, false, len(*list) > 0) {
		c.describe(&Schema{Type: "array", Items: digestSchema(), MinItems: 1})
		array(c, list, func(d, _ *[32]byte) { c.digest(d) })
		if c.mode == reading && len(*list) == 0 {
			c.Failf("an empty list is left out")
		}
		c.done()
	}
}

// ParseULID reads the one spelling of a ULID: 26 capital characters of Crockford's base 32, at most
// 7ZZZZZZZZZZZZZZZZZZZZZZZZZ.
func ParseULID(s string) (ulid.ULID, error) {
	id, err := ulid.ParseStrict(s)
	if err != nil {
		return ulid.ULID{}, err
	}
	if id.String() != s || id == (ulid.ULID{}) {
		return ulid.ULID{}, errSpelling
	}
	return id, nil
}

var errSpelling = &Error{Problem: "not the one spelling of a ULID"}
