package node_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/node"
)

// repaired demands that a repair mends a wreck.
func (w *wreck) repaired() {
	w.t.Helper()
	if _, err := node.Repair(w.t.Context(), w.dir, node.RepairOptions{}); err != nil {
		w.t.Fatalf("repair: %v", err)
	}
	w.whole(w.entries)
}

// Given what a repair leaves that was killed, when it is run again, then it mends the ledger.
func TestRepairAfterAKilledRepair(t *testing.T) {
	fresh, old := wrecks(t)
	rot := func(w *wreck) { w.change(w.segment(), flipAt(w.at(5)+300, 4)) }
	for name, leave := range map[string]func(w *wreck){
		"half a new journal": func(w *wreck) {
			rot(w)
			copyDir(t, w.journal(), w.journal()+".new")
			w.change(filepath.Join(w.journal()+".new", "00000000.seg"), cutAt(w.at(4)+7))
		},
		"the new journal not yet in place": func(w *wreck) {
			copyDir(t, w.journal(), w.journal()+".new")
			rot(w)
			w.must(os.Rename(w.journal(), w.journal()+"-aside-20260101T000000.000"))
		},
		"the new journal not in place, and the stream damaged": func(w *wreck) {
			copyDir(t, w.journal(), w.journal()+".new")
			rot(w)
			w.must(os.Rename(w.journal(), w.journal()+"-aside-20260101T000000.000"))
			w.change(w.block(), zero(0, 8192))
		},
		"two new journals": func(w *wreck) {
			copyDir(t, w.journal(), w.journal()+".new")
			copyDir(t, w.journal(), w.journal()+".newer")
			w.change(filepath.Join(w.journal()+".newer", "00000000.seg"), cutAt(100))
			rot(w)
			w.must(os.Rename(w.journal(), w.journal()+"-aside-20260101T000000.000"))
		},
		"a head record not yet in place": func(w *wreck) {
			w.change(w.genesis(), cutAt(0))
			w.replace(old, w.head())
			w.must(os.Rename(w.head(), w.head()+".mended"))
		},
		"the stream set aside": func(w *wreck) {
			w.must(os.Rename(w.stream(), filepath.Join(w.dir, "orgs", "acme", "stream-aside-20260101T000000.000")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := fresh(t)
			leave(w)
			w.repaired()
		})
	}
}

// TestKilledRepair kills a repair at each call to the system by which it changes something.
func TestKilledRepair(t *testing.T) {
	if os.Getenv("PERMLEDGER_LONG") == "" {
		t.Skip("takes a minute: PERMLEDGER_LONG=1")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("it kills by strace, which is not here")
	}
	fresh, _ := wrecks(t)
	const renames, links, syncs, writes = "rename,renameat,renameat2", "link,linkat", "fsync", "write,pwrite64"
	killed := 0
	for calls, most := range map[string]int{renames: 8, links: 4, syncs: 30, writes: 30} {
		for n := 1; n <= most; n++ {
			t.Run(fmt.Sprintf("%s %d", calls, n), func(t *testing.T) {
				w := fresh(t)
				w.change(w.segment(), flipAt(w.at(5)+300, 4))
				w.change(w.block(), flipAt(w.stored(8)+300, 4))
				w.change(w.genesis(), cutAt(0))
				child := exec.CommandContext(t.Context(), strace, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace="+calls,
					"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", calls, n), os.Args[0], "-test.run=^TestRepairChild$")
				child.Env = append(os.Environ(), "REPAIR_CHILD="+w.dir)
				out, err := child.CombinedOutput()
				if err != nil && !strings.Contains(err.Error(), "killed") {
					t.Fatalf("%v\n%s", err, out)
				}
				if err != nil {
					killed++
				}
				w.repaired()
			})
		}
	}
	if killed < 10 {
		t.Errorf("only %d repairs were killed", killed)
	}
}

