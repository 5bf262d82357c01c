package faults

import (
	"regexp"
	"testing"
)

// fatRound is the first round whose directory has full tiles.
const fatRound = 2

// TestLogDamage does the damages to tiles and checkpoints, which ordinary rounds of few entries have no tiles for.
func TestLogDamage(t *testing.T) {
	o := options(t)
	o.Kinds = regexp.MustCompile("^(tiles|checkpoints)")
	report, err := damageFrom(t.Context(), o, fatRound, times(1, 20))
	if err != nil {
		t.Fatal(err)
	}
	if report.Cases < 14 || report.Outcomes[Started] != report.Cases {
		t.Errorf("%s: want every kind done, and every directory started", report)
	}
}

func TestDamage(t *testing.T) {
	report, err := Damage(t.Context(), options(t), times(1, 200))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Outcome{Started, Repaired, Lossy} {
		if report.Outcomes[o] == 0 {
			t.Errorf("no directory %s: that proves nothing", o)
		}
	}
}
