package bundle_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/bundle/bundletest"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/tree"
)

// some makes a ledger with documents and a private text, what is known of it, and the role that everything is about.
func some(t testing.TB, changes int) (*bundle.Source, bundle.Question) {
	t.Helper()
	l := documenttest.Open(t, documenttest.Guardian, "")
	role := l.AddRole("Auditor", "", documenttest.Read)
	for range changes {
		l.Do(&events.RoleUpdated{Role: role, Add: []string{documenttest.Write}})
		l.Do(&events.RoleUpdated{Role: role, Remove: []string{documenttest.Write}})
	}
	s := bundletest.Ledger(t, l)
	for at := uint64(1); at <= s.Journal.Len(); at++ {
		if at != 2 {
			s.Positions = append(s.Positions, at)
		}
	}
	return s, bundle.Question{Kind: bundle.Role, ID: role}
}

func write(t testing.TB, f bundle.Form, s *bundle.Source, q bundle.Question, position uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := bundle.Write(&b, f, s, q, position); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, b []byte) *bundle.Reader {
	t.Helper()
	r, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var forms = []bundle.Form{bundle.Zip, bundle.CAR, bundle.Lines}

// Given a ledger of more than one tile, when all of it is written as of several positions and read again, then the
// entries are those of the journal, and the tiles make the root of the checkpoint.
func TestAllComesBack(t *testing.T) {
	s, _ := some(t, 140)
	last := s.Journal.Len()
	for _, position := range []uint64{1, 2, 255, 256, 257, last} {
		for _, f := range forms {
			t.Run(fmt.Sprintf("%v %d", f, position), func(t *testing.T) {
				b := write(t, f, s, bundle.Question{Kind: bundle.All}, position)
				r := open(t, b)
				var n uint64
				for e, err := range r.Entries() {
					if err != nil {
						t.Fatal(err)
					}
					n++
					want, err := s.Journal.Read(n)
					if err != nil || !bytes.Equal(e.Bytes, want) || e.Proof != nil || e.Position != n && f != bundle.Lines {
						t.Fatalf("entry %d is %+v, %v", n, e.Position, err)
					}
				}
				if n != position || r.Form() != f {
					t.Fatalf("%d entries of a %v; want %d", n, r.Form(), position)
				}
				if f == bundle.Lines {
					return
				}
				if want := (bundle.Manifest{Origin: s.Origin, Question: bundle.Question{Kind: bundle.All}, Position: position, Size: last}); r.Manifest() != want {
					t.Errorf("manifest %+v", r.Manifest())
				}
				if !bytes.Equal(r.Checkpoint(), s.Checkpoint) {
					t.Errorf("checkpoint %q", r.Checkpoint())
				}
				var cids []string
				for d, err := range r.Documents() {
					if err != nil || chain.CID(d.Bytes) != d.CID {
						t.Fatal(d.CID, err)
					}
					cids = append(cids, d.CID)
				}
				if len(cids) != len(s.Documents) {
					t.Errorf("%d documents of %d", len(cids), len(s.Documents))
				}
				if err := r.CheckSums(); err != nil {
					t.Error(err)
				}
				if f == bundle.Zip {
					checkTree(t, r)
				}
			})
		}
	}
}

// checkTree compares each tile with those beneath it, up to the root.
func checkTree(t *testing.T, r *bundle.Reader) {
	t.Helper()
	n, err := note.Parse(r.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Verify(bundletest.LogKey(r.Manifest().Origin)); err != nil {
		t.Fatal(err)
	}
	c, err := note.ParseCheckpoint(n.Text)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range r.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		p, err := tree.Inclusion(r, c.Size, e.Position-1)
		if err == nil {
			err = tree.CheckInclusion(p, c.Size, c.Root, e.Position-1, tree.Leaf(e.Bytes))
		}
		if err != nil {
			t.Fatalf("entry %d: %v", e.Position, err)
		}
	}
}

// Given a ledger, when what concerns a role is written and read again, then these entries are there, each with a proof
// under the one checkpoint.
func TestARoleComesBack(t *testing.T) {
	s, q := some(t, 140)
	secret := private.New("TICKET-201, \"for\"\n the audit")
	s.Text = func(events.Digest) (private.Text, bool) { return secret, true }
	for _, f := range forms {
		t.Run(f.String(), func(t *testing.T) {
			r := open(t, write(t, f, s, q, s.Journal.Len()))
			var n int
			for e, err := range r.Entries() {
				if err != nil {
					t.Fatal(err)
				}
				at := s.Positions[n]
				n++
				want, err := s.Journal.Read(at)
				if err != nil || !bytes.Equal(e.Bytes, want) {
					t.Fatalf("entry %d: %v", at, err)
				}
				if f == bundle.Lines {
					continue
				}
				p, err := note.ParseProof(e.Proof)
				if err == nil {
					err = p.Check(tree.Leaf(e.Bytes))
				}
				if err != nil || e.Position != at || p.Index != at-1 || !bytes.Equal(p.Checkpoint, s.Checkpoint) {
					t.Fatalf("entry %d at %d: %v", at, e.Position, err)
				}
			}
			if n != len(s.Positions) {
				t.Errorf("%d entries of %d", n, len(s.Positions))
			}
			if f != bundle.Lines && r.Manifest().Question != q {
				t.Errorf("question %+v", r.Manifest().Question)
			}
		})
	}
}

// withTexts makes a ledger of subjects with names, and of one whose login is a private text too.
func withTexts(t testing.TB, subjects int) (s *bundle.Source, names map[events.Digest]private.Text, login events.Digest) {
	t.Helper()
	l := documenttest.Open(t, events.Profile{Name: documenttest.Catalogue}, "")
	names = map[events.Digest]private.Text{}
	for i := range subjects {
		name := private.New(fmt.Sprintf("Ann \"%d\" \u2028 \n <&>", i))
		names[name.Commitment()] = name
		l.Do(&events.SubjectAdded{Subject: l.ID(), Key: fmt.Sprint("k", i), Kind: events.KindHuman, DisplayName: name.Commitment()})
	}
	wrapped := private.New("plw1$wrapped")
	l.Do(&events.LoginChanged{Subject: l.Owner, Credential: documenttest.DID(documenttest.Key("owner")), Login: wrapped.Commitment()})
	s = bundletest.Ledger(t, l)
	s.Text = func(c events.Digest) (private.Text, bool) {
		if c == wrapped.Commitment() {
			return wrapped, true
		}
		name, ok := names[c]
		return name, ok
	}
	return s, names, wrapped.Commitment()
}

// Given private texts, when bundles are asked for with and without them, then they hold just those that were asked for,
// and never what a password wraps.
func TestTextsComeBack(t *testing.T) {
	s, names, login := withTexts(t, 1030)
	for _, f := range []bundle.Form{bundle.Zip, bundle.CAR} {
		for texts, want := range map[string]int{bundle.NoTexts: 0, bundle.Reasons: 0, bundle.Personal: len(names)} {
			r := open(t, write(t, f, s, bundle.Question{Kind: bundle.All, Texts: texts}, s.Journal.Len()))
			n := 0
			for got, err := range r.Texts() {
				if err != nil {
					t.Fatal(err)
				}
				if got.Commitment == login || names[got.Commitment] != (private.Text{Salt: got.Salt, Text: got.Text}) {
					t.Errorf("%v: %q", f, got.Text)
				}
				n++
			}
			if n != want || r.Manifest().Question.Texts != texts {
				t.Errorf("%v, %q: %d texts; want %d", f, texts, n, want)
			}
			if err := r.CheckSums(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Given equal sources, when the same is asked twice, then the bytes are equal.
func TestSameQuestionSameBytes(t *testing.T) {
	s, q := some(t, 20)
	again, _ := some(t, 20)
	for _, f := range forms {
		for _, q := range []bundle.Question{q, {Kind: bundle.All}} {
			if !bytes.Equal(write(t, f, s, q, s.Journal.Len()), write(t, f, again, q, s.Journal.Len())) {
				t.Errorf("%v %s: two bundles", f, q.Kind)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	s, q := some(t, 3)
	for name, f := range map[string]func(s *bundle.Source, q *bundle.Question) (position uint64){
		"position 0":       func(*bundle.Source, *bundle.Question) uint64 { return 0 },
		"beyond":           func(*bundle.Source, *bundle.Question) uint64 { return 100 },
		"no thing":         func(_ *bundle.Source, q *bundle.Question) uint64 { q.ID = ulid.ULID{}; return 3 },
		"all of a thing":   func(_ *bundle.Source, q *bundle.Question) uint64 { q.Kind = bundle.All; return 3 },
		"without genesis":  func(s *bundle.Source, _ *bundle.Question) uint64 { s.Positions = s.Positions[1:]; return 3 },
		"positions beyond": func(*bundle.Source, *bundle.Question) uint64 { return 3 },
		"another origin": func(s *bundle.Source, q *bundle.Question) uint64 {
			*q = bundle.Question{Kind: bundle.All}
			s.Origin = "x.example/y"
			return 3
		},
		"no checkpoint": func(s *bundle.Source, q *bundle.Question) uint64 {
			*q = bundle.Question{Kind: bundle.All}
			s.Checkpoint = nil
			return 3
		},
		"another document": func(s *bundle.Source, q *bundle.Question) uint64 {
			*q = bundle.Question{Kind: bundle.All}
			s.Document = func(string) ([]byte, error) { return []byte("x"), nil }
			return 3
		},
	} {
		other, question := *s, q
		position := f(&other, &question)
		var b bytes.Buffer
		if err := bundle.Write(&b, bundle.Zip, &other, question, position); err == nil || !strings.HasPrefix(err.Error(), "bundle: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func logKey(s *bundle.Source) string { return bundletest.LogKey(s.Origin).String() }