func TestRepairChild(t *testing.T) {
	dir := os.Getenv("REPAIR_CHILD")
	if dir == "" {
		t.Skip("this is a process of TestKilledRepair")
	}
	if _, err := node.Repair(t.Context(), dir, node.RepairOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Given two copies that were each gone on with, when a start or a repair meets them, then both are kept as they are.
func TestFork(t *testing.T) {
	fresh, old := wrecks(t)
	w := fresh(t)
	other := filepath.Join(t.TempDir(), "other")
	copyDir(t, old, other)
	n := open(t, other)
	org, err := n.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	forker.do(t, org, newRole("fork"))
	n.Close()
	w.replace(other, w.journal())
	w.refused()
	before := contents(t, w.dir)
	_, err = node.Repair(t.Context(), w.dir, node.RepairOptions{Organization: "acme", AcceptLoss: wreckEntries / 2})
	if fork := (*ledger.ForkError)(nil); !errors.As(err, &fork) || fork.Position != wreckEntries/2+1 {
		t.Errorf("got %v; want a fork at %d", err, wreckEntries/2+1)
	}
	w.unchanged(before)
}

// Given an event that is in no copy, when an operator accepts the loss by naming the end, then the ledger goes on from
// there, what was behind it is kept, and the acceptance is noted; any other position is refused.
func TestAcceptedLoss(t *testing.T) {
	fresh, _ := wrecks(t)
	w := fresh(t)
	w.change(w.segment(), flipAt(w.at(8)+300, 4))
	w.change(w.block(), flipAt(w.stored(8)+310, 4))
	w.refused()
	before := contents(t, w.dir)
	for _, accept := range []uint64{0, 6, 8, 11} {
		_, err := node.Repair(t.Context(), w.dir, node.RepairOptions{Organization: "acme", AcceptLoss: accept})
		if loss := (*node.LossError)(nil); !errors.As(err, &loss) || loss.End != 7 {
			t.Errorf("accepting %d: %v; want a loss behind 7", accept, err)
		}
		w.unchanged(before)
	}
	if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{Organization: "acme", AcceptLoss: 7}); err != nil {
		t.Fatal(err)
	}
	w.whole(w.entries[:7])
	noted, err := node.ReadMended(w.dir, "acme")
	if err != nil || len(noted) == 0 || !strings.Contains(noted[0].What, "accepts that the history ends at event 7") {
		t.Errorf("noted: %+v %v", noted, err)
	}
	for _, kept := range []string{"journal-aside-*", "head-aside-*", "stream-aside-*"} {
		if found, _ := filepath.Glob(filepath.Join(w.dir, "orgs", "acme", kept)); len(found) != 1 {
			t.Errorf("%s: %v", kept, found)
		}
	}
	n := open(t, w.dir)
	org, err := n.Org("acme")
	w.must(err)
	if got := forker.do(t, org, newRole("after")); got.Position != 8 {
		t.Errorf("goes on at %d", got.Position)
	}
}

// A directory that a server has open is not repaired.
func TestRepairTakesTheLock(t *testing.T) {
	fresh, _ := wrecks(t)
	w := fresh(t)
	open(t, w.dir)
	if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{}); !errors.Is(err, node.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if _, err := node.Repair(t.Context(), t.TempDir(), node.RepairOptions{}); !errors.Is(err, node.ErrNotInitialized) {
		t.Errorf("got %v", err)
	}
}

// A directory whose streams lie in a cluster gets no store of its own by a repair.
func TestRepairOfAClusterDirectory(t *testing.T) {
	fresh, _ := wrecks(t)
	w := fresh(t)
	w.change(filepath.Join(w.dir, "permledger.json"), func([]byte) []byte {
		return []byte(`{"format":1,"host":"localhost","cluster":true}`)
	})
	before := contents(t, w.dir)
	if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{}); !errors.Is(err, node.ErrNoRepair) {
		t.Errorf("got %v", err)
	}
	w.unchanged(before)
}
