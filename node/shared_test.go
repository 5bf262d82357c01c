//go:build unix

package node_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/ledger/stream/natstest"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

// first makes the directory of a cluster's first node, join that of a further one.
func first(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a")
	if err := node.InitCluster(dir, "localhost"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func join(t testing.TB, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "b")
	if err := node.Join(dir, filepath.Join(from, "node", "cluster.key")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func remote(c *natstest.Cluster, urls string) node.Options {
	return node.Options{NATS: &stream.RemoteOptions{URLs: urls, Credentials: c.Credentials, Replicas: c.Len(), SyncAlways: true}}
}

func openRemote(t testing.TB, dir string, o node.Options) *node.Node {
	t.Helper()
	n, err := node.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

// reaches waits until a node has shown a position of an organization.
func reaches(t testing.TB, o *node.Org, position uint64) {
	t.Helper()
	eventually(t, "the position is shown", func() bool {
		var at uint64
		o.Fold.Read(func(s *rules.State) { at = s.Position() })
		return at >= position
	})
}

// attempt is do that gives the error, and tries again where the node has no key yet.
func (o owner) attempt(t testing.TB, org *node.Org, d events.Data, texts ...private.Text) (ledger.Receipt, error) {
	t.Helper()
	r := o.request(t, org, d, texts...)
	for end := time.Now().Add(20 * time.Second); ; {
		receipt, err := org.Ledger.Execute(context.WithoutCancel(t.Context()), r)
		if !errors.Is(err, ledger.ErrWait) && !errors.Is(err, ledger.ErrUnknown) || time.Now().After(end) {
			return receipt, err
		}
	}
}

func (o owner) request(t testing.TB, org *node.Org, d events.Data, texts ...private.Text) ledger.Request {
	t.Helper()
	var c events.Command
	org.Fold.Read(func(s *rules.State) {
		actor, _ := s.KeyOwner(o.did())
		c = events.Command{ID: node.NewID(time.Now().UnixMilli()), Ledger: s.Source(), Actor: actor,
			Auth: events.Auth{Method: events.MethodSignature, Credential: o.did()}, Data: d}
	})
	if len(texts) > 0 {
		c.Reason = texts[0].Commitment()
	}
	r := o.sign(t, c)
	r.Texts = texts
	return r
}

// journalFiles gives what is in the files of acme's journal.
func journalFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, "orgs", "acme", "journal", "*"))
	for _, path := range paths {
		b, failed := os.ReadFile(path)
		if files[path] = string(b); failed != nil {
			err = failed
		}
	}
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	return files
}

func TestCluster(t *testing.T) {
	c := natstest.Start(t, 3)
	dirA, o := first(t), newOwner(t)
	a := openRemote(t, dirA, remote(c, c.URLs))
	acme := organization(t, a, o, "acme", "guardian")
	dirB := join(t, dirA)
	b := openRemote(t, dirB, remote(c, c.URLs))
	acmeB, err := b.Org("acme")
	if err != nil {
		t.Fatal(err)
	}

	// B's own event key is registered by A without anybody's doing, and B writes, documents too
	text := private.New("for the desk")
	r, err := o.attempt(t, acmeB, newRole("of-b"), text)
	if err != nil {
		t.Fatal(err)
	}
	reaches(t, acme, r.Position)
	if _, ok := acme.Documents.At(r.Position); !ok {
		t.Error("no document")
	}
	// the private text gets to A
	eventually(t, "A has the text", func() bool { got, ok := acme.Private.Get(text.Commitment()); return ok && got == text })

	// An organization opened on B appears on A
	organization(t, b, o, "later", "plain")
	eventually(t, "A has it", func() bool { return slices.Contains(a.Organizations(), "later") })
	later, err := a.Org("later")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.attempt(t, later, newRole("of-a")); err != nil {
		t.Fatal(err)
	}
	// and can be opened once
	cmd, err := a.Opening(node.Opening{Organization: "later", Name: "Again", Profile: "plain", OwnerKey: "owner", OwnerKind: events.KindHuman,
		Credential: o.did(), Root: newOwner(t).did(), OperatorKey: newOwner(t).did()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.OpenOrganization(t.Context(), o.sign(t, cmd)); !errors.As(err, new(*rules.Refusal)) {
		t.Errorf("opened twice: %v", err)
	}

	// A document key that A replaces signs on B too
	var old string
	acme.Fold.Read(func(s *rules.State) { old = s.Key(events.PurposeDocument) })
	fresh, err := a.NewSharedKey(t.Context(), "acme", events.PurposeDocument)
	if err != nil {
		t.Fatal(err)
	}
	r, err = o.attempt(t, acme, &events.KeyRotated{Old: old, New: fresh})
	if err != nil {
		t.Fatal(err)
	}
	reaches(t, acmeB, r.Position)
	if r, err = o.attempt(t, acmeB, newRole("signed-anew")); err != nil {
		t.Fatal(err)
	}
	reaches(t, acme, r.Position)

	// A node whose event key is revoked writes no more, until the owner registers another
	revoked := ""
	acme.Fold.Read(func(s *rules.State) {
		for _, k := range s.Keys() {
			if k.Purpose == events.PurposeEvent && k.DID != s.Key(events.PurposeEvent) {
				revoked = k.DID
			}
		}
	})
	if r, err = o.attempt(t, acme, &events.KeyRevoked{Key: revoked}); err != nil {
		t.Fatal(err)
	}
	reaches(t, acmeB, r.Position)
	if _, err := acmeB.Ledger.Execute(t.Context(), o.request(t, acmeB, newRole("no"))); !errors.Is(err, ledger.ErrWait) {
		t.Errorf("with a revoked key: %v", err)
	}
	if fresh, err = b.NewKey("acme", events.PurposeEvent); err != nil {
		t.Fatal(err)
	}
	if r, err = o.attempt(t, acme, &events.KeyRegistered{Key: fresh, Purpose: events.PurposeEvent}); err != nil {
		t.Fatal(err)
	}
	if again, err := o.attempt(t, acmeB, newRole("again")); err != nil || again.Position != r.Position+1 {
		t.Errorf("with a new key: %+v, %v; it was registered at %d", again, err, r.Position)
	}
	reaches(t, acme, r.Position+1)

	// Both sign checkpoints, with the organization's one key: what they sign of a size is the same
	noteA, _, err := acme.Log.Committed(t.Context(), r.Position+1)
	if err != nil {
		t.Fatal(err)
	}
	covered(t, acme, r.Position+1)
	size := covered(t, acmeB, r.Position+1).Size
	if noteB, err := acmeB.Log.SignAt(r.Position + 1); err != nil || size < r.Position+1 || string(noteA) != string(noteB) {
		t.Errorf("two checkpoints of size %d:\n%s\n%s, %v", r.Position+1, noteA, noteB, err)
	}

	// The topic is published once, whoever does
	f, err := a.Stream().OpenFeed(t.Context(), stream.Topic, "acme")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all messages are in the topic", func() bool {
		n, err := f.Len(t.Context())
		return err == nil && int(n) == acme.Topic.Len()
	})
	at := uint64(0)
	for e, err := range f.Entries(t.Context(), 1) {
		m, ok := acmeB.Topic.Message(int(at))
		if at++; err != nil || !ok || string(m.Bytes) != string(e.Data) {
			t.Fatalf("message %d: %v", at, err)
		}
	}

	// Both directories verify, and open again with what they had
	for dir, n := range map[string]*node.Node{dirA: a, dirB: b} {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if _, err := verify.Directory(t.Context(), dir, verify.Options{}); err != nil {
			t.Error(err)
		}
		again := openRemote(t, dir, remote(c, c.URLs))
		if got := again.Organizations(); !slices.Equal(got, []string{"acme", "later"}) {
			t.Errorf("%s: %v", dir, got)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}

	t.Run("each directory is opened as what it is", func(t *testing.T) {
		if _, err := node.Open(t.Context(), dirA, node.Options{}); !errors.Is(err, node.ErrClustered) {
			t.Errorf("got %v", err)
		}
		if _, err := node.Open(t.Context(), initialised(t), remote(c, c.URLs)); !errors.Is(err, node.ErrAlone) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("another cluster's secret", func(t *testing.T) {
		if _, err := node.Open(t.Context(), first(t), remote(c, c.URLs)); !errors.Is(err, node.ErrSecret) {
			t.Errorf("got %v", err)
		}
		dir := join(t, dirA)
		if err := os.Chmod(filepath.Join(dir, "node", "cluster.key"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := node.Open(t.Context(), dir, remote(c, c.URLs)); !errors.Is(err, node.ErrKeyFile) {
			t.Errorf("readable by others: %v", err)
		}
	})

	t.Run("without its NATS credentials", func(t *testing.T) {
		o := remote(c, c.URLs)
		o.NATS.Credentials = ""
		if _, err := node.Open(t.Context(), dirA, o); !errors.Is(err, stream.ErrCredentials) || !strings.Contains(err.Error(), "--nats-creds") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("a journal that is not as it was left", func(t *testing.T) {
		for what, spoil := range map[string]func(seg []byte) []byte{
			"its end is cut off":                    func(seg []byte) []byte { return seg[:len(seg)*2/3] },
			"a byte is flipped":                     func(seg []byte) []byte { seg[len(seg)/2] ^= 1; return seg },
			"a byte is flipped and the end is torn": func(seg []byte) []byte { seg[len(seg)/2] ^= 1; return append(seg, 0, 0, 1, 0, 'x') },
		} {
			// Given a node that was stopped, and whose journal somebody changed
			dir := join(t, dirA)
			n := openRemote(t, dir, remote(c, c.URLs))
			org, err := n.Org("acme")
			if err != nil {
				t.Fatal(err)
			}
			reaches(t, org, r.Position)
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "orgs", "acme", "journal", "00000000.seg")
			seg, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, spoil(seg), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			before := journalFiles(t, dir)
			// when it is examined and started, then both say so with the way out, and change nothing
			findings, err := node.Examine(t.Context(), dir, 0)
			if err != nil || !slices.ContainsFunc(findings, func(f node.Finding) bool {
				return f.Level == node.FindingDamage && f.Organization == "acme" && strings.Contains(f.Do, "anew")
			}) {
				t.Errorf("%s: doctor says %v, %+v", what, err, findings)
			}
			_, err = node.Open(t.Context(), dir, remote(c, c.URLs))
			if err == nil || !strings.Contains(err.Error(), "nothing was changed; move "+filepath.Join(dir, "orgs", "acme")) {
				t.Errorf("%s: got %v", what, err)
			}
			if !maps.Equal(journalFiles(t, dir), before) {
				t.Errorf("%s: the start changed the journal", what)
			}
			// and that way out is one
			if err := os.Rename(filepath.Join(dir, "orgs", "acme"), filepath.Join(dir, "acme-was")); err != nil {
				t.Fatal(err)
			}
			n = openRemote(t, dir, remote(c, c.URLs))
			if org, err = n.Org("acme"); err != nil {
				t.Fatal(err)
			}
			reaches(t, org, r.Position)
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("an old copy of a journal", func(t *testing.T) {
		// Given a node whose head record is ahead of its journal
		dir := join(t, dirA)
		n := openRemote(t, dir, remote(c, c.URLs))
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		seg := filepath.Join(dir, "orgs", "acme", "journal")
		if err := os.RemoveAll(seg); err != nil {
			t.Fatal(err)
		}
		if _, err := node.Open(t.Context(), dir, remote(c, c.URLs)); err == nil {
			t.Error("it opens")
		}
	})

	t.Run("an interrupted opening is finished", func(t *testing.T) {
		a := openRemote(t, dirA, remote(c, c.URLs))
		organization(t, a, o, "halfway", "plain")
		a.Close()
		// Given an opening that was killed before its genesis file was written
		if err := os.Remove(filepath.Join(dirA, "orgs", "halfway", "genesis")); err != nil {
			t.Fatal(err)
		}
		a = openRemote(t, dirA, remote(c, c.URLs))
		org, err := a.Org("halfway")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.attempt(t, org, newRole("more")); err != nil {
			t.Error(err)
		}
	})
}
