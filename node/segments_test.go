package node_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/node"
)

// Given a ledger of two segments and several blocks, when one of them is damaged or gone, then it is mended from the other
// copy as a small one is.
func TestRepairSeveralSegments(t *testing.T) {
	if os.Getenv("PERMLEDGER_LONG") == "" {
		t.Skip("records 66,000 events: PERMLEDGER_LONG=1")
	}
	const entries = journal.SegmentEntries + 500
	dir, o := initialised(t), newOwner(t)
	n := open(t, dir)
	org := organization(t, n, o, "acme", "plain")
	for made := 1; made < entries; {
		var batch []ledger.Request
		for range min(500, entries-made) {
			batch = append(batch, o.command(t, org, newRole(fmt.Sprintf("role-%d", made))))
			made++
		}
		for _, outcome := range org.Ledger.ExecuteAll(t.Context(), batch, true) {
			if outcome.Err != nil {
				t.Fatal(outcome.Err)
			}
		}
	}
	last, err := org.Journal.Read(entries)
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	for name, c := range map[string]struct {
		spoil  func(w *wreck) error
		starts bool
	}{
		"the first segment is gone":  {func(w *wreck) error { return os.Remove(w.segment()) }, false},
		"the second segment is gone": {func(w *wreck) error { return os.Remove(filepath.Join(w.journal(), "00000001.seg")) }, false},
		"both segments are damaged, and a block": {func(w *wreck) error {
			w.change(w.segment(), flipAt(5_000_000, 1))
			w.change(filepath.Join(w.journal(), "00000001.seg"), zero(4096, 8192))
			w.change(w.block(), zero(4096, 8192))
			return nil
		}, false},
		"the first segment is empty":    {func(w *wreck) error { return os.Truncate(w.segment(), 0) }, false},
		"a block in the middle is gone": {func(w *wreck) error { return os.Remove(filepath.Join(w.stream(), "msgs", "2.blk")) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wreck{t: t, dir: filepath.Join(t.TempDir(), "ledger")}
			copyDir(t, dir, w.dir)
			w.must(c.spoil(w))
			if !c.starts {
				w.refused()
				if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			n := open(t, w.dir)
			defer n.Close()
			org, err1 := n.Org("acme")
			log, err2 := n.Stream().OpenLog(t.Context(), "acme")
			w.must(errors.Join(err1, err2))
			got, err := org.Journal.Read(entries)
			w.must(err)
			at, streamed, err := log.Last(t.Context())
			w.must(err)
			if org.Journal.Len() != entries || string(got) != string(last) || at != entries || string(streamed) != string(last) {
				t.Errorf("the journal ends at %d, the stream at %d", org.Journal.Len(), at)
			}
		})
	}
}
