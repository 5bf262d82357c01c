package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/document/documenttest"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/node"
)

// The organizations of the data directory: one with documents, one without.
const (
	acme = "acme"
	beta = "beta"
)

// perOrganization is how many entries each ledger of the data directory has.
const perOrganization = 14

// dataDirectory gives a data directory of two organizations, as a node leaves it that was closed. Each test has a copy
// of its own.
func dataDirectory(t *testing.T) string {
	t.Helper()
	made.Do(func() {
		made.dir, made.err = os.MkdirTemp("", "verify-test-")
		if made.err == nil {
			made.err = makeDirectory(made.dir)
		}
	})
	if made.err != nil {
		t.Fatal(made.err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(made.dir)); err != nil {
		t.Fatal(err)
	}
	// As if written long ago, for what reads a running server's files gives the newest a little time; and with keys that
	// only their owner can read, which a copy does not see to.
	old := time.Now().Add(-time.Hour)
	for name := range files(t, dir) {
		path := filepath.Join(dir, name)
		if filepath.Ext(name) == ".key" {
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var made struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if made.dir != "" {
		os.RemoveAll(made.dir)
	}
	os.Exit(code)
}

func makeDirectory(dir string) error {
	if err := node.Init(dir, "ledger.example"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := node.Open(ctx, dir, node.Options{})
	if err != nil {
		return err
	}
	defer n.Close()
	for _, o := range []struct{ id, profile string }{{acme, "stokr"}, {beta, "plain"}} {
		if err := fill(ctx, n, o.id, o.profile); err != nil {
			return fmt.Errorf("%s: %w", o.id, err)
		}
	}
	return n.Close()
}

// fill opens an organization and records what happens in it.
func fill(ctx context.Context, n *node.Node, id, profile string) error {
	c, err := n.Opening(node.Opening{
		Organization: id, Name: id, Profile: profile, OwnerKey: "owner", OwnerKind: events.KindHuman,
		Credential: did("owner"), Root: did("root"), OperatorKey: did("operator"),
	})
	if err != nil {
		return err
	}
	r, err := request(c)
	if err != nil {
		return err
	}
	org, _, err := n.OpenOrganization(ctx, r)
	if err != nil {
		return err
	}
	email := private.New("ann@example.com")
	ann, role := newID(), newID()
	requests := []events.Data{
		&events.CataloguePublished{Catalogue: "shop", Permissions: []events.Permission{
			{Name: "a", Category: "C", Entity: "E", Action: "A"}, {Name: "b", Category: "C", Entity: "E", Action: "B"},
		}},
		&events.SubjectAdded{Subject: ann, Key: "ann", Kind: events.KindHuman, Credential: did("ann"), Email: email.Commitment()},
		&events.RoleCreated{Role: role, Key: "r", Name: "R", Permissions: []string{"shop:a"}},
		&events.RoleAssigned{Subject: ann, Role: role},
	}
	for len(requests) < perOrganization-1 {
		if d := (&events.RoleUpdated{Role: role}); len(requests)%2 == 0 {
			d.Add = []string{"shop:b"}
			requests = append(requests, d)
		} else {
			d.Remove = []string{"shop:b"}
			requests = append(requests, d)
		}
	}
	for _, d := range requests {
		var texts []private.Text
		if _, ok := d.(*events.SubjectAdded); ok {
			texts = append(texts, email)
		}
		reason := private.New("because of " + string(d.Type()))
		if err := record(ctx, org, d, reason, texts...); err != nil {
			return err
		}
	}
	return nil
}

// record records what the owner asks. The text of the reason is kept.
func record(ctx context.Context, org *node.Org, d events.Data, reason private.Text, texts ...private.Text) error {
	var owner ulid.ULID
	org.Fold.Read(func(s *rules.State) { owner = s.Opened().Owner.Subject })
	r, err := request(events.Command{
		ID: newID(), Ledger: "ledger.example/" + org.ID, Actor: owner, Data: d, Reason: reason.Commitment(),
		Auth: events.Auth{Method: events.MethodSignature, Credential: did("owner")},
	})
	if err != nil {
		return err
	}
	r.Texts = append(texts, reason)
	_, err = org.Ledger.Execute(ctx, r)
	return err
}

func request(c events.Command) (ledger.Request, error) {
	ev, err := chain.SignCommand(&c, events.Signed{Expires: time.Now().UTC().Truncate(time.Millisecond).Add(time.Hour)}, documenttest.Key("owner"))
	return ledger.Request{Command: c, Evidence: ev}, err
}

func newID() ulid.ULID { return node.NewID(time.Now().UnixMilli()) }

// files gives every file beneath a directory with its mode, size, time of change and SHA-256.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found[name] = fmt.Sprint(info.Mode(), " ", info.ModTime().UnixNano())
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(b)
			found[name] += fmt.Sprint(" ", len(b), " ", hex.EncodeToString(sum[:]))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// serve opens a data directory until the end of the test.
func serve(t *testing.T, dir string) *node.Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := node.Open(ctx, dir, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// writeUntil records one thing after the other.
func writeUntil(org *node.Org, stop <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		d := &events.SubjectAdded{Subject: newID(), Key: fmt.Sprint("subject ", i), Kind: events.KindHuman}
		if err := record(ctx, org, d, private.New("for a test")); err != nil {
			return err
		}
	}
}
