package node_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/node"
)

// owner is somebody who opens organizations and signs commands.
type owner struct{ key ed25519.PrivateKey }

func newOwner(t testing.TB) owner {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return owner{key}
}

func (o owner) did() string { return didkey.Encode(o.key.Public().(ed25519.PublicKey)) }

func (o owner) sign(t testing.TB, c events.Command) ledger.Request {
	t.Helper()
	ev, err := chain.SignCommand(&c, events.Signed{Expires: c.ID.Timestamp().UTC().Add(time.Hour)}, o.key)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Request{Command: c, Evidence: ev}
}

func initialised(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	if err := node.Init(dir, "localhost"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t testing.TB, dir string) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), dir, node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func organization(t testing.TB, n *node.Node, o owner, id, profile string) *node.Org {
	t.Helper()
	c, err := n.Opening(node.Opening{
		Organization: id, Name: strings.ToUpper(id), Profile: profile, OwnerKey: "owner", OwnerKind: events.KindHuman,
		Credential: o.did(), Root: newOwner(t).did(), OperatorKey: newOwner(t).did(),
	})
	if err != nil {
		t.Fatal(err)
	}
	org, _, err := n.OpenOrganization(t.Context(), o.sign(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return org
}

func (o owner) do(t testing.TB, org *node.Org, d events.Data, texts ...private.Text) ledger.Receipt {
	t.Helper()
	var c events.Command
	org.Fold.Read(func(s *rules.State) {
		actor, _ := s.KeyOwner(o.did())
		c = events.Command{ID: node.NewID(time.Now().UnixMilli()), Ledger: s.Source(), Actor: actor,
			Auth: events.Auth{Method: events.MethodSignature, Credential: o.did()}, Data: d}
	})
	request := o.sign(t, c)
	request.Texts = texts
	r, err := org.Ledger.Execute(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sorted(ids ...ulid.ULID) []ulid.ULID {
	slices.SortFunc(ids, ulid.ULID.Compare)
	return ids
}

func newRole(key string) *events.RoleCreated {
	return &events.RoleCreated{Role: node.NewID(time.Now().UnixMilli()), Key: key, Name: key}
}

func TestOpenCloseOpen(t *testing.T) {
	// Given a directory with two organizations and an event in each
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	for _, id := range []string{"alpha", "beta"} {
		o.do(t, organization(t, n, o, id, "plain"), newRole("role-of-"+id))
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	// when it is opened again
	n = open(t, dir)
	// then both are there, each with its own
	if got := strings.Join(n.Organizations(), " "); got != "alpha beta" {
		t.Errorf("organizations: %s", got)
	}
	for _, id := range []string{"alpha", "beta"} {
		org, err := n.Org(id)
		if err != nil {
			t.Fatal(err)
		}
		org.Fold.Read(func(s *rules.State) {
			if _, ok := s.RoleByKey("role-of-" + id); !ok || s.Position() != 2 {
				t.Errorf("%s is at %d, role there: %v", id, s.Position(), ok)
			}
		})
		if r := o.do(t, org, newRole("more")); r.Position != 3 {
			t.Errorf("%s goes on at %d", id, r.Position)
		}
	}
	if _, err := n.Org("gamma"); !errors.Is(err, node.ErrNoOrganization) {
		t.Errorf("got %v", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := initialised(t)
	open(t, dir)
	_, err := node.Open(t.Context(), dir, node.Options{})
	if !errors.Is(err, node.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if _, failed := os.Stat("/proc/locks"); failed == nil && !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("it does not say who has it: %v", err)
	}
}

func TestInitRefuses(t *testing.T) {
	dir := initialised(t)
	if err := node.Init(dir, "localhost"); !errors.Is(err, node.ErrInitialized) {
		t.Errorf("a second time: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := node.Init(other, "localhost"); err == nil {
		t.Error("a directory with something else in it was taken")
	}
	if err := node.Init(filepath.Join(t.TempDir(), "x"), "no host/"); err == nil {
		t.Error("a host that is none was taken")
	}
	if _, err := node.Open(t.Context(), other, node.Options{}); !errors.Is(err, node.ErrNotInitialized) {
		t.Errorf("opening what is no ledger: %v", err)
	}
}

func TestOrganizationOpensOnce(t *testing.T) {
	n, o := open(t, initialised(t)), newOwner(t)
	organization(t, n, o, "acme", "plain")
	c, err := n.Opening(node.Opening{Organization: "acme", Name: "Again", Profile: "plain", OwnerKey: "owner", OwnerKind: events.KindHuman,
		Credential: o.did(), Root: newOwner(t).did(), OperatorKey: newOwner(t).did()})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = n.OpenOrganization(t.Context(), o.sign(t, c))
	if r := (*rules.Refusal)(nil); !errors.As(err, &r) || r.Code != rules.AlreadyOpened {
		t.Errorf("got %v", err)
	}
	if _, err := n.Opening(node.Opening{Organization: "b", Profile: "none such"}); !errors.Is(err, node.ErrProfile) {
		t.Errorf("got %v", err)
	}
	if _, err := n.Opening(node.Opening{Organization: "No Such", Profile: "plain"}); err == nil {
		t.Error("an id that cannot be one was taken")
	}
	// A forged opening leaves nothing behind
	c.Ledger, c.Data.(*events.OrganizationOpened).Organization = "localhost/beta", "beta"
	r := newOwner(t).sign(t, c)
	if _, _, err := n.OpenOrganization(t.Context(), r); err == nil {
		t.Error("an opening that its owner did not sign was taken")
	}
	if _, err := os.Stat(filepath.Join(n.Dir(), "orgs", "beta")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left a directory: %v", err)
	}
}

func TestInterruptedOpeningIsSetAside(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	organization(t, n, o, "acme", "plain")
	n.Close()
	// Given an organization whose opening was killed before its genesis file was written
	if err := os.Remove(filepath.Join(dir, "orgs", "acme", "genesis")); err != nil {
		t.Fatal(err)
	}
	n = open(t, dir)
	if len(n.Organizations()) != 0 {
		t.Error("it counts as opened")
	}
	// then it can be opened anew, and what was there is kept
	organization(t, n, o, "acme", "plain")
	kept, _ := filepath.Glob(filepath.Join(dir, "orgs", "_acme-interrupted-*", "journal", "*.seg"))
	if len(kept) != 1 {
		t.Errorf("kept: %v", kept)
	}
}

func TestDamageIsSaidAndNothingChanged(t *testing.T) {
	flip := func(t *testing.T, path string, from int64) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[from] ^= 4
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		check  string
	}{
		"the genesis file is missing beside a history": {func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, "orgs", "acme", "genesis"))
		}, chain.CheckGenesis},
		"the genesis file is of another ledger": {func(t *testing.T, dir string) {
			b, _ := json.Marshal(node.Genesis{Source: "localhost/acme", CID: chain.CID(nil)})
			os.WriteFile(filepath.Join(dir, "orgs", "acme", "genesis"), b, 0o600)
		}, chain.CheckGenesis},
		"a byte of the journal": {func(t *testing.T, dir string) {
			flip(t, filepath.Join(dir, "orgs", "acme", "journal", "00000000.seg"), 400)
		}, chain.CheckCopy},
		"a byte of the journal, and its end is torn": {func(t *testing.T, dir string) {
			path := filepath.Join(dir, "orgs", "acme", "journal", "00000000.seg")
			flip(t, path, 400)
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Write(make([]byte, 9))
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}, chain.CheckCopy},
	} {
		t.Run(name, func(t *testing.T) {
			dir, o := initialised(t), newOwner(t)
			n := open(t, dir)
			org := organization(t, n, o, "acme", "plain")
			o.do(t, org, newRole("one"))
			o.do(t, org, newRole("two"))
			n.Close()
			c.damage(t, dir)
			before := contents(t, dir)
			_, err := node.Open(t.Context(), dir, node.Options{})
			if b := (*chain.BrokenError)(nil); !errors.As(err, &b) || b.Check != c.check {
				t.Errorf("got %v; want the check %q to fail", err, c.check)
			}
			for path, was := range before {
				if is, err := os.ReadFile(path); err != nil || string(is) != was {
					if !strings.Contains(path, "/store/") { // nats-server writes its own index when it stops
						t.Errorf("%s was changed by a refused start", path)
					}
				}
			}
		})
	}
}

func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestDamagedStreamIsMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"deleted": func(t *testing.T, dir string) {
			d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
			if err != nil {
				t.Fatal(err)
			}
			os.RemoveAll(d)
		},
		"a flipped bit": func(t *testing.T, dir string) {
			d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(d, "msgs", "1.blk")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			os.WriteFile(path, b, 0o600)
		},
		"emptied": func(t *testing.T, dir string) {
			d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(d, "msgs", "1.blk"), 0); err != nil {
				t.Fatal(err)
			}
		},
		"its block gone": func(t *testing.T, dir string) {
			d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(d, "msgs", "1.blk")); err != nil {
				t.Fatal(err)
			}
		},
		"its description damaged": func(t *testing.T, dir string) {
			d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(d, "meta.inf"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"cut short": func(t *testing.T, dir string) {
			d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(d, "msgs", "1.blk")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			os.Truncate(path, info.Size()-100)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, o := initialised(t), newOwner(t)
			n := open(t, dir)
			org := organization(t, n, o, "acme", "plain")
			for _, key := range []string{"one", "two", "three"} {
				o.do(t, org, newRole(key))
			}
			n.Close()
			damage(t, dir)
			n = open(t, dir)
			org, err := n.Org("acme")
			if err != nil {
				t.Fatal(err)
			}
			if r := o.do(t, org, newRole("four")); r.Position != 5 {
				t.Errorf("goes on at %d; want 5", r.Position)
			}
			log, err := n.Stream().OpenLog(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			at := uint64(0)
			for e, err := range log.Entries(t.Context(), 1) {
				if err != nil {
					t.Fatal(err)
				}
				at++
				if want, err := org.Journal.Read(at); err != nil || string(want) != string(e.Data) {
					t.Errorf("position %d differs from the journal", at)
				}
			}
			if at != 5 {
				t.Errorf("the stream holds %d entries; want 5", at)
			}
		})
	}
}

func TestTopicIsPublishedAndMadeAgain(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	org := organization(t, n, o, "acme", "stokr")
	o.do(t, org, &events.CataloguePublished{Catalogue: "x", Permissions: []events.Permission{{Name: "a", Category: "c", Entity: "e", Action: "a"}}})
	for _, key := range []string{"one", "two"} {
		d := newRole(key)
		d.Permissions = []string{"x:a"}
		o.do(t, org, d)
	}
	want := topic(t, n, org)
	n.Close()
	n = open(t, dir)
	// Given a topic to which somebody else wrote
	f, err := n.Stream().OpenFeed(t.Context(), stream.Topic, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), 2, "", [][]byte{[]byte("{}")}); err != nil {
		t.Fatal(err)
	}
	n.Close()
	n = open(t, dir)
	if org, err = n.Org("acme"); err != nil {
		t.Fatal(err)
	}
	// then it is made again, to the same bytes
	if got := topic(t, n, org); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// topic waits until the stream holds the two messages of the ledger, and gives them.
func topic(t *testing.T, n *node.Node, org *node.Org) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var lines []string
	look := time.NewTicker(20 * time.Millisecond) // each look asks the server, which has the topic to write
	defer look.Stop()
	for ; ctx.Err() == nil; <-look.C {
		lines = nil
		f, err := n.Stream().OpenFeed(ctx, stream.Topic, org.ID)
		if err != nil {
			continue // it is being made again
		}
		for e, err := range f.Entries(ctx, 1) {
			if err != nil {
				break
			}
			lines = append(lines, string(e.Data))
		}
		if first, ok := org.Topic.Message(0); ok && len(lines) == org.Topic.Len() && len(lines) == 2 && lines[0] == string(first.Bytes) {
			return strings.Join(lines, "\n")
		}
	}
	t.Fatalf("the topic holds %q", lines)
	return ""
}

func TestRefusedCommandsAreNoted(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	org := organization(t, n, o, "acme", "plain")
	o.do(t, org, newRole("one"))
	for range 2 {
		c := events.Command{ID: node.NewID(time.Now().UnixMilli()), Ledger: "localhost/acme",
			Auth: events.Auth{Method: events.MethodSignature, Credential: o.did()}, Data: newRole("one")}
		org.Fold.Read(func(s *rules.State) { c.Actor, _ = s.KeyOwner(o.did()) })
		if _, err := org.Ledger.Execute(t.Context(), o.sign(t, c)); err == nil {
			t.Fatal("a key in use was taken")
		}
	}
	n.Close() // waits for the feed
	n = open(t, dir)
	if org, err := n.Org("acme"); err != nil {
		t.Fatal(err)
	} else {
		var records []node.ActivityRecord
		for e, err := range org.Activity.Feed().Entries(t.Context(), 1) {
			if err != nil {
				t.Fatal(err)
			}
			var r node.ActivityRecord
			if err := json.Unmarshal(e.Data, &r); err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
		}
		if len(records) != 2 || records[0].Code != rules.Taken || records[0].Prev != "" || records[1].Prev == "" {
			t.Errorf("got %+v", records)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	path, o := filepath.Join(t.TempDir(), "k"), newOwner(t)
	if err := node.WriteKey(path, o.key); err != nil {
		t.Fatal(err)
	}
	if got, err := node.ReadKey(path); err != nil || !got.Equal(o.key) {
		t.Errorf("read back: %v", err)
	}
	if err := node.WriteKey(path, o.key); !errors.Is(err, node.ErrKeyFile) {
		t.Errorf("a key file was replaced: %v", err)
	}
	os.Chmod(path, 0o644)
	if _, err := node.ReadKey(path); !errors.Is(err, node.ErrKeyFile) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key file that others can read: %v", err)
	}
	os.Chmod(path, 0o600)
	os.WriteFile(path, []byte("nothing"), 0o600)
	if _, err := node.ReadKey(path); !errors.Is(err, node.ErrKeyFile) {
		t.Errorf("got %v", err)
	}
}
