package faults

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestNothingAcknowledgedIsLostByPowerCuts(t *testing.T) {
	report, err := PowerCuts(t.Context(), options(t), times(20, 500))
	skipWhereItCannotBe(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if report.Acks == 0 || report.Again == 0 {
		t.Errorf("%s: that proves nothing", report)
	}
	t.Log(report)
}

// The control: where no sync does anything, as on a disk that lies, the same cuts must lose what was acknowledged.
func TestPowerCutsWithoutSyncsLose(t *testing.T) {
	// Given a recording
	dir := t.TempDir()
	rec, err := program.recordLoad(t.Context(), dir, *seed)
	skipWhereItCannotBe(t, err)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(*seed, 4))
	const states = 5
	lost := 0
	for range states {
		// when the power is cut at its end, and no sync counts
		cut := rec.Len()
		state := filepath.Join(dir, "state")
		if err := rec.Crash(cut, rng, false).write(state); err != nil {
			t.Fatal(err)
		}
		// then the same judge finds that something is lost
		if o, err := Recover(t.Context(), program, filepath.Join(state, "data"), rec.Acks(cut)); err != nil || o == Lossy {
			lost++
		}
		if err := os.RemoveAll(state); err != nil {
			t.Fatal(err)
		}
	}
	if lost < states {
		t.Errorf("%d of %d power cuts lost something although no sync did anything; want all", lost, states)
	}
}

// A recording that misses an operation would make states that no power cut leaves: all of it must give what is there.
func TestRecordingIsComplete(t *testing.T) {
	dir := t.TempDir()
	rec, err := program.recordLoad(t.Context(), dir, *seed)
	skipWhereItCannotBe(t, err)
	if err != nil {
		t.Fatal(err)
	}
	all := rec.Crash(rec.Len(), rand.New(rand.NewPCG(*seed, 5)), true)
	for id := range all.files {
		all.sync(id)
	}
	again := filepath.Join(dir, "again")
	if err := all.write(again); err != nil {
		t.Fatal(err)
	}
	want, err1 := snapshot(filepath.Join(dir, "disk", "data"))
	got, err2 := snapshot(filepath.Join(again, "data"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes(want, got) {
		t.Error(change)
	}
}
