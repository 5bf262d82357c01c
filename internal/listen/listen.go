// Package listen opens the addresses that a server of ours takes connections on: with TLS whose certificate is read again
// when its files are replaced, without it on loopback alone unless the caller insists, and with a bound on how many
// connections one address has at a time.
package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// ErrPlain says that an address would be reached from other machines without TLS.
var ErrPlain = errors.New("other machines would reach this without TLS")

// Loopback gives the address to listen on where all of it is of this machine. Errors wrap [ErrPlain]. A name is resolved
// once: what is listened on is the address that was judged.
func Loopback(address string) (string, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return "", err
	}
	if !at.IP.IsLoopback() { // no IP at all stands for every address
		return "", fmt.Errorf("%w: %s", ErrPlain, address)
	}
	return at.String(), nil
}

// Bounded gives a listener that takes each connection from an address that has fewer than most, and closes others at once.
// Of IPv6 a /64 counts as one address, for that is what one customer gets. Addresses for which exempt says so are not
// counted: a proxy on this machine counts its own. refused is told of the first refusal of each that are in sequence.
func Bounded(l net.Listener, most int, exempt func(netip.Addr) bool, refused func(netip.Addr)) net.Listener {
	return &bounded{Listener: l, most: most, exempt: exempt, refused: refused, have: map[netip.Addr]int{}}
}

type bounded struct {
	net.Listener
	most    int
	exempt  func(netip.Addr) bool
	refused func(netip.Addr)

	mu   sync.Mutex
	have map[netip.Addr]int
	last netip.Addr // that was refused, and nobody since
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := Of(c.RemoteAddr())
		if !from.IsValid() || b.exempt(from) {
			return c, nil
		}
		if b.enter(from) {
			return &counted{Conn: c, leave: func() { b.leave(from) }}, nil
		}
		_ = c.Close()
	}
}

func (b *bounded) enter(from netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.have[from] >= b.most {
		if b.last != from {
			b.last = from
			b.refused(from)
		}
		return false
	}
	b.have[from]++
	b.last = netip.Addr{}
	return true
}

func (b *bounded) leave(from netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.have[from]--; b.have[from] == 0 {
		delete(b.have, from)
	}
}

// Of gives the address that a peer is counted under: without port and zone, the /64 of an IPv6 address. It is not valid where
// the peer has none.
func Of(peer net.Addr) netip.Addr {
	t, ok := peer.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return Counted(t.AddrPort().Addr())
}

// Counted is [Of] for an address.
func Counted(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, _ := a.Prefix(64) // fits every IPv6 address
	return p.Addr()
}

// counted is a connection that says once that it is closed.
type counted struct {
	net.Conn
	closed atomic.Bool
	leave  func()
}

func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.leave()
	}
	return c.Conn.Close()
}
