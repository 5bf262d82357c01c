package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/node"
)

// rename changes the first letter of a role's name in the journal: an entry of the right form that nobody signed.
func rename(t *testing.T, dir, key string) {
	t.Helper()
	path := filepath.Join(dir, "orgs", "acme", "journal", "00000000.seg")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte(`"key":"`+key+`"`))
	if i < 0 {
		t.Fatalf("the journal has no %s", key)
	}
	b[i+7] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func streamDir(t *testing.T, dir string) string {
	t.Helper()
	d, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDamagedJournalIsPublishedToNobody(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		key    string
		check  string
	}{
		"the stream is missing": {func(t *testing.T, dir string) {
			os.RemoveAll(streamDir(t, dir))
		}, "one", chain.CheckSignature},
		"the stream is missing, and the last entry is wrong": {func(t *testing.T, dir string) {
			os.RemoveAll(streamDir(t, dir))
		}, "two", chain.CheckSignature},
		"the stream is damaged": {func(t *testing.T, dir string) {
			path := filepath.Join(streamDir(t, dir), "msgs", "1.blk")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[100] ^= 1 // in the first record
			os.WriteFile(path, b, 0o600)
		}, "one", chain.CheckSignature},
	} {
		t.Run(name, func(t *testing.T) {
			// Given a journal with an entry that was changed, and a stream that has to be made again
			dir, o := initialised(t), newOwner(t)
			n := open(t, dir)
			org := organization(t, n, o, "acme", "plain")
			o.do(t, org, newRole("one"))
			o.do(t, org, newRole("two"))
			n.Close()
			c.damage(t, dir)
			rename(t, dir, c.key)
			before := contents(t, dir)
			// when the directory is opened
			_, err := node.Open(t.Context(), dir, node.Options{})
			// then the damage is said, and every file is as it was
			if b := (*chain.BrokenError)(nil); !errors.As(err, &b) || b.Check != c.check {
				t.Errorf("got %v; want the check %q to fail", err, c.check)
			}
			after := contents(t, dir)
			for path, was := range before {
				if after[path] != was {
					t.Errorf("%s was changed by a refused start", path)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d files became %d", len(before), len(after))
			}
		})
	}
}

func TestOneDamagedOrganizationLeavesTheOthersAlone(t *testing.T) {
	// Given an organization that has to be mended, and a later one that cannot be
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	o.do(t, organization(t, n, o, "acme", "plain"), newRole("one"))
	organization(t, n, o, "beta", "plain")
	n.Close()
	os.RemoveAll(streamDir(t, dir))
	genesis := filepath.Join(dir, "orgs", "beta", "genesis")
	right, err := os.ReadFile(genesis)
	if err != nil {
		t.Fatal(err)
	}
	wrong, _ := json.Marshal(node.Genesis{Source: "localhost/beta", CID: chain.CID(nil)})
	os.WriteFile(genesis, wrong, 0o600)
	if _, err := node.Open(t.Context(), dir, node.Options{}); err == nil {
		t.Fatal("it opened")
	}
	// then nothing was made, and the directory is free to be opened once it is put right
	if _, err := stream.StreamDir(filepath.Join(dir, "store"), stream.LogName("acme")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first one's stream was made: %v", err)
	}
	os.WriteFile(genesis, right, 0o600)
	if got := strings.Join(open(t, dir).Organizations(), " "); got != "acme beta" {
		t.Errorf("organizations: %s", got)
	}
}

func opening(t *testing.T, n *node.Node, o owner, id string) ledger.Request {
	t.Helper()
	c, err := n.Opening(node.Opening{Organization: id, Name: id, Profile: "plain", OwnerKey: "owner", OwnerKind: events.KindHuman,
		Credential: o.did(), Root: newOwner(t).did(), OperatorKey: newOwner(t).did()})
	if err != nil {
		t.Fatal(err)
	}
	return o.sign(t, c)
}

func TestFailedOpeningCanBeSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, n *node.Node) (ctx context.Context, repair func())
		aside int
	}{
		"before there is a stream": {func(t *testing.T, n *node.Node) (context.Context, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, func() {}
		}, 1},
		"when the genesis file is written": {func(t *testing.T, n *node.Node) (context.Context, func()) {
			// The file is put in place by renaming: over a directory that fails. The directory of the organization is not
			// there yet, so it is made under the hands of the opening.
			return spoilGenesis(t, n.Dir())
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, o := initialised(t), newOwner(t)
			n := open(t, dir)
			r := opening(t, n, o, "acme")
			ctx, repair := c.spoil(t, n)
			if _, _, err := n.OpenOrganization(ctx, r); err == nil {
				t.Fatal("it was opened")
			}
			repair()
			if _, err := n.Org("acme"); !errors.Is(err, node.ErrNoOrganization) {
				t.Errorf("half an organization is here: %v", err)
			}
			if c.aside == 0 { // it is recorded: another opening has to wait for a new start
				if _, _, err := n.OpenOrganization(t.Context(), opening(t, n, o, "acme")); !errors.Is(err, ledger.ErrStopped) {
					t.Errorf("another opening: %v", err)
				}
			}
			// when it is sent again, then it is opened, and stays
			if _, _, err := n.OpenOrganization(t.Context(), r); err != nil {
				t.Fatal("sent again:", err)
			}
			n.Close()
			n = open(t, dir)
			if got := strings.Join(n.Organizations(), " "); got != "acme" {
				t.Errorf("organizations: %s", got)
			}
			org, err := n.Org("acme")
			if err != nil {
				t.Fatal(err)
			}
			if got := o.do(t, org, newRole("one")); got.Position != 2 {
				t.Errorf("goes on at %d", got.Position)
			}
			if kept, _ := filepath.Glob(filepath.Join(dir, "orgs", "_acme-interrupted-*")); len(kept) != c.aside {
				t.Errorf("set aside: %v", kept)
			}
		})
	}
}

