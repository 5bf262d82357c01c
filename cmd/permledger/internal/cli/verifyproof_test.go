package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/note"
)

// Given the time for which witnesses vouch, when somebody asks that a proof is young, then neither an old one nor one that is
// yet to come passes for it.
func TestAgeOfProofs(t *testing.T) {
	for _, c := range []struct {
		ago  time.Duration
		want string // in the error; empty: there is none
	}{{time.Minute, ""}, {2 * time.Hour, "STALE"}, {-time.Minute, ""}, {-24 * time.Hour, "yet to come"}, {-10 * 365 * 24 * time.Hour, "yet to come"}} {
		err := aged(&note.Verified{At: time.Now().Add(-c.ago)}, time.Hour)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("of %v ago: %v; want %q", c.ago, err, c.want)
		}
	}
	if aged(&note.Verified{}, time.Hour) == nil || aged(nil, time.Hour) == nil || aged(nil, 0) != nil {
		t.Error("a proof that no witness dates has an age")
	}
}
