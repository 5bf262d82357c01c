package tree_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/permledger/permledger/ledger/tree"
)

// sumdb is a tree of the Go checksum database's kind, whose tiles ours is read from.
type sumdb []tlog.Hash

func (s sumdb) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s[x]
	}
	return out, nil
}

func (s sumdb) Tile(t tree.Tile) ([]byte, error) {
	return tlog.ReadTileData(tlog.Tile{H: 8, L: int(t.Level), N: int64(t.Index), W: t.Width}, s)
}

func (s sumdb) root(t interface{ Fatal(...any) }, size uint64) tree.Hash {
	root, err := tlog.TreeHash(int64(size), s)
	if err != nil {
		t.Fatal(err)
	}
	return tree.Hash(root)
}

func entry(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n*n) }

func grow(tb testing.TB, size int64) sumdb {
	tb.Helper()
	var s sumdb
	for n := range size {
		hashes, err := tlog.StoredHashes(n, entry(uint64(n)), &s)
		if err != nil {
			tb.Fatal(err)
		}
		s = append(s, hashes...)
	}
	return s
}

// TestProofsEqualSumdb makes the proofs between random sizes of a tree of three levels of tiles as both implementations
// do, and shows each to the other's check.
func TestProofsEqualSumdb(t *testing.T) {
	const most = 66_200
	s := grow(t, most)
	sizes := rapid.OneOf(rapid.Uint64Range(1, 600), rapid.Uint64Range(65_000, most), rapid.Uint64Range(1, most))
	rapid.Check(t, func(t *rapid.T) {
		size := sizes.Draw(t, "size")
		old := rapid.Uint64Range(1, size).Draw(t, "old")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		root, oldRoot := s.root(t, size), s.root(t, old)

		inclusion, err := tree.Inclusion(s, size, index)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := tlog.ProveRecord(int64(size), int64(index), s); err != nil || !equal(inclusion, want) {
			t.Fatalf("inclusion of %d in %d: %x, want %x, %v", index, size, inclusion, want, err)
		}
		if err := tree.CheckInclusion(inclusion, size, root, index, tree.Leaf(entry(index))); err != nil {
			t.Fatalf("inclusion of %d in %d: %v", index, size, err)
		}
		consistency, err := tree.Consistency(s, old, size)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := tlog.ProveTree(int64(size), int64(old), s); err != nil || !equal(consistency, want) {
			t.Fatalf("consistency of %d with %d: %x, want %x, %v", size, old, consistency, want, err)
		}
		if err := tree.CheckConsistency(consistency, old, oldRoot, size, root); err != nil {
			t.Fatalf("consistency of %d with %d: %v", size, old, err)
		}
		edge, err := tree.Resume(s, old)
		if err != nil {
			t.Fatal(err)
		}
		for n := old; n < min(size, old+300); n++ {
			edge.Append(tree.Leaf(entry(n)))
		}
		if edge.Root() != s.root(t, edge.Size()) {
			t.Fatalf("a tree resumed at %d has another root at %d", old, edge.Size())
		}
	})
}

func equal(a []tree.Hash, b []tlog.Hash) bool {
	return slices.EqualFunc(a, b, func(x tree.Hash, y tlog.Hash) bool { return x == tree.Hash(y) })
}

// TestChangedProofsAreRefused changes each part of proofs of all small sizes.
func TestChangedProofsAreRefused(t *testing.T) {
	s := grow(t, 70)
	for size := uint64(1); size <= 70; size += 3 {
		root := s.root(t, size)
		for index := range size {
			p, _ := tree.Inclusion(s, size, index)
			leaf := tree.Leaf(entry(index))
			for name, changed := range changes(p) {
				if err := tree.CheckInclusion(changed, size, root, index, leaf); !errors.Is(err, tree.ErrProof) {
					t.Errorf("inclusion of %d in %d, %s: %v", index, size, name, err)
				}
			}
			for name, err := range map[string]error{
				"another leaf":    tree.CheckInclusion(p, size, root, index, tree.Leaf(entry(index+1))),
				"another root":    tree.CheckInclusion(p, size, leaf, index, tree.Hash{}),
				"another index":   tree.CheckInclusion(p, size, root, (index+1)%(size+1), leaf),
				"beyond the tree": tree.CheckInclusion(p, size, root, size, leaf),
			} {
				if !errors.Is(err, tree.ErrProof) && !errors.Is(err, tree.ErrRange) {
					t.Errorf("inclusion of %d in %d, %s: %v", index, size, name, err)
				}
			}
			old := index
			if old == 0 {
				continue
			}
			q, _ := tree.Consistency(s, old, size)
			oldRoot := s.root(t, old)
			for name, changed := range changes(q) {
				if err := tree.CheckConsistency(changed, old, oldRoot, size, root); !errors.Is(err, tree.ErrProof) {
					t.Errorf("consistency of %d with %d, %s: %v", size, old, name, err)
				}
			}
			for name, err := range map[string]error{
				"another old root": tree.CheckConsistency(q, old, root, size, root),
				"another new root": tree.CheckConsistency(q, old, oldRoot, size, oldRoot),
				"turned around":    tree.CheckConsistency(q, size, root, old, oldRoot),
			} {
				if !errors.Is(err, tree.ErrProof) && !errors.Is(err, tree.ErrRange) {
					t.Errorf("consistency of %d with %d, %s: %v", size, old, name, err)
				}
			}
		}
	}
}

