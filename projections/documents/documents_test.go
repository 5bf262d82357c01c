package documents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ipfs/go-cid"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/ledger/document"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/projections"
	"github.com/permledger/permledger/projections/documents"
)

var _ projections.Projection = (*documents.Projection)(nil)

func fold(entries []*chain.Entry) *documents.Projection {
	p := documents.New()
	f := projections.NewFold(p)
	for _, en := range entries {
		f.Apply(en)
	}
	return p
}

func some(t testing.TB) (l *documenttest.Ledger, role, subject ulid.ULID) {
	t.Helper()
	l = documenttest.Open(t, documenttest.Guardian, "")
	role = l.AddRole("Auditor", "", documenttest.Read)
	subject = l.AddSubject("")
	l.Do(&events.RoleAssigned{Subject: subject, Role: role})
	l.Do(&events.RoleUpdated{Role: role, Add: []string{documenttest.Write}})
	l.Do(&events.RolesSet{Subject: subject})
	return l, role, subject
}

// TestG41EachCIDIsFetched: given documents in a ledger, when the CID of any is fetched, in either version, then the
// file is the one that was signed.
func TestG41EachCIDIsFetched(t *testing.T) {
	l, _, _ := some(t)
	p := fold(l.Entries)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, en := range l.Entries {
		at, ok := p.At(uint64(i + 1))
		if ok != (en.Document != nil) {
			t.Errorf("At(%d) = %v", i+1, ok)
		}
		if !ok {
			continue
		}
		n++
		about, _ := document.About(en.Event.Data)
		legacy, _ := credential.LegacyCID(l.Files[i])
		want := documents.Doc{
			CID: en.Document.CID, LegacyCID: legacy, Position: uint64(i + 1), Number: uint64(n - 1), Format: document.Format, About: about, File: l.Files[i],
			Revoked: at.Revoked, Refreshed: at.Refreshed, // TestStatus looks at these
		}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
		block, err := cid.Decode(legacy)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{en.Document.CID, legacy, cid.NewCidV1(cid.DagProtobuf, block.Hash()).String()} {
			if got, ok := p.ByCID(name); !ok || !bytes.Equal(got.File, l.Files[i]) || got.CID != en.Document.CID {
				t.Errorf("ByCID(%s) = %v, %+v", name, ok, got)
			}
		}
		// The same digest under the other codec names another block.
		if got, ok := p.ByCID(cid.NewCidV1(cid.Raw, block.Hash()).String()); ok {
			t.Errorf("the node's digest as that of raw bytes gives %+v", got)
		}
	}
	if n != 4 || p.Len() != n {
		t.Errorf("%d documents; Len says %d", n, p.Len())
	}
	if credentials, _ := p.At(3); !json.Valid(credentials.File) {
		t.Error("a file is not JSON")
	}
}

func TestUnknownCIDs(t *testing.T) {
	l, _, _ := some(t)
	p := fold(l.Entries)
	for _, name := range []string{
		"", "x", "Qm", credential.CID(nil), strings.Repeat("Qm1", 1<<16), l.Entries[0].CID(),
		"bafybmicngyq", strings.ToUpper(l.Entries[2].Document.CID)[1:],
	} {
		if got, ok := p.ByCID(name); ok {
			t.Errorf("ByCID(%.80q) = %+v", name, got)
		}
	}
	if _, ok := p.At(0); ok {
		t.Error("there is a document at 0")
	}
	if _, ok := p.At(1 << 40); ok {
		t.Error("there is a document beyond the end")
	}
}

func TestList(t *testing.T) {
	l, role, subject := some(t) // documents at 3 (role), 5 (subject), 6 (role), 7 (subject)
	p := fold(l.Entries)
	r, s := "role/"+role.String(), "subject/"+subject.String()
	for _, tt := range []struct {
		about string
		from  uint64
		limit int
		want  []uint64
	}{
		{"", 0, 10, []uint64{3, 5, 6, 7}},
		{"", 4, 2, []uint64{5, 6}},
		{"", 7, 10, []uint64{7}},
		{"", 8, 10, nil},
		{"", 0, 0, nil},
		{"", 0, -1, nil},
		{r, 0, 10, []uint64{3, 6}},
		{r, 4, 10, []uint64{6}},
		{s, 5, 1, []uint64{5}},
		{s, 8, 1, nil},
		{"role/" + subject.String(), 0, 10, nil},
		{"role/x", 0, 10, nil},
		{"x", 0, 10, nil},
	} {
		var got []uint64
		for _, d := range p.List(tt.about, tt.from, tt.limit) {
			got = append(got, d.Position)
			if whole, _ := p.At(d.Position); d.File != nil || whole.CID != d.CID || whole.About != d.About {
				t.Errorf("listed as %+v; whole %+v", d, whole)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("List(%q, %d, %d) = %v; want %v", tt.about, tt.from, tt.limit, got, tt.want)
		}
	}
}

// Given an entry whose document was changed, or is not there, when it is folded, then nothing panics, the others are
// there, the changed one is not, and Err says which it is.
func TestDocumentsThatDoNotHold(t *testing.T) {
	l, _, _ := some(t)
	for name, change := range map[string]func(en *chain.Entry){
		"proof": func(en *chain.Entry) { en.Document.Proof = l.Entries[6].Document.Proof },
		"CID":   func(en *chain.Entry) { en.Document.CID = l.Entries[6].Document.CID },
		"key":   func(en *chain.Entry) { en.Document.Key = documenttest.DID(documenttest.Key("event")) },
		"none":  func(en *chain.Entry) { en.Document = nil },
	} {
		entries := slices.Clone(l.Entries)
		changed := *entries[4]
		if changed.Document != nil {
			changed.Document = new(*changed.Document)
		}
		change(&changed)
		entries[4] = &changed
		p := fold(entries)
		var broken *chain.BrokenError
		if err := p.Err(); !errors.As(err, &broken) || broken.Position != 5 || broken.Check != chain.CheckDocument {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := p.At(5); ok || p.Len() != 3 {
			t.Errorf("%s: the changed document is there: %v of %d", name, ok, p.Len())
		}
		if _, ok := p.ByCID(l.Entries[6].Document.CID); !ok {
			t.Errorf("%s: a later document is gone", name)
		}
	}
	// Given a document where there should be none.
	entries := slices.Clone(l.Entries)
	changed := *entries[3]
	changed.Document = entries[2].Document
	entries[3] = &changed
	if err := fold(entries).Err(); !errors.Is(err, document.ErrNone) {
		t.Errorf("a document of subject.added: %v", err)
	}
}

// Given readers, when entries are applied meanwhile, then each reads whole documents (with -race: and no more).
func TestReadersBesideTheFold(t *testing.T) {
	l, _, _ := some(t)
	p := documents.New()
	f := projections.NewFold(p)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				for _, d := range p.List("", 0, 10) {
					if whole, ok := p.ByCID(d.CID); !ok || credential.CID(whole.File) != d.CID {
						t.Errorf("at %d: %v", d.Position, ok)
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for _, en := range l.Entries {
		f.Apply(en)
	}
	close(done)
	readers.Wait()
}

// Given a history that is folded twice, then both answer alike: nothing but the entries is needed.
func TestFoldedAgainItIsTheSame(t *testing.T) {
	l, _, _ := some(t)
	a, b := fold(l.Entries), fold(l.Entries)
	for i := range l.Entries {
		x, _ := a.At(uint64(i + 1))
		y, _ := b.At(uint64(i + 1))
		if diff := cmp.Diff(x, y); diff != "" {
			t.Error(diff)
		}
	}
}
