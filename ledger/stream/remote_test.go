//go:build unix

package stream

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// long reports whether the tests may take their time.
func long() bool { return os.Getenv("PERMLEDGER_LONG") != "" }

func remoteOptions(c *natstest.Cluster, urls string) RemoteOptions {
	return RemoteOptions{URLs: urls, Credentials: c.Credentials, Replicas: c.Len(), SyncAlways: true, AckWait: 10 * time.Second}
}

// remote connects to urls of the cluster, with permledger's credentials.
func remote(t testing.TB, c *natstest.Cluster, urls string, more ...nats.Option) *Conn {
	t.Helper()
	conn, err := connectRemote(remoteOptions(c, urls), more...)
	for wait := deadline(t); errors.Is(err, context.DeadlineExceeded) && wait.Err() == nil; { // a server that has just found the others
		conn, err = connectRemote(remoteOptions(c, urls), more...)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func createOn(t testing.TB, conn *Conn, org string) *Log {
	t.Helper()
	l, err := conn.CreateLog(deadline(t), org)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func openOn(t testing.TB, conn *Conn, org string) *Log {
	t.Helper()
	l, err := conn.OpenLog(deadline(t), org)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// hasty is l with a connection that soon goes to another server: for tests whose servers fall silent.
func hasty(l *Log) *Log {
	l.c.ackWait = time.Second
	return l
}

// wire is a dialer whose connections a test watches and changes. Its functions are called with the bytes of one piece of
// what the client writes, cut before each message to a ledger.
type wire struct {
	mu      sync.Mutex
	entries int // messages to a ledger seen
	dials   int // connections made

	// entry is called before the n-th of them (from 1) is passed on; an error breaks the connection instead.
	entry func(n int) error
	// passed is called after the n-th was passed on and the server has taken it in.
	passed func(n int)
	// lost is set by passed where no answer is to reach the client: else one that came faster than a connection breaks would.
	lost atomic.Bool
	// rewrite may change what the client writes, without changing its length.
	rewrite func(b []byte) []byte
}

func (w *wire) Dial(network, addr string) (net.Conn, error) {
	c, err := net.DialTimeout(network, addr, dialWait)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.dials++
	w.mu.Unlock()
	wc := &wired{Conn: c, w: w, pongs: make(chan struct{}, 1)}
	wc.more = sync.NewCond(&wc.mu)
	go wc.pump()
	return wc, nil
}

type wired struct {
	net.Conn
	w     *wire
	pongs chan struct{}

	// What came and is not read yet: nats.go writes under the lock that its reading needs too, so a Write that waits for
	// a PONG must not wait for a Read.
	mu   sync.Mutex
	more *sync.Cond
	in   bytes.Buffer
	err  error
	held bool // nothing is read, while passed is being called
	lost bool // what comes is thrown away
}

func (c *wired) pump() {
	b := make([]byte, 64<<10)
	for {
		n, err := c.Conn.Read(b)
		if bytes.Contains(b[:n], []byte("PONG\r\n")) {
			select {
			case c.pongs <- struct{}{}:
			default:
			}
		}
		c.mu.Lock()
		if !c.lost {
			c.in.Write(b[:n])
		}
		c.err = err
		c.more.Broadcast()
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

var hpub = []byte("HPUB ledger.")

func (c *wired) Write(p []byte) (int, error) {
	b := p
	if c.w.rewrite != nil {
		b = c.w.rewrite(bytes.Clone(p))
	}
	for done := 0; done < len(b); {
		end := len(b)
		if i := bytes.Index(b[done+1:], hpub); i >= 0 {
			end = done + 1 + i
		}
		if piece := b[done:end]; bytes.HasPrefix(piece, hpub) {
			if err := c.message(piece); err != nil {
				c.Conn.Close()
				return done, err
			}
		} else if _, err := c.Conn.Write(piece); err != nil {
			return done, err
		}
		done = end
	}
	return len(p), nil
}

// message passes one message on, and waits until the server has taken it in where somebody wants to know.
func (c *wired) message(b []byte) error {
	w := c.w
	w.mu.Lock()
	w.entries++
	n, entry, passed := w.entries, w.entry, w.passed
	w.mu.Unlock()
	if entry != nil {
		if err := entry(n); err != nil {
			return err
		}
	}
	if passed == nil {
		_, err := c.Conn.Write(b)
		return err
	}
	c.hold()
	defer c.release()
	select {
	case <-c.pongs:
	default:
	}
	if _, err := c.Conn.Write(append(bytes.Clone(b), "PING\r\n"...)); err != nil {
		return err
	}
	select {
	case <-c.pongs:
	case <-time.After(10 * time.Second):
		return errors.New("no PONG")
	}
	passed(n)
	return nil
}

func (c *wired) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

func (c *wired) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = false
	if c.w.lost.Swap(false) {
		c.lost = true
		c.in.Reset()
	}
	c.more.Broadcast()
}

func (c *wired) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.held || c.in.Len() == 0 {
		if !c.held && c.err != nil {
			return 0, c.err
		}
		c.more.Wait()
	}
	return c.in.Read(p)
}

// Given one server or three, then a ledger is written and read as it is in an embedded one.
func TestRemoteAppendRead(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		c := natstest.Start(t, n)
		conn := remote(t, c, c.URLs)
		if _, err := conn.OpenLog(deadline(t), "acme"); !errors.Is(err, ErrMissing) {
			t.Fatalf("got %v; want %v", err, ErrMissing)
		}
		l := createOn(t, conn, "acme")
		holds(t, l, nil)
		if _, err := conn.CreateLog(deadline(t), "acme"); !errors.Is(err, ErrExists) {
			t.Fatalf("got %v; want %v", err, ErrExists)
		}
		msgs := group("acme", 1, 900, 200)
		msgs[0].Data = bytes.Repeat([]byte("x"), MaxPayload-headerRoom)
		msgs[700].Data = msgs[0].Data
		appendAll(t, l, 0, msgs)
		holds(t, l, msgs)
		holds(t, openOn(t, remote(t, c, c.URLs), "acme"), msgs)
		if err := l.Append(deadline(t), 900, group("acme", 2, MaxGroup+1, 10)); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("got %v; want %v", err, ErrTooLarge)
		}
		more := group("acme", 2, MaxGroup, 10)
		if err := l.Append(deadline(t), 900, more); err != nil {
			t.Fatal(err)
		}
		holds(t, l, append(msgs, more...))
		for _, seq := range []uint64{0, 900 + MaxGroup + 1, 1 << 62} {
			if _, err := l.Read(deadline(t), seq); !errors.Is(err, ErrNoEntry) {
				t.Errorf("read %d: got %v; want %v", seq, err, ErrNoEntry)
			}
		}
		for _, k := range []FeedKind{Topic, Activity} {
			f, err := conn.OpenFeed(deadline(t), k, "acme")
			if err != nil {
				t.Fatal(err)
			}
			suffix := map[FeedKind]string{Topic: "", Activity: "refused"}[k]
			if err := f.Append(deadline(t), 0, suffix, [][]byte{[]byte("one"), []byte("two")}); err != nil {
				t.Fatal(err)
			}
			if n, data, err := f.Last(deadline(t)); n != 2 || string(data) != "two" || err != nil {
				t.Errorf("%s: got %d %q, %v", k, n, data, err)
			}
		}
		if err := conn.RemoveFeed(deadline(t), Topic, "acme"); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("got %v; want %v", err, ErrNotPermitted)
		}
		o := remoteOptions(c, c.URLs)
		o.ActivityMaxAge = time.Hour
		keeps, err := Connect(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { keeps.Close() })
		var conf *ConfigError
		if _, err := keeps.OpenFeed(deadline(t), Activity, "acme"); !errors.As(err, &conf) || !conf.onlyRetention() {
			t.Errorf("got %v; want the retention named", err)
		}
	}
}

// Given a position that is not the stream's last, then nothing of the group is written; given a group that is there
// already, in part or whole, then it is there once.
func TestRemoteAppendStaleAndAgain(t *testing.T) {
	t.Parallel()
	c := natstest.Start(t, 3)
	conn := remote(t, c, c.URLs)
	l := createOn(t, conn, "acme")
	conn.ackWait = 300 * time.Millisecond // a stream is believed to be short after three of them
	msgs := group("acme", 1, 13, 50)
	for _, n := range []int{4, 4, 5, 13, 13} {
		if err := l.Append(deadline(t), 0, msgs[:n]); err != nil {
			t.Fatal(err)
		}
	}
	for _, ours := range [][]Msg{group("acme", 2, 4, 50), group("acme", 3, 1, 50)} {
		for _, after := range []uint64{0, 9, 12, 14, 1 << 40} {
			var stale *StaleError
			err := l.Append(deadline(t), after, ours)
			if !errors.As(err, &stale) || stale.Want != after || stale.Have != 13 || stale.Strays != nil {
				t.Errorf("after %d: got %v; want stale at 13", after, err)
			}
		}
	}
	changed := append(append([]Msg{}, msgs[:12]...), Msg{msgs[12].Subject, []byte("other")})
	var stale *StaleError
	if err := l.Append(deadline(t), 0, changed); !errors.As(err, &stale) || stale.Want != 12 || stale.Have != 13 {
		t.Errorf("got %v; want stale at 13 instead of 12", err)
	}
	changed[12] = Msg{"ledger.acme.other", msgs[12].Data}
	if err := l.Append(deadline(t), 0, changed); !errors.As(err, &stale) || stale.Want != 12 {
		t.Errorf("got %v; want stale at 12", err)
	}
	holds(t, l, msgs)
}
