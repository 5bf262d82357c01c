//go:build unix

package natstest

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// Proxy is a way to all servers of a cluster that a test can break: for a client that uses its URLs nothing else leads
// there.
type Proxy struct {
	// URLs lead to the servers, in their order, separated by commas.
	URLs string

	mu    sync.Mutex
	cut   bool
	stall chan struct{}     // closed where bytes may pass
	conns map[net.Conn]bool // both sides
}

// Proxy makes one; it is closed at the end of the test.
func (c *Cluster) Proxy(t testing.TB) *Proxy {
	t.Helper()
	p := &Proxy{conns: map[net.Conn]bool{}, stall: make(chan struct{})}
	close(p.stall)
	var urls []string
	for _, s := range c.nodes {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		t.Cleanup(func() { l.Close() })
		urls = append(urls, "nats://"+l.Addr().String())
		go p.accept(l, s.listen)
	}
	t.Cleanup(p.Cut)
	p.URLs = strings.Join(urls, ",")
	return p
}

// Cut breaks all connections, and each new one at once, until [Proxy.Heal].
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		c.Close()
	}
	p.passLocked()
}

// Stall lets nothing pass either way, while all connections stay, until [Proxy.Heal] or [Proxy.Cut].
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.stall:
		p.stall = make(chan struct{})
	default:
	}
}

// Heal undoes Cut and Stall. What a stall held up passes now.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	p.passLocked()
}

func (p *Proxy) passLocked() {
	select {
	case <-p.stall:
	default:
		close(p.stall)
	}
}

func (p *Proxy) accept(l net.Listener, to string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // the test ended
		}
		server, err := net.Dial("tcp", to)
		if err != nil { // the server is down
			client.Close()
			continue
		}
		p.mu.Lock()
		if p.cut {
			client.Close()
			server.Close()
		} else {
			p.conns[client], p.conns[server] = true, true
		}
		p.mu.Unlock()
		go p.pass(client, server)
		go p.pass(server, client)
	}
}

func (p *Proxy) pass(to, from net.Conn) {
	defer func() {
		to.Close()
		from.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, from)
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			stall := p.stall
			p.mu.Unlock()
			<-stall
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
