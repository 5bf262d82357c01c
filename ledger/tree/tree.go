// Package tree computes the Merkle tree over the entries of a ledger, as RFC 6962 section 2.1 defines it: a leaf is
// SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right).
//
// A [Frontier] holds only what the root of a growing tree needs: at most 64 hashes. The root is part of the head record,
// so that an old or another history of the same length is noticed.
package tree

import (
	"crypto/sha256"
	"math/bits"
)

// Hash is a hash of the tree.
type Hash = [32]byte

// Leaf gives the leaf hash of an entry.
func Leaf(entry []byte) (leaf Hash) {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(entry)
	h.Sum(leaf[:0])
	return leaf
}

func node(left, right Hash) Hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// A Frontier is the right edge of a tree. The zero Frontier is the empty tree's.
type Frontier struct {
	size  uint64
	edges []Hash // roots of the perfect subtrees, the largest first: one for each bit set in size
}

// Append adds the leaf of an entry.
func (f *Frontier) Append(leaf Hash) {
	for n := bits.TrailingZeros64(^f.size); n > 0; n-- {
		last := len(f.edges) - 1
		leaf = node(f.edges[last], leaf)
		f.edges = f.edges[:last]
	}
	f.edges = append(f.edges, leaf)
	f.size++
}

// Size gives the number of entries in the tree.
func (f *Frontier) Size() uint64 { return f.size }

// Root gives the root hash.
func (f *Frontier) Root() Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	root := f.edges[len(f.edges)-1]
	for i := len(f.edges) - 2; i >= 0; i-- {
		root = node(f.edges[i], root)
	}
	return root
}

// Roots is a growing tree that knows the root of every size it had: 32 bytes an entry. The zero Roots is the empty tree.
type Roots struct {
	size uint64
	// left holds, for each level from the leaves up, the roots of the perfect subtrees that are left children. They are
	// all that any root is made of: a right child only ever counts within its parent.
	left [64][]Hash
}

// Append adds the leaf of an entry. It costs one node, on average.
func (r *Roots) Append(leaf Hash) {
	level := 0
	for n := r.size; n&1 == 1; n >>= 1 {
		leaf = node(r.left[level][n>>1], leaf)
		level++
	}
	r.left[level] = append(r.left[level], leaf)
	r.size++
}

// Cut makes the tree again what it was when it had size entries, which is no more than it has.
func (r *Roots) Cut(size uint64) {
	for level := range r.left {
		r.left[level] = r.left[level][:((size>>level)+1)/2]
	}
	r.size = size
}

// Size gives the number of entries.
func (r *Roots) Size() uint64 { return r.size }

// Root gives the root of the tree's first size entries; false where it never had as many. It costs a node for each bit
// set in size.
func (r *Roots) Root(size uint64) (Hash, bool) {
	if size > r.size {
		return Hash{}, false
	}
	f := Frontier{size: size}
	for level := bits.Len64(size) - 1; level >= 0; level-- {
		if n := size >> level; n&1 == 1 {
			f.edges = append(f.edges, r.left[level][n>>1])
		}
	}
	return f.Root(), true
}
