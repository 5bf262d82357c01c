package document

import (
	"encoding/json"
	"testing"
)

type status struct {
	Type    string `json:"type"`
	Purpose string `json:"statusPurpose"`
	Index   string `json:"statusListIndex"`
	List    string `json:"statusListCredential"`
}

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
			var got []status
			if err := json.Unmarshal(appendStatus(nil, "ledger.example:8443/acme", tt.n), &got); err != nil || len(got) != 2 || got[i] != want {
				t.Errorf("document %d: %+v, %v; want %+v", tt.n, got, err, want)
			}
		}
	}
}
