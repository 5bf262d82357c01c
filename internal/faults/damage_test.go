package faults

import "testing"

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
