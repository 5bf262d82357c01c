package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/internal/synced"
)

// pendingSuffix ends the name of a file that takes the place of another once the manifest names its content.
const pendingSuffix = ".next"

// put writes a file beside where it belongs, for [Manifest.settle] to put it there; one that is there already with this content
// stays.
func (c *copying) put(name string, content []byte) error {
	path := c.path(name)
	digest := sha256.Sum256(content)
	f := File{Path: strings.TrimPrefix(c.to+"/"+name, "/"), Size: int64(len(content)), SHA256: hex.EncodeToString(digest[:])}
	c.l.Files = append(c.l.Files, f)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return errors.Join(synced.WriteFile(path+pendingSuffix, content, 0o600), synced.Dir(filepath.Dir(filepath.Dir(path))))
}

// settle ends what a run that was cut off, or is at its end, has left: files that the manifest names are put where they belong,
// and entries that it does not know are cut off.
func (m *Manifest) settle(dest string) error {
	for _, f := range m.all() {
		path := filepath.Join(dest, filepath.FromSlash(f.Path))
		fresh, err := sum(path+pendingSuffix, f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if fresh != f { // of a run that did not come to its manifest
			err = os.Remove(path + pendingSuffix)
		} else {
			err = os.Rename(path+pendingSuffix, path)
		}
		if err = errors.Join(err, synced.Dir(filepath.Dir(path))); err != nil {
			return err
		}
	}
	for _, l := range m.Ledgers {
		if err := l.trim(dest); err != nil {
			return fmt.Errorf("%s: %w", l.Organization, err)
		}
	}
	return nil
}

func (m *Manifest) all() []File {
	all := append([]File(nil), m.Files...)
	for _, l := range m.Ledgers {
		all = append(all, l.Files...)
	}
	return all
}

// trim cuts off the journal what the manifest does not name.
func (l *Ledger) trim(dest string) error {
	prefix := ledgersDir + "/" + l.Organization + "/journal/"
	dir := filepath.Join(dest, filepath.FromSlash(prefix))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	changed := false
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		f, known := l.file(prefix + e.Name())
		switch {
		case !known:
			err = os.Remove(path)
		case larger(path, f.Size):
			err = cut(path, f.Size)
		default:
			continue
		}
		if err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return synced.Dir(dir)
}

func cut(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

func sized(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == size
}

func larger(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > size
}

// strip removes files that the manifest does not name: private keys that are no longer to be there, above all.
func (m *Manifest) strip(dest string) error {
	named := map[string]bool{}
	for _, f := range m.all() {
		named[f.Path] = true
	}
	for _, top := range []string{"node", "keys", ledgersDir} {
		err := filepath.WalkDir(filepath.Join(dest, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if rel, err := filepath.Rel(dest, path); err != nil || named[filepath.ToSlash(rel)] {
				return err
			}
			return errors.Join(os.Remove(path), synced.Dir(filepath.Dir(path)))
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sum gives size and digest of a file.
func sum(path, name string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return File{Path: name, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// escape keeps a directory's name from being a pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
