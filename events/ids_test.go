package events_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
)

// hashed is the rule of docs/format.md, written out: each part behind its length as four bytes.
func hashed(ms uint64, input string) ulid.ULID {
	sum := sha256.Sum256([]byte(input))
	var id ulid.ULID
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	copy(id[6:], sum[:10])
	return id
}

// marked ends an id as those of imported and derived commands end.
func marked(id ulid.ULID) ulid.ULID {
	id[14], id[15] = 255, 255
	return id
}

// Given a record, when its id is made, then it is the hash of exactly these bytes; and it is the one published.
func TestHashedIDs(t *testing.T) {
	occurred := time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC)
	i := events.Import{Format: "role-history", Source: "roles.json", Record: "roles/7", Part: 12, Occurred: occurred}
	ms := uint64(1709251199999)
	tests := []struct {
		name      string
		got       ulid.ULID
		want      ulid.ULID
		published string
	}{
		{"import", events.ImportID(i),
			marked(hashed(ms, "\x00\x00\x00\x06import\x00\x00\x00\x0crole-history\x00\x00\x00\x0aroles.json\x00\x00\x00\x07roles/7\x00\x00\x00\x0212")),
			"01HQVMZ0ZZ0SR3T66NCFBQFZZZ"},
		{"import without a time", events.ImportID(events.Import{Format: "f", Source: "s", Record: "r"}),
			marked(hashed(0, "\x00\x00\x00\x06import\x00\x00\x00\x01f\x00\x00\x00\x01s\x00\x00\x00\x01r\x00\x00\x00\x010")),
			"0000000000E2C2S2D7SQKKNZZZ"},
		{"thing", events.ThingID("role", i),
			hashed(ms, "\x00\x00\x00\x05thing\x00\x00\x00\x04role\x00\x00\x00\x0crole-history\x00\x00\x00\x0aroles.json\x00\x00\x00\x07roles/7"),
			"01HQVMZ0ZZ30H9KZ5Y95KVR6C0"},
		{"derived", events.DerivedID("grant.ended", events.Derived{From: id(9), Row: 3}, occurred),
			marked(hashed(ms, "\x00\x00\x00\x07derived\x00\x00\x00\x0bgrant.ended\x00\x00\x00\x1a01KJMP10HT0000000000000009\x00\x00\x00\x013")),
			"01HQVMZ0ZZPR4V17WAA9XP3ZZZ"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want || tt.got.String() != tt.published {
				t.Errorf("got %s; want %s, published as %s", tt.got, tt.want, tt.published)
			}
		})
	}
}

// Given two imports that differ, then their ids differ, however their parts are cut.
func TestImportIDTellsRecordsApart(t *testing.T) {
	base := events.Import{Format: "ab", Source: "c", Record: "d"}
	others := []events.Import{
		{Format: "a", Source: "bc", Record: "d"},
		{Format: "ab", Source: "cd", Record: ""},
		{Format: "ab", Source: "c", Record: "d", Part: 1},
		{Format: "ab", Source: "c", Record: "d0"},
		{Format: "ab", Source: "c", Record: "d", Occurred: time.UnixMilli(1).UTC()},
	}
	for _, o := range others {
		if events.ImportID(base) == events.ImportID(o) {
			t.Errorf("%+v has the id of %+v", o, base)
		}
	}
	if events.ThingID("role", base) == events.ThingID("subject", base) {
		t.Error("a role and a subject of one record have the same id")
	}
}

// Given any times in the layout, then the id holds the occurred time.
func TestImportIDHoldsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(1, 253402300799999).Draw(t, "ms")).UTC()
		id := events.ImportID(events.Import{Format: "f", Source: "s", Record: "r", Occurred: at})
		if got := id.Timestamp(); !got.Equal(at) {
			t.Fatalf("the id of a record of %v says %v", at, got)
		}
	})
}

// Given the vector of the DSSE specification (https://github.com/secure-systems-lab/dsse, protocol.md), then the
// encoding is that; and a length counts bytes.
func TestPAE(t *testing.T) {
	tests := []struct{ payloadType, payload, want string }{
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"", "", "DSSEv1 0  0 "},
		{"ü", "日", "DSSEv1 2 ü 3 日"},
	}
	for _, tt := range tests {
		if got := string(events.PAE(tt.payloadType, []byte(tt.payload))); got != tt.want {
			t.Errorf("PAE(%q, %q) = %q; want %q", tt.payloadType, tt.payload, got, tt.want)
		}
	}
}

// Given a salt and a text, then the commitment is the SHA-256 of prefix, salt and text.
func TestCommit(t *testing.T) {
	var salt [32]byte
	for i := range salt {
		salt[i] = byte(i)
	}
	got := events.Commit(salt, "Änne Müller")
	want := sha256.Sum256(append(append([]byte("permledger commitment/1\n"), salt[:]...), "Änne Müller"...))
	const published = "246dbc44579a9217d8eacf97252924639e9b918fabfb181d24b73ed3d382d0de"
	if got != want || hex.EncodeToString(got[:]) != published {
		t.Errorf("got %x; want %x, published as %s", got, want, published)
	}
	if events.Commit([32]byte{}, "a") == events.Commit([32]byte{1}, "a") {
		t.Error("the salt changes nothing")
	}
}

func TestSubjectAndOrganization(t *testing.T) {
	if got := events.Organization("ledger.example:4443/acme"); got != "acme" {
		t.Errorf("the organization is %q", got)
	}
	if got := events.Subject("acme", "role.created"); got != "ledger.acme.role.created" {
		t.Errorf("the subject is %q", got)
	}
	if !bytes.Equal([]byte(events.CommandType), []byte("application/vnd.permledger.command+json")) {
		t.Errorf("the payload type of commands is %q", events.CommandType)
	}
}
