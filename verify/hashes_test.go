package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/verify"
)

// Given a log of which the entries are not for the reader, then its hashes and its checkpoint verify, and the words say what
// that does not prove; when one of them is changed, then that file is named.
func TestHashesOfALog(t *testing.T) {
	w := many(t)
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	asking := policy(1, "auditor")
	asking.Logs[0].Key = note.LogKey(documenttest.Source, documenttest.Key("checkpoint").Public().(ed25519.PublicKey))
	shown := &note.Policy{Logs: asking.Logs, Quorum: note.None}
	files := p.files(t)
	for path := range files {
		if strings.HasPrefix(path, "tile/entries/") {
			delete(files, path)
		}
	}
	r, err := verify.Hashes(t.Context(), get(files), shown, verify.Options{})
	if err != nil || !r.Hashes || r.Position != p.position || r.Checkpoint.Trusted {
		t.Fatalf("%+v, %v", r, err)
	}
	proven, not := r.Words()
	if len(proven) != 2 || !strings.Contains(strings.Join(not, "\n"), "What the entries say") || !strings.Contains(strings.Join(not, "\n"), "--trust") {
		t.Errorf("proven %q, not proven %q", proven, not)
	}
	if r, err := verify.Hashes(t.Context(), get(files), nil, verify.Options{Trust: shown}); err != nil || !r.Checkpoint.Trusted {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := verify.Hashes(t.Context(), get(files), shown, verify.Options{MaxAge: time.Hour}); !errors.Is(err, verify.ErrStale) || !strings.Contains(err.Error(), "the last entry is not read") {
		t.Errorf("nobody vouches for its time: %v", err)
	}
	if _, err := verify.Hashes(t.Context(), get(files), nil, verify.Options{Trust: asking}); !errors.Is(err, note.ErrQuorum) {
		t.Errorf("no witness: %v", err)
	}
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	p.witness = map[string]time.Time{"auditor": at}
	p.sign(t, p.position, "checkpoint")
	cosigned := p.files(t)
	for age, stale := range map[time.Duration]bool{time.Hour: false, time.Hour + time.Second: true} {
		_, err := verify.Hashes(t.Context(), get(cosigned), nil, verify.Options{Trust: asking, MaxAge: time.Hour, Now: at.Add(age)})
		if errors.Is(err, verify.ErrStale) != stale || (err != nil) != stale {
			t.Errorf("after %v: %v", age, err)
		}
	}
	p.witness = nil
	p.sign(t, p.position, "stranger")
	stranger := bytes.Clone(p.Checkpoint)
	p.sign(t, p.position-1, "checkpoint")
	fewer := bytes.Clone(p.Checkpoint)
	for _, c := range []struct {
		name, file string
		change     func([]byte) []byte
		check      string
		position   uint64
	}{
		{"a bit of a tile", "tile/0/001", func(b []byte) []byte { b[32*3] ^= 1; return b }, verify.CheckTile, 257},
		{"a bit of the last tile", "tile/0/002.p/18", func(b []byte) []byte { b[32*3] ^= 1; return b }, verify.CheckCheckpoint, 0},
		{"a bit of a tile above", "tile/1/000.p/2", func(b []byte) []byte { b[32] ^= 1; return b }, verify.CheckTile, 257},
		{"a tile that is short", "tile/0/002.p/18", func(b []byte) []byte { return b[:32*17] }, verify.CheckTile, 513},
		{"a stranger's checkpoint", "checkpoint", func([]byte) []byte { return stranger }, verify.CheckTrust, 0},
		{"another root", "checkpoint", func([]byte) []byte { return fewer }, verify.CheckTile, 513},
	} {
		with := map[string][]byte{}
		for path, b := range files {
			with[path] = b
		}
		with[c.file] = c.change(bytes.Clone(files[c.file]))
		_, err := verify.Hashes(t.Context(), get(with), shown, verify.Options{})
		if b := (*chain.BrokenError)(nil); !errors.As(err, &b) || b.Check != c.check || b.Position != c.position {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	delete(files, "tile/1/000.p/2")
	if _, err := verify.Hashes(t.Context(), get(files), shown, verify.Options{}); err == nil {
		t.Error("a tile that is not there is not missed")
	}
}
