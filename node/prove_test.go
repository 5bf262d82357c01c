package node_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/decision"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/projections/access"
)

// desked is an organization with a catalogue of so many permissions, in which ann has a role.
func desked(t testing.TB, n *node.Node, o owner, catalogue int, permission string) (*node.Org, decision.Question) {
	t.Helper()
	org := organization(t, n, o, "acme", "plain")
	if catalogue > 0 {
		published := &events.CataloguePublished{Catalogue: "desk", Title: "A catalogue"}
		for i := range catalogue {
			published.Permissions = append(published.Permissions, events.Permission{Name: fmt.Sprintf("thing.verb%05d", i), Category: "Things", Entity: "thing", Action: "verb"})
		}
		o.do(t, org, published)
	}
	role, ann := ulid.Make(), ulid.Make()
	o.do(t, org, &events.RoleCreated{Role: role, Key: "desk", Name: "Desk", Permissions: []string{permission}})
	o.do(t, org, &events.SubjectAdded{Subject: ann, Key: "ann", Kind: events.KindHuman})
	o.do(t, org, &events.RoleAssigned{Role: role, Subject: ann})
	return org, decision.Question{Subject: ann, Key: "ann", Permission: permission, Instant: time.Now().UTC().Truncate(time.Millisecond)}
}

// trusting is the policy of who believes the keys that the ledger names.
func trusting(org *node.Org) *note.Policy {
	p := &note.Policy{Quorum: note.None}
	org.Fold.Read(func(s *rules.State) {
		for _, did := range s.CheckpointKeys(s.Position()) {
			if public, err := didkey.Parse(did); err == nil {
				p.Logs = append(p.Logs, note.Log{Key: note.LogKey(s.Source(), public)})
			}
		}
	})
	return p
}

func TestDecide(t *testing.T) {
	n, o := open(t, initialised(t)), newOwner(t)
	org, q := desked(t, n, o, 0, "asset.mint")
	a := org.Access.Now(q.Instant)
	file, yes, err := n.Decide(t.Context(), org, q, a)
	if err != nil || !yes {
		t.Fatalf("%t, %v", yes, err)
	}
	d, err := decision.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Verify(trusting(org))
	if err != nil {
		t.Fatal(err)
	}
	if v.Checkpoint.Size != d.Position || d.Position != org.Access.Head().Position {
		t.Errorf("the checkpoint is of %d entries, the answer as of %d", v.Checkpoint.Size, d.Position)
	}
	// The same question as of the same position has the same answer, byte for byte, whatever came since.
	o.do(t, org, &events.SubjectAdded{Subject: ulid.Make(), Key: "bob", Kind: events.KindHuman})
	again, _, err := n.Decide(t.Context(), org, q, a)
	if err != nil || string(again) != string(file) {
		t.Errorf("asked again, it is another file: %v", err)
	}
	if _, _, err := n.Decide(t.Context(), org, q, access.AsOf{Position: a.Position, Instant: q.Instant, Occurred: q.Instant}); err == nil {
		t.Error("it is decided as of an occurred time")
	}
}

func TestProofsOfAnOrganization(t *testing.T) {
	n, o := open(t, initialised(t)), newOwner(t)
	org, _ := desked(t, n, o, 0, "asset.mint")
	head := org.Access.Head().Position
	for at := uint64(1); at <= head; at++ {
		p, err := org.Prove(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := org.Journal.Read(at)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(tree.Leaf(raw)); err != nil {
			t.Errorf("entry %d: %v", at, err)
		}
		c, err := org.Grown(t.Context(), at, head)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range [][]byte{c.Old, c.New, p.Checkpoint} {
			if _, err := trusting(org).Verify(one); err != nil {
				t.Errorf("from %d to %d: %v", at, head, err)
			}
		}
		if read, err := note.ParseConsistency(c.Bytes()); err != nil || read.Check() != nil {
			t.Errorf("from %d to %d: %v, %v", at, head, err, read.Check())
		}
	}
	for _, sizes := range [][2]uint64{{0, head}, {head, 1}} {
		if _, err := org.Grown(t.Context(), sizes[0], sizes[1]); !errors.Is(err, tree.ErrRange) {
			t.Errorf("from %d to %d: %v", sizes[0], sizes[1], err)
		}
	}
	soon, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := org.Prove(soon, head+1); !errors.Is(err, context.Canceled) {
		t.Errorf("what is not there yet: %v", err)
	}
}

// BenchmarkDecide answers a question through a role, with and without the decision, beside one bare check of a signature.
func BenchmarkDecide(b *testing.B) {
	b.Run("signature", func(b *testing.B) {
		key, message := newOwner(b).key, make([]byte, 800) // as long as an event
		public, sig := key.Public().(ed25519.PublicKey), ed25519.Sign(key, message)
		for b.Loop() {
			if !ed25519.Verify(public, message, sig) {
				b.Fatal("it does not hold")
			}
		}
	})
	for _, of := range []struct {
		name, permission string
		catalogue        int
	}{{"new-permission", "asset.mint", 0}, {"catalogue-of-400", "desk:thing.verb00007", 400}} {
		n, o := open(b, initialised(b)), newOwner(b)
		org, q := desked(b, n, o, of.catalogue, of.permission)
		a := org.Access.Now(q.Instant)
		b.Run(of.name+"/check", func(b *testing.B) {
			for b.Loop() {
				if !org.Access.CheckIn(q.Subject.String(), q.Permission, q.Resource, q.In, a).Allowed {
					b.Fatal("no")
				}
			}
		})
		b.Run(of.name+"/decide", func(b *testing.B) {
			for b.Loop() {
				if _, yes, err := n.Decide(b.Context(), org, q, a); err != nil || !yes {
					b.Fatal(yes, err)
				}
			}
		})
		file, _, err := n.Decide(b.Context(), org, q, a)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(of.name+"/verify", func(b *testing.B) {
			for b.Loop() {
				d, err := decision.Parse(file)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := d.Verify(nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(file)), "bytes")
		})
	}
}

// A ledger of older rules has no checkpoint key, and so proves nothing yet: it says so, and does not wait.
func TestNothingIsProvenWithoutAKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "old")
	unpack(t, "testdata/format-1.tar.gz", dir)
	n := open(t, dir)
	for _, id := range n.Organizations() {
		org, err := n.Org(id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := org.Prove(t.Context(), 1); !errors.Is(err, tlog.ErrNoKey) {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := org.Grown(t.Context(), 1, 1); !errors.Is(err, tlog.ErrNoKey) {
			t.Errorf("%s: %v", id, err)
		}
		a := org.Access.Now(time.Now())
		owner, ok := org.Access.Owner(a)
		if !ok {
			t.Fatal("nobody owns it")
		}
		q := decision.Question{Subject: owner.ID, Key: owner.Key, Permission: "ledger:role.create", Instant: a.Instant.UTC().Truncate(time.Millisecond)}
		if _, _, err := n.Decide(t.Context(), org, q, a); !errors.Is(err, tlog.ErrNoKey) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
