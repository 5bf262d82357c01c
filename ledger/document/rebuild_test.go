package document_test

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/rules"
)

// Given a recorded document, when one member of it is changed, then it is refused, and the error says what.
func TestRebuildRefuses(t *testing.T) {
	l := full(t, "")
	at := slices.IndexFunc(l.Entries, func(en *chain.Entry) bool { return en.Document != nil }) // the first
	en, before := l.Entries[at], rules.New()
	var otherDoc *chain.Document
	for i, en := range l.Entries {
		if i <= at {
			rules.Evolve(before, en.Event)
		} else if en.Document != nil && otherDoc == nil {
			otherDoc = en.Document
		}
	}
	second := documenttest.DID(documenttest.Key("second document")) // the document key, but only later
	for _, tt := range []struct {
		name   string
		change func(e *events.Event, d *chain.Document)
		what   string
	}{
		{"format", func(_ *events.Event, d *chain.Document) { d.Format = "vc.3" }, document.MismatchFormat},
		{"an older format", func(_ *events.Event, d *chain.Document) { d.Format = document.FormatOne }, document.MismatchProof},
		{"CID of another", func(_ *events.Event, d *chain.Document) { d.CID = otherDoc.CID }, document.MismatchCID},
		{"proof of another", func(_ *events.Event, d *chain.Document) { d.Proof = otherDoc.Proof }, document.MismatchProof},
		{"proof that is none", func(_ *events.Event, d *chain.Document) { d.Proof = "z" + strings.Repeat("1", 80) }, document.MismatchProof},
		{"empty proof", func(_ *events.Event, d *chain.Document) { d.Proof = "" }, document.MismatchProof},
		{"later key", func(_ *events.Event, d *chain.Document) { d.Key = second }, document.MismatchKey},
		{"event key", func(_ *events.Event, d *chain.Document) { d.Key = before.Key(events.PurposeEvent) }, document.MismatchKey},
		{"time of the event", func(e *events.Event, _ *chain.Document) { e.Time = e.Time.Add(time.Millisecond) }, document.MismatchProof},
		{"id of the event", func(e *events.Event, _ *chain.Document) { e.ID[15]++ }, document.MismatchProof},
		{"position of the event", func(e *events.Event, _ *chain.Document) { e.Sequence++ }, document.MismatchPosition},
		{"ledger of the event", func(e *events.Event, _ *chain.Document) { e.Source = "ledger.example/other" }, document.MismatchPosition},
	} {
		e, d := *en.Event, *en.Document
		tt.change(&e, &d)
		file, err := document.Rebuild(before, &e, &d)
		var mismatch *document.MismatchError
		if !errors.As(err, &mismatch) || file != nil {
			t.Errorf("%s: %v, %s", tt.name, err, file)
			continue
		}
		if mismatch.What != tt.what || mismatch.Expected == "" || mismatch.Expected == mismatch.Found {
			t.Errorf("%s: %+v", tt.name, mismatch)
		}
	}
	if _, err := document.Rebuild(before, en.Event, en.Document); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	// Given the state one event on, then the document does not fit it.
	rules.Evolve(before, l.Entries[at+1].Event)
	var mismatch *document.MismatchError
	if _, err := document.Rebuild(before, en.Event, en.Document); !errors.As(err, &mismatch) || mismatch.What != document.MismatchPosition {
		t.Errorf("state one event on: %v", err)
	}
}

func TestSignRefusesAnotherKey(t *testing.T) {
	l := full(t, "")
	en, _ := l.Last()
	var mismatch *document.MismatchError
	if _, _, err := document.Sign(l.State, en.Event, documenttest.Key("event")); !errors.As(err, &mismatch) || mismatch.What != document.MismatchKey {
		t.Errorf("the event key: %v", err)
	}
	if _, _, err := document.Sign(l.State, en.Event, ed25519.PrivateKey("short")); err == nil {
		t.Error("half a key signs")
	}
}
