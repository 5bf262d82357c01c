package stream

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// TestMain lets more tests run beside each other than there are processors: those on clusters mostly wait for servers to
// elect a leader.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", "6") // the flag exists
	}
	m.Run()
}

// run starts a server on dir that is closed at the end of the test.
func run(t testing.TB, dir string) *Server {
	t.Helper()
	return runWith(t, Options{StoreDir: dir})
}

func runWith(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// deadline is a context that ends before the test binary gives up.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func create(t testing.TB, s *Server, org string) *Log {
	t.Helper()
	l, err := s.CreateLog(deadline(t), org)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendAll(t testing.TB, l *Log, after uint64, msgs []Msg) {
	t.Helper()
	for len(msgs) > 0 {
		n := min(len(msgs), 256)
		if err := l.Append(deadline(t), after, msgs[:n]); err != nil {
			t.Fatal(err)
		}
		after, msgs = after+uint64(n), msgs[n:]
	}
}

// group is n messages of about size bytes for org's ledger, different from each other and from those of another seed.
func group(org string, seed uint64, n, size int) []Msg {
	rnd := rand.New(rand.NewPCG(seed, 1))
	msgs := make([]Msg, n)
	for i := range msgs {
		data := fmt.Appendf(nil, `{"seed":%d,"i":%d,"text":"`, seed, i)
		for len(data) < size {
			data = append(data, "abcdefghijklmnop\r\n"[rnd.IntN(18)])
		}
		msgs[i] = Msg{"ledger." + org + "." + []string{"role.created", "role.assigned", "key-1.x"}[i%3], append(data, `"}`...)}
	}
	return msgs
}

// holds fails unless the ledger is exactly msgs, read in every way.
func holds(t testing.TB, l *Log, msgs []Msg) {
	t.Helper()
	n := 0
	for e, err := range l.Entries(deadline(t), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if n >= len(msgs) || e.Seq != uint64(n+1) || e.Subject != msgs[n].Subject || !bytes.Equal(e.Data, msgs[n].Data) {
			t.Fatalf("entry %d: got %d %s %.40q…", n+1, e.Seq, e.Subject, e.Data)
		}
		n++
	}
	if n != len(msgs) {
		t.Fatalf("got %d entries; want %d", n, len(msgs))
	}
	seq, data, err := l.Last(deadline(t))
	if err != nil || seq != uint64(n) || n > 0 && !bytes.Equal(data, msgs[n-1].Data) {
		t.Fatalf("last: got %d %.40q… %v; want %d", seq, data, err, n)
	}
}

// breaker is a way to the server whose connections do what a test tells them when entries or answers pass.
type breaker struct {
	srv *server.Server

	mu     sync.Mutex
	pubs   int           // entries seen
	acks   int           // answers to entries seen
	onPub  func(n int)   // called before the n-th entry (from 1) is passed on
	cutPub int           // breaks the connection before that entry is passed on, once
	cutAck int           // breaks the connection before that answer is passed on, once
	held   int           // answers from this one on wait for hold
	hold   chan struct{} // until it is closed
}

func (b *breaker) InProcessConn() (net.Conn, error) {
	c, err := b.srv.InProcessConn()
	return &brokenConn{c, b}, err
}

type brokenConn struct {
	net.Conn
	b *breaker
}

func (c *brokenConn) Write(p []byte) (int, error) {
	done := 0
	for {
		i := bytes.Index(p[done:], []byte("HPUB ledger."))
		if i < 0 {
			n, err := c.Conn.Write(p[done:])
			return done + n, err
		}
		if n, err := c.Conn.Write(p[done : done+i]); err != nil {
			return done + n, err
		}
		done += i
		c.b.mu.Lock()
		c.b.pubs++
		n, on, cut := c.b.pubs, c.b.onPub, c.b.pubs == c.b.cutPub
		c.b.mu.Unlock()
		if on != nil {
			on(n)
		}
		if cut {
			c.Conn.Close()
			return done, net.ErrClosed
		}
		n, err := c.Conn.Write(p[done : done+len("HPUB")])
		if done += n; err != nil {
			return done, err
		}
	}
}

func (c *brokenConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	k := bytes.Count(p[:n], []byte(`{"stream":"LEDGER_`))
	c.b.mu.Lock()
	before := c.b.acks
	c.b.acks += k
	cut := before < c.b.cutAck && c.b.cutAck <= c.b.acks
	hold := c.b.hold
	if c.b.held == 0 || c.b.acks < c.b.held {
		hold = nil
	}
	c.b.mu.Unlock()
	if k > 0 && hold != nil {
		<-hold
	}
	if cut {
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// runBroken starts a server whose connections the breaker returned controls.
func runBroken(t *testing.T, o Options) (*Server, *breaker) {
	t.Helper()
	b := &breaker{}
	s, err := start(o, func(srv *server.Server) nats.InProcessConnProvider {
		b.srv = srv
		return b
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, b
}
