package console

import "testing"

// Given something that is so from one position on, when that is searched for between two others, then it is found, with as few questions
// as halving takes.
func TestTurn(t *testing.T) {
	const low, high = 10, 1_000_010
	for _, at := range []uint64{low + 1, low + 2, 777, high - 1, high} {
		for _, want := range []bool{true, false} {
			asked := 0
			got, err := turn(low, high, want, func(position uint64) (bool, error) {
				if asked++; position <= low || position >= high {
					t.Errorf("%d was asked about, which is known", position)
				}
				return position >= at == want, nil
			})
			if err != nil || got != at || asked > 20 {
				t.Errorf("found %d with %d questions, and not %d: %v", got, asked, at, err)
			}
		}
	}
}
