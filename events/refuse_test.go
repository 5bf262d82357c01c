package events_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/events/eventtest"
)

// Given an event, when one thing in its bytes is changed by hand, then it is refused.
func TestDecodeRefuses(t *testing.T) {
	golden, err := os.ReadFile(goldenFile(eventtest.Kind{Type: "role.revoked", Version: 1}))
	if err != nil {
		t.Fatal(err)
	}
	const prev = `"prev":"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",`
	tests := []struct{ name, old, new string }{
		{"another type than the schema's", `"type":"role.revoked"`, `"type":"role.deleted"`},
		{"another schema than the type's", `urn:permledger:role.revoked:1`, `urn:permledger:role.deleted:1`},
		{"an unknown version", `role.revoked:1"`, `role.revoked:2"`},
		{"version 0", `role.revoked:1"`, `role.revoked:0"`},
		{"a version with a zero before it", `role.revoked:1"`, `role.revoked:01"`},
		{"another URN", `urn:permledger:`, `urn:permledgers:`},
		{"a subject that it is not about", `"subject":"subject/01KJMP10HT0000000000000002"`, `"subject":"subject/01KJMP10HT0000000000000003"`},
		{"an effect left out", `,"effect":{"grant":"01KJMP10HT0000000000000009"}`, ``},
		{"an empty effect", `"effect":{"grant":"01KJMP10HT0000000000000009"}`, `"effect":{}`},
		{"an unknown member of the command", `"command":{`, `"command":{"a":1,`},
		{"an unknown member", `{"actor"`, `{"a":1,"actor"`},
		{"an unknown member of the data", `"data":{`, `"data":{"a":1,`},
		{"a member twice", `"specversion":"1.0"`, `"specversion":"1.0","specversion":"1.0"`},
		{"another version of CloudEvents", `"1.0"`, `"1.1"`},
		{"no prev", prev, ``},
		{"a prev in the first", `"sequence":"41"`, `"sequence":"1"`},
		{"position 0", prev + `"sequence":"41"`, `"sequence":"0"`},
		{"a position with a zero before it", `"sequence":"41"`, `"sequence":"041"`},
		{"a position as a number", `"sequence":"41"`, `"sequence":41`},
		{"a position of 17 digits", `"sequence":"41"`, `"sequence":"10000000000000000"`},
		{"a null", `"method":"node"`, `"method":null`},
		{"an id in lower case", `"id":"01KJ`, `"id":"01kj`},
		{"an id that overflows", `"actor":"01KJ`, `"actor":"81KJ`},
		{"an id of zeros", `"actor":"01KJMP10HT0000000000000001"`, `"actor":"00000000000000000000000000"`},
		{"a letter Crockford left out", `"actor":"01KJ`, `"actor":"O1KJ`},
		{"31 February", `2026-03-01T`, `2026-02-31T`},
		{"hour 24", `T12:30`, `T24:30`},
		{"second 60", `12:30:00.250Z`, `12:30:60.250Z`},
		{"no milliseconds", `:00.250Z`, `:00Z`},
		{"microseconds", `:00.250Z`, `:00.250000Z`},
		{"another zone", `:00.250Z"`, `:00.250+00:00"`},
		{"before 1970", `"time":"2026`, `"time":"1969`},
		{"another way to write a key", `did:key:z6Mk`, `did:key:z6Ml`},
		{"both origins", `{"derived":{"from":"01KJMP10HT0000000000000004","row":17}}`,
			`{"derived":{"from":"01KJMP10HT0000000000000004","row":17},"import":{"format":"f","part":0,"record":"r","source":"s"}}`},
		{"no origin in the origin", `{"derived":{"from":"01KJMP10HT0000000000000004","row":17}}`, `{}`},
		{"white space", `,"id"`, `, "id"`},
		{"a line break at the end", `"type":"role.revoked"}`, `"type":"role.revoked"}` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := strings.Replace(string(golden), tt.old, tt.new, 1)
			if s == string(golden) {
				t.Fatalf("%q does not stand in %s", tt.old, golden)
			}
			if _, err := events.Decode([]byte(s)); err == nil {
				t.Errorf("accepted: %s", s)
			}
		})
	}
}

