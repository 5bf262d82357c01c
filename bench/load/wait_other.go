//go:build unix && !linux

package load

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// waiter waits for many connections at once.
type waiter struct{ polled []unix.PollFd }

func newWaiter() (*waiter, error) { return &waiter{}, nil }

func (w *waiter) close() {}

// watch waits for a new connection, too, and gives its number when it can be read; with write, once it can be written.
func (w *waiter) watch(fd, number int, write bool) error {
	for len(w.polled) <= number {
		w.polled = append(w.polled, unix.PollFd{Fd: -1}) // it is passed over
	}
	w.polled[number] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	if write {
		w.polled[number].Events |= unix.POLLOUT
	}
	return nil
}

// wait calls ready with the numbers of the connections that can go on, or returns without after a while.
func (w *waiter) wait(ready func(number int)) error {
	if _, err := unix.Poll(w.polled, 100); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("load: poll: %w", err)
	}
	for i := range w.polled {
		if w.polled[i].Revents != 0 {
			ready(i)
		}
	}
	return nil
}
