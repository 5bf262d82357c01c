package node_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/node"
)

// Given a start that was killed after nats-server had deleted the stream, or some of its files, when the directory is
// opened, then they are put back, and nothing was made again.
func TestFilesLostByAStartArePutBack(t *testing.T) {
	fresh, _ := wrecks(t)
	for name, lose := range map[string]func(w *wreck) error{
		"the stream":      func(w *wreck) error { return os.RemoveAll(w.stream()) },
		"the blocks":      func(w *wreck) error { return os.RemoveAll(filepath.Join(w.stream(), "msgs")) },
		"a block":         func(w *wreck) error { return os.Remove(w.block()) },
		"its checksum":    func(w *wreck) error { return os.Remove(filepath.Join(w.stream(), "meta.sum")) },
		"the whole store": func(w *wreck) error { return os.RemoveAll(filepath.Join(w.dir, "store")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := fresh(t)
			w.must(node.Guard(w.dir, "acme"))
			block, err := os.Stat(w.block())
			w.must(err)
			w.must(lose(w))
			w.whole(w.entries)
			if again, err := os.Stat(w.block()); err != nil || !os.SameFile(block, again) {
				t.Errorf("the block is another file: %v", err)
			}
			if _, err := os.Stat(filepath.Join(w.dir, "orgs", "acme", "guard")); !os.IsNotExist(err) {
				t.Errorf("the links are there still: %v", err)
			}
			if m, err := node.ReadMended(w.dir, "acme"); err != nil || len(m) != 1 {
				t.Errorf("noted: %v %v", m, err)
			}
		})
	}
	t.Run("links that a power cut took half of", func(t *testing.T) {
		w := fresh(t)
		w.must(node.Guard(w.dir, "acme"))
		w.must(os.RemoveAll(filepath.Join(w.dir, "orgs", "acme", "guard", "files")))
		w.whole(w.entries)
	})
}

// Given both copies damaged, and the links of a start that was killed, when it is repaired, then the links are a copy too.
func TestRepairReadsTheLinks(t *testing.T) {
	fresh, _ := wrecks(t)
	w := fresh(t)
	w.must(node.Guard(w.dir, "acme"))
	w.must(os.RemoveAll(filepath.Join(w.dir, "store")))
	w.must(os.RemoveAll(w.journal()))
	if _, err := node.Repair(t.Context(), w.dir, node.RepairOptions{}); err != nil {
		t.Fatal(err)
	}
	w.whole(w.entries)
}

// What a start mended stands in the activity stream, beside what was refused.
func TestMendingIsActivity(t *testing.T) {
	fresh, _ := wrecks(t)
	w := fresh(t)
	w.must(os.RemoveAll(w.stream()))
	w.whole(w.entries) // it is written by the time that the node is closed
	n := open(t, w.dir)
	org, err := n.Org("acme")
	w.must(err)
	var records []node.ActivityRecord
	for m, err := range org.Activity.Feed().Entries(t.Context(), 1) {
		w.must(err)
		var r node.ActivityRecord
		w.must(json.Unmarshal(m.Data, &r))
		records = append(records, r)
	}
	if len(records) != 1 || records[0].Kind != "mended" || !strings.Contains(records[0].Reason, "made again from the journal with 12 events") {
		t.Errorf("got %+v", records)
	}
}
