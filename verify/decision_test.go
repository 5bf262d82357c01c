package verify_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/projections/access"
	"github.com/permledger/permledger/verify"
)

// A decider makes decisions of a ledger, as a node does.
type decider struct {
	*world
	index  *access.Index
	leaves []tree.Hash
	file   []byte // the last one
}

func decides(w *world) *decider {
	d := &decider{world: w, index: access.New()}
	for _, en := range w.entries {
		d.index.Apply(en, nil)
		d.leaves = append(d.leaves, tree.Leaf(en.Bytes()))
	}
	return d
}

// Tile implements tree.TileReader for trees of one tile.
func (d *decider) Tile(t tree.Tile) (b []byte, err error) {
	for _, h := range d.leaves[:t.Width] {
		b = append(b, h[:]...)
	}
	return b, nil
}

// decide answers a question as of a position, under the checkpoint of the whole ledger.
func (d *decider) decide(q decision.Question, position uint64) *decision.Decision {
	d.Helper()
	made := &decision.Decision{Ledger: documenttest.Source, Question: q, Answer: decision.No, Position: position}
	source := decision.Source{
		Entry:    func(at uint64) (*chain.Entry, error) { return d.entries[at-1], nil },
		Deployed: d.index.Tokens().Deployed,
		Find: func(upTo uint64, types ...events.Type) (list []uint64) {
			for at := upTo; at > 0; at-- {
				if slices.Contains(types, d.entries[at-1].Event.Data.Type()) {
					list = append(list, at)
				}
			}
			return list
		},
	}
	positions := []uint64{1}
	if cited := d.index.Basis(q.Subject.String(), q.Permission, q.Resource, q.In, access.AsOf{Position: position, Instant: q.Instant}); cited != nil {
		made.Answer, positions = decision.Yes, cited
	}
	size := uint64(len(d.entries))
	entries, err := source.Collect(positions)
	if err == nil && made.Answer == decision.Yes {
		entries, err = decision.Least(entries, &q)
	}
	logKey := d.state.CheckpointKeys(size)[0]
	if err == nil {
		entries, err = source.WithKeys(entries, size, d.state.Key(events.PurposeDocument), logKey)
	}
	if err != nil {
		d.Fatal(err)
	}
	for _, en := range entries {
		proof, err := tree.Inclusion(d, size, en.Event.Sequence-1)
		if err != nil {
			d.Fatal(err)
		}
		made.Entries = append(made.Entries, decision.Cited{Entry: en, Proof: proof})
	}
	text := note.Checkpoint{Origin: documenttest.Source, Size: size, Root: d.roots[size-1]}.Text()
	s, err := note.Sign(text, documenttest.Source, d.keyOf(logKey))
	if err != nil {
		d.Fatal(err)
	}
	made.Checkpoint = (&note.Note{Text: text, Signatures: []note.Signature{s}}).Bytes()
	return made
}

func (d *decider) keyOf(did string) ed25519.PrivateKey {
	d.Helper()
	for _, name := range []string{"checkpoint", "checkpoint2"} {
		if k := documenttest.Key(name); did == documenttest.DID(k) {
			return k
		}
	}
	return key(d, did)
}

// holds says whether a decision, signed and read again, holds by itself and, where whole says so, by the history.
func (d *decider) holds(made *decision.Decision, whole bool) error {
	d.Helper()
	var err error
	if d.file, err = made.Sign(d.keyOf(d.state.Key(events.PurposeDocument))); err != nil {
		d.Fatal(err)
	}
	read, err := decision.Parse(d.file)
	if err != nil {
		d.Fatal(err)
	}
	v, err := read.Verify(nil)
	if err != nil || !whole {
		return err
	}
	return verify.Replayed(context.Background(), v, verify.Options{}, func(ctx context.Context, o verify.Options) error {
		_, err := verify.Entries(ctx, sequence(d.raws()), o)
		return err
	})
}

