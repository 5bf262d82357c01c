package journal

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// file is what the package writes with. osFile is the only one outside tests, where a sync can be made to fail.
type file interface {
	io.WriterAt
	Sync() error
	Datasync() error // as Sync, but for what is not needed to read the data: see fdatasync(2)
	Truncate(size int64) error
	Close() error
}

type osFile struct{ *os.File }

// disk is how files are opened for writing and directories synced.
type disk struct {
	open    func(name string, flag int) (file, error)
	syncDir func(name string) error
}

var osDisk = disk{
	open: func(name string, flag int) (file, error) {
		f, err := os.OpenFile(name, flag, 0o600)
		if err != nil {
			return nil, err // not f, which would be a file that is not nil
		}
		return osFile{f}, nil
	},
	syncDir: func(name string) error {
		d, err := os.Open(name)
		if err != nil {
			return err
		}
		defer d.Close()
		return d.Sync()
	},
}

// write makes or changes the file name, opened with flag, to hold what from gives, from byte 0 on, and syncs it, not
// its directory.
func (d disk) write(name string, flag int, from io.Reader) error {
	f, err := d.open(name, flag|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(f, 0), from)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// replace puts a new synced file with what from gives in the place of name. Another process sees the old or the new
// file, and so does the next start after a crash.
func (d disk) replace(name string, from io.Reader) error {
	fresh := name + ".new"
	if err := d.write(fresh, os.O_CREATE|os.O_TRUNC, from); err != nil {
		return err
	}
	if err := os.Rename(fresh, name); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(name))
}

// rewrite replaces name by a synced copy of itself and takes away the marker that asked for it.
//
// After a failed sync the kernel may call pages clean that never reached the disk. Reading them back proves nothing, and
// a second sync of the same file has nothing to do and succeeds. Only bytes written anew to another file are certain.
func (d disk) rewrite(name, marker string) error {
	old, err := os.Open(name)
	if err != nil {
		return err
	}
	defer old.Close()
	if err := d.replace(name, old); err != nil {
		return fmt.Errorf("copy %s: %w", name, err)
	}
	// A crash from here on leaves the marker or not; with it, the next start copies once more.
	if err := os.Remove(marker); err != nil && !os.IsNotExist(err) {
		return err
	}
	return d.syncDir(filepath.Dir(marker))
}

// mark leaves the marker that makes the next start rewrite a file. It is best effort, for the disk has just refused a
// sync: without a marker the next start has no more than the sync it does itself.
func (d disk) mark(marker string) {
	f, err := d.open(marker, os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return
	}
	_ = f.Sync()
	_ = f.Close()
	_ = d.syncDir(filepath.Dir(marker))
}

func exists(name string) (bool, error) {
	_, err := os.Lstat(name)
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}
