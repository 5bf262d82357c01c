package tree_test

import (
	"encoding/base64"
	"encoding/binary"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/permledger/permledger/ledger/tree"
)

func TestEmptyRoot(t *testing.T) {
	root := new(tree.Frontier).Root()
	if got := base64.StdEncoding.EncodeToString(root[:]); got != "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" {
		t.Errorf("root of the empty tree is %s", got)
	}
}

// TestRootEqualsSumdb compares every root up to 3,000 leaves with the one of the Go checksum database's own tree.
func TestRootEqualsSumdb(t *testing.T) {
	var f tree.Frontier
	var all tree.Roots
	var stored []tlog.Hash
	wanted := []tree.Hash{new(tree.Frontier).Root()}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	for n := range int64(3000) {
		entry := binary.BigEndian.AppendUint64(nil, uint64(n*n))
		hashes, err := tlog.StoredHashes(n, entry, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		f.Append(tree.Leaf(entry))
		all.Append(tree.Leaf(entry))
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil {
			t.Fatal(err)
		}
		if f.Root() != tree.Hash(want) || f.Size() != uint64(n+1) {
			t.Fatalf("size %d: root %x, want %x", n+1, f.Root(), want)
		}
		wanted = append(wanted, tree.Hash(want))
	}
	for size, want := range wanted {
		if got, ok := all.Root(uint64(size)); !ok || got != want {
			t.Fatalf("the root of size %d is remembered as %x, %v; want %x", size, got, ok, want)
		}
	}
	if _, ok := all.Root(uint64(len(wanted))); ok || all.Size() != uint64(len(wanted)-1) {
		t.Error("a root of a size that the tree never had")
	}
}

// TestCut cuts trees at every size and lets them grow again, otherwise.
func TestCut(t *testing.T) {
	leaf := func(branch, n int) tree.Hash { return tree.Leaf([]byte{byte(branch), byte(n), byte(n >> 8)}) }
	const size = 130
	for cut := range size {
		var cutTree, want tree.Roots
		for n := range size {
			cutTree.Append(leaf(0, n))
		}
		cutTree.Cut(uint64(cut))
		for n := range cut {
			want.Append(leaf(0, n))
		}
		for n := range 70 {
			cutTree.Append(leaf(1, n))
			want.Append(leaf(1, n))
		}
		for s := range want.Size() + 1 {
			got, ok := cutTree.Root(s)
			if root, _ := want.Root(s); !ok || got != root {
				t.Fatalf("cut at %d: root of size %d is %x, %v; want %x", cut, s, got, ok, root)
			}
		}
	}
}
