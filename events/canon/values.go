package canon

import (
	"encoding/base64"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// TimeLayout is how an instant is written: UTC, milliseconds, always 24 characters.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// ULID is a member that is always there: 26 capital Crockford characters.
func (c *Codec) ULID(name string, id *ulid.ULID) {
	if c.member(name, true, true) {
		c.describe(ulidSchema)
		c.ulid(id)
		c.done()
	}
}

// OptionalULID is a member that is left out when id is zero.
func (c *Codec) OptionalULID(name string, id *ulid.ULID) {
	if c.member(name, false, *id != ulid.ULID{}) {
		c.describe(ulidSchema)
		c.ulid(id)
		c.done()
	}
}

// ULIDs is a member that is always there and holds a set of ids in ascending order.
func (c *Codec) ULIDs(name string, ids *[]ulid.ULID) {
	if c.member(name, true, true) {
		c.describe(func() *Schema { return &Schema{Type: "array", Items: ulidSchema(), UniqueItems: true} })
		c.ulids(ids)
		c.done()
	}
}

// OptionalULIDs is ULIDs, left out when empty.
func (c *Codec) OptionalULIDs(name string, ids *[]ulid.ULID) {
	if c.member(name, false, len(*ids) > 0) {
		c.describe(func() *Schema { return &Schema{Type: "array", Items: ulidSchema(), UniqueItems: true, MinItems: 1} })
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
		c.b = AppendULID(c.b, *id)
		c.b = append(c.b, '"')
	case reading:
		if len(c.b)-c.i < 28 || c.b[c.i] != '"' || c.b[c.i+27] != '"' {
			c.Failf("want a ULID, found %s", c.found())
			return
		}
		text := c.b[c.i+1 : c.i+27]
		got, ok := readULID(text)
		if !ok {
			_, err := ParseULID(string(text))
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
		c.describe(timeSchema)
		c.instant(t)
		c.done()
	}
}

// OptionalTime is a member that is left out when t is zero.
func (c *Codec) OptionalTime(name string, t *time.Time) {
	if c.member(name, false, !t.IsZero()) {
		c.describe(timeSchema)
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
		c.b = appendTime(c.b, u)
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

// Digest is a member that is always there: SHA-256 in base64url without padding.
func (c *Codec) Digest(name string, d *[32]byte) {
	if c.member(name, true, true) {
		c.describe(digestSchema)
		c.digest(d)
		c.done()
	}
}

// OptionalDigest is a member that is left out when d is zero.
func (c *Codec) OptionalDigest(name string, d *[32]byte) {
	if c.member(name, false, *d != [32]byte{}) {
		c.describe(digestSchema)
		c.digest(d)
		if c.mode == reading && *d == ([32]byte{}) {
			c.Failf("a digest of zeros is left out")
		}
		c.done()
	}
}

func (c *Codec) digest(d *[32]byte) { c.octets(d[:]) }

// Signature is a member that is always there: 64 bytes in base64url without padding.
func (c *Codec) Signature(name string, sig *[64]byte) {
	if c.member(name, true, true) {
		c.describe(func() *Schema { return &Schema{Type: "string", Pattern: `^[A-Za-z0-9_-]{86}$`} })
		c.octets(sig[:])
		c.done()
	}
}

// Bytes is a member that is always there: 1 to 512 bytes in base64url without padding. They are read into the room of b, if
// it has enough.
func (c *Codec) Bytes(name string, b *[]byte) {
	if !c.member(name, true, true) {
		return
	}
	c.describe(func() *Schema {
		return &Schema{Type: "string", Pattern: `^[A-Za-z0-9_-]+$`, MinLength: 2, MaxLength: 683}
	})
	switch c.mode {
	case writing:
		text := base64url.EncodeToString(*b)
		c.text(&text, encoded)
	case reading:
		raw, ok := c.span()
		if !ok || len(raw) < encoded.Min || len(raw) > encoded.Max {
			c.Failf("want bytes in base64url, found %s", c.found())
			return
		}
		out := slices.Grow((*b)[:0], base64url.DecodedLen(len(raw)))
		out = out[:base64url.DecodedLen(len(raw))]
		// Decode skips line breaks; what holds one says less than its length would.
		if n, err := base64url.Decode(out, raw); err != nil || base64url.EncodedLen(n) != len(raw) {
			c.Failf("want bytes in base64url")
			return
		}
		*b = out
		c.i += len(raw) + 2
	}
	c.done()
}

var encoded = NewRule("bytes in base64url", `^[A-Za-z0-9_-]+$`, 2, 683, base64u.All)

// base64url refuses bits to spare that are not zero.
var base64url = base64.RawURLEncoding.Strict()

// octets writes or reads all bytes of d.
func (c *Codec) octets(d []byte) {
	n := base64url.EncodedLen(len(d))
	switch c.mode {
	case writing:
		c.b = append(c.b, '"')
		c.b = base64url.AppendEncode(c.b, d)
		c.b = append(c.b, '"')
	case reading:
		if len(c.b)-c.i < n+2 || c.b[c.i] != '"' || c.b[c.i+n+1] != '"' {
			c.Failf("want %d bytes in base64url, found %s", len(d), c.found())
			return
		}
		// Decode skips line breaks; a string of the right length that holds one comes out short.
		if m, err := base64url.Decode(d, c.b[c.i+1:c.i+1+n]); err != nil || m != len(d) {
			c.Failf("want %d bytes in base64url", len(d))
			return
		}
		c.i += n + 2
	}
}

// Digests is a member that is left out when empty: digests in the order given.
func (c *Codec) Digests(name string, list *[][32]byte) {
	if c.member(name, false, len(*list) > 0) {
		c.describe(func() *Schema { return &Schema{Type: "array", Items: digestSchema(), MinItems: 1} })
		array(c, list, func(d, _ *[32]byte) { c.digest(d) })
		if c.mode == reading && len(*list) == 0 {
			c.Failf("an empty list is left out")
		}
		c.done()
	}
}
