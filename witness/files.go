package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger/note"
)

// keyFile holds the vkey of the witness: what its name is, and what is given to those who are to trust it.
const keyFile = "vkey"

// ReadKey reads the key of the witness whose directory it is; an error that is [fs.ErrNotExist] where there was none yet.
func ReadKey(dir string) (note.Key, error) {
	b, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return note.Key{}, err
	}
	text, ok := strings.CutSuffix(string(b), "\n")
	k, err := note.ParseKey(text)
	if err == nil && (!ok || k.Kind != note.KindWitness) {
		err = errors.New("it is no witness's")
	}
	if err != nil {
		return note.Key{}, fmt.Errorf("%w: %s: %w", ErrDamaged, filepath.Join(dir, keyFile), err)
	}
	return k, nil
}

// ownKey sees to it that the directory is only ever used with one key: what was cosigned with another binds this one.
func ownKey(dir string, k note.Key) error {
	have, err := ReadKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return synced.WriteFile(filepath.Join(dir, keyFile), []byte(k.String()+"\n"), 0o600)
	}
	if err == nil && !have.Equal(k) {
		err = fmt.Errorf("the directory is of the witness %s, not of %s", have, k)
	}
	return err
}

// lock takes the directory for this process. The kernel gives it back however the process ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}

// escape makes a path that stands for itself in a pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
