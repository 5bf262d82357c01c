// Package synced puts files on the disk so that a power cut leaves them whole: what POSIX asks for is that the content is
// synced before the rename that shows it, and the directory after it.
package synced

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a file as a whole, for good: after a crash it is there with this content, or as it was before. Its name
// with .new behind it is used meanwhile. It is for one caller of a path at a time.
func WriteFile(path string, content []byte, mode fs.FileMode) error {
	if err := Replace(path, content, mode); err != nil {
		return err
	}
	return Dir(filepath.Dir(path))
}

// Replace is WriteFile without the sync of the directory: a power cut may bring back what was there before, whole.
func Replace(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Dir syncs a directory, so that the names in it outlast a power cut.
func Dir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
