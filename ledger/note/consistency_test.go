package note_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

// grown is a log of n entries that can prove what lies in it.
type grown struct {
	roots  tree.Roots
	leaves []tree.Hash
}

func grow(n int) *grown {
	g := new(grown)
	for i := range n {
		leaf := tree.Leaf(fmt.Append(nil, "entry ", i))
		g.roots.Append(leaf)
		g.leaves = append(g.leaves, leaf)
	}
	return g
}

// Tile implements tree.TileReader for trees of one level of tiles.
func (g *grown) Tile(t tree.Tile) ([]byte, error) {
	if t.Level != 0 || t.Index != 0 {
		return nil, fmt.Errorf("no tile %s", t.Path())
	}
	var b []byte
	for _, h := range g.leaves[:t.Width] {
		b = append(b, h[:]...)
	}
	return b, nil
}

func (g *grown) checkpoint(t testing.TB, origin string, size uint64) []byte {
	t.Helper()
	root, _ := g.roots.Root(size)
	text := note.Checkpoint{Origin: origin, Size: size, Root: root}.Text()
	s, err := note.Sign(text, origin, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return (&note.Note{Text: text, Signatures: []note.Signature{s}}).Bytes()
}

func between(t testing.TB, older, newer uint64) []byte {
	t.Helper()
	g := grow(40)
	hashes, err := tree.Consistency(g, older, newer)
	if err != nil {
		t.Fatal(err)
	}
	c := note.Consistency{Old: g.checkpoint(t, "log.example/a", older), New: g.checkpoint(t, "log.example/a", newer), Hashes: hashes}
	return c.Bytes()
}

func TestConsistencyFile(t *testing.T) {
	for _, sizes := range [][2]uint64{{1, 1}, {1, 2}, {7, 40}, {32, 40}, {40, 40}} {
		b := between(t, sizes[0], sizes[1])
		c, err := note.ParseConsistency(b)
		if err != nil {
			t.Fatalf("%v: %v", sizes, err)
		}
		if !bytes.Equal(c.Bytes(), b) || !note.IsConsistency(b) || note.IsProof(b) {
			t.Errorf("%v: it is not written again as it was read", sizes)
		}
		if err := c.Check(); err != nil {
			t.Errorf("%v: %v", sizes, err)
		}
	}
}

// Whatever byte of the file is changed, added or missing, it is refused: by its form, its hashes or the log's signature.
func TestConsistencyFileAltered(t *testing.T) {
	b := between(t, 7, 40)
	key := note.LogKey("log.example/a", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)).Public().(ed25519.PublicKey))
	policy := note.Policy{Logs: []note.Log{{Key: key}}, Quorum: note.None}
	holds := func(b []byte) error {
		c, err := note.ParseConsistency(b)
		if err != nil {
			return err
		}
		for _, checkpoint := range [][]byte{c.Old, c.New} {
			if _, err := policy.Verify(checkpoint); err != nil {
				return err
			}
		}
		return c.Check()
	}
	if err := holds(b); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for _, altered := range [][]byte{
			append(append(bytes.Clone(b[:i]), b[i]^1), b[i+1:]...),
			append(bytes.Clone(b[:i]), b[i+1:]...),
			b[:i],
		} {
			if holds(altered) == nil {
				t.Fatalf("byte %d changed to %q is not noticed", i, altered[max(0, i-10):min(len(altered), i+10)])
			}
		}
	}
	if holds(append(bytes.Clone(b), '\n')) == nil {
		t.Error("a byte behind the end is not noticed")
	}
}

func TestConsistencyOfTwoLogs(t *testing.T) {
	g := grow(8)
	hashes, err := tree.Consistency(g, 4, 8)
	if err != nil {
		t.Fatal(err)
	}
	c := note.Consistency{Old: g.checkpoint(t, "log.example/a", 4), New: g.checkpoint(t, "log.example/b", 8), Hashes: hashes}
	if c.Check() == nil {
		t.Error("two logs are taken for one")
	}
	c.New = g.checkpoint(t, "log.example/a", 7)
	if err := c.Check(); !errors.Is(err, tree.ErrProof) {
		t.Errorf("another size: %v", err)
	}
}

func FuzzParseConsistency(f *testing.F) {
	f.Add(between(f, 1, 1))
	f.Add(between(f, 7, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := note.ParseConsistency(b)
		if err != nil {
			if !errors.Is(err, note.ErrMalformed) && !errors.Is(err, note.ErrExtension) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if !bytes.Equal(c.Bytes(), b) {
			t.Fatal("it is not written again as it was read")
		}
		_ = c.Check()
	})
}