// Given a key with which anybody can sign, or a second spelling of one, when it stands in an event, then that is neither
// read nor written.
func TestWeakKeysAreRefused(t *testing.T) {
	identity := make([]byte, 32)
	identity[0] = 1
	notCanonical := bytes.Repeat([]byte{0xff}, 32)
	notCanonical[0], notCanonical[31] = 0xee, 0x7f // 2^255-18: y = 1 spelled as y + p
	for name, key := range map[string][]byte{"of small order": identity, "not canonical": notCanonical} {
		e := example(eventtest.Kind{Type: "key.revoked", Version: 1}, 0)
		good, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		weak := didkey.Encode(key)
		if _, err := events.Decode(bytes.ReplaceAll(good, []byte(did(6)), []byte(weak))); err == nil {
			t.Errorf("a key %s was read", name)
		}
		e.Data = &events.KeyRevoked{Key: weak}
		if _, err := e.Encode(); err == nil {
			t.Errorf("a key %s was written", name)
		}
	}
}

// Given an event that a newer release wrote, when it is read, then the error says so.
func TestDecodeUnknownType(t *testing.T) {
	golden, err := os.ReadFile(goldenFile(eventtest.Kind{Type: "role.deleted", Version: 1}))
	if err != nil {
		t.Fatal(err)
	}
	for _, schema := range []string{"urn:permledger:role.deleted:2", "urn:permledger:role.painted:1"} {
		_, err := events.Decode(bytes.Replace(golden, []byte("urn:permledger:role.deleted:1"), []byte(schema), 1))
		var unknown *events.UnknownTypeError
		if !errors.As(err, &unknown) || unknown.Schema != schema {
			t.Errorf("%s: got %v; want an UnknownTypeError", schema, err)
		}
	}
}

// Given an event that would not be read, when it is written, then that is refused too.
func TestEncodeRefuses(t *testing.T) {
	k := eventtest.Kind{Type: "role.created", Version: 1}
	tests := []struct {
		name   string
		change func(*events.Event, *events.RoleCreated)
	}{
		{"no position", func(e *events.Event, _ *events.RoleCreated) { e.Sequence = 0 }},
		{"a position of 17 digits", func(e *events.Event, _ *events.RoleCreated) { e.Sequence = 1e16 }},
		{"no prev", func(e *events.Event, _ *events.RoleCreated) { e.Prev = "" }},
		{"a prev in the first", func(e *events.Event, _ *events.RoleCreated) { e.Sequence = 1 }},
		{"a version that is not known", func(e *events.Event, _ *events.RoleCreated) { e.Version = 99 }},
		{"a version below 1", func(e *events.Event, _ *events.RoleCreated) { e.Version = -1 }},
		{"no id", func(e *events.Event, _ *events.RoleCreated) { e.ID = [16]byte{} }},
		{"parts of a millisecond", func(e *events.Event, _ *events.RoleCreated) { e.Time = e.Time.Add(1) }},
		{"no time", func(e *events.Event, _ *events.RoleCreated) { e.Time = e.Time.AddDate(-3000, 0, 0) }},
		{"both origins", func(e *events.Event, _ *events.RoleCreated) {
			e.Origin = events.Origin{Import: &events.Import{Format: "f", Source: "s", Record: "r"}, Derived: &events.Derived{From: id(1)}}
		}},
		{"a set out of order", func(_ *events.Event, d *events.RoleCreated) { d.Permissions = []string{"b", "a"} }},
		{"a name twice", func(_ *events.Event, d *events.RoleCreated) { d.Permissions = []string{"a", "a"} }},
		{"labels out of order", func(_ *events.Event, d *events.RoleCreated) { d.Labels = []events.Label{{Name: "b"}, {Name: "a"}} }},
		{"a count above 2^53-1", func(_ *events.Event, d *events.RoleCreated) { d.Count = 1 << 53 }},
		{"bytes that are no UTF-8", func(_ *events.Event, d *events.RoleCreated) { d.Name = "a\xff" }},
		{"a line break in a name", func(_ *events.Event, d *events.RoleCreated) { d.Name = "a\nb" }},
		{"a zero-width space", func(_ *events.Event, d *events.RoleCreated) { d.Description = "a\u200bb" }},
		{"a name that is too long", func(_ *events.Event, d *events.RoleCreated) { d.Name = strings.Repeat("n", 513) }},
		{"no name", func(_ *events.Event, d *events.RoleCreated) { d.Name = "" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := example(k, 0)
			d := *e.Data.(*events.RoleCreated)
			e.Data = &d
			tt.change(e, &d)
			if b, err := e.Encode(); err == nil {
				t.Errorf("written: %s", b)
			}
		})
	}
}
