package node_test

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/node"
)

// oldOrganization makes the directory of an organization that version 1 of the rules opened, as a release of then left it;
// its stream is lost, and made again from the journal.
func oldOrganization(t testing.TB, dir string, o owner) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(filepath.Join(dir, "node", "acme"), 0o700))
	made := func() (string, ed25519.PrivateKey) {
		k := newOwner(t)
		check(node.WriteKey(filepath.Join(dir, "node", "acme", strings.TrimPrefix(k.did(), "did:key:")+".key"), k.key))
		return k.did(), k.key
	}
	event, signs := made()
	document, _ := made()
	now := time.Now()
	c := events.Command{
		ID: node.NewID(now.UnixMilli()), Ledger: "localhost/acme", Actor: node.NewID(now.UnixMilli()), Version: 1,
		Auth: events.Auth{Method: events.MethodSignature, Credential: o.did()},
	}
	c.Data = &events.OrganizationOpened{
		Organization: "acme", Name: "ACME", Rules: 1, Node: node.NewID(now.UnixMilli()), Profile: events.Profile{Name: "plain", EmptyRoles: true},
		Owner: events.Owner{Subject: c.Actor, Key: "owner", Kind: events.KindHuman, Credential: o.did()},
		Keys:  events.Keys{Event: event, Document: document, Root: newOwner(t).did(), Operator: newOwner(t).did()},
	}
	e, err := rules.Decide(rules.New(), c, now.UTC().Truncate(time.Millisecond))
	check(err)
	e.Sequence = 1
	body, err := e.Encode()
	check(err)
	en, err := chain.Seal(&e, body, nil, o.sign(t, c).Evidence, signs, event)
	check(err)
	of := filepath.Join(dir, "orgs", "acme")
	check(os.Mkdir(of, 0o700))
	j, err := journal.Open(filepath.Join(of, "journal"), journal.Options{Create: true})
	check(err)
	_, err = j.Append([][]byte{en.Bytes()})
	check(err)
	check(j.Close())
	head, err := journal.OpenHead(filepath.Join(of, "head"), true)
	check(err)
	var roots tree.Roots
	roots.Append(tree.Leaf(en.Bytes()))
	root, _ := roots.Root(1)
	check(head.Store(journal.Head{Position: 1, CID: en.CID(), Root: root}))
	g, err := json.Marshal(node.Genesis{Source: "localhost/acme", CID: en.CID()})
	check(err)
	check(os.WriteFile(filepath.Join(of, "genesis"), g, 0o600))
}

// Given an organization that older rules opened, when it adopts newer ones, then the node gives it a checkpoint key; before,
// it has none, and no checkpoint.
func TestOldOrganizationsGetACheckpointKey(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	oldOrganization(t, dir, o)
	n := open(t, dir)
	org := acme(t, n)
	if signers, err := n.CheckpointSigners(org, 1); err != nil || len(signers) != 0 || current(org, events.PurposeCheckpoint) != "" {
		t.Errorf("%d keys sign its checkpoints, %v", len(signers), err)
	}
	adopted := o.do(t, org, &events.RulesAdopted{Organization: "acme", Rules: rules.Version, Operator: node.NewID(time.Now().UnixMilli())})
	eventually(t, "there is a checkpoint key", func() bool { return current(org, events.PurposeCheckpoint) != "" })
	if signers, err := n.CheckpointSigners(org, adopted.Position); err != nil || len(signers) != 0 {
		t.Errorf("%d keys sign what was before it, %v", len(signers), err)
	}
	if signers, err := n.CheckpointSigners(org, adopted.Position+1); err != nil || len(signers) != 1 {
		t.Errorf("%d keys sign its checkpoints, %v; want one", len(signers), err)
	}
	n.Close()
	verified(t, dir, adopted.Position+1)
}

// Given a checkpoint key that was replaced, when its time is over, then the node revokes it by itself.
func TestOverlapOfCheckpointKeysEnds(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	var ahead time.Duration
	at := func() node.Options { return node.Options{Now: func() time.Time { return time.Now().Add(ahead) }} }
	n := openRemote(t, dir, at())
	org := organization(t, n, o, "acme", "plain")
	old := current(org, events.PurposeCheckpoint)
	fresh, err := n.NewKey("acme", events.PurposeCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	r := o.do(t, org, &events.KeyRotated{Old: old, New: fresh})
	beside := func(org *node.Org) (did string) {
		org.Fold.Read(func(s *rules.State) { did, _, _ = s.Overlap() })
		return did
	}
	if beside(org) != old {
		t.Errorf("%s signs beside the new key; want %s", beside(org), old)
	}
	n.Close()
	ahead = rules.CheckpointOverlap + time.Hour
	n = openRemote(t, dir, at())
	org = acme(t, n)
	eventually(t, "the old key signs no more", func() bool { return beside(org) == "" })
	if signers, err := n.CheckpointSigners(org, r.Position); err != nil || len(signers) != 2 {
		t.Errorf("%d keys sign a checkpoint of the time when both did, %v", len(signers), err)
	}
	if signers, err := n.CheckpointSigners(org, r.Position+1); err != nil || len(signers) != 1 {
		t.Errorf("%d keys sign a checkpoint from there on, %v", len(signers), err)
	}
}

// Given checkpoints of other organizations, when they are recorded, then what is due stands in the operator's ledger, once a
// minute each and never its own.
func TestRecordCheckpoints(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	row := func(organization string, size uint64) events.RecordedCheckpoint {
		return events.RecordedCheckpoint{Organization: organization, Size: size, Root: events.Digest{byte(size)}}
	}
	if _, err := n.RecordCheckpoints(t.Context(), []events.RecordedCheckpoint{row("acme", 1)}); err == nil {
		t.Error("there is no operator's ledger to record them in")
	}
	org := organization(t, n, o, node.Operator, "plain")
	for _, c := range []struct {
		rows []events.RecordedCheckpoint
		want int
	}{
		{[]events.RecordedCheckpoint{row("acme", 4), row("bank", 1), row(node.Operator, 1)}, 2},
		{[]events.RecordedCheckpoint{row("acme", 9), row("bank", 1), row("new", 3)}, 1},
		{[]events.RecordedCheckpoint{row("acme", 9)}, 0},
		{nil, 0},
	} {
		if got, err := n.RecordCheckpoints(t.Context(), c.rows); err != nil || got != c.want {
			t.Errorf("of %v %d were recorded, %v; want %d", c.rows, got, err, c.want)
		}
	}
	org.Fold.Read(func(s *rules.State) {
		if s.Position() != 3 {
			t.Errorf("%d entries; want 3", s.Position())
		}
		for organization, size := range map[string]uint64{"acme": 4, "bank": 1, "new": 3} {
			if c, _, _, ok := s.RecordedCheckpoint(organization); !ok || c.Size != size || c.Root != (events.Digest{byte(size)}) {
				t.Errorf("%s: %+v", organization, c)
			}
		}
	})
}
