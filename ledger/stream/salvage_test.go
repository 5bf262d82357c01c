package stream

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// salvaged gives what is found in the one block of a stream's directory.
func salvaged(t testing.TB, dir string, b []byte) (found []Found) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "msgs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "msgs", "1.blk"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	for f, err := range Salvage(dir, "acme") {
		if err != nil {
			t.Fatal(err)
		}
		if got := b[f.Offset : f.Offset+int64(len(f.Data))]; !bytes.Equal(got, f.Data) {
			t.Fatalf("position %d is not at %d", f.Seq, f.Offset)
		}
		found = append(found, f)
	}
	return found
}

// Given a block with one bit changed anywhere, then every record but the one with the bit is found, and sure.
func TestSalvageBehindAFlippedBit(t *testing.T) {
	const n = 5
	msgs := group("acme", 1, n, 120)
	_, _, b := block(t, msgs)
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 1 << (at % 8)
		sure := 0
		for _, f := range salvaged(t, t.TempDir(), bad) {
			if !f.Sure {
				continue
			}
			if want := msgs[f.Seq-1]; !bytes.Equal(f.Data, want.Data) || f.Subject != want.Subject {
				t.Fatalf("byte %d: position %d is another message", at, f.Seq)
			}
			sure++
		}
		if sure != n-1 {
			t.Fatalf("byte %d: %d of %d are sure", at, sure, n-1)
		}
	}
	if got := salvaged(t, t.TempDir(), b); len(got) != n {
		t.Errorf("%d of %d of a whole block", len(got), n)
	}
}

func FuzzSalvage(f *testing.F) {
	f.Add([]byte("ledger.acme.x"))
	f.Add(bytes.Repeat([]byte("\x00\x00\x00\x80ledger.acme.role.created\r\n\r\n"), 4))
	f.Fuzz(func(t *testing.T, b []byte) { salvaged(t, t.TempDir(), b) })
}
