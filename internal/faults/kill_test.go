package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/permledger/permledger/ledger/journal"
)

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	report, err := KillRounds(t.Context(), options(t), times(10, 1000))
	if err != nil {
		t.Fatal(err)
	}
	if report.Acks < report.Rounds || report.Starting == 0 {
		t.Errorf("%s: that proves nothing", report)
	}
}

// The controls: a judge that finds nothing in these would find nothing anywhere.
func TestJudgeFindsWhatIsLostDoubledAndMoved(t *testing.T) {
	// Given a ledger with acknowledged entries, whose server was killed
	whole := filepath.Join(t.TempDir(), "whole")
	acks := loaded(t, whole, 30, (*Server).Kill)
	if found := Judge(whole, acks); len(found) > 0 {
		t.Fatalf("something is wrong before anything was changed: %v", found)
	}
	last := acks[len(acks)-1]
	for name, c := range map[string]struct {
		change func(entries [][]byte) [][]byte
		want   string
	}{
		"the last acknowledged entry is taken away": {func(e [][]byte) [][]byte { return e[:last.Position-1] }, Lost},
		"the first one is taken away":               {func(e [][]byte) [][]byte { return e[1:] }, Lost},
		"the last one stands there twice":           {func(e [][]byte) [][]byte { return append(e, e[last.Position-1]) }, Doubled},
		"the last two have changed places": {func(e [][]byte) [][]byte {
			e[last.Position-1], e[last.Position-2] = e[last.Position-2], e[last.Position-1]
			return e
		}, Moved},
		"the last one was signed anew": {func(e [][]byte) [][]byte {
			e[last.Position-1] = bytes.Replace(e[last.Position-1], []byte(`"sig":"`), []byte(`"sig":"A`), 1)
			return e
		}, Other},
	} {
		t.Run(name, func(t *testing.T) {
			// when the harness itself spoils the journal
			dir := filepath.Join(t.TempDir(), "spoilt")
			if err := copyDir(dir, whole); err != nil {
				t.Fatal(err)
			}
			rewriteJournal(t, dir, c.change)
			// then the judge says so
			if found := Judge(dir, acks); !found.Has(c.want) {
				t.Errorf("found %v; want something %s", found, c.want)
			}
			// and so does verify, whose judgement is its own
			if c.want != Lost {
				if found := program.Verify(t.Context(), dir, nil); !found.Has(Unproven) {
					t.Errorf("verify found %v", found)
				}
			}
		})
	}
}

// TestLossFromBothCopiesIsReported is the control of the whole round: what the harness takes from both copies cannot come
// back, so either the start or the judge has to notice.
func TestLossFromBothCopiesIsReported(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	acks := loaded(t, dir, 30, (*Server).Kill)
	last := acks[len(acks)-1]
	rewriteJournal(t, dir, func(e [][]byte) [][]byte { return e[:last.Position-1] })
	if err := cutStream(dir, last.Position-1); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "orgs", Organization, "head")); err != nil { // its record would stop the start
		t.Fatal(err)
	}
	copyHead(t, dir)
	o, err := Recover(t.Context(), program, dir, acks)
	if found := (Findings)(nil); !errors.As(err, &found) || !found.Has(Lost) {
		t.Errorf("it %s, found %v; want something lost", o, err)
	}
}

// copyHead makes a head record that knows of nothing, as the organization's first start has it.
func copyHead(t *testing.T, dir string) {
	t.Helper()
	if _, err := journal.OpenHead(filepath.Join(dir, "orgs", Organization, "head"), true); err != nil {
		t.Fatal(err)
	}
}

// loaded makes a data directory with at least n acknowledged commands and ends its server in the given way.
func loaded(t *testing.T, dir string, n int, end func(*Server)) []Ack {
	t.Helper()
	acks, err := program.loadedDirectory(t.Context(), dir, *seed, n, false, end)
	if err != nil {
		t.Fatal(err)
	}
	return acks
}

func rewriteJournal(t *testing.T, dir string, change func([][]byte) [][]byte) {
	t.Helper()
	files, err := segments(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("segments %v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, e := range change(records(b)) {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(e))), e...)
	}
	if err := os.WriteFile(files[0], out, 0o600); err != nil {
		t.Fatal(err)
	}
}
