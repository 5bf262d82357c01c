package tree_test

import (
	"errors"
	"math/bits"
	"testing"

	"github.com/permledger/permledger/ledger/tree"
)

// TestFork takes two trees that part after some entries, and proves the growth of the one to whoever holds a root of the
// other: the proof shows the fork, unless it begins with the old root itself, which then is no part of the proof. A proof
// that was merely spoilt shows none.
func TestFork(t *testing.T) {
	const most = 40
	ours := grow(t, most)
	for same := range uint64(most) {
		var branch tree.Roots
		for i := range uint64(most) {
			if i < same {
				branch.Append(tree.Leaf(entry(i)))
			} else {
				branch.Append(tree.Leaf(entry(i + most)))
			}
		}
		for size := uint64(1); size <= most; size++ {
			root := ours.root(t, size)
			for old := uint64(1); old <= size; old++ {
				proof, err := tree.Consistency(ours, old, size)
				if err != nil {
					t.Fatal(err)
				}
				held, _ := branch.Root(old)
				err = tree.CheckConsistency(proof, old, held, size, root)
				switch within := bits.OnesCount64(old) == 1 && old < size; {
				case old <= same && err != nil:
					t.Fatalf("same up to %d, from %d to %d: %v", same, old, size, err)
				case old > same && errors.Is(err, tree.ErrFork) == within:
					t.Fatalf("parted after %d, from %d to %d: %v", same, old, size, err)
				case old > same && !errors.Is(err, tree.ErrProof):
					t.Fatalf("parted after %d, from %d to %d: %v", same, old, size, err)
				}
				for i := range proof {
					proof[i][0] ^= 1
					if err := tree.CheckConsistency(proof, old, ours.root(t, old), size, root); !errors.Is(err, tree.ErrProof) || errors.Is(err, tree.ErrFork) {
						t.Fatalf("hash %d of the proof from %d to %d is another: %v", i, old, size, err)
					}
					proof[i][0] ^= 1
				}
			}
		}
	}
}
