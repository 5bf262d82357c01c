package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/ledger/tree"
	"github.com/permledger/permledger/node"
)

// covered waits for a checkpoint that covers a position, reads every tile under it, and holds the entries against them.
func covered(t testing.TB, org *node.Org, position uint64) note.Checkpoint {
	t.Helper()
	_, c, err := org.Log.Committed(t.Context(), position)
	if err != nil {
		t.Fatal(err)
	}
	var f tree.Frontier
	for r, err := range org.Journal.Range(1, c.Size) {
		if err != nil {
			t.Fatal(err)
		}
		f.Append(tree.Leaf(r.Entry))
	}
	if f.Root() != c.Root {
		t.Fatalf("the checkpoint of %d has another root than the journal", c.Size)
	}
	for tile := range tree.Tiles(c.Size) {
		if _, err := org.Log.Tile(tile); err != nil {
			t.Fatal(err)
		}
	}
	if edge, err := tree.Resume(org.Log, c.Size); err != nil || edge.Root() != c.Root {
		t.Fatalf("the tiles of %d have another root: %v", c.Size, err)
	}
	return c
}

// TestLogOfAnOrganization follows a log through starts, a loss of all of it, and a repair.
func TestLogOfAnOrganization(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	org := organization(t, n, o, "acme", "plain")
	for i := range 299 {
		o.do(t, org, newRole(fmt.Sprint("r", i)))
	}
	first := covered(t, org, 300)
	note300, err := org.Log.SignAt(300)
	if err != nil || first.Size != 300 {
		t.Fatal(first.Size, err)
	}
	log, outer := filepath.Join(dir, "orgs", "acme", "log"), t
	for name, spoil := range map[string]func(t *testing.T){
		"nothing":         func(*testing.T) {},
		"tiles lost":      func(t *testing.T) { must(t, os.RemoveAll(filepath.Join(log, "tile"))) },
		"everything lost": func(t *testing.T) { must(t, os.RemoveAll(log)) },
		"a tile changed": func(t *testing.T) {
			path := filepath.Join(log, "tile", "0", "000")
			b, err := os.ReadFile(path)
			must(t, err)
			b[100] ^= 1
			must(t, os.WriteFile(path, b, 0o600))
		},
		"the journal lost, and repaired": func(t *testing.T) {
			must(t, os.RemoveAll(filepath.Join(dir, "orgs", "acme", "journal")))
			_, err := node.Repair(t.Context(), dir, node.RepairOptions{})
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, n.Close())
			spoil(t)
			n = open(outer, dir)
			org, err := n.Org("acme")
			must(t, err)
			r := o.do(t, org, newRole(strings.ReplaceAll(name, " ", "-")))
			c := covered(t, org, r.Position)
			p, err := tree.Consistency(org.Log, first.Size, c.Size)
			must(t, err)
			must(t, tree.CheckConsistency(p, first.Size, first.Root, c.Size, c.Root))
			if b, err := org.Log.SignAt(300); err != nil || !bytes.Equal(b, note300) {
				t.Errorf("size 300 is signed as\n%s, %v; it was\n%s", b, err, note300)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOperatorRecordsCheckpoints moves the clock.
func TestOperatorRecordsCheckpoints(t *testing.T) {
	dir, o := initialised(t), newOwner(t)
	var ahead atomic.Int64
	opts := node.Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	opts.NoteEvery(time.Millisecond)
	n, err := node.Open(t.Context(), dir, opts)
	must(t, err)
	defer n.Close()
	operator := organization(t, n, o, node.Operator, "plain")
	acme, beta := organization(t, n, o, "acme", "plain"), organization(t, n, o, "beta", "plain")
	covered(t, acme, 1)
	covered(t, beta, 1)
	// recorded gives what the operator's ledger has recorded, one event after the other.
	recorded := func() (all [][]events.RecordedCheckpoint) {
		for r, err := range operator.Journal.Range(1, operator.Access.Head().Position) {
			must(t, err)
			en, err := chain.Parse(bytes.Clone(r.Entry))
			must(t, err)
			if d, ok := en.Event.Data.(*events.CheckpointsRecorded); ok {
				all = append(all, d.Checkpoints)
			}
		}
		return all
	}
	minute := func() { ahead.Add(int64(time.Minute + time.Millisecond)) }
	minute()
	eventually(t, "both are recorded", func() bool { return len(recorded()) == 1 })
	if got := recorded()[0]; len(got) != 2 || got[0].Organization != "acme" || got[1].Organization != "beta" || got[0].Size != 1 || got[0].Key == "" {
		t.Fatalf("recorded: %+v", got)
	}
	// Nothing changes: nothing is recorded, whatever time goes by, though the operator's own ledger has grown.
	minute()
	minute()
	// Only acme changes, twice: within a minute there is one event, of the newest checkpoint.
	o.do(t, acme, newRole("one"))
	r := o.do(t, acme, newRole("two"))
	c := covered(t, acme, r.Position)
	eventually(t, "acme is recorded again", func() bool {
		all := recorded()
		last := all[len(all)-1]
		return len(all) > 1 && last[0].Organization == "acme" && last[0].Size > 1
	})
	minute()
	eventually(t, "its newest checkpoint is recorded", func() bool {
		all := recorded()
		last := all[len(all)-1]
		return last[0].Size == c.Size && [32]byte(last[0].Root) == c.Root
	})
	all := recorded()
	var times []time.Time
	for p := uint64(1); p <= operator.Access.Head().Position; p++ {
		raw, err := operator.Journal.Read(p)
		must(t, err)
		en, err := chain.Parse(raw)
		must(t, err)
		if _, ok := en.Event.Data.(*events.CheckpointsRecorded); ok {
			times = append(times, en.Event.Time)
		}
	}
	for i := range all {
		if i > 0 && times[i].Sub(times[i-1]) < time.Minute {
			t.Errorf("events %d and %d lie only %s apart", i, i+1, times[i].Sub(times[i-1]))
		}
		if slices.ContainsFunc(all[i], func(c events.RecordedCheckpoint) bool {
			return c.Organization == node.Operator || i > 0 && c.Organization == "beta"
		}) {
			t.Errorf("event %d records %+v", i+1, all[i])
		}
	}
}

// TestOldDirectoryHasNoCheckpoints opens a directory of before there were logs: its ledgers go by rules that know no
// checkpoint key.
func TestOldDirectoryHasNoCheckpoints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	unpack(t, "testdata/format-1.tar.gz", dir)
	n := open(t, dir)
	for _, id := range n.Organizations() {
		org, err := n.Org(id)
		must(t, err)
		if _, _, err := org.Log.Committed(t.Context(), 1); !errors.Is(err, tlog.ErrNoKey) {
			t.Errorf("%s: %v", id, err)
		}
		if _, _, ok := org.Log.Latest(); ok {
			t.Errorf("%s has a checkpoint", id)
		}
	}
}
