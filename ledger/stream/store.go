package stream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// StreamDir is the directory in which the server on storeDir keeps a stream, whichever account it is in. The error wraps
// [fs.ErrNotExist] where there is none.
func StreamDir(storeDir, streamName string) (string, error) {
	if _, err := parseID(streamName); err != nil {
		return "", err
	}
	root := filepath.Join(storeDir, "jetstream")
	accounts, err := os.ReadDir(root)
	if err != nil {
		return "", err
	}
	var found []string
	for _, a := range accounts {
		dir := filepath.Join(root, a.Name(), "streams", streamName)
		if _, err := os.Stat(dir); err == nil {
			found = append(found, dir)
		} else if !errors.Is(err, fs.ErrNotExist) && a.IsDir() {
			return "", err
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("no directory of %s in %s: %w", streamName, root, fs.ErrNotExist)
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("%s exists in more than one account: %q", streamName, found)
	}
}

// SetAside moves the directory of org's ledger stream to the path to, which must not exist and must be on the same file
// system, so that the stream can be made again from the journal. No server may run on storeDir. It deletes nothing.
func SetAside(storeDir, org, to string) error {
	i, err := newID(kindLedger, org)
	if err != nil {
		return err
	}
	from, err := StreamDir(storeDir, i.stream())
	if err != nil {
		return fmt.Errorf("stream: set %s aside: %w", i.stream(), err)
	}
	// Rename would replace an empty directory.
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("stream: set %s aside: %s: %w", i.stream(), to, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stream: set %s aside: %w", i.stream(), err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("stream: set %s aside: %w", i.stream(), err)
	}
	// The new place first: a power cut in between may show the directory in both, never in none.
	for _, dir := range []string{filepath.Dir(to), filepath.Dir(from)} {
		if err := syncPath(dir); err != nil {
			return fmt.Errorf("stream: set %s aside: %w", i.stream(), err)
		}
	}
	return nil
}

// SyncStore syncs the files and directories of org's ledger stream, and the directories above them up to storeDir. After
// [Conn.CreateLog] this makes the stream itself durable.
func SyncStore(storeDir, org string) error {
	i, err := newID(kindLedger, org)
	if err != nil {
		return err
	}
	dir, err := StreamDir(storeDir, i.stream())
	if err != nil {
		return fmt.Errorf("stream: sync %s: %w", i.stream(), err)
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := syncPath(path); !errors.Is(err, fs.ErrNotExist) { // a running server replaces its index
			return err
		}
		return nil
	})
	// <storeDir>/jetstream/<account>/streams/<name>
	for up := 0; err == nil && up < 4; up++ {
		dir = filepath.Dir(dir)
		err = syncPath(dir)
	}
	if err != nil {
		return fmt.Errorf("stream: sync %s: %w", i.stream(), err)
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
