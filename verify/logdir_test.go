package verify_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bundle/bundletest"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/verify"
)

// Given a data directory whose log was published, when a checkpoint, a tile or the history under them is changed, then that
// is noticed, and the file is named.
func TestLogDirectory(t *testing.T) {
	honest := dataDirectory(t)
	r := verified(t, honest, filepath.Join(honest, "orgs", acme))[0]
	if r.Kept == 0 || r.Checkpoint == nil || r.Checkpoint.Size != perOrganization || r.Checkpoint.Root != r.Root || len(r.Checkpoint.Keys) != 1 {
		t.Fatalf("%+v, %+v", r, r.Checkpoint)
	}
	if r := verified(t, honest, filepath.Join(honest, "orgs", acme))[0]; r.Kept == 0 {
		t.Errorf("%+v", r)
	}
	edit := func(change func([]byte) []byte) func(*testing.T, *disk, string) {
		return func(t *testing.T, d *disk, file string) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d.write(t, file, change(b))
		}
	}
	last := func(b []byte) *note.Note { // of a file of several records
		at := bytes.LastIndex(b[:len(b)-2], []byte("\n\n"))
		at = bytes.LastIndex(b[:at], []byte("\n\n")) + 2
		_, text, _ := bytes.Cut(b[max(at, 0):], []byte("\n"))
		n, err := note.Parse(text[:len(text)-1])
		if err != nil {
			t.Fatalf("%v: %q", err, b)
		}
		return n
	}
	for _, c := range []struct {
		name     string
		change   func(*testing.T, *disk, string)
		check    string
		position uint64
		found    string
	}{
		{"a line of no record", edit(func(b []byte) []byte { return append([]byte("something\n"), b...) }), chain.CheckForm, 0, "1 lines"},
		{"another time than the sum has", edit(func(b []byte) []byte { b[3] ^= 1; return b }), chain.CheckForm, 0, "not as it was written"},
		{"a last record that is none", edit(func(b []byte) []byte {
			b[bytes.LastIndex(b, []byte("— "))] ^= 4
			return b
		}), chain.CheckForm, 0, "behind the last one"},
		{"a signature that is none", edit(func(b []byte) []byte {
			n := last(b)
			old := n.Signatures[0].String()
			n.Signatures[0].Bytes[7] ^= 1
			return bytes.ReplaceAll(b, []byte(old), []byte(n.Signatures[0].String()))
		}), verify.CheckSigner, 0, "does not verify"},
		{"another root, of the same key", edit(func(b []byte) []byte {
			n := last(b)
			c, err := note.ParseCheckpoint(n.Text)
			if err != nil {
				t.Fatal(err)
			}
			c.Root[3] ^= 1
			return append(b, tlog.Record(time.UnixMilli(1), (&note.Note{Text: c.Text(), Signatures: n.Signatures}).Bytes())...)
		}), verify.CheckKept, perOrganization, "which was published"},
		{"a history that was cut", func(t *testing.T, d *disk, _ string) {
			d.cutJournal(t, perOrganization-1)
			d.cutStream(t, perOrganization-1)
			d.remove(t, filepath.Join(d.org, "head"))
		}, verify.CheckKept, perOrganization, "its end at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := dataDirectory(t)
			d := openDisk(t, dir, acme)
			c.change(t, d, filepath.Join(d.org, "log", "checkpoints"))
			_, err := directory(t, dir, d.org)
			wantBrokenFile(t, err, c.check, "log/checkpoints", c.position)
			if !strings.Contains(err.Error(), c.found) {
				t.Errorf("%v does not say %q", err, c.found)
			}
		})
	}
	t.Run("a write that a crash cut off", func(t *testing.T) {
		dir := dataDirectory(t)
		d := openDisk(t, dir, acme)
		file := filepath.Join(d.org, "log", "checkpoints")
		edit(func(b []byte) []byte { return append(b, "1781000000000 0011223344556677\nledger.exam"...) })(t, d, file)
		verified(t, dir, d.org)
	})
	t.Run("no checkpoint, and one is asked for", func(t *testing.T) {
		dir := dataDirectory(t)
		d := openDisk(t, dir, acme)
		d.remove(t, filepath.Join(d.org, "log", "checkpoints"))
		verified(t, dir, d.org)
		_, err := verify.Directory(t.Context(), d.org, verify.Options{MaxAge: time.Hour})
		wantBrokenFile(t, err, verify.CheckTrust, "checkpoint", 0)
	})
	t.Run("trusted", func(t *testing.T) {
		public, err := didkey.Parse(r.Checkpoint.Keys[0])
		if err != nil {
			t.Fatal(err)
		}
		p := &note.Policy{Logs: []note.Log{{Key: note.LogKey(r.Source, public)}}, Quorum: note.None}
		got, err := verify.Directory(t.Context(), filepath.Join(honest, "orgs", acme), verify.Options{Trust: p})
		if err != nil || !got[0].Checkpoint.Trusted {
			t.Errorf("%+v, %v", got[0], err)
		}
		p.Witnesses, p.Quorum = []note.Witness{{Name: "auditor", Key: witnessKey("auditor")}}, "auditor"
		_, err = verify.Directory(t.Context(), filepath.Join(honest, "orgs", acme), verify.Options{Trust: p})
		wantBrokenFile(t, err, verify.CheckTrust, "log/checkpoints", 0)
	})
}

