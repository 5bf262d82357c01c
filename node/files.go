package node

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

var (
	// ErrOpenFiles says that the process may not have as many files open as the directory needs.
	ErrOpenFiles = errors.New("too few open files are allowed")
	// ErrOwner says that a file is not this user's, or that everybody may write to it.
	ErrOwner = errors.New("file with the wrong owner or mode")
)

// openFiles gives how many files this process may have open.
func openFiles() (uint64, error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("ask how many files may be open: %w", err)
	}
	return l.Cur, nil
}

// filesNeeded is how many files a node may have open at once: nats-server's blocks, and some for all else.
func filesNeeded(files int) uint64 { return uint64(files) + 256 }

// isAside says whether a directory below DIR/orgs holds what was set aside: nobody reads it.
func isAside(name string) bool {
	return strings.HasPrefix(name, "_") || strings.Contains(name, "-aside-") || strings.HasPrefix(name, guardName+".")
}

// sane refuses a file that somebody else could change, or that this process would leave to somebody else: what another
// user's process cannot read later, its nats-server deletes.
func sane(path string, info fs.FileInfo, uid int) error {
	if info.Mode()&fs.ModeSymlink != 0 { // put there by a person, who knows why
		return nil
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is no regular file", ErrOwner, path)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%w: everybody may write to %s (mode %04o); `chmod o-w` it", ErrOwner, path, info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
		return fmt.Errorf("%w: %s belongs to user %d, this process is of user %d: run it as that user, or `chown -R` the directory", ErrOwner, path, st.Uid, uid)
	}
	return nil
}
