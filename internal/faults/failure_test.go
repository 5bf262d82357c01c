package faults

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestKeptFailureIsReplayed(t *testing.T) {
	// Given a data directory, kept as a failure with acknowledgements that it does not hold, and kept with its own
	root := t.TempDir()
	dir := filepath.Join(root, "data")
	acks := loaded(t, dir, 5, (*Server).Kill)
	more := append([]Ack{{ID: "01J00000000000000000000000", Position: 999, CID: "none"}}, acks...)
	for name, c := range map[string]struct {
		acks  []Ack
		holds bool
	}{"one that lost something": {more, false}, "one that has been put right since": {acks, true}} {
		t.Run(name, func(t *testing.T) {
			kept, err := Failure{Fault: "kill", Seed: 7, Case: "round 3", Judge: "as it was", Acks: c.acks}.keep(filepath.Join(root, "kept"), dir)
			if err != nil {
				t.Fatal(err)
			}
			// when it is judged again
			f, err := Replay(t.Context(), program, kept, t.TempDir())
			// then it is the same failure, or none
			if f.Fault != "kill" || f.Seed != 7 || f.Case != "round 3" || len(f.Acks) != len(c.acks) {
				t.Errorf("got %+v", f)
			}
			if found := (Findings)(nil); (err == nil) != c.holds || !c.holds && (!errors.As(err, &found) || !found.Has(Lost)) {
				t.Errorf("got %v", err)
			}
		})
	}
}
