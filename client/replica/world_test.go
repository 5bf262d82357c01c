package replica_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/permledger/permledger/client/replica"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tree"
)

const (
	org      = "acme"
	patience = time.Minute // of tests: what takes longer has failed
)

// broker is a NATS server that anybody may write to: it shows what a test has it show.
type broker struct {
	t    testing.TB
	dir  string
	srv  *server.Server
	port int
	nc   *nats.Conn
	js   jetstream.JetStream
}

func newBroker(t testing.TB) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir(), port: server.RANDOM_PORT}
	b.start()
	t.Cleanup(b.stop)
	b.create()
	return b
}

func (b *broker) start() {
	b.t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: b.port, JetStream: true, StoreDir: b.dir, NoSigs: true, NoLog: true, MaxPayload: 1 << 20})
	if err != nil {
		b.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(patience) {
		b.t.Fatal("nats-server did not start")
	}
	b.srv, b.port = srv, srv.Addr().(*net.TCPAddr).Port
	if b.nc, err = nats.Connect(srv.ClientURL()); err != nil {
		b.t.Fatal(err)
	}
	if b.js, err = jetstream.New(b.nc); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) stop() {
	b.nc.Close()
	b.srv.Shutdown()
	b.srv.WaitForShutdown()
}

func (b *broker) create() {
	b.t.Helper()
	_, err := b.js.CreateOrUpdateStream(b.t.Context(), jetstream.StreamConfig{Name: "LEDGER_" + org, Subjects: []string{"ledger." + org + ".>"}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// again takes the stream away and makes it anew, empty.
func (b *broker) again() {
	b.t.Helper()
	if err := b.js.DeleteStream(b.t.Context(), "LEDGER_"+org); err != nil {
		b.t.Fatal(err)
	}
	b.create()
}

func (b *broker) publish(subject string, raw []byte) {
	b.t.Helper()
	if _, err := b.js.Publish(b.t.Context(), subject, raw); err != nil {
		b.t.Fatal(err)
	}
}

func (b *broker) announce(checkpoint []byte) {
	b.t.Helper()
	if err := b.nc.Publish("checkpoints."+org, checkpoint); err != nil {
		b.t.Fatal(err)
	}
	if err := b.nc.Flush(); err != nil {
		b.t.Fatal(err)
	}
}

// show publishes the entries of a ledger behind position from.
func (b *broker) show(l *documenttest.Ledger, from int) {
	b.t.Helper()
	for _, en := range l.Entries[from:] {
		b.publish(en.Subject(), en.Bytes())
	}
}

// checkpoint gives the checkpoint of a ledger's first entries, with the log's own time where at is not zero.
func checkpoint(t testing.TB, l *documenttest.Ledger, size int, at time.Time) []byte {
	t.Helper()
	return signed(t, l, size, at, documenttest.Key("checkpoint"))
}

func signed(t testing.TB, l *documenttest.Ledger, size int, at time.Time, key ed25519.PrivateKey) []byte {
	t.Helper()
	var f tree.Frontier
	for _, en := range l.Entries[:size] {
		f.Append(tree.Leaf(en.Bytes()))
	}
	return signedRoot(t, note.Checkpoint{Origin: documenttest.Source, Size: uint64(size), Root: f.Root()}, at, key)
}

func signedRoot(t testing.TB, c note.Checkpoint, at time.Time, key ed25519.PrivateKey) []byte {
	t.Helper()
	n := &note.Note{Text: c.Text()}
	s, err := note.Sign(n.Text, c.Origin, key)
	if err != nil {
		t.Fatal(err)
	}
	n = n.With(s)
	if !at.IsZero() {
		if s, err = note.Cosign(n.Text, c.Origin, key, at); err != nil {
			t.Fatal(err)
		}
		n = n.With(s)
	}
	return n.Bytes()
}

// beat announces that all entries of a ledger are there now.
func (b *broker) beat(l *documenttest.Ledger) {
	b.t.Helper()
	b.announce(checkpoint(b.t, l, len(l.Entries), time.Now()))
}

// opened gives a replica, which is closed in the end.
func (b *broker) opened(dir string, change func(*replica.Options)) *replica.Replica {
	b.t.Helper()
	r, err := b.open(dir, change)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *broker) open(dir string, change func(*replica.Options)) (*replica.Replica, error) {
	b.t.Helper()
	o := replica.Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", b.port), Organization: org, Dir: dir, FirstUse: true, MaxAge: time.Hour}
	if change != nil {
		change(&o)
	}
	r, err := replica.Open(b.t.Context(), o)
	if err == nil {
		b.t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// fresh beats until the replica answers: what was announced before it listened is gone.
func (b *broker) fresh(r *replica.Replica, l *documenttest.Ledger) {
	b.t.Helper()
	b.until(r, l, func() bool { return r.Status().Checkpoint == uint64(len(l.Entries)) && !r.Status().Proven.IsZero() })
}

// until beats until something is so, or the replica has stopped.
func (b *broker) until(r *replica.Replica, l *documenttest.Ledger, so func() bool) {
	b.t.Helper()
	wait(b.t, func() bool {
		if so() || r.Status().Err != nil {
			return true
		}
		b.beat(l)
		return false
	})
	if err := r.Status().Err; err != nil && !so() {
		b.t.Fatal(err)
	}
}

func wait(t testing.TB, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not become so")
		}
	}
}

// ledger makes one with a few people and roles.
func ledger(t testing.TB) *documenttest.Ledger {
	l := documenttest.Open(t, documenttest.Guardian, "")
	role := l.AddRole("Desk", "", documenttest.Read)
	for range 3 {
		l.Do(&events.RoleAssigned{Subject: l.AddSubject(""), Role: role})
	}
	return l
}

func evidence(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "evidence-*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
