package backup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// of gives a manifest of one ledger, of files that are written below dir.
func of(t *testing.T, dir string, files map[string]string) *Manifest {
	t.Helper()
	m := &Manifest{Marker: []byte(`{}`), Ledgers: []Ledger{{Organization: "main"}}}
	for name, text := range files {
		path := filepath.Join(dir, "ledgers", "main", name)
		write(t, path, text)
		f, err := sum(path, "ledgers/main/"+name)
		if err != nil {
			t.Fatal(err)
		}
		m.Ledgers[0].Files = append(m.Ledgers[0].Files, f)
	}
	return m
}

// Given a run that was cut off after it had appended entries and put files beside others, when the backup is next opened, then
// it is as its manifest says: the old one where the new one was not written, the new one where it was.
func TestSettle(t *testing.T) {
	for name, committed := range map[string]bool{"before the manifest": false, "behind the manifest": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			before := of(t, dir, map[string]string{"journal/00000000.seg": "one", "private": "old"})
			after := of(t, dir, map[string]string{"journal/00000000.seg": "one two", "journal/00000001.seg": "three", "private": "new"})
			write(t, filepath.Join(dir, "ledgers/main/private"), "old")
			write(t, filepath.Join(dir, "ledgers/main/private"+pendingSuffix), "new")
			m := before
			if committed {
				m = after
			}
			if err := m.write(dir, time.Now()); err != nil {
				t.Fatal(err)
			}
			read, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := read.settle(dir); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"journal/00000000.seg": "one", "journal/00000001.seg": "", "private": "old", "private" + pendingSuffix: ""}
			if committed {
				want = map[string]string{"journal/00000000.seg": "one two", "journal/00000001.seg": "three", "private": "new", "private" + pendingSuffix: ""}
			}
			for file, text := range want {
				if got := content(t, filepath.Join(dir, "ledgers/main", file)); got != text {
					t.Errorf("%s holds %q; want %q", file, got, text)
				}
			}
		})
	}
}

// Given private keys that the manifest does not name, then they are removed from a backup.
func TestStrip(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "keys", "owner.key"), "secret")
	write(t, filepath.Join(dir, "node", "main", "z6M.key"+pendingSuffix), "secret")
	write(t, filepath.Join(dir, "node", "witnesses.policy"), "quorum none\n")
	m := &Manifest{Files: []File{{Path: "node/witnesses.policy"}}}
	if err := os.Mkdir(filepath.Join(dir, ledgersDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := m.strip(dir); err != nil {
		t.Fatal(err)
	}
	if content(t, filepath.Join(dir, "keys", "owner.key"))+content(t, filepath.Join(dir, "node", "main", "z6M.key"+pendingSuffix)) != "" {
		t.Error("keys are still there")
	}
	if content(t, filepath.Join(dir, "node", "witnesses.policy")) == "" {
		t.Error("what the manifest names is gone")
	}
}

// Given manifests that somebody else wrote, then none leads out of the backup.
func TestHostileManifests(t *testing.T) {
	const good = `{"format":1,"made":"2026-01-01T00:00:00.000Z","marker":{},"keys":false,"ledgers":[{"organization":"main","source":"h/main","genesis":"b","position":1,"cid":"b","root":"00","signed":true,"files":[{"path":"ledgers/main/head","size":1,"sha256":"00"}]}],"files":[]}`
	for name, change := range map[string][2]string{
		"nothing":                    {"", ""},
		"a path above":               {`ledgers/main/head`, `ledgers/main/../../../head`},
		"an absolute path":           {`"files":[]`, `"files":[{"path":"/tmp/x","size":1,"sha256":"00"}]`},
		"a path out of node":         {`"files":[]`, `"files":[{"path":"../x","size":1,"sha256":"00"}]`},
		"a file beside":              {`"files":[]}`, `"files":[{"path":"permledger.json","size":1,"sha256":"00"}]}`},
		"a file of another ledger":   {`ledgers/main/head`, `ledgers/other/head`},
		"an organization with slash": {`"organization":"main"`, `"organization":"../main"`},
		"an unknown member":          {`"keys":false`, `"keys":false,"more":1`},
		"another format":             {`"format":1`, `"format":2`},
		"half of it":                 {`"files":[]}`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, ManifestFile), strings.Replace(good, change[0], change[1], 1))
			if _, err := Read(dir); (err == nil) != (name == "nothing") {
				t.Errorf("read: %v", err)
			}
		})
	}
}
