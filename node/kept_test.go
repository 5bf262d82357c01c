package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/note"
	"github.com/permledger/permledger/ledger/tlog"
	"github.com/permledger/permledger/node"
	"github.com/permledger/permledger/verify"
)

func (w *wreck) checkpoints() string {
	return filepath.Join(w.dir, "orgs", "acme", "log", "checkpoints")
}

// found gives what doctor finds of a kind about acme.
func (w *wreck) found(check string) (found []node.Finding) {
	w.t.Helper()
	all, err := node.Examine(w.t.Context(), w.dir, 0)
	w.must(err)
	for _, f := range all {
		if f.Check == check && f.Organization == "acme" {
			found = append(found, f)
		}
	}
	return found
}

// Given kept checkpoints of which some do not hold any more, when verify, doctor and repair look, then each names it; and
// the repair leaves out these, keeps all others and the file before, and signs the head again.
func TestDamagedCheckpointsAreRepaired(t *testing.T) {
	fresh, _ := wrecks(t)
	for name, damage := range map[string]func(b []byte) []byte{
		"a root":       func(b []byte) []byte { return flipAt(bytes.Index(b, []byte("=\n"))-9, 1)(b) },
		"a size":       func(b []byte) []byte { return flipAt(bytes.Index(b, []byte("acme\n"))+5, 1)(b) },
		"a signature":  func(b []byte) []byte { return flipAt(bytes.Index(b, []byte("\n\n"))+60, 1)(b) },
		"the last one": func(b []byte) []byte { return flipAt(len(b)-20, 1)(b) },
		"a signature, and its sum is right": func(b []byte) []byte {
			old := b[:bytes.Index(b, []byte("\n\n"))+2]
			old = b[:len(old)+bytes.Index(b[len(old):], []byte("\n\n"))+2]
			_, text, _ := bytes.Cut(old[:len(old)-1], []byte("\n"))
			n, err := note.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			n.Signatures[0].Bytes[9] ^= 1
			return append(tlog.Record(time.UnixMilli(1), n.Bytes()), b[len(old):]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := fresh(t)
			sizes := func() (all []uint64) {
				t.Helper()
				w.must(tlog.Read(filepath.Join(w.dir, "orgs", "acme", "log"), "localhost/acme", func(c note.Checkpoint, _ []byte, _ time.Time) { all = append(all, c.Size) }))
				return all
			}
			before := sizes()
			w.change(w.checkpoints(), damage)
			spoiled, err := os.ReadFile(w.checkpoints())
			w.must(err)
			if _, err := verify.Directory(t.Context(), filepath.Join(w.dir, "orgs", "acme"), verify.Options{}); err == nil || !strings.Contains(err.Error(), "log/checkpoints") {
				t.Errorf("verify says %v", err)
			}
			if f := w.found("checkpoints"); !strings.Contains(name, "sum") && (len(f) != 1 || f[0].Level != node.FindingDamage) {
				t.Errorf("doctor says %+v", f)
			}
			var told []string
			options := node.RepairOptions{Told: func(m node.Mended) { told = append(told, m.What) }, DryRun: true}
			for range 2 {
				if _, err := node.Repair(t.Context(), w.dir, options); err != nil {
					t.Fatal(err)
				}
				if len(told) != 1 || !strings.HasPrefix(told[0], "kept checkpoints are damaged: at byte ") || strings.Contains(told[0], "\n") {
					t.Fatalf("told: %q", told)
				}
				told, options.DryRun = nil, false
			}
			asides, _ := filepath.Glob(filepath.Join(w.dir, "orgs", "acme", "checkpoints-aside-*"))
			if len(asides) != 1 {
				t.Fatalf("kept aside: %v", asides)
			}
			if b, err := os.ReadFile(asides[0]); err != nil || !bytes.Equal(b, spoiled) {
				t.Errorf("what is kept aside is not what was there: %v", err)
			}
			after := sizes()
			if name == "the last one" { // signed again
				if after[len(after)-1] != before[len(before)-1] {
					t.Errorf("kept are %v of %v", after, before)
				}
			} else if len(after) != len(before)-1 {
				t.Errorf("kept are %v of %v", after, before)
			}
			if _, err := verify.Directory(t.Context(), filepath.Join(w.dir, "orgs", "acme"), verify.Options{}); err != nil {
				t.Error(err)
			}
			w.whole(w.entries)
		})
	}
}

// Given a ledger of which both copies lost their end, when doctor looks, then it says which positions are lost and what
// proves that they existed, as a repair does.
func TestDoctorSaysWhatIsLost(t *testing.T) {
	fresh, old := wrecks(t)
	w := fresh(t)
	if f := w.found("lost"); len(f) != 0 {
		t.Errorf("of a whole ledger doctor says %+v", f)
	}
	for _, path := range []string{w.journal(), w.stream(), w.head()} {
		w.replace(old, path)
	}
	f := w.found("lost")
	if len(f) != 1 || f[0].Level != node.FindingDamage || !strings.Contains(f[0].Text, "positions 7 to 12 are lost; the checkpoint of 12 events") {
		t.Errorf("doctor says %+v", f)
	}
	_, err := node.Repair(t.Context(), w.dir, node.RepairOptions{Organization: "acme", DryRun: true})
	if err == nil || len(f) == 1 && !strings.Contains(err.Error(), f[0].Text) {
		t.Errorf("a repair says %v", err)
	}
}
