package node

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// MinFree is how much must be free on the file system of a data directory, in bytes, unless [Options.MinFree] says
// otherwise. nats-server stops for good when it meets a full disk, and begins a block of up to 8 MiB at a time.
const MinFree = 64 << 20

// NoMinFree is [Options.MinFree] of a directory on whose file system nothing need be free.
const NoMinFree = math.MaxUint64

// ErrNoSpace says that too little is free for another command to be recorded.
var ErrNoSpace = errors.New("too little space is free")

// spaceEvery is how often the file system is asked.
const spaceEvery = 50 * time.Millisecond

// room refuses commands while less than the floor is free. It is asked for each group, by the deciders of all ledgers, and
// asks the file system now and then.
func (n *Node) room() error {
	n.space.Lock()
	defer n.space.Unlock()
	now := time.Now()
	if now.Sub(n.spaceAt) < spaceEvery {
		return n.full
	}
	free, err := freeSpace(n.dir)
	if err == nil && free < n.opts.MinFree {
		err = fmt.Errorf("%w: %s on the file system of %s, and %s are kept free; commands are recorded again once there is more",
			ErrNoSpace, size(free), n.dir, size(n.opts.MinFree))
	}
	if (err == nil) != (n.full == nil) {
		if err != nil {
			n.log.Error("no command is recorded until there is more space", "error", err)
		} else {
			n.log.Warn("there is space again; commands are recorded")
		}
	}
	n.spaceAt, n.full = now, err
	return err
}

// storedEvery is how often the size of a journal is looked at.
const storedEvery = time.Second

// stored remembers how much an organization's entries take.
type stored struct {
	mu    sync.Mutex
	at    time.Time
	bytes uint64
}

// Stored gives how many bytes the entries of the organization take in the journal, as of a second ago at most.
func (o *Org) Stored() (uint64, error) {
	o.stored.mu.Lock()
	defer o.stored.mu.Unlock()
	if now := time.Now(); now.Sub(o.stored.at) >= storedEvery {
		files, err := os.ReadDir(o.journalDir)
		if err != nil {
			return 0, fmt.Errorf("look at how much the entries take: %w", err)
		}
		sum := uint64(0)
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				return 0, fmt.Errorf("look at how much the entries take: %w", err)
			}
			sum += uint64(info.Size())
		}
		o.stored.at, o.stored.bytes = now, sum
	}
	return o.stored.bytes, nil
}

// Free gives how many bytes are free on the file system of the directory.
func (n *Node) Free() (uint64, error) { return freeSpace(n.dir) }

// size says a number of bytes for people.
func size(bytes uint64) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	case bytes >= 1<<10:
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d bytes", bytes)
}

// freeSpace gives how many bytes this user can still write to the file system of a path.
func freeSpace(path string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("ask how much space is free: %w", err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
