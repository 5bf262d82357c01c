package node_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/node"
)

// An organization of signed documents starts from its snapshot with everything that is asked of it, the topic included.
func TestStartFromASnapshot(t *testing.T) {
	// Given a node whose organization has a file that is no snapshot, so that a good one is kept when it is closed
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	org := organization(t, n, o, "alpha", "guardian")
	role := newRole("kyc")
	o.do(t, org, role)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "orgs", "alpha", "snapshot")
	if err := os.WriteFile(path, []byte("not one"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	start := func() *node.Org {
		said.Reset()
		var err error
		if n, err = node.Open(t.Context(), dir, node.Options{Logger: slog.New(slog.NewTextHandler(&said, nil))}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		if org, err = n.Org("alpha"); err != nil {
			t.Fatal(err)
		}
		return org
	}
	_, want := start().Fold.Snapshot()
	if strings.Count(said.String(), "the snapshot is of no use") != 1 {
		t.Fatalf("nothing is said of the file\n%s", said.String())
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	// when it is started again
	position, got := start().Fold.Snapshot()
	// then it is what it was, from the snapshot, and goes on
	head, _, err := journal.ReadHead(filepath.Join(dir, "orgs", "alpha", "head"))
	if err != nil || head.Snapshot == [32]byte{} || strings.Contains(said.String(), "the snapshot is of no use") || position != 2 {
		t.Fatalf("at %d, the head record names %x: %v\n%s", position, head.Snapshot[:4], err, said.String())
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("section %d is another one", i)
		}
	}
	name := "Know your customer"
	if r := o.do(t, org, &events.RoleUpdated{Role: role.Role, Name: &name}); r.Position != 3 {
		t.Errorf("it goes on at %d", r.Position)
	}
}

// While a node runs its organizations keep snapshots, whatever they have in them, each of what is folded.
func TestSnapshotsOfARunningNode(t *testing.T) {
	// Given two organizations that take one of each entry, of signed documents and without
	var opts node.Options
	opts.SnapshotEvery(1)
	dir, o := initialised(t), newOwner(t)
	n, err := node.Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	var orgs []*node.Org
	for name, profile := range map[string]string{"alpha": "guardian", "beta": "plain"} {
		orgs = append(orgs, organization(t, n, o, name, profile))
	}
	// when commands are recorded in both
	for i := range 8 {
		for _, org := range orgs {
			o.do(t, org, newRole(fmt.Sprint("role-", i)))
		}
	}
	// then there comes a snapshot of each that has what is folded, and the head record names it
	for _, org := range orgs {
		_, sections := org.Fold.Snapshot()
		path := filepath.Join(dir, "orgs", org.ID)
		eventually(t, "a snapshot of all entries of "+org.ID, func() bool {
			b, err := os.ReadFile(filepath.Join(path, "snapshot"))
			head, _, headErr := journal.ReadHead(filepath.Join(path, "head"))
			if err != nil || headErr != nil || !bytes.HasSuffix(b, head.Snapshot[:]) {
				return false
			}
			for _, section := range sections {
				if !bytes.Contains(b, section) {
					return false
				}
			}
			return true
		})
	}
}
