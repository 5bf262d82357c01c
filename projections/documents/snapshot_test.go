package documents_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/projections/documents"
	"github.com/permledger/permledger/projections/projectionstest"
)

func everything(p *documents.Projection) string {
	var b strings.Builder
	for _, d := range p.List("", 0, 1000) {
		at, _ := p.At(d.Position)
		legacy, _ := credential.LegacyCID(at.File)
		byCID, ok := p.ByCID(legacy)
		fmt.Fprintln(&b, d, string(at.File), byCID.Position, ok, string(p.Lists(d.Position)), p.List(d.About.String(), 4, 2))
	}
	for _, purpose := range []string{document.PurposeRevocation, document.PurposeRefresh} {
		bits, ok := p.Status(purpose, 0, 1<<40)
		fmt.Fprintln(&b, bits.Encode(), ok)
	}
	fmt.Fprintln(&b, p.Len(), p.Err(), p.Keys(1<<40))
	return b.String()
}

func TestSnapshots(t *testing.T) {
	projectionstest.Snapshots(t, documents.New, func(p *documents.Projection, _ []*chain.Entry) string { return everything(p) })
}

// Given a document that does not hold, when the projection is read from a snapshot, then it says so as before.
func TestSnapshotOfABrokenDocument(t *testing.T) {
	l, _, _ := some(t)
	for i, en := range l.Entries {
		if _, assigned := en.Event.Data.(*events.RoleAssigned); assigned {
			other := *en
			d := *en.Document
			d.CID = l.Entries[i-2].Document.CID // that of the role
			other.Document = &d
			l.Entries[i] = &other
		}
	}
	p, again := fold(l.Entries), documents.New()
	if err := again.ReadSnapshot(p.AppendSnapshot(nil)); err != nil {
		t.Fatal(err)
	}
	var broken *chain.BrokenError
	if got, want := again.Err(), p.Err(); !errors.As(got, &broken) || want == nil || got.Error() != want.Error() {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Given a snapshot in which somebody put another file, when that one is asked for, then it is not handed out, and the
// projection says so.
func TestAnotherFileIsNotHandedOut(t *testing.T) {
	l, _, _ := some(t)
	p := fold(l.Entries)
	b := p.AppendSnapshot(nil)
	format := []byte(document.Format)
	at := bytes.LastIndex(b, format)
	if at < 0 {
		t.Fatal("the snapshot does not name the format")
	}
	b[at+len(format)+20] ^= 4
	again := documents.New()
	if err := again.ReadSnapshot(b); err != nil {
		t.Fatal(err)
	}
	last := uint64(len(l.Entries))
	if _, ok := again.At(last); ok {
		t.Error("another file is handed out")
	}
	var broken *chain.BrokenError
	if !errors.As(again.Err(), &broken) || broken.Position != last {
		t.Errorf("got %v, want that event %d is broken", again.Err(), last)
	}
	if _, ok := again.At(3); !ok {
		t.Error("a file that is right is not handed out")
	}
}

func FuzzSnapshot(f *testing.F) {
	projectionstest.FuzzSnapshot(f, documents.New, func(p *documents.Projection) { everything(p) })
}