// spoilGenesis puts a directory where the genesis file is to be, as soon as the organization's directory is there.
func spoilGenesis(t *testing.T, dir string) (context.Context, func()) {
	t.Helper()
	path := filepath.Join(dir, "orgs", "acme", "genesis")
	done := make(chan error, 1)
	ctx := t.Context()
	go func() {
		for ctx.Err() == nil {
			if err := os.Mkdir(path, 0o700); !errors.Is(err, fs.ErrNotExist) {
				done <- err
				return
			}
		}
		done <- ctx.Err()
	}()
	return ctx, func() {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStreamWithoutItsDirectory(t *testing.T) {
	for name, events := range map[string]int{"opened": 1, "gone on with": 3} {
		t.Run(name, func(t *testing.T) {
			// Given an organization whose directory was taken away, perhaps with a leftover that an opening made
			dir, o := initialised(t), newOwner(t)
			n := open(t, dir)
			org := organization(t, n, o, "acme", "plain")
			for i := 1; i < events; i++ {
				o.do(t, org, newRole(fmt.Sprint("role-", i)))
			}
			n.Close()
			os.RemoveAll(filepath.Join(dir, "orgs", "acme"))
			if events > 1 {
				os.Mkdir(filepath.Join(dir, "orgs", "_acme-interrupted-20260101T000000.000"), 0o700)
			}
			before := contents(t, dir)
			// then a start refuses it, and says which
			_, err := node.Open(t.Context(), dir, node.Options{})
			if d := (*node.DamageError)(nil); !errors.As(err, &d) || d.Organization != "acme" {
				t.Fatalf("open: %v", err)
			}
			delete(before, filepath.Join(dir, "lock"))
			after := contents(t, dir)
			delete(after, filepath.Join(dir, "lock"))
			if !maps.Equal(before, after) {
				t.Error("a refused start changed something")
			}
			// doctor sees it,
			findings, err := node.Examine(t.Context(), dir, 0)
			if err != nil || !slices.ContainsFunc(findings, func(f node.Finding) bool {
				return f.Organization == "acme" && f.Level == node.FindingDamage
			}) {
				t.Errorf("doctor: %v %v", findings, err)
			}
			// and repair makes the directory again where somebody accepts that nothing says whether the stream is all
			_, err = node.Repair(t.Context(), dir, node.RepairOptions{})
			if l := (*node.LossError)(nil); !errors.As(err, &l) || l.End != uint64(events) {
				t.Fatalf("repair: %v", err)
			}
			if _, err := node.Repair(t.Context(), dir, node.RepairOptions{Organization: "acme", AcceptLoss: uint64(events)}); err != nil {
				t.Fatal(err)
			}
			if org, err = open(t, dir).Org("acme"); err != nil || org.Journal.Len() != uint64(events) {
				t.Errorf("after the repair: %v", err)
			}
		})
	}
}

func TestOpeningBesideAStrangeStream(t *testing.T) {
	// Given what a crash leaves that came while an interrupted opening was moved away: its stream, which is still in place
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	organization(t, n, o, "acme", "plain")
	n.Close()
	os.Rename(filepath.Join(dir, "orgs", "acme"), filepath.Join(dir, "orgs", "_acme-interrupted-20260101T000000.000"))
	strange := streamDir(t, dir)
	n = open(t, dir)
	// then the start has moved it after the rest
	if _, err := os.Stat(filepath.Join(dir, "orgs", "_acme-interrupted-20260101T000000.000", "stream", "msgs")); err != nil {
		t.Error(err)
	}
	// and where a stream comes from elsewhere, none of that name is opened, and nothing is made of it
	os.MkdirAll(strange, 0o700)
	for range 2 {
		before, _ := os.ReadDir(filepath.Join(dir, "orgs"))
		_, _, err := n.OpenOrganization(t.Context(), opening(t, n, o, "acme"))
		if r := (*rules.Refusal)(nil); !errors.As(err, &r) || r.Code != rules.AlreadyOpened {
			t.Errorf("got %v", err)
		}
		if after, _ := os.ReadDir(filepath.Join(dir, "orgs")); len(after) != len(before) {
			t.Errorf("directories: %v", after)
		}
	}
	os.Remove(strange)
	organization(t, n, o, "acme", "plain")
}

func TestOrganizationsTakenAway(t *testing.T) {
	dir := initialised(t)
	os.Remove(filepath.Join(dir, "orgs"))
	_, err := node.Open(t.Context(), dir, node.Options{})
	if !errors.As(err, new(*node.DamageError)) || !strings.Contains(err.Error(), "orgs/ is missing") {
		t.Errorf("open: %v", err)
	}
	if _, err := node.Repair(t.Context(), dir, node.RepairOptions{}); !errors.As(err, new(*node.DamageError)) {
		t.Errorf("repair: %v", err)
	}
}

func TestKeysBelongToOneOrganization(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	acme, beta := organization(t, n, o, "acme", "plain"), organization(t, n, o, "beta", "plain")
	keysOf := func(org *node.Org) events.Keys {
		raw, err := org.Journal.Read(1)
		if err != nil {
			t.Fatal(err)
		}
		en, err := chain.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return en.Event.Data.(*events.OrganizationOpened).Keys
	}
	rotate := func(to string) error {
		c := events.Command{ID: node.NewID(time.Now().UnixMilli()), Ledger: "localhost/acme",
			Auth: events.Auth{Method: events.MethodSignature, Credential: o.did()}, Data: &events.KeyRotated{Old: keysOf(acme).Document, New: to}}
		acme.Fold.Read(func(s *rules.State) { c.Actor, _ = s.KeyOwner(o.did()) })
		_, err := acme.Ledger.Execute(t.Context(), o.sign(t, c))
		return err
	}
	notFound := func(what string, err error) {
		t.Helper()
		if r := (*rules.Refusal)(nil); !errors.As(err, &r) || r.Code != rules.NotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A key of one is none of the other's, neither by rotation nor from the start
	notFound("rotated to another organization's key", rotate(keysOf(beta).Event))
	r := opening(t, n, o, "gamma")
	r.Command.Data.(*events.OrganizationOpened).Keys.Document = keysOf(beta).Document
	_, _, err := n.OpenOrganization(t.Context(), o.sign(t, r.Command))
	notFound("opened with another organization's key", err)
	// A key made for it is, also after another start
	fresh, err := n.NewKey("acme", events.PurposeEvent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node", "acme", strings.TrimPrefix(fresh, "did:key:")+".key")); err != nil {
		t.Error(err)
	}
	n.Close()
	n = open(t, dir)
	if acme, err = n.Org("acme"); err != nil {
		t.Fatal(err)
	}
	if err := rotate(fresh); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"delta", "../acme"} {
		if _, err := n.NewKey(id, events.PurposeEvent); !errors.Is(err, node.ErrNoOrganization) {
			t.Errorf("a key for %s: %v", id, err)
		}
	}
}

func TestUnreadableKeyRefusesTheStart(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	organization(t, n, o, "acme", "plain")
	n.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "node", "acme", "*.key"))
	if len(files) != 3 {
		t.Fatalf("key files: %v", files)
	}
	os.Chmod(files[0], 0o644)
	if _, err := node.Open(t.Context(), dir, node.Options{}); !errors.Is(err, node.ErrKeyFile) {
		t.Errorf("got %v", err)
	}
	os.Chmod(files[0], 0o600)
	open(t, dir)
}

