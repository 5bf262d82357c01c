package faults

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mountSmall mounts an empty file system of some bytes in memory.
func mountSmall(dir string, size int64) (unmount func() error, err error) {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return nil, err
	}
	return func() error { return unix.Unmount(dir, unix.MNT_DETACH) }, nil
}