func changes(p []tree.Hash) map[string][]tree.Hash {
	all := map[string][]tree.Hash{"one more": append(slices.Clone(p), tree.Hash{1}), "one more in front": append([]tree.Hash{{1}}, p...)}
	for i := range p {
		changed := slices.Clone(p)
		changed[i][31] ^= 1
		all[fmt.Sprintf("hash %d changed", i)] = changed
		all[fmt.Sprintf("hash %d dropped", i)] = slices.Delete(slices.Clone(p), i, i+1)
	}
	return all
}

// same is a tree all of whose entries are the same, so that one of 2^63 entries can be read.
type same struct{ heights [64]tree.Hash }

func newSame() *same {
	var s same
	s.heights[0] = tree.Leaf(nil)
	for h := 1; h < 64; h++ {
		s.heights[h], _ = tree.SumTile(append(s.heights[h-1][:], s.heights[h-1][:]...))
	}
	return &s
}

func (s *same) Tile(t tree.Tile) (data []byte, err error) {
	for range t.Width {
		data = append(data, s.heights[8*int(t.Level)][:]...)
	}
	return data, nil
}

// TestLargestTrees proves what lies in trees that no int64 counts.
func TestLargestTrees(t *testing.T) {
	s := newSame()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.Uint64Range(1<<63-5, 1<<63+5), rapid.Uint64Range(1<<64-5, 1<<64-1), rapid.Uint64Min(1)).Draw(t, "size")
		old := rapid.Uint64Range(0, size).Draw(t, "old")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		edge, err := tree.Resume(s, size)
		if err != nil {
			t.Fatal(err)
		}
		oldEdge, err := tree.Resume(s, old)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tree.Inclusion(s, size, index)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.CheckInclusion(p, size, edge.Root(), index, s.heights[0]); err != nil {
			t.Fatal(err)
		}
		q, err := tree.Consistency(s, old, size)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.CheckConsistency(q, old, oldEdge.Root(), size, edge.Root()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNoProofBeyondTheTree(t *testing.T) {
	s := grow(t, 10)
	if _, err := tree.Inclusion(s, 10, 10); !errors.Is(err, tree.ErrRange) {
		t.Errorf("inclusion of entry 10 of 10: %v", err)
	}
	if _, err := tree.Consistency(s, 11, 10); !errors.Is(err, tree.ErrRange) {
		t.Errorf("consistency with a larger tree: %v", err)
	}
	empty := new(tree.Frontier).Root()
	if err := tree.CheckConsistency(nil, 0, empty, 10, s.root(t, 10)); err != nil {
		t.Errorf("every tree begins with the empty one: %v", err)
	}
	if err := tree.CheckConsistency(nil, 0, tree.Hash{}, 10, s.root(t, 10)); !errors.Is(err, tree.ErrProof) {
		t.Errorf("an empty tree of another root: %v", err)
	}
}

// short is a reader whose tiles end too early.
type short struct{ sumdb }

func (s short) Tile(t tree.Tile) ([]byte, error) {
	data, err := s.sumdb.Tile(t)
	return data[:len(data)-1], err
}

func TestShortTilesAreRefused(t *testing.T) {
	s := short{grow(t, 300)}
	if p, err := tree.Inclusion(s, 300, 3); err == nil {
		t.Errorf("a proof of %d hashes from tiles that end early", len(p))
	}
	if _, err := tree.Resume(s, 300); err == nil {
		t.Error("a tree from tiles that end early")
	}
}

// FuzzProofs shows whatever proof to our checks and to sumdb's: both must say the same.
func FuzzProofs(f *testing.F) {
	const most = 40
	s := grow(f, most)
	for _, c := range [][2]uint64{{0, 1}, {1, 2}, {3, 7}, {16, 32}, {20, 33}, {39, 40}} {
		index, size := c[0], c[1]
		inclusion, _ := tree.Inclusion(s, size, index)
		consistency, _ := tree.Consistency(s, index, size)
		f.Add(uint8(index), uint8(size), slices.Concat(bytesOf(inclusion)...), slices.Concat(bytesOf(consistency)...))
	}
	f.Fuzz(func(t *testing.T, a, b uint8, inclusion, consistency []byte) {
		index, size := uint64(a), uint64(b)
		if size == 0 || size > most || index >= size {
			return
		}
		root, leaf := s.root(t, size), tree.Leaf(entry(index))
		ours := tree.CheckInclusion(hashesOf[tree.Hash](inclusion), size, root, index, leaf)
		theirs := tlog.CheckRecord(hashesOf[tlog.Hash](inclusion), int64(size), tlog.Hash(root), int64(index), tlog.Hash(leaf))
		if (ours == nil) != (theirs == nil) {
			t.Fatalf("inclusion of %d in %d: %v here, %v there", index, size, ours, theirs)
		}
		if index == 0 {
			return
		}
		old := s.root(t, index)
		ours = tree.CheckConsistency(hashesOf[tree.Hash](consistency), index, old, size, root)
		theirs = tlog.CheckTree(hashesOf[tlog.Hash](consistency), int64(size), tlog.Hash(root), int64(index), tlog.Hash(old))
		if (ours == nil) != (theirs == nil) {
			t.Fatalf("consistency of %d with %d: %v here, %v there", index, size, ours, theirs)
		}
	})
}

func bytesOf(p []tree.Hash) (all [][]byte) {
	for i := range p {
		all = append(all, p[i][:])
	}
	return all
}

func hashesOf[H ~[32]byte](b []byte) (p []H) {
	for ; len(b) >= 32; b = b[32:] {
		p = append(p, H(b))
	}
	return p
}
