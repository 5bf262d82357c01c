package load

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// waiter waits for many connections at once.
type waiter struct {
	fd     int
	events [64]unix.EpollEvent
}

func newWaiter() (*waiter, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &waiter{fd: fd}, err
}

func (w *waiter) close() { _ = unix.Close(w.fd) }

// watch waits for a new connection, too, and gives its number when it can be read; with write, once it can be written.
// A connection that is closed is watched no more.
func (w *waiter) watch(fd, number int, write bool) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(number)}
	if write {
		e.Events |= unix.EPOLLOUT
	}
	err := unix.EpollCtl(w.fd, unix.EPOLL_CTL_MOD, fd, &e)
	if errors.Is(err, unix.ENOENT) {
		err = unix.EpollCtl(w.fd, unix.EPOLL_CTL_ADD, fd, &e)
	}
	return err
}

// wait calls ready with the numbers of the connections that can go on, or returns without after a while.
func (w *waiter) wait(ready func(number int)) error {
	n, err := unix.EpollWait(w.fd, w.events[:], 100)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("load: epoll: %w", err)
	}
	for _, e := range w.events[:max(n, 0)] {
		ready(int(e.Fd))
	}
	return nil
}
