package decision_test

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/projections/access"
)

// A world is a ledger with an index and a tree, which makes decisions as a node does.
type world struct {
	*documenttest.Ledger
	testing.TB
	index  *access.Index
	leaves []tree.Hash
	roots  tree.Roots
	desk   ulid.ULID // a role of Read
	ann    ulid.ULID
	signer ed25519.PrivateKey
	log    ed25519.PrivateKey
}

func open(t testing.TB) *world { return openOn(t, "policy/p") }

// openOn gives ann the role on a scope.
func openOn(t testing.TB, scope string) *world {
	t.Helper()
	w := &world{Ledger: documenttest.Open(t, documenttest.Guardian, ""), TB: t, index: access.New(), signer: documenttest.Key("document"), log: documenttest.Key("checkpoint")}
	w.desk = w.AddRole("Desk", "reads", documenttest.Read)
	w.ann = w.ID()
	w.Do(&events.SubjectAdded{Subject: w.ann, Key: "ann", Kind: events.KindHuman})
	w.Do(&events.RoleAssigned{Role: w.desk, Subject: w.ann, Scope: scope})
	return w
}

// question asks whether ann may read.
func (w *world) question() decision.Question {
	return decision.Question{Subject: w.ann, Key: "ann", Permission: documenttest.Read, Resource: "policy/p/version/2", Instant: w.Now}
}

// follow takes in the entries that came.
func (w *world) follow() {
	for _, en := range w.Entries[len(w.leaves):] {
		w.index.Apply(en, nil)
		w.leaves = append(w.leaves, tree.Leaf(en.Bytes()))
		w.roots.Append(w.leaves[len(w.leaves)-1])
	}
}

// Tile implements tree.TileReader for trees of one tile.
func (w *world) Tile(t tree.Tile) (b []byte, err error) {
	for _, h := range w.leaves[:t.Width] {
		b = append(b, h[:]...)
	}
	return b, nil
}

func (w *world) source() *decision.Source {
	return &decision.Source{
		Entry:    func(at uint64) (*chain.Entry, error) { return w.Entries[at-1], nil },
		Deployed: w.index.Tokens().Deployed,
		Find: func(upTo uint64, types ...events.Type) (list []uint64) {
			for at := upTo; at > 0; at-- {
				if slices.Contains(types, w.Entries[at-1].Event.Data.Type()) {
					list = append(list, at)
				}
			}
			return list
		},
	}
}

// decide answers a question as of a position, by what the ledger says.
func (w *world) decide(q decision.Question, position uint64) *decision.Decision {
	w.Helper()
	w.follow()
	d := &decision.Decision{Ledger: documenttest.Source, Question: q, Answer: decision.No, Position: position}
	cited := w.index.Basis(q.Subject.String(), q.Permission, q.Resource, q.In, access.AsOf{Position: position, Instant: q.Instant})
	positions := []uint64{1}
	if cited != nil {
		d.Answer, positions = decision.Yes, cited
	}
	entries, err := w.source().Collect(positions)
	if err == nil && cited != nil {
		entries, err = decision.Least(entries, &q)
	}
	if err != nil {
		w.Fatal(err)
	}
	return w.cite(d, entries)
}

// cite puts entries into a decision, with those of the keys, the proofs and a checkpoint of all that there is.
func (w *world) cite(d *decision.Decision, entries []*chain.Entry) *decision.Decision {
	w.Helper()
	w.follow()
	size := uint64(len(w.Entries))
	keys := append(w.State.CheckpointKeys(size)[:1:1], w.State.Key(events.PurposeDocument))
	entries, err := w.source().WithKeys(entries, size, keys...)
	if err != nil {
		w.Fatal(err)
	}
	d.Checkpoint, d.Entries = w.checkpoint(size), nil
	for _, en := range entries {
		proof, err := tree.Inclusion(w, size, en.Event.Sequence-1)
		if err != nil {
			w.Fatal(err)
		}
		d.Entries = append(d.Entries, decision.Cited{Entry: en, Proof: proof})
	}
	return d
}

func (w *world) checkpoint(size uint64) []byte {
	w.Helper()
	root, _ := w.roots.Root(size)
	text := note.Checkpoint{Origin: documenttest.Source, Size: size, Root: root}.Text()
	s, err := note.Sign(text, documenttest.Source, w.log)
	if err != nil {
		w.Fatal(err)
	}
	return (&note.Note{Text: text, Signatures: []note.Signature{s}}).Bytes()
}

// sign gives the file of a decision, and reads it back.
func (w *world) sign(d *decision.Decision) ([]byte, *decision.Decision) {
	w.Helper()
	b, err := d.Sign(w.signer)
	if err != nil {
		w.Fatal(err)
	}
	read, err := decision.Parse(b)
	if err != nil {
		w.Fatal(err)
	}
	return b, read
}
