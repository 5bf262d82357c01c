package tree

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// What proofs are refused for.
var (
	// ErrRange: there is no such proof, because the tree of that size has no such entry, or is smaller than the other.
	ErrRange = errors.New("is not within the tree")
	// ErrProof: the proof does not give the root.
	ErrProof = errors.New("the proof does not fit the root")
	// ErrFork: the proof gives the root of the new tree, and shows that it begins with another tree than the old one. So
	// whoever vouched for both roots contradicts himself, which a proof that fits neither does not show. It wraps ErrProof.
	ErrFork = fmt.Errorf("%w: the new tree does not begin with the old one", ErrProof)
)

// Inclusion proves that the tree of that size has its leaf at index: RFC 6962 section 2.1.1, the lowest hash first. It
// reads O(log size) tiles.
func Inclusion(r TileReader, size, index uint64) ([]Hash, error) {
	if index >= size {
		return nil, fmt.Errorf("entry %d %w of %d", index, ErrRange, size)
	}
	tiles := read(r, size)
	var proof []Hash // from the top
	for first, end := uint64(0), size; end-first > 1; {
		middle := first + split(end-first)
		other, err := Hash{}, error(nil)
		if index < middle {
			other, err = tiles.root(middle, end)
			end = middle
		} else {
			other, err = tiles.root(first, middle)
			first = middle
		}
		if err != nil {
			return nil, err
		}
		proof = append(proof, other)
	}
	slices.Reverse(proof)
	return proof, nil
}

// CheckInclusion confirms that the tree of that size and root has the leaf at index: nil, [ErrRange] or [ErrProof].
func CheckInclusion(p []Hash, size uint64, root Hash, index uint64, leaf Hash) error {
	if index >= size {
		return fmt.Errorf("entry %d %w of %d", index, ErrRange, size)
	}
	at, last := index, size-1
	got := leaf
	for _, h := range p {
		if last == 0 {
			return fmt.Errorf("%w: it has too many hashes", ErrProof)
		}
		if at&1 == 1 || at == last {
			got = node(h, got)
			// A right edge without a sibling at its height is carried up to where it has one.
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			got = node(got, h)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 {
		return fmt.Errorf("%w: it has too few hashes", ErrProof)
	}
	if got != root {
		return ErrProof
	}
	return nil
}

// Consistency proves that the tree of the size new begins with the tree of the size old: RFC 6962 section 2.1.2. Between
// equal sizes, and from the empty tree, there is nothing to prove: the proof is empty.
func Consistency(r TileReader, old, new uint64) ([]Hash, error) {
	if old > new {
		return nil, fmt.Errorf("size %d %w of %d", old, ErrRange, new)
	}
	if old == 0 || old == new {
		return nil, nil
	}
	tiles := read(r, new)
	var proof []Hash // from the top
	first, end := uint64(0), new
	for old < end {
		middle := first + split(end-first)
		other, err := Hash{}, error(nil)
		if old <= middle {
			other, err = tiles.root(middle, end)
			end = middle
		} else {
			other, err = tiles.root(first, middle)
			first = middle
		}
		if err != nil {
			return nil, err
		}
		proof = append(proof, other)
	}
	if first > 0 { // else what is left is the old tree itself, whose root the reader has
		rest, err := tiles.root(first, end)
		if err != nil {
			return nil, err
		}
		proof = append(proof, rest)
	}
	slices.Reverse(proof)
	return proof, nil
}

// CheckConsistency confirms that the tree of the size new and newRoot begins with the tree of the size old and oldRoot:
// nil, [ErrRange], [ErrProof] or [ErrFork].
func CheckConsistency(p []Hash, old uint64, oldRoot Hash, new uint64, newRoot Hash) error {
	switch {
	case old > new:
		return fmt.Errorf("size %d %w of %d", old, ErrRange, new)
	case old == 0 || old == new:
		if len(p) != 0 {
			return fmt.Errorf("%w: it has too many hashes", ErrProof)
		}
		if old == new && oldRoot != newRoot {
			return ErrFork
		}
		if old == 0 && oldRoot != emptyRoot {
			return ErrProof
		}
		return nil
	}
	at, last := old-1, new-1
	for at&1 == 1 { // the old tree's last perfect subtree
		at, last = at>>1, last>>1
	}
	var wasOld, wasNew Hash
	if at == 0 { // it is the old tree
		wasOld, wasNew = oldRoot, oldRoot
	} else if len(p) > 0 {
		wasOld, wasNew = p[0], p[0]
		p = p[1:]
	} else {
		return fmt.Errorf("%w: it has too few hashes", ErrProof)
	}
	for _, h := range p {
		if last == 0 {
			return fmt.Errorf("%w: it has too many hashes", ErrProof)
		}
		if at&1 == 1 || at == last {
			wasOld, wasNew = node(h, wasOld), node(h, wasNew)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			wasNew = node(wasNew, h)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 {
		return fmt.Errorf("%w: it has too few hashes", ErrProof)
	}
	if wasNew != newRoot {
		return ErrProof
	}
	// Every hash that made wasOld is in newRoot too, at the place that its size gives it.
	if wasOld != oldRoot {
		return ErrFork
	}
	return nil
}

var emptyRoot = new(Frontier).Root()

// split gives the largest power of two below n, which is at least 2.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }
