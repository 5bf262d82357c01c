package api_test

import (
	"slices"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/rules"
)

// Given keys of people, of API keys and of the ledger, when those of some are asked for, then they are the ones of the whole list that fit.
func TestFindKeys(t *testing.T) {
	w := administered(t)
	owner := w.As(apiKey("acme", "owner"))
	if _, err := owner.MakeAPIKey(t.Context(), "acme", wire.NewAPIKey{Key: "backend"}); err != nil {
		t.Fatal(err)
	}
	all, err := owner.Keys(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		find wire.KeyQuery
		fits func(wire.Key) bool
	}{
		"of one":       {wire.KeyQuery{Subject: "backend"}, func(k wire.Key) bool { return k.Subject == "backend" }},
		"of API keys":  {wire.KeyQuery{Kind: "api-key"}, func(k wire.Key) bool { return k.APIKey }},
		"of purposes":  {wire.KeyQuery{Purposes: "event,root"}, func(k wire.Key) bool { return k.Purpose == "event" || k.Purpose == "root" }},
		"that nothing": {wire.KeyQuery{Subject: "backend", Purposes: "root"}, func(wire.Key) bool { return false }},
	} {
		want := slices.DeleteFunc(slices.Clone(all.Items), func(k wire.Key) bool { return !c.fits(k) })
		got, err := owner.FindKeys(t.Context(), "acme", c.find, client.Read{})
		if err != nil || len(got.Items) != len(want) || (len(want) == 0) != (name == "that nothing") {
			t.Errorf("%s: %d keys, not %d, %v", name, len(got.Items), len(want), err)
			continue
		}
		for i := range want {
			if got.Items[i].DID != want[i].DID {
				t.Errorf("%s: %s where %s is", name, got.Items[i].DID, want[i].DID)
			}
		}
	}
	if _, err := owner.FindKeys(t.Context(), "acme", wire.KeyQuery{Subject: "nobody"}, client.Read{}); problemIn(err).Code() != string(rules.NotFound) {
		t.Errorf("of nobody: %v", err)
	}
}
