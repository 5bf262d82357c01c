package faults

import (
	"os"
	"path/filepath"
	"testing"
)

// Given a server under load, when backups are made of it again and again, and now they, now the server are killed, then
// whatever was acknowledged before one that came to its end is in what is restored of it.
func TestBackupsUnderLoad(t *testing.T) {
	report, err := BackupRounds(t.Context(), options(t), times(4, 200))
	if err != nil {
		t.Fatal(err)
	}
	if report.Acks < 100 {
		t.Errorf("%s: that proves nothing", report)
	}
}

// The control: a backup without its last entry is found wanting.
func TestBackupJudgeFindsLoss(t *testing.T) {
	// Given a ledger and a backup from before the last of its acknowledged commands
	dir, dest := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup")
	acks := loaded(t, dir, 5, (*Server).Kill)
	if _, err := program.Run(t.Context(), "backup", dest, "--data", dir, "--with-keys"); err != nil {
		t.Fatal(err)
	}
	more, err := program.load(t.Context(), dir, *seed+1, 5, false, (*Server).Kill)
	if err != nil {
		t.Fatal(err)
	}
	// when it is judged as if it had been made after that
	b := &backups{Options: options(t), dir: dir, dest: dest, in: append(acks, more...)}
	err = b.restored(t.Context(), "control")
	// then what is missing is named
	if found, ok := err.(Findings); !ok || !found.Has(Lost) {
		t.Errorf("found %v; want something lost", err)
	}
	// and what was acknowledged before it is there
	b.in = acks
	if err := os.RemoveAll(filepath.Join(b.Scratch, "restored-control")); err != nil {
		t.Fatal(err)
	}
	if err := b.restored(t.Context(), "control"); err != nil {
		t.Error(err)
	}
}
