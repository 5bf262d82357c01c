package shell_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/shell"
	"github.com/permledger/permledger/bench/world"
)

// The floor answers every check of the standard world as the oracle does, and one that denies everything is found out.
func TestAShellSaysWhatItsDeciderDoes(t *testing.T) {
	w := world.Make(world.Standard, world.Seed)
	facts := w.Facts()
	for name, test := range map[string]struct {
		decide shell.Decider
		lies   bool
	}{
		"the oracle": {func(u, p, r string) (bool, error) { return facts.Allows(u, p, r), nil }, false},
		"never":      {func(string, string, string) (bool, error) { return false, nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(shell.Handler(test.decide))
			defer s.Close()
			target := load.Target{Addr: strings.TrimPrefix(s.URL, "http://")}
			var want [][]bool
			for _, c := range w.Checks {
				target.Requests = append(target.Requests, load.Request("POST", target.Addr, shell.Path, shell.Body(c)))
				want = append(want, []bool{c.Allowed})
			}
			target.Wrong = load.Expect("allowed", "true", "false", want)
			r, err := load.Run(t.Context(), target, 4, 0, 200*time.Millisecond, func() {})
			if err != nil || r.Requests == 0 || r.Failed != 0 || (r.Wrong > 0) != test.lies {
				t.Errorf("%d requests, %d wrong, %d failed: %v %v", r.Requests, r.Wrong, r.Failed, r.Err, err)
			}
		})
	}
}
