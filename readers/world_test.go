package readers_test

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/readers"
)

// world is a server with some organizations and readers.
type world struct {
	t   testing.TB
	dir string
	srv *readers.Server

	mu      sync.Mutex
	allowed map[string][]readers.Reader
	streams map[string]*list // LEDGER_acme
}

// list is what a source has.
type list struct {
	mu      sync.Mutex
	all     [][]byte
	suffix  string
	changed chan struct{}
}

func (l *list) add(data ...[]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, data...)
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *list) source(kind string) readers.Source {
	return readers.Source{
		Kind: kind,
		Len: func() uint64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return uint64(len(l.all))
		},
		Read: func(at uint64) (string, []byte, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.suffix, l.all[at-1], nil
		},
		Changed: func() <-chan struct{} {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.changed
		},
	}
}

func newWorld(t testing.TB, orgs ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), allowed: map[string][]readers.Reader{}, streams: map[string]*list{}}
	for _, org := range orgs {
		for kind, suffix := range map[string]string{"LEDGER": "role.created", "CHANGES": "role", "TOPIC": ""} {
			w.streams[kind+"_"+org] = &list{suffix: suffix, changed: make(chan struct{})}
		}
	}
	w.start()
	t.Cleanup(func() { _ = w.srv.Close() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	srv, err := readers.Start(readers.Options{
		Dir: w.dir, Listen: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
		Allowed: func(did, org string) []readers.Reader {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.DeleteFunc(slices.Clone(w.allowed[did]), func(r readers.Reader) bool { return org != "" && r.Organization != org })
		},
		Streams: func(org string) (readers.Streams, error) {
			var all []readers.Source
			for _, kind := range []string{"LEDGER", "CHANGES", "TOPIC"} {
				all = append(all, w.streams[kind+"_"+org].source(kind))
			}
			return readers.Streams{Sources: all, Checkpoint: func() []byte { return []byte("checkpoint of " + org) }}, nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.srv = srv
}

// key is a reader's NKey.
type key struct {
	nkeys.KeyPair
	public, did string
}

// reader makes a key, and lets it read in an organization in the name of a subject.
func (w *world) reader(org, name string) key {
	w.t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := nkeys.Decode(nkeys.PrefixByteUser, []byte(public))
	if err != nil {
		w.t.Fatal(err)
	}
	k := key{pair, public, didkey.Encode(ed25519.PublicKey(raw))}
	w.allow(k, readers.Reader{Organization: org, ID: "id" + name, Name: name})
	return k
}

func (w *world) allow(k key, r ...readers.Reader) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed[k.did] = r
}

// connect connects as any client would.
func (w *world) connect(k key, opts ...nats.Option) *nats.Conn {
	w.t.Helper()
	nc, err := w.dial(k, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	return nc
}

func (w *world) dial(k key, opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("nats://"+w.srv.Addr().String(), append([]nats.Option{nats.Nkey(k.public, k.Sign), nats.Timeout(20 * time.Second)}, opts...)...)
}

func (w *world) js(nc *nats.Conn) jetstream.JetStream {
	w.t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	return js
}

// entries adds messages to a stream of an organization.
func (w *world) entries(stream string, n int) {
	for range n {
		l := w.streams[stream]
		l.add(fmt.Appendf(nil, "%s %d", stream, len(l.all)+1))
	}
}
