package verify_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// files gives a log as a server would.
func (p *parcel) files(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"checkpoint": p.Checkpoint}
	for of := range tree.Tiles(p.position) {
		b, err := p.Tiles.Tile(of)
		if err != nil {
			t.Fatal(err)
		}
		files[of.Path()] = b
		if of.Level == 0 {
			if files[tree.EntriesPath(of.Index, of.Width)], err = p.Journal.Bundle(of.Index, of.Width); err != nil {
				t.Fatal(err)
			}
		}
	}
	return files
}

func get(files map[string][]byte) verify.Get {
	return func(_ context.Context, path string, limit int64) ([]byte, error) {
		b, ok := files[path]
		if !ok || int64(len(b)) > limit {
			return nil, fmt.Errorf("%s: there is none of at most %d bytes", path, limit)
		}
		return bytes.Clone(b), nil
	}
}

// Given a log that is served, then it verifies; when any of its files is changed, then that file and the entry are named.
func TestServedLog(t *testing.T) {
	w := many(t)
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	for _, fast := range []bool{false, true} {
		r, err := verify.Log(t.Context(), get(p.files(t)), verify.Options{Fast: fast})
		if err != nil || r.Position != p.position || r.Checkpoint == nil || r.Checkpoint.Size != p.position {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	p.sign(t, p.position, "stranger")
	stranger := bytes.Clone(p.Checkpoint)
	p.sign(t, p.position, "checkpoint")
	const second, last = "tile/entries/001", "tile/entries/002.p/18"
	list := func(b []byte, change func([][]byte) [][]byte) []byte { return framed(change(unframed(b))) }
	for _, c := range []struct {
		name     string
		file     string
		change   func([]byte) []byte
		check    string
		position uint64
	}{
		{"a bit of a tile", "tile/0/001", func(b []byte) []byte { b[32*3] ^= 1; return b }, verify.CheckTile, 257 + 3},
		{"a bit of the last tile", "tile/0/002.p/18", func(b []byte) []byte { b[32*3] ^= 1; return b }, verify.CheckTile, 513 + 3},
		{"a bit of a tile above", "tile/1/000.p/2", func(b []byte) []byte { b[32] ^= 1; return b }, verify.CheckTile, 257},
		{"a tile that is short", "tile/0/002.p/18", func(b []byte) []byte { return b[:32*17] }, verify.CheckTile, 512 + 18},
		{"a bit of an entry", second, func(b []byte) []byte {
			return list(b, func(l [][]byte) [][]byte {
				l[4] = bytes.Replace(l[4], []byte("user260"), []byte("user26p"), 1)
				return l
			})
		}, chain.CheckSignature, 261},
		{"two entries swapped", second, func(b []byte) []byte {
			return list(b, func(l [][]byte) [][]byte { l[4], l[5] = l[5], l[4]; return l })
		}, chain.CheckPosition, 261},
		{"an entry too few", second, func(b []byte) []byte { return list(b, func(l [][]byte) [][]byte { return l[:255] }) }, chain.CheckForm, 512},
		{"an entry too many", last, func(b []byte) []byte { return list(b, func(l [][]byte) [][]byte { return append(l, l[0]) }) }, chain.CheckForm, 531},
		{"an entry that is cut off", last, func(b []byte) []byte { return b[:len(b)-1] }, chain.CheckForm, 530},
		{"a root", "checkpoint", func(b []byte) []byte { b[len(p.Origin)+6] ^= 1; return b }, verify.CheckCheckpoint, 0},
		{"another signer", "checkpoint", func([]byte) []byte { return stranger }, verify.CheckSigner, 0},
		{"no note", "checkpoint", func([]byte) []byte { return []byte("<html>") }, verify.CheckCheckpoint, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := p.files(t)
			files[c.file] = c.change(bytes.Clone(files[c.file]))
			_, err := verify.Log(t.Context(), get(files), verify.Options{})
			wantBrokenFile(t, err, c.check, c.file, c.position)
		})
	}
	for _, missing := range []string{"checkpoint", "tile/0/001", second} {
		files := p.files(t)
		delete(files, missing)
		if _, err := verify.Log(t.Context(), get(files), verify.Options{}); err == nil || !bytes.Contains([]byte(err.Error()), []byte(missing)) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}
