package node_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/node"
)

// nkey makes a reader's key.
func nkey(t *testing.T) (pair nkeys.KeyPair, public, did string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	raw, err := nkeys.Decode(nkeys.PrefixByteUser, []byte(public))
	if err != nil {
		t.Fatal(err)
	}
	return pair, public, didkey.Encode(ed25519.PublicKey(raw))
}

// reading lets a new subject of an organization read over NATS, and gives it and what it connects with.
func reading(t *testing.T, o owner, org *node.Org, name string) (subject, role ulid.ULID, did string, connect func(address string) (*nats.Conn, error)) {
	t.Helper()
	subject, role = node.NewID(time.Now().UnixMilli()), node.NewID(time.Now().UnixMilli())
	pair, public, did := nkey(t)
	o.do(t, org, &events.SubjectAdded{Subject: subject, Key: name, Kind: events.KindTechnical})
	o.do(t, org, &events.RoleCreated{Role: role, Key: name + "-reads", Name: name, Permissions: []string{"ledger:history.read"}})
	o.do(t, org, &events.RoleAssigned{Role: role, Subject: subject})
	o.do(t, org, &events.KeyRegistered{Key: did, Purpose: events.PurposeReader, Subject: subject})
	return subject, role, did, func(address string) (*nats.Conn, error) {
		return nats.Connect("nats://"+address, nats.Nkey(public, pair.Sign), nats.MaxReconnects(0), nats.Timeout(20*time.Second))
	}
}

// Given a node that serves readers, when somebody who may read connects, then it gets every entry as the ledger has it,
// what is recorded later too, and what each changed; and once its key is revoked, it is deactivated or it may no longer read
// the history, it is disconnected and not let in again.
func TestReaders(t *testing.T) {
	dir := initialised(t)
	n := open(t, dir)
	o := newOwner(t)
	org := organization(t, n, o, "acme", "plain")
	address, err := n.ServeReaders("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]func(subject, role ulid.ULID, did string) events.Data{
		"revoked":     func(_, _ ulid.ULID, did string) events.Data { return &events.KeyRevoked{Key: did} },
		"deactivated": func(s, _ ulid.ULID, _ string) events.Data { return &events.SubjectDeactivated{Subject: s} },
		"not allowed": func(s, r ulid.ULID, _ string) events.Data { return &events.RoleRevoked{Subject: s, Role: r} },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			subject, role, did, connect := reading(t, o, org, "r"+name[:3])
			nc, err := connect(address.String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			closed := nc.StatusChanged(nats.CLOSED)
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]chan jetstream.Msg{"LEDGER_acme": make(chan jetstream.Msg, 1000), "CHANGES_acme": make(chan jetstream.Msg, 1000)}
			for stream, c := range got {
				consumer, err := js.OrderedConsumer(t.Context(), stream, jetstream.OrderedConsumerConfig{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, err := consumer.Consume(func(m jetstream.Msg) { c <- m })
				if err != nil {
					t.Fatal(err)
				}
				defer ctx.Stop()
			}
			o.do(t, org, &events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: "later" + name[:3], Name: "Later"})
			for at := uint64(1); at <= org.Journal.Len(); at++ {
				raw, err := org.Journal.Read(at)
				if err != nil {
					t.Fatal(err)
				}
				change, err := org.Change(at)
				if err != nil {
					t.Fatal(err)
				}
				for stream, want := range map[string][]byte{"LEDGER_acme": raw, "CHANGES_acme": change.Bytes()} {
					select {
					case m := <-got[stream]:
						if meta, err := m.Metadata(); err != nil || meta.Sequence.Stream != at || !slices.Equal(m.Data(), want) {
							t.Fatalf("%s %d: got %s at %+v", stream, at, m.Data(), meta)
						}
					case <-time.After(time.Minute):
						t.Fatalf("%s: position %d is not delivered", stream, at)
					}
				}
			}

			o.do(t, org, end(subject, role, did))
			select {
			case <-closed:
			case <-time.After(time.Minute):
				t.Fatal("the reader is still connected")
			}
			if nc, err := connect(address.String()); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("connected again: %v, %v", nc, err)
			}
		})
	}
}

// Given copies for readers that were lost, cut short or spoilt while the node was down, when it runs again, then readers get
// the ledger's entries, and the ledgers' own store knows nothing of it.
func TestReadersStoreDamaged(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		},
		"zeroed": func(t *testing.T, dir string) {
			each(t, dir, func(path string, size int64) error { return os.WriteFile(path, make([]byte, size), 0o600) })
		},
		"cut": func(t *testing.T, dir string) {
			each(t, dir, func(path string, size int64) error { return os.Truncate(path, size/2) })
		},
		"flipped": func(t *testing.T, dir string) { each(t, dir, flip) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := initialised(t)
			n := open(t, dir)
			o := newOwner(t)
			org := organization(t, n, o, "acme", "plain")
			_, _, _, connect := reading(t, o, org, "billing")
			address, err := n.ServeReaders("127.0.0.1:0", nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				o.do(t, org, newRole(fmt.Sprintf("role-%d", i)))
			}
			all(t, org, address.String(), connect)
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			spoil(t, filepath.Join(dir, "readers"))

			n = open(t, dir)
			if org, err = n.Org("acme"); err != nil {
				t.Fatal(err)
			}
			o.do(t, org, &events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: "later", Name: "Later"})
			if address, err = n.ServeReaders("127.0.0.1:0", nil); err != nil {
				t.Fatal(err)
			}
			all(t, org, address.String(), connect)
		})
	}
}

// each does something to every file below a directory.
func each(t *testing.T, dir string, do func(path string, size int64) error) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files++
		return do(path, info.Size())
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
}

func flip(path string, size int64) error {
	b, err := os.ReadFile(path)
	if err != nil || size == 0 {
		return err
	}
	b[size/2] ^= 1
	return os.WriteFile(path, b, 0o600)
}

// all reads the whole ledger as a reader and compares it with the journal.
func all(t *testing.T, org *node.Org, address string, connect func(string) (*nats.Conn, error)) {
	t.Helper()
	nc, err := connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(t.Context(), "LEDGER_acme", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for at := uint64(1); at <= org.Journal.Len(); at++ {
		want, err := org.Journal.Read(at)
		if err != nil {
			t.Fatal(err)
		}
		m, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
		if err != nil || !slices.Equal(m.Data(), want) {
			t.Fatalf("position %d: %v, %v", at, m, err)
		}
	}
}