func TestMarkerDamaged(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"missing": os.Remove,
		"empty":   func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"garbage": func(path string) error { return os.WriteFile(path, []byte("{\"form"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			// Given a directory with an organization, whose mark is not what it was
			dir, o := initialised(t), newOwner(t)
			n := open(t, dir)
			organization(t, n, o, "acme", "plain")
			n.Close()
			if err := spoil(filepath.Join(dir, "permledger.json")); err != nil {
				t.Fatal(err)
			}
			// then it is taken for damage by all, and never for a directory that init should make
			_, opened := node.Open(t.Context(), dir, node.Options{})
			_, repaired := node.Repair(t.Context(), dir, node.RepairOptions{})
			_, examined := node.Examine(t.Context(), dir, 0)
			for what, err := range map[string]error{"open": opened, "repair": repaired, "examine": examined} {
				if !errors.As(err, new(*node.DamageError)) || errors.Is(err, node.ErrNotInitialized) {
					t.Errorf("%s: %v", what, err)
				}
			}
			// and what the error says to write makes it whole
			if err := os.WriteFile(filepath.Join(dir, "permledger.json"), []byte(`{"format":1,"host":"localhost"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(open(t, dir).Organizations(), " "); got != "acme" {
				t.Errorf("organizations: %s", got)
			}
		})
	}
}