// Of a ledger in which everything happens that can, every answer as of any position is confirmed, and every other answer is
// refused: a yes without one of its entries by itself, what the entries do not show by the history.
func TestDecisionsOfAHistory(t *testing.T) {
	d := decides(history(t, plain))
	yes, no, cited := 0, 0, map[events.Type]int{}
	for position := uint64(2); position <= uint64(len(d.entries)); position += 3 {
		at := d.entries[position-1].Event.Time
		state := rules.New()
		for _, en := range d.entries[:position] {
			rules.Evolve(state, en.Event)
		}
		for _, u := range d.index.Subjects(access.AsOf{Position: position, Instant: at}) {
			for i, permission := range []string{documenttest.Read, documenttest.Write, "bulk.read", "extra", "ledger:role.create"} {
				q := decision.Question{Subject: u.ID, Key: u.Key, Permission: permission, Resource: site, Instant: at}
				made := d.decide(q, position)
				if right := state.Check(u.ID, permission, site, at); right != (made.Answer == decision.Yes) {
					t.Fatalf("as of %d %s may %s: %t, and the decision says %s", position, u.Key, permission, right, made.Answer)
				}
				whole := (int(position)+i)%9 == 0
				if err := d.holds(made, whole); err != nil {
					t.Fatalf("as of %d %s may %s: %s by %v: %v", position, u.Key, permission, made.Answer, made.Positions(), err)
				}
				if made.Answer == decision.No {
					no++
				} else {
					yes++
					for _, one := range made.Entries {
						cited[one.Entry.Event.Data.Type()]++
					}
				}
				if whole {
					d.refutes(made)
				}
			}
		}
	}
	if t.Logf("%d yes, %d no; cited %v", yes, no, cited); yes == 0 || no == 0 {
		t.Error("one of the answers was never given")
	}
	for _, typ := range []events.Type{"key.rotated", "key.registered", "key.succeeded", "permissions.recorded", "role.updated"} {
		if cited[typ] == 0 {
			t.Errorf("no %s was cited", typ)
		}
	}
}

// refutes holds the opposite of a decision, and a yes with one entry less, against what they say.
func (d *decider) refutes(made *decision.Decision) {
	d.Helper()
	other := *made
	if other.Answer = decision.No; made.Answer == decision.No {
		other.Answer = decision.Yes
	}
	if err := d.holds(&other, true); !errors.Is(err, decision.ErrRefused) {
		d.Errorf("as of %d %s may %s: %s, and the opposite is answered with %v", made.Position, made.Question.Key, made.Question.Permission, made.Answer, err)
	}
	if made.Answer == decision.No {
		return
	}
	for i := range made.Entries {
		other := *made
		other.Entries = append(slices.Clone(made.Entries[:i]), made.Entries[i+1:]...)
		if err := d.holds(&other, false); !errors.Is(err, decision.ErrRefused) {
			d.Errorf("as of %d %s may %s without entry %d too: %v", made.Position, made.Question.Key, made.Question.Permission, made.Entries[i].Entry.Event.Sequence, err)
		}
	}
}

// A history that does not hold confirms nothing, nor does one of another ledger, or one that is too short.
func TestDecisionByABadHistory(t *testing.T) {
	w := history(t, plain)
	d := decides(w)
	at := w.entries[9].Event.Time
	made := d.decide(decision.Question{Subject: id("ann"), Key: "ann", Permission: documenttest.Read, Resource: site, Instant: at}, 10)
	if err := d.holds(made, true); err != nil {
		t.Fatal(err)
	}
	read, err := decision.Parse(d.file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := read.Verify(nil)
	if err != nil {
		t.Fatal(err)
	}
	by := func(raws []verify.Raw) error {
		return verify.Replayed(context.Background(), v, verify.Options{}, func(ctx context.Context, o verify.Options) error {
			_, err := verify.Entries(ctx, sequence(raws), o)
			return err
		})
	}
	if err := by(w.raws()[:len(w.entries)-1]); !errors.Is(err, decision.ErrRefused) {
		t.Errorf("a history that ends before the checkpoint: %v", err)
	}
	wantBroken(t, by(w.replaced("ann's role", "Readers", "Writers")), chain.CheckSignature, w.position("ann's role"))
	other := open(t, plain)
	for range len(w.entries) - 1 {
		other.do(ask{as: "role", expires: time.Minute}, &events.RoleCreated{Role: other.newID(), Key: other.newID().String(), Name: "Another"})
		delete(other.at, "role")
	}
	if err := by(other.raws()); !errors.Is(err, decision.ErrRefused) {
		t.Errorf("another history: %v", err)
	}
}

// BenchmarkDecision verifies the decision of a yes through a role, by itself.
func BenchmarkDecision(b *testing.B) {
	d := decides(history(b, plain))
	at := d.entries[len(d.entries)-1].Event.Time
	made := d.decide(decision.Question{Subject: id("ann"), Key: "ann", Permission: documenttest.Read, Resource: site, Instant: at}, uint64(len(d.entries)))
	if err := d.holds(made, false); err != nil {
		b.Fatal(err)
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			read, err := decision.Parse(d.file)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := read.Verify(nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(made.Entries)), "entries")
	})
	b.Run("replay", func(b *testing.B) {
		for b.Loop() {
			if err := d.holds(made, true); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signature", func(b *testing.B) {
		public, message := documenttest.Key("owner").Public().(ed25519.PublicKey), []byte("a message of some length, as events have it")
		sig := ed25519.Sign(documenttest.Key("owner"), message)
		for b.Loop() {
			if !ed25519.Verify(public, message, sig) {
				b.Fatal("it does not verify")
			}
		}
	})
}
