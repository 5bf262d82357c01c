package document

import "testing"

func TestStatusOf(t *testing.T) {
	for _, tt := range []struct {
		n           uint64
		list, index string
	}{
		{0, "0", "0"}, {1, "0", "1"}, {131_071, "0", "131071"}, {131_072, "1", "0"}, {3*131_072 + 7, "3", "7"},
	} {
		for i, purpose := range []string{"revocation", "refresh"} {
			want := status{
				Type: "BitstringStatusListEntry", Purpose: purpose, Index: tt.index,
				List: "https://ledger.example:8443/orgs/acme/status/" + purpose + "/" + tt.list,
			}
			if got := statusOf("ledger.example:8443/acme", tt.n); len(got) != 2 || got[i] != want {
				t.Errorf("document %d: %+v; want %+v", tt.n, got, want)
			}
		}
	}
}
