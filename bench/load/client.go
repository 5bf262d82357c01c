package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// client is one connection: it has either a request under way or is closed.
type client struct {
	number int // of the run's clients
	fd     int // negative: it is closed
	next   int // the number of the request that is under way
	sent   time.Time
	rest   []byte // of the request, not written yet
	stuck  bool   // the rest is written once the connection takes it
	have   []byte // of the answer
	body   []byte // room for the body of an answer in chunks
}

func (c *client) dial(r *run) error {
	to, err := netip.ParseAddrPort(r.target.Addr)
	if err != nil || !to.Addr().Is4() {
		return fmt.Errorf("%s is no IPv4 address with a port", r.target.Addr)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	unix.CloseOnExec(fd)
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err == nil {
		err = r.waiter.watch(fd, c.number, false)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("connect to %s: %w", r.target.Addr, err), unix.Close(fd))
	}
	c.fd, c.have, c.rest, c.stuck = fd, c.have[:0], nil, false
	return nil
}

func (c *client) close() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
	}
	c.fd = -1
}

// send begins the request whose turn it is, unless the time is over.
func (c *client) send(r *run) {
	if c.sent = time.Now(); !c.sent.Before(r.end) {
		c.close()
		return
	}
	c.rest = r.target.Requests[c.next]
	c.write(r)
}

func (c *client) write(r *run) {
	n, err := unix.Write(c.fd, c.rest)
	if n > 0 {
		c.rest = c.rest[n:]
	}
	if err == nil || again(err) {
		err = nil
		if stuck := len(c.rest) > 0; stuck != c.stuck {
			c.stuck = stuck
			err = r.waiter.watch(c.fd, c.number, stuck)
		}
	}
	if err != nil {
		c.failed(r, fmt.Errorf("write: %w", err))
	}
}

func again(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) }

// failed notes that the request has no answer, and goes on with the next one on another connection: nobody knows where on
// this one the next answer would begin.
func (c *client) failed(r *run, err error) {
	r.fail(err)
	c.close()
	if !time.Now().Before(r.end) {
		return
	}
	err = c.dial(r)
	if err == nil { // what it is asked is written when it can be: failures in a row do not pile up on the stack
		c.next = (c.next + 1) % len(r.target.Requests)
		c.sent, c.rest, c.stuck = time.Now(), r.target.Requests[c.next], true
		err = r.waiter.watch(c.fd, c.number, true)
	}
	if err != nil {
		r.fail(err)
		c.close()
	}
}

// ready goes on where the connection can be read or written.
func (c *client) ready(r *run) {
	if len(c.rest) > 0 {
		if c.write(r); len(c.rest) > 0 || c.fd < 0 {
			return
		}
	}
	if len(c.have) == cap(c.have) {
		c.have = append(c.have, make([]byte, max(8<<10, cap(c.have)))...)[:len(c.have)]
	}
	n, err := unix.Read(c.fd, c.have[len(c.have):cap(c.have)])
	if n > 0 {
		c.have = c.have[:len(c.have)+n]
	}
	switch {
	case err != nil && again(err):
		return
	case err == nil && n == 0:
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		c.failed(r, fmt.Errorf("read: %w", err))
		return
	}
	status, body, whole, err := c.answer()
	if err == nil && !whole {
		return
	}
	if err == nil {
		err = r.answered(c.next, c.sent, status, body)
	}
	if err != nil {
		c.failed(r, err)
		return
	}
	c.have = c.have[:0]
	c.next = (c.next + 1) % len(r.target.Requests)
	c.send(r)
}

// answer gives the answer, where all of it has come. What it gives is good until more is read.
func (c *client) answer() (status int, body []byte, whole bool, err error) {
	status, body, used, err := parse(c.have, c.body[:0])
	if err != nil || used == 0 {
		return 0, nil, false, err
	}
	if used < len(c.have) {
		return 0, nil, false, fmt.Errorf("%w: more came than was asked for", errForm)
	}
	if cap(body) > cap(c.body) {
		c.body = body[:0:0]
	}
	return status, body, true, nil
}
