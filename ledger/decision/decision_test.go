package decision_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// replayed holds a decision against the whole history.
func (w *world) replayed(d *decision.Decision) error {
	w.Helper()
	v, err := d.Verify(nil)
	if err != nil {
		w.Fatalf("it does not hold by itself: %v", err)
	}
	return verify.Replayed(context.Background(), v, verify.Options{}, func(ctx context.Context, o verify.Options) error {
		_, err := verify.Entries(ctx, func(yield func(verify.Raw, error) bool) {
			for _, en := range w.Entries {
				if !yield(verify.Raw{Bytes: en.Bytes(), Subject: en.Subject()}, nil) {
					return
				}
			}
		}, o)
		return err
	})
}

func TestYes(t *testing.T) {
	w := open(t)
	w.AddRole("Other", "is of no concern", documenttest.Write)
	b, d := w.sign(w.decide(w.question(), 6))
	v, err := d.Verify(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.Answer != decision.Yes || !slices.Equal(d.Positions(), []uint64{1, 2, 3, 4, 5}) {
		t.Errorf("the answer is %s, by %v", d.Answer, d.Positions())
	}
	if !slices.Equal(v.LogKeys, []string{documenttest.DID(w.log)}) || v.Checkpoint.Size != 6 {
		t.Errorf("the checkpoint is %+v, by %v", v.Checkpoint, v.LogKeys)
	}
	if again, _ := w.sign(d); !bytes.Equal(again, b) {
		t.Error("what was read is not written again byte for byte")
	}
	if err := w.replayed(d); err != nil {
		t.Error(err)
	}
}

func TestTrust(t *testing.T) {
	w := open(t)
	_, d := w.sign(w.decide(w.question(), 5))
	trusted := func(seed string) *note.Policy {
		return &note.Policy{Logs: []note.Log{{Key: note.LogKey(documenttest.Source, documenttest.Key(seed).Public().(ed25519.PublicKey))}}, Quorum: note.None}
	}
	if v, err := d.Verify(trusted("checkpoint")); err != nil || v.Trusted == nil {
		t.Errorf("the ledger's own log is not trusted: %v", err)
	}
	if _, err := d.Verify(trusted("stranger")); !errors.Is(err, decision.ErrRefused) {
		t.Errorf("another log is trusted: %v", err)
	}
}

// Whatever byte of the file is changed or missing, it is refused.
func TestEveryByteCounts(t *testing.T) {
	w := open(t)
	b, _ := w.sign(w.decide(w.question(), 5))
	holds := func(b []byte) bool {
		d, err := decision.Parse(b)
		if err != nil {
			if !errors.Is(err, decision.ErrMalformed) && !errors.Is(err, decision.ErrNewer) {
				t.Fatalf("another error: %v", err)
			}
			return false
		}
		_, err = d.Verify(nil)
		return err == nil
	}
	if !holds(b) {
		t.Fatal("it does not hold as it is")
	}
	for i := range b {
		altered := bytes.Clone(b)
		if altered[i] = b[i] ^ (1 << (i % 8)); holds(altered) {
			t.Fatalf("byte %d changed is not noticed: %q", i, altered[max(0, i-20):min(len(b), i+20)])
		}
		if i%8 != 0 {
			continue
		}
		if holds(append(bytes.Clone(b[:i]), b[i+1:]...)) {
			t.Fatalf("byte %d missing is not noticed", i)
		}
		if holds(b[:i]) {
			t.Fatalf("an end at byte %d is not noticed", i)
		}
	}
	for _, more := range []string{" ", "\n", "x", "{}"} {
		if holds(append(bytes.Clone(b), more...)) || holds(append([]byte(more), b...)) {
			t.Errorf("%q beside it is not noticed", more)
		}
	}
}

// Whoever holds the key for documents can sign anything. What the entries do not give is refused all the same.
func TestLies(t *testing.T) {
	w := open(t)
	other := w.ID()
	w.Do(&events.SubjectAdded{Subject: other, Key: "bob", Kind: events.KindHuman}) // 6
	another := openOn(t, "policy/p/version/2")
	another.AddRole("Other", "")
	another.follow()
	broken := func(check string) func(error) bool {
		return func(err error) bool {
			b := (*chain.BrokenError)(nil)
			return errors.As(err, &b) && b.Check == check
		}
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	says := func(text string) func(error) bool {
		return func(err error) bool { return strings.Contains(err.Error(), text) }
	}
	cut := func(list []decision.Cited, i int) []decision.Cited {
		return append(slices.Clone(list[:i]), list[i+1:]...)
	}
	for name, lie := range map[string]struct {
		tell func(*decision.Decision)
		want func(error) bool
	}{
		"another subject":               {func(d *decision.Decision) { d.Question.Subject, d.Question.Key = other, "bob" }, is(decision.ErrNotGiven)},
		"another key":                   {func(d *decision.Decision) { d.Question.Key = "bob" }, is(decision.ErrNotGiven)},
		"another permission":            {func(d *decision.Decision) { d.Question.Permission = documenttest.Write }, is(decision.ErrNotGiven)},
		"another resource":              {func(d *decision.Decision) { d.Question.Resource = "policy/q" }, is(decision.ErrNotGiven)},
		"the whole organization":        {func(d *decision.Decision) { d.Question.Resource = "" }, is(decision.ErrNotGiven)},
		"another ledger":                {func(d *decision.Decision) { d.Ledger = "ledger.example/other" }, says("its checkpoint is of")},
		"a position before the grant":   {func(d *decision.Decision) { d.Position = 4 }, broken(chain.CheckPosition)},
		"a position beyond the tree":    {func(d *decision.Decision) { d.Position = 7 }, says("its checkpoint is of")},
		"no position":                   {func(d *decision.Decision) { d.Position = 0 }, says("its checkpoint is of")},
		"no entries":                    {func(d *decision.Decision) { d.Entries = nil }, says("has signed it")},
		"without the first entry":       {func(d *decision.Decision) { d.Entries = cut(d.Entries, 0) }, broken(chain.CheckKey)},
		"without the catalogue":         {func(d *decision.Decision) { d.Entries = cut(d.Entries, 1) }, is(decision.ErrNotGiven)},
		"without the role":              {func(d *decision.Decision) { d.Entries = cut(d.Entries, 2) }, says("builds upon")},
		"without the subject":           {func(d *decision.Decision) { d.Entries = cut(d.Entries, 3) }, says("builds upon")},
		"without the grant":             {func(d *decision.Decision) { d.Entries = cut(d.Entries, 4) }, is(decision.ErrNotGiven)},
		"an entry twice":                {func(d *decision.Decision) { d.Entries = append(d.Entries, d.Entries[4]) }, broken(chain.CheckPosition)},
		"entries in another order":      {func(d *decision.Decision) { d.Entries[1], d.Entries[2] = d.Entries[2], d.Entries[1] }, broken(chain.CheckPosition)},
		"an entry of another ledger":    {func(d *decision.Decision) { d.Entries[4].Entry = another.Entries[4] }, broken(decision.CheckInclusion)},
		"the proof of another entry":    {func(d *decision.Decision) { d.Entries[3].Proof = d.Entries[4].Proof }, broken(decision.CheckInclusion)},
		"a proof without its last hash": {func(d *decision.Decision) { d.Entries[3].Proof = d.Entries[3].Proof[1:] }, broken(decision.CheckInclusion)},
		"a proof with one more":         {func(d *decision.Decision) { d.Entries[3].Proof = append(slices.Clone(d.Entries[3].Proof), tree.Hash{}) }, broken(decision.CheckInclusion)},
		"no proof":                      {func(d *decision.Decision) { d.Entries[3].Proof = nil }, broken(decision.CheckInclusion)},
		"the checkpoint of fewer":       {func(d *decision.Decision) { d.Checkpoint, d.Position = w.checkpoint(5), 5 }, broken(decision.CheckInclusion)},
		"another tree":                  {func(d *decision.Decision) { d.Checkpoint = another.checkpoint(6) }, broken(decision.CheckInclusion)},
		"a checkpoint nobody signed": {func(d *decision.Decision) {
			d.Checkpoint = bytes.Replace(d.Checkpoint, []byte("— ledger.example/acme "), []byte("— ledger.example/acmf "), 1)
		}, says("has signed it")},
		"a checkpoint of another key": {func(d *decision.Decision) {
			w.log = documenttest.Key("stranger")
			d.Checkpoint = w.checkpoint(6)
			w.log = documenttest.Key("checkpoint")
		}, says("has signed it")},
		"a checkpoint that is none": {func(d *decision.Decision) { d.Checkpoint = []byte("hello\n") }, is(note.ErrMalformed)},
	} {
		t.Run(name, func(t *testing.T) {
			d := w.decide(w.question(), 6)
			lie.tell(d)
			_, read := w.sign(d)
			_, err := read.Verify(nil)
			if !errors.Is(err, decision.ErrRefused) || !lie.want(err) {
				t.Errorf("it is answered with %v", err)
			}
		})
	}
	for _, signer := range []string{"event", "checkpoint", "root", "operator", "owner", "stranger"} {
		w.signer = documenttest.Key(signer)
		_, read := w.sign(w.decide(w.question(), 6))
		if _, err := read.Verify(nil); !errors.Is(err, decision.ErrRefused) || !strings.Contains(err.Error(), "for documents") {
			t.Errorf("signed with the key %s: %v", signer, err)
		}
	}
}

// A lie that takes nothing but the key for documents: the revocation is passed over. The file alone cannot show it; the
// history does.
func TestRevokedBefore(t *testing.T) {
	w := open(t)
	q := w.question()
	given := w.decide(q, 5)
	w.Do(&events.RoleRevoked{Role: w.desk, Subject: w.ann, Scope: "policy/p"}) // 6
	w.AddRole("Other", "")
	_, honest := w.sign(w.decide(q, 7))
	if honest.Answer != decision.No {
		t.Fatal("the ledger says yes")
	}
	if err := w.replayed(honest); err != nil {
		t.Errorf("the no is refused: %v", err)
	}
	lie := &decision.Decision{Ledger: given.Ledger, Question: q, Answer: decision.Yes, Position: 7}
	var entries []*chain.Entry
	for _, cited := range given.Entries {
		entries = append(entries, cited.Entry)
	}
	_, told := w.sign(w.cite(lie, entries))
	if err := w.replayed(told); !errors.Is(err, decision.ErrRefused) || !strings.Contains(err.Error(), "entry 6 took it away") {
		t.Errorf("the yes is answered with %v", err)
	}
	given.Answer = decision.No
	_, told = w.sign(w.cite(given, entries))
	if err := w.replayed(told); !errors.Is(err, decision.ErrRefused) || !strings.Contains(err.Error(), "it says no") {
		t.Errorf("the no is answered with %v", err)
	}
}

// A grant that has ended gives nothing at an instant behind its end, whatever was recorded of that.
func TestEnded(t *testing.T) {
	w := open(t)
	until := w.Now.Add(time.Hour).Truncate(time.Millisecond)
	w.Do(&events.RoleAssigned{Role: w.desk, Subject: w.ann, Scope: "policy/q", Until: until})
	q := w.question()
	q.Resource = "policy/q"
	q.Instant = until.Add(-time.Millisecond)
	_, d := w.sign(w.decide(q, 6))
	if v, err := d.Verify(nil); err != nil || v.Answer != decision.Yes {
		t.Errorf("before its end: %v", err)
	}
	late := w.decide(q, 6)
	late.Question.Instant = until
	_, d = w.sign(late)
	if _, err := d.Verify(nil); !errors.Is(err, decision.ErrNotGiven) {
		t.Errorf("at its end: %v", err)
	}
}

// The keys that sign may be younger than what is asked about, and are judged by when the decision was made.
func TestRotatedKeys(t *testing.T) {
	w := open(t)
	q := w.question()
	before := w.decide(q, 5)
	w.RotateDocumentKey(documenttest.Key("document2"))                                                             // 6
	w.Do(&events.KeyRotated{Old: documenttest.DID(w.log), New: documenttest.DID(documenttest.Key("checkpoint2"))}) // 7
	old := w.signer
	w.signer, w.log = documenttest.Key("document2"), documenttest.Key("checkpoint2")
	_, d := w.sign(w.decide(q, 5))
	if !slices.Equal(d.Positions(), []uint64{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("it cites %v", d.Positions())
	}
	if err := w.replayed(d); err != nil {
		t.Error(err)
	}
	// The old key may be in anybody's hands. With what was so before, the file alone does not show that; the history does.
	w.signer = old
	_, d = w.sign(before)
	if err := w.replayed(d); err != nil {
		t.Errorf("what was decided before the rotation: %v", err)
	}
	w.log = documenttest.Key("checkpoint")
	before.Checkpoint, before.Position = w.checkpoint(7), 5
	for i, cited := range before.Entries {
		proof, err := tree.Inclusion(w, 7, cited.Entry.Event.Sequence-1)
		if err != nil {
			t.Fatal(err)
		}
		before.Entries[i].Proof = proof
	}
	_, d = w.sign(before)
	if err := w.replayed(d); !errors.Is(err, decision.ErrRefused) || !strings.Contains(err.Error(), "was not the key for documents") {
		t.Errorf("the old key signs on: %v", err)
	}
}

// What a later release writes is not taken for something broken.
func TestNewer(t *testing.T) {
	w := open(t)
	b, _ := w.sign(w.decide(w.question(), 5))
	for _, change := range [][2]string{
		{`"format":"permledger-decision/1"`, `"format":"permledger-decision/2"`},
		{`"format":"permledger-decision/1"`, `"colour":"red","format":"permledger-decision/12"`},
		{`urn:permledger:role.assigned:2`, `urn:permledger:role.assigned:99`},
	} {
		if _, err := decision.Parse(bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1)); !errors.Is(err, decision.ErrNewer) {
			t.Errorf("%s: %v", change[1], err)
		}
	}
	for _, text := range []string{"", "{}", "[]", "null", `{"decision":{"format":"permledger-decision/01"}}`, `{"decision":{"format":"other/2"}}`} {
		if _, err := decision.Parse([]byte(text)); !errors.Is(err, decision.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	w := open(f)
	b, _ := w.sign(w.decide(w.question(), 5))
	f.Add(b)
	f.Add([]byte(`{"decision":{"format":"permledger-decision/2"},"signatures":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decision.Parse(b)
		if err != nil {
			if !errors.Is(err, decision.ErrMalformed) && !errors.Is(err, decision.ErrNewer) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		_, _ = d.Verify(nil)
		again, err := d.Sign(documenttest.Key("document"))
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if i := bytes.LastIndex(b, []byte(`,"signatures":`)); !bytes.HasPrefix(again, b[:i]) {
			t.Fatal("what was read is written in another way")
		}
	})
}
