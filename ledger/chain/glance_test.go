package chain_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/events/eventtest"
	"github.com/permledger/permledger/ledger/chain"
)

// links holds what Glance reads of an entry against what Parse reads.
func links(t interface{ Fatalf(string, ...any) }, raw []byte, e *events.Event) {
	l, err := chain.Glance(raw)
	if err != nil || l.Sequence != e.Sequence || string(l.Prev) != e.Prev || string(l.Source) != e.Source {
		t.Fatalf("a glance gives %d, prev %q, source %q (%v) of\n%s", l.Sequence, l.Prev, l.Source, err, raw)
	}
	if string(l.Time) != e.Time.UTC().Format(canon.TimeLayout) {
		t.Fatalf("a glance gives the time %q of\n%s", l.Time, raw)
	}
	if !strings.HasPrefix(string(l.Schema), "urn:permledger:"+string(e.Data.Type())+":") {
		t.Fatalf("a glance gives the schema %q of\n%s", l.Schema, raw)
	}
}

// Given any entry, with and without a document, then a glance reads the same links as parsing does.
func TestGlance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := eventtest.AnyEvent().Draw(t, "event")
		var doc *chain.Document
		if rapid.Bool().Draw(t, "has document") {
			doc = document()
		}
		body, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		en, err := chain.Seal(e, body, doc, nil, eventtest.PrivateKey(1), did(1))
		if err != nil {
			t.Fatal(err)
		}
		links(t, en.Bytes(), e)
	})
}

// Given bytes that do not begin as an entry does, then a glance refuses them and reads nothing of them.
func TestGlanceRefuses(t *testing.T) {
	raw := string(honest(t).raws()[5])
	for name, text := range map[string]string{
		"nothing":                "",
		"an object":              "{}",
		"cut within the event":   raw[:strings.Index(raw, `"source"`)+8],
		"cut within a string":    raw[:strings.Index(raw, `"actor":"`)+12],
		"white space":            strings.Replace(raw, `{"event"`, `{ "event"`, 1),
		"members out of order":   strings.Replace(raw, `"specversion"`, `"zpecversion"`, 1)[:strings.Index(raw, `,"source"`)] + "}",
		"a sequence with a 0":    strings.Replace(raw, `"sequence":"`, `"sequence":"0`, 1),
		"a sequence with a +":    strings.Replace(raw, `"sequence":"`, `"sequence":"+`, 1),
		"no sequence":            strings.Replace(raw, `"sequence":"6"`, `"sequence":""`, 1),
		"a sequence that is 0":   strings.Replace(raw, `"sequence":"6"`, `"sequence":"0"`, 1),
		"a sequence above 2^53":  strings.Replace(raw, `"sequence":"6"`, `"sequence":"9007199254740992"`, 1),
		"data that is a number":  strings.Replace(raw, `"data":{`, `"data":1{`, 1),
		"data that does not end": strings.Replace(raw, `"data":{`, `"data":{{{`, 1),
		"too long":               raw + strings.Repeat(" ", events.MaxEntry),
	} {
		if text == raw {
			t.Fatalf("%s: nothing was changed", name)
		}
		if l, err := chain.Glance([]byte(text)); err == nil || l.Sequence != 0 || l.Prev != nil {
			t.Errorf("%s: a glance gives %+v, %v", name, l, err)
		}
	}
}

// FuzzGlance: what parses, a glance reads alike.
func FuzzGlance(f *testing.F) {
	for _, raw := range honest(f).raws() {
		f.Add(raw)
		f.Add(bytes.ReplaceAll(slices.Clone(raw), []byte(`"key":"`), []byte(`"key":"\\\"`)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if en, err := chain.Parse(raw); err == nil {
			links(t, raw, en.Event)
		} else {
			_, _ = chain.Glance(raw) // must not panic
		}
	})
}
