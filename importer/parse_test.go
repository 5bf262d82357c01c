package importer

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/permledger/permledger/events/canon"
)

// FuzzLine demands that a line that is read is JSON, says what encoding/json reads in it, and keeps to the rules of
// what the ledger can hold.
func FuzzLine(f *testing.F) {
	for line := range bytes.Lines(file(f, "history.jsonl")) {
		f.Add(bytes.TrimSpace(line))
	}
	f.Add([]byte(`{"time":"2024-01-01T00:00:00Z","op":"update-role","role":"r","title":"\ud83d\ude00\u00e9\/\b","add":["a\u0062"]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := parseChange(line, map[string]string{})
		if err != nil {
			return
		}
		var other struct {
			Time                      string
			Op, Role                  string
			Title, Description, Stage *string
			Permissions, Add, Remove  []string
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&other); err != nil {
			t.Fatalf("read, but not by encoding/json: %v", err)
		}
		same := func(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
		if c.op != other.Op || c.role != other.Role || !same(c.title, other.Title) || !same(c.description, other.Description) || !same(c.stage, other.Stage) {
			t.Fatalf("got %+v; encoding/json reads %+v", c, other)
		}
		for _, pair := range [][2][]string{{c.permissions, other.Permissions}, {c.add, other.Add}, {c.remove, other.Remove}} {
			slices.Sort(pair[1])
			if !slices.Equal(pair[0], pair[1]) {
				t.Fatalf("got names %q; encoding/json reads %q", pair[0], pair[1])
			}
			for _, name := range pair[0] {
				if canon.Permission.Check(name) != nil {
					t.Fatalf("the name %q is read", name)
				}
			}
		}
		if canon.Key.Check(c.role) != nil || c.time.Nanosecond()%1e6 != 0 || c.time.UnixMilli() < 0 {
			t.Fatalf("read: %+v", c)
		}
	})
}

// FuzzTable demands the same of assignments, and that nothing in them makes proving or converting fail.
func FuzzTable(f *testing.F) {
	f.Add(file(f, "assignments.json"))
	f.Add([]byte(`{"userPermissions":{"u":["p"]},"roles":[{"role":"r","permissions":["p"],"users":["u"]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := parseTable(b)
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatal("read, but no JSON")
		}
		table.prove()
		for _, r := range table.records("s") {
			if (r.err == nil) != (len(r.commands) > 0) {
				t.Fatalf("the record %s has %d commands and the error %v", r.name, len(r.commands), r.err)
			}
		}
	})
}
