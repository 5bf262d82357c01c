package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// keys copies what belongs to no one organization.
func (c *copying) keys(dir string, private bool) error {
	for _, top := range []string{"node", "keys"} {
		err := filepath.WalkDir(filepath.Join(dir, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".new") {
				return err
			}
			rel, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			rel = filepath.ToSlash(rel)
			if !private && !public(rel) {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return c.put(rel, b)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ofLedger are the names in an organization's directory that a backup has anyway, or that are made again.
var ofLedger = regexp.MustCompile(`^(journal.*|genesis|head.*|private.*|snapshot|log|guard.*|mended\.jsonl|stream)$|-aside-|\.new$`)

// beside copies what the server keeps of an organization beside its ledger, as webhooks with their secrets.
func (c *copying) beside() error {
	return filepath.WalkDir(c.from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was replaced meanwhile
		}
		if err != nil || path == c.from {
			return err
		}
		rel, err := filepath.Rel(c.from, path)
		if err != nil {
			return err
		}
		if ofLedger.MatchString(d.Name()) && (filepath.Dir(rel) == "." || strings.HasSuffix(rel, ".new")) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return c.put(filepath.ToSlash(rel), b)
	})
}

// public says whether a file below DIR/node or DIR/keys is no secret: the policy of witnesses, and which keys a signer program has.
func public(path string) bool {
	return strings.HasPrefix(path, "node/") && (strings.HasSuffix(path, ".policy") || strings.HasSuffix(path, ".held"))
}
