package console

import (
	"fmt"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
)

// Given lines of history, the newest first, when they are put into sets, then what was done at one go stands together, and nothing else.
func TestChangeSets(t *testing.T) {
	line := func(seq uint64, second int, actor, reason string) wire.Item {
		return wire.Item{Seq: seq, Time: fmt.Sprintf("2026-10-28T07:%02d:%02d.000Z", second/60, second%60), Type: "role.assigned", Actor: actor, Reason: reason, Command: fmt.Sprint("c", seq)}
	}
	part, ended, again := line(4, 4, "ann", ""), line(5, 5, "ledger", ""), line(6, 6, "ledger", "")
	part.Type, ended.Follows, again.Follows = "permissions.recorded", "c4", "c4"
	row, other := line(5, 5, "ann", ""), line(6, 3600, "ann", "")
	row.Import, other.Import = &wire.Imported{Format: "f", Source: "s", Record: "1"}, &wire.Imported{Format: "f", Source: "s", Record: "2"}
	elsewhere := other
	elsewhere.Import = &wire.Imported{Format: "f", Source: "t", Record: "2"}
	for name, c := range map[string]struct {
		given []wire.Item // the newest first
		then  string      // the sets, the newest first
	}{
		"nothing":                  {nil, ""},
		"one reason":               {[]wire.Item{line(6, 61, "ann", "T-1"), line(5, 5, "ann", "T-1")}, "5-6"},
		"one reason, much later":   {[]wire.Item{line(6, 66, "ann", "T-1"), line(5, 5, "ann", "T-1")}, "6-6 5-5"},
		"no reason":                {[]wire.Item{line(6, 6, "ann", ""), line(5, 5, "ann", "")}, "6-6 5-5"},
		"another's with the same":  {[]wire.Item{line(6, 6, "ben", "T-1"), line(5, 5, "ann", "T-1")}, "6-6 5-5"},
		"something left out":       {[]wire.Item{line(7, 6, "ann", "T-1"), line(5, 5, "ann", "T-1")}, "7-7 5-5"},
		"a part and its command":   {[]wire.Item{line(5, 3600, "ann", "T-1"), part}, "4-5"},
		"a part and another's":     {[]wire.Item{line(5, 5, "ben", "T-1"), part}, "5-5 4-4"},
		"what follows from itself": {[]wire.Item{again, ended, line(4, 4, "ann", "T-1")}, "4-6"},
		"one import":               {[]wire.Item{other, row}, "5-6"},
		"two imports":              {[]wire.Item{elsewhere, row}, "6-6 5-5"},
	} {
		var got []string
		for _, s := range changeSets(c.given) {
			got = append(got, fmt.Sprintf("%d-%d", s.First, s.Last))
			if s.Items[0].Seq != s.First || s.Items[len(s.Items)-1].Seq != s.Last {
				t.Errorf("%s: the lines of a set are not in their order", name)
			}
		}
		if have := strings.Join(got, " "); have != c.then {
			t.Errorf("%s: %s, and not %s", name, have, c.then)
		}
	}
}
