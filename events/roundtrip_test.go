package events_test

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/eventtest"
)

// different says in what two values differ, "" where reflect.DeepEqual finds them equal: nil is not empty.
func different(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	return "they differ:\n" + cmp.Diff(want, got, everything)
}

func sprintf(format string, args ...any) []byte { return fmt.Appendf(nil, format, args...) }

// Given any event, when it is written and read, then it is the same; the bytes are canonical JSON to another library;
// and the command in it is written and read the same way.
func TestRoundTrip(t *testing.T) {
	for _, k := range eventtest.Kinds() {
		t.Run(k.String(), rapid.MakeCheck(func(t *rapid.T) {
			e := eventtest.Event(k).Draw(t, "event")
			b, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := events.Decode(b)
			if err != nil {
				t.Fatalf("%v in\n%s", err, b)
			}
			if diff := different(e, got); diff != "" {
				t.Fatalf("read as something else (-want +got):\n%s", diff)
			}
			if canonical, err := jcs.Transform(b); err != nil || !bytes.Equal(canonical, b) {
				t.Fatalf("not canonical JSON (%v):\n%s\n%s", err, b, canonical)
			}
			commandRoundTrip(t, e)
		}))
	}
}

func commandRoundTrip(t *rapid.T, e *events.Event) {
	c, s := events.CommandOf(e), eventtest.Signed().Draw(t, "signed")
	b, err := c.Bytes(s)
	if err != nil {
		t.Fatal(err)
	}
	if canonical, err := jcs.Transform(b); err != nil || !bytes.Equal(canonical, b) {
		t.Fatalf("the command is not canonical JSON (%v):\n%s", err, b)
	}
	got, signed, err := events.ParseCommand(b)
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	want := c
	want.Auth = events.Auth{} // is not among the bytes
	if diff := different(want, got); diff != "" {
		t.Fatalf("the command is read as something else (-want +got):\n%s", diff)
	}
	if diff := different(s, signed); diff != "" {
		t.Fatalf("what was signed beside it is read as something else (-want +got):\n%s", diff)
	}

	// The event of the command is the event without what the rules and the ledger add.
	asked := c.Event(e.Time)
	back := events.CommandOf(&asked)
	if diff := different(c, back); diff != "" {
		t.Fatalf("the command of its event is another (-want +got):\n%s", diff)
	}
	if different(events.Asked(e.Data, e.Version), asked.Data) != "" || asked.Sequence != 0 || asked.Prev != "" {
		t.Fatal("the event of a command has more than was asked")
	}
}

// Given a type without effect, then asking takes nothing away; given one with an effect, then it does.
func TestAsked(t *testing.T) {
	for k, d := range examples {
		same := reflect.DeepEqual(d, events.Asked(d, k.Version))
		if effect := events.HasEffect(d, k.Version); same == effect {
			t.Errorf("%v: effect %v, and what was asked equal to all of it: %v", k, effect, same)
		}
	}
}

// Given a command, then its digest is that of what is asked: not of how the actor proved itself, when it expires or
// what it had seen.
func TestCommandDigest(t *testing.T) {
	base := events.CommandOf(example(eventtest.Kind{Type: "role.assigned", Version: events.Types()["role.assigned"]}, 0))
	want, err := base.Digest()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		change func(*events.Command)
		same   bool
	}{
		{"nothing", func(*events.Command) {}, true},
		{"the newest version by name", func(c *events.Command) { c.Version = 0 }, true},
		{"auth", func(c *events.Command) { c.Auth = events.Auth{Method: "node", Credential: did(1)} }, true},
		{"id", func(c *events.Command) { c.ID = id(99) }, false},
		{"actor", func(c *events.Command) { c.Actor = id(99) }, false},
		{"ledger", func(c *events.Command) { c.Ledger = "h/other" }, false},
		{"reason", func(c *events.Command) { c.Reason = digest(1) }, false},
		{"origin", func(c *events.Command) { c.Origin.Derived = &events.Derived{From: id(1)} }, false},
		{"data", func(c *events.Command) { c.Data = &events.RoleAssigned{Subject: id(2), Role: id(7)} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := base
			tt.change(&c)
			got, err := c.Digest()
			if err != nil || (got == want) != tt.same {
				t.Errorf("same digest: %v, want %v (%v)", got == want, tt.same, err)
			}
		})
	}
}

// Given the golden files, when anything is changed, then what is still accepted is written again byte for byte.
func FuzzDecode(f *testing.F) {
	for _, k := range eventtest.Kinds() {
		b, err := os.ReadFile(goldenFile(k))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		e, err := events.Decode(b)
		if err != nil {
			f.Fatal(err)
		}
		c := events.CommandOf(e)
		if b, err = c.Bytes(events.Signed{Expires: at, Seen: &events.Seen{Size: 3, Root: digest(3)}}); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := events.Decode(b); err == nil {
			if same, err := e.Encode(); err != nil || !bytes.Equal(b, same) {
				t.Fatalf("two spellings of one event (%v):\n%s\n%s", err, b, same)
			}
			if canonical, err := jcs.Transform(b); err != nil || !bytes.Equal(canonical, b) {
				t.Fatalf("not canonical JSON (%v):\n%s", err, b)
			}
			c := events.CommandOf(e)
			if _, err := c.Bytes(events.Signed{}); err != nil {
				t.Fatalf("an event whose command cannot be written: %v\n%s", err, b)
			}
		}
		if c, s, err := events.ParseCommand(b); err == nil {
			if same, err := c.Bytes(s); err != nil || !bytes.Equal(b, same) {
				t.Fatalf("two spellings of one command (%v):\n%s\n%s", err, b, same)
			}
		}
	})
}