// Given the full tiles of a log, when one is changed, then the entry is named from which on it is wrong; when one is gone,
// then only if a checkpoint needs it.
func TestLogTiles(t *testing.T) {
	w := many(t)
	p := pack(t, w)
	p.sign(t, p.position, "checkpoint")
	org := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		path := filepath.Join(org, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j, err := journal.Open(filepath.Join(org, "journal"), journal.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, en := range w.entries {
		if _, err := j.Append([][]byte{en.Bytes()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	write("genesis", []byte(`{"cid":"`+w.entries[0].CID()+`"}`))
	publish := func(size uint64) {
		bundletest.Checkpoint(t, p.Source, size)
		write("log/checkpoints", tlog.Record(time.UnixMilli(1), p.Checkpoint))
	}
	tile := func(index uint64) (string, []byte) {
		of := tree.Tile{Index: index, Width: tree.TileWidth}
		b, err := p.Tiles.Tile(of)
		if err != nil {
			t.Fatal(err)
		}
		return "log/" + of.Path(), b
	}
	first, content := tile(0)
	second, other := tile(1)
	write(first, content)
	write(second, other)
	publish(p.position)
	for _, fast := range []bool{false, true} {
		if r, err := verify.Directory(t.Context(), org, verify.Options{Fast: fast}); err != nil || r[0].Kept != 1 {
			t.Fatal(err)
		}
	}
	changed := bytes.Clone(other)
	changed[32*9+1] ^= 1
	for name, b := range map[string][]byte{"a bit": changed, "of the tile before": content, "short": other[:32*9], "long": append(bytes.Clone(other), 0)} {
		write(second, b)
		_, err := verify.Directory(t.Context(), org, verify.Options{Fast: true})
		wantBrokenFile(t, err, verify.CheckTile, second, map[string]uint64{"a bit": 257 + 9, "of the tile before": 257, "short": 257 + 9, "long": 257 + 255}[name])
	}
	if err := os.Remove(filepath.Join(org, filepath.FromSlash(second))); err != nil {
		t.Fatal(err)
	}
	_, err = verify.Directory(t.Context(), org, verify.Options{Fast: true})
	wantBrokenFile(t, err, verify.CheckTile, second, 257)
	publish(512)
	_, err = verify.Directory(t.Context(), org, verify.Options{Fast: true})
	wantBrokenFile(t, err, verify.CheckTile, second, 257)
	publish(511)
	if _, err := verify.Directory(t.Context(), org, verify.Options{Fast: true}); err != nil {
		t.Errorf("a tile that no checkpoint needs yet: %v", err)
	}
}
