// Package bundletest makes the sources of bundles out of entries in memory, for tests.
package bundletest

import (
	"crypto/ed25519"
	"errors"
	"testing"

	"github.com/permledger/permledger/bundle"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/tree"
)

// Key is what signs the checkpoints made here.
var Key = documenttest.Key("checkpoint")

// Source gives a source of entries, which lie in a journal of their own. Its checkpoint is of all of them.
func Source(t testing.TB, origin string, entries [][]byte) *bundle.Source {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	for len(entries) > 0 {
		n := min(len(entries), 4096)
		if _, err := j.Append(entries[:n]); err != nil {
			t.Fatal(err)
		}
		entries = entries[n:]
	}
	s := &bundle.Source{Origin: origin, Journal: j.Reader, Text: func(events.Digest) (private.Text, bool) { return private.Text{}, false }}
	Checkpoint(t, s, j.Len())
	return s
}

// Checkpoint puts a source under a checkpoint of its first entries.
func Checkpoint(t testing.TB, s *bundle.Source, size uint64) {
	t.Helper()
	var tiles Tiles
	for r, err := range s.Journal.Range(1, size) {
		if err != nil {
			t.Fatal(err)
		}
		tiles.Append(tree.Leaf(r.Entry))
	}
	s.Tiles = &tiles
	text := note.Checkpoint{Origin: s.Origin, Size: size, Root: tiles.all.Root()}.Text()
	sig, err := note.Sign(text, s.Origin, Key)
	if err != nil {
		t.Fatal(err)
	}
	s.Checkpoint = (&note.Note{Text: text, Signatures: []note.Signature{sig}}).Bytes()
}

// Ledger gives a source of a ledger that was made for a test, with all its documents.
func Ledger(t testing.TB, l *documenttest.Ledger) *bundle.Source {
	t.Helper()
	var raw [][]byte
	files := map[string][]byte{}
	for i, en := range l.Entries {
		raw = append(raw, en.Bytes())
		if en.Document != nil {
			files[en.Document.CID] = l.Files[i]
		}
	}
	s := Source(t, documenttest.Source, raw)
	for cid := range files {
		s.Documents = append(s.Documents, cid)
	}
	s.Document = func(cid string) ([]byte, error) {
		if b, ok := files[cid]; ok {
			return b, nil
		}
		return nil, errors.New("no such document")
	}
	return s
}

// LogKey gives the public key of the checkpoints of an origin.
func LogKey(origin string) note.Key { return note.LogKey(origin, Key.Public().(ed25519.PublicKey)) }

// Tiles are all hashes of a tree that tiles are made of.
type Tiles struct {
	all    tree.Frontier
	levels [][]tree.Hash // by level of tiles
}

// Append adds a leaf.
func (t *Tiles) Append(leaf tree.Hash) {
	t.all.Append(leaf)
	h := leaf
	for level := 0; ; level++ {
		if level == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[level] = append(t.levels[level], h)
		n := len(t.levels[level])
		if n%tree.TileWidth != 0 {
			return
		}
		var f tree.Frontier
		for _, h := range t.levels[level][n-tree.TileWidth:] {
			f.Append(h)
		}
		h = f.Root()
	}
}

// Root gives the root of the tree.
func (t *Tiles) Root() tree.Hash { return t.all.Root() }

// Tile implements tree.TileReader.
func (t *Tiles) Tile(of tree.Tile) ([]byte, error) {
	if !of.In(t.all.Size()) {
		return nil, bundle.ErrNoTile
	}
	var b []byte
	for _, h := range t.levels[of.Level][of.Index*tree.TileWidth:][:of.Width] {
		b = append(b, h[:]...)
	}
	return b, nil
}

var _ tree.TileReader = (*Tiles)(nil)
