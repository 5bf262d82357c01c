package note_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

func entry(i uint64) []byte { return fmt.Appendf(nil, "entry %d", i) }

// proofs gives a proof of every entry in a log of this size.
func proofs(t testing.TB, size uint64) []*note.Proof {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = stored[x]
		}
		return out, nil
	})
	for i := range size {
		hashes, err := tlog.StoredHashes(int64(i), entry(i), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(size), reader)
	if err != nil {
		t.Fatal(err)
	}
	text := note.Checkpoint{Origin: acme.Name, Size: size, Root: tree.Hash(root)}.Text()
	s, err := note.Sign(text, acme.Name, key(1))
	if err != nil {
		t.Fatal(err)
	}
	n := note.Note{Text: text, Signatures: []note.Signature{s}}
	var out []*note.Proof
	for i := range size {
		hashes, err := tlog.ProveRecord(int64(size), int64(i), reader)
		if err != nil {
			t.Fatal(err)
		}
		p := &note.Proof{Index: i, Checkpoint: n.Bytes()}
		for _, h := range hashes {
			p.Hashes = append(p.Hashes, tree.Hash(h))
		}
		out = append(out, p)
	}
	return out
}

func TestProofs(t *testing.T) {
	for size := range uint64(20) {
		all := proofs(t, size)
		for i, p := range all {
			again, err := note.ParseProof(p.Bytes())
			if err != nil || !bytes.Equal(again.Bytes(), p.Bytes()) {
				t.Fatalf("size %d, index %d: %v", size, i, err)
			}
			for j := range all {
				if err := again.Check(tree.Leaf(entry(uint64(j)))); (err == nil) != (i == j) {
					t.Fatalf("size %d: the proof of %d for %d: %v", size, i, j, err)
				}
			}
		}
	}
}

func TestProofRefuses(t *testing.T) {
	leaf := tree.Leaf(entry(5))
	for name, damage := range map[string]func(p *note.Proof){
		"another index":     func(p *note.Proof) { p.Index-- },
		"beyond the tree":   func(p *note.Proof) { p.Index = 11 },
		"far beyond":        func(p *note.Proof) { p.Index = 1<<64 - 1 },
		"a hash too few":    func(p *note.Proof) { p.Hashes = p.Hashes[1:] },
		"no hash":           func(p *note.Proof) { p.Hashes = nil },
		"a hash too many":   func(p *note.Proof) { p.Hashes = append(p.Hashes, leaf) },
		"hashes swapped":    func(p *note.Proof) { p.Hashes[0], p.Hashes[1] = p.Hashes[1], p.Hashes[0] },
		"a bit":             func(p *note.Proof) { p.Hashes[2][31] ^= 0x80 },
		"another size":      func(p *note.Proof) { p.Checkpoint = bytes.Replace(p.Checkpoint, []byte("\n11\n"), []byte("\n7\n"), 1) },
		"no checkpoint":     func(p *note.Proof) { p.Checkpoint = []byte("text\n") },
		"another's content": func(p *note.Proof) { p.Checkpoint = proofs(t, 12)[0].Checkpoint },
	} {
		p := proofs(t, 11)[5]
		if err := p.Check(leaf); err != nil {
			t.Fatal(err)
		}
		damage(p)
		if err := p.Check(leaf); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
}

func TestProofMalformed(t *testing.T) {
	p := proofs(t, 11)[5]
	p.Extra = []byte("extra")
	good := string(p.Bytes())
	if _, err := note.ParseProof([]byte(good)); err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(good, "\n")[3] + "\n"
	replace := func(old, with string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("there is no %q to replace", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	for name, text := range map[string]string{
		"empty":                "",
		"other version":        replace("@v1", "@v2"),
		"other header":         replace("c2sp.org", "C2SP.org"),
		"empty extra":          replace("extra ZXh0cmE=", "extra "),
		"extra not base64":     replace("ZXh0cmE=", "ZXh0cmE"),
		"two extras":           replace("extra ZXh0cmE=\n", "extra ZXh0cmE=\nextra ZXh0cmE=\n"),
		"extra after index":    replace("extra ZXh0cmE=\nindex 5\n", "index 5\nextra ZXh0cmE=\n"),
		"no index":             replace("index 5\n", ""),
		"two indexes":          replace("index 5\n", "index 5\nindex 5\n"),
		"leading zero":         replace("index 5", "index 05"),
		"negative":             replace("index 5", "index -5"),
		"too large":            replace("index 5", "index 9223372036854775808"),
		"two spaces":           replace("index 5", "index  5"),
		"a short hash":         replace(hash, "AAAA\n"),
		"64 hashes":            replace(hash, strings.Repeat(hash, 61)),
		"an empty line more":   replace("\n\n", "\n\n\n"),
		"no checkpoint":        strings.SplitAfter(good, "\n\n")[0],
		"unsigned checkpoint":  strings.Join(strings.SplitAfter(good, "\n\n")[:2], ""),
		"carriage returns":     strings.ReplaceAll(good, "\n", "\r\n"),
		"a byte order mark":    "\ufeff" + good,
		"cut at the end":       good[:len(good)-1],
		"something at the end": good + "x\n",
	} {
		if _, err := note.ParseProof([]byte(text)); !errors.Is(err, note.ErrMalformed) {
			t.Errorf("%s: %v; want ErrMalformed", name, err)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	p := proofs(f, 3)[1]
	f.Add(p.Bytes())
	p.Extra = []byte{0}
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := note.ParseProof(b)
		if err != nil {
			return
		}
		if got := p.Bytes(); !bytes.Equal(got, b) {
			t.Fatalf("read and written again:\n%s\nwant\n%s", got, b)
		}
		_ = p.Check(tree.Hash{}) // must not end the program
	})
}
